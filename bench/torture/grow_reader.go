package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// A reader process of grow: it lists, reads and takes snapshots until it is told to stop, and then once
// more.

func init() {
	roles["grow.reader"] = func(args []string) error {
		seed, err := strconv.ParseUint(args[1], 10, 64)
		if err != nil {
			return err
		}
		r := &growReader{fullSpeedReader: fullSpeedReader{
			rng: rand.New(rand.NewPCG(seed, 9)), last: map[string]uint64{}, counts: map[string]int64{},
		}}
		switch args[2] {
		case "careless":
			return r.readOldPlaces(args[0])
		case "unchecked":
			r.opts = append(r.opts, mapfile.WithoutCheck())
		}
		return r.run(args[0])
	}
}

// growReader is that process.
type growReader struct {
	fullSpeedReader
	path    string
	opts    []mapfile.Option
	mf      *mapfile.MapFile
	names   []string                       // as listed last
	handles map[string]*mapfile.SlotReader // made when it was first read, kept whatever becomes of the slot
	raw     mapfile.Raw
	snap    mapfile.Snapshot
}

const (
	growHandles   = 2000     // how many are kept
	growReads     = 300      // values in a round, or
	growReadBytes = 16 << 20 // so many bytes
)

func (r *growReader) run(path string) (err error) {
	if r.mf, err = mapfile.Open(path, r.opts...); err != nil {
		return err
	}
	defer r.mf.Close()
	r.path, r.handles = path, map[string]*mapfile.SlotReader{}
	for round := 0; ; round++ {
		r.list()
		r.readSome()
		r.snapshot("group/*")
		r.snapshot(fmt.Sprintf("part/%02d/*", r.rng.IntN(100)))
		if round%10 == 0 {
			r.openAnew()
		}
		if r.toldToStop(round) {
			return r.done()
		}
	}
}

// toldToStop lets the parent know, from time to time, that this process is alive.
func (r *fullSpeedReader) toldToStop(round int) bool {
	if round == 0 {
		say("ready")
	}
	if time.Since(r.spoke) > time.Second {
		say("alive")
		r.spoke = time.Now()
	}
	select {
	case <-parentLines:
		return true
	default:
		return false
	}
}

// list lists all slots. Those of the group are there all the time: each must be listed just once.
func (r *growReader) list() {
	r.names = r.names[:0]
	group := 0
	for info, err := range r.mf.Slots() {
		if err != nil {
			say("wrong errors: Slots: %v", err)
			continue
		}
		if strings.HasPrefix(info.Name, "group/") {
			group++
		}
		r.names = append(r.names, info.Name)
	}
	if group != groupSize {
		say("wrong not listed: %d of %d slots that are there all the time, among %d", group, groupSize, len(r.names))
	}
	r.counts["lists"]++
}

// readSome reads slots that were there a moment ago.
func (r *growReader) readSome() {
	if len(r.names) == 0 {
		return
	}
	for i, n := 0, 0; i < growReads && n < growReadBytes; i++ {
		name := r.names[r.rng.IntN(len(r.names))]
		handle := r.handles[name]
		if handle == nil && len(r.handles) < growHandles {
			handle = r.mf.Reader(name)
			r.handles[name] = handle
		}
		var err error
		if handle != nil {
			_, err = handle.GetInto(&r.raw)
		} else {
			err = r.mf.GetInto(name, &r.raw)
		}
		if r.judge(name, err) {
			r.counts["reads"]++
			n += len(r.raw.Payload)
		}
	}
}

// judge validates what was read of a slot, and tells whether there was a value.
func (r *growReader) judge(name string, err error) bool {
	comes := strings.HasPrefix(name, "part/")
	switch {
	case err == nil:
		r.check(name, r.raw.Payload)
		return true
	case comes && errors.Is(err, mapfile.ErrNoSlot), comes && errors.Is(err, mapfile.ErrNotPublished):
		r.counts["not there"]++
	case errors.Is(err, mapfile.ErrBusy):
		r.counts["busy"]++
	default:
		say("wrong errors: %v", err)
	}
	return false
}

// snapshot takes one and validates it. The group is always published together.
func (r *growReader) snapshot(pattern string) {
	if err := r.mf.SnapshotInto(&r.snap, pattern); err != nil {
		r.judge(pattern, err)
		return
	}
	numbers := map[uint64]bool{}
	for info := range r.snap.Slots() {
		if r.judge(info.Name, r.snap.GetInto(info.Name, &r.raw)) {
			s, _ := checkPayload(r.raw.Payload, slotNumber(info.Name))
			numbers[s.Number] = true
		}
	}
	if pattern == "group/*" && len(numbers) != 1 {
		say("wrong mixed: one commit, but %v", numbers)
	}
	r.counts["snapshots"]++
}

// openAnew reads the group as somebody who comes just now.
func (r *growReader) openAnew() {
	mf, err := mapfile.Open(r.path, r.opts...)
	if err != nil {
		say("wrong errors: %v", err)
		return
	}
	defer mf.Close()
	for i := range groupSize {
		r.judge(groupName(i), mf.GetInto(groupName(i), &r.raw))
	}
	r.counts["openings"]++
}
