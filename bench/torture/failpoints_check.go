package main

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// What failpoints looks at after a death: the values of all slots, by each way to read them.

// A state is what readers see: the number of each slot's value, 0: none yet. A nil state: no file.
type state map[string]uint64

func (s state) String() string {
	if s == nil {
		return "nofile"
	}
	words := []string{"file"}
	for _, name := range slices.Sorted(maps.Keys(s)) {
		words = append(words, fmt.Sprintf("%s=%d", name, s[name]))
	}
	return strings.Join(words, " ")
}

func parseState(text string) state {
	if text == "nofile" {
		return nil
	}
	s := state{}
	for _, word := range strings.Fields(text)[1:] {
		name, number, _ := strings.Cut(word, "=")
		s[name], _ = strconv.ParseUint(number, 10, 64)
	}
	return s
}

// with returns the state with a slot changed, without it without one.
func (s state) with(name string, number uint64) state {
	next := maps.Clone(s)
	if next == nil {
		next = state{}
	}
	next[name] = number
	return next
}

func (s state) without(name string) state {
	next := maps.Clone(s)
	delete(next, name)
	return next
}

// find returns which of the states this is; -1: none.
func (s state) find(states []state) int {
	return slices.IndexFunc(states, func(t state) bool { return (s == nil) == (t == nil) && maps.Equal(s, t) })
}

// A run is a copy of a file with a reader that is there before anything happens.
type run struct {
	dir, path string
	attached  *mapfile.MapFile // nil: there was no file
	ended     bool             // the operation has returned before the process died
	was       state            // what the attached reader has seen in a file that was replaced without a mark
}

func (f *failpoints) newRun(op *operation, template string) (*run, error) {
	dir, err := os.MkdirTemp(f.dir, "run")
	if err != nil {
		return nil, err
	}
	r := &run{dir: dir, path: filepath.Join(dir, "run.map")}
	err = copyFile(template, r.path)
	if err == nil {
		if r.attached, err = mapfile.Open(r.path); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	return r, err
}

func (r *run) close() {
	if r.attached != nil {
		r.attached.Close()
	}
	os.RemoveAll(r.dir)
}

// copyFile copies a file; none is copied as none.
func copyFile(from, to string) error {
	src, err := os.Open(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}

// check looks at what a death has left, and returns which of the states it is; -1 after a Wrong.
func (f *failpoints) check(r *run, where string, states []state) int {
	f.checkDir(r, where)
	start := time.Now()
	seen, err := observePath(r.path)
	if err != nil {
		f.Wrong("unreadable", "%s: fresh reader: %v", where, err)
		return -1
	}
	index := seen.find(states)
	if index < 0 {
		f.Wrong("mixed", "%s: %v is none of the states %v", where, seen, states)
		return -1
	}
	if err := r.checkAttached(seen, states); err != nil {
		f.Wrong("attached reader", "%s: %v", where, err)
	}
	f.Most("ms longest look", time.Since(start).Milliseconds())
	return index
}

// checkAttached: the reader that was there sees the same, or, where the file was replaced, that it is
// superseded. Only if the death was between the rename and the mark it sees the old file as it was: to be
// told, it would have to follow or to watch.
func (r *run) checkAttached(fresh state, states []state) error {
	if r.attached == nil {
		return nil
	}
	seen, err := observe(r.attached)
	same := fresh != nil && sameFile(r.attached, r.path)
	switch {
	case errors.Is(err, mapfile.ErrSuperseded):
		if same {
			return fmt.Errorf("%w, but the file is still there", err)
		}
		return nil
	case err != nil:
		return err
	case same && seen.find([]state{fresh}) < 0:
		return fmt.Errorf("sees %v, a fresh one %v", seen, fresh)
	case same:
		return nil
	case r.ended, r.was == nil && seen.find(states) < 0, r.was != nil && seen.find([]state{r.was}) < 0:
		return fmt.Errorf("sees %v in the file that was replaced", seen)
	}
	r.was = seen
	return nil
}

func sameFile(mf *mapfile.MapFile, path string) bool {
	mine, err := mf.Stat()
	if err != nil {
		return false
	}
	other, err := mapfile.Open(path)
	if err != nil {
		return false
	}
	defer other.Close()
	its, err := other.Stat()
	return err == nil && mine.ID == its.ID
}

// checkDir: nothing is left beside the file.
func (f *failpoints) checkDir(r *run, where string) {
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		f.Wrong("unreadable", "%s: %v", where, err)
	}
	for _, e := range entries {
		if name := e.Name(); name != "run.map" && name != "dead" {
			f.Wrong("left over", "%s: %s", where, name)
		}
	}
}

func observePath(path string) (state, error) {
	mf, err := mapfile.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer mf.Close()
	return observe(mf)
}

// observe reads all slots one by one and as a snapshot, and verifies the file.
func observe(mf *mapfile.MapFile) (state, error) {
	seen := state{}
	for info, err := range mf.Slots() {
		if err != nil {
			return nil, fmt.Errorf("in Slots: %w", err)
		}
		number, err := numberOf(mf, info.Name)
		if err != nil {
			return nil, fmt.Errorf("in Get: %w", err)
		}
		seen[info.Name] = number
	}
	snap, err := mf.Snapshot()
	if err != nil {
		return nil, fmt.Errorf("in Snapshot: %w", err)
	}
	shown := state{}
	for info := range snap.Slots() {
		if shown[info.Name], err = numberOf(snap, info.Name); err != nil {
			return nil, fmt.Errorf("in Snapshot: %w", err)
		}
	}
	if !maps.Equal(seen, shown) {
		return nil, fmt.Errorf("a Get sees %v, Snapshot %v", seen, shown)
	}
	for _, err := range mf.Verify() {
		if err != nil {
			return nil, fmt.Errorf("in Verify: %w", err)
		}
	}
	return seen, nil
}

// numberOf reads a slot's number; 0: it was never published.
func numberOf(from mapfile.Getter, name string) (uint64, error) {
	var raw mapfile.Raw
	switch err := from.GetInto(name, &raw); {
	case errors.Is(err, mapfile.ErrNotPublished):
		return 0, nil
	case err != nil:
		return 0, err
	}
	s, err := checkPayload(raw.Payload, slotNumber(name))
	return s.Number, err
}

// slotNumber is what payloads of a slot carry.
func slotNumber(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()
}

// numbered makes a value for a slot.
func numbered(name string, size int, number uint64) *mapfile.Raw {
	return rawOf(makePayload(nil, size, stamp{Number: number, Slot: slotNumber(name)}))
}
