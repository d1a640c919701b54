package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// This chapter is about files of many slots. It is about this library, and about floor where that can be
// compared: what floor takes for random slots is the price of memory, and of the workers here.

const aboutScale = `Values of 64 B, by handle, nobody else at work. *One* is the same slot again and again in a file of
so many; *random* is a random slot of the file in each call, and the private memory that it is copied from or to is
as random. *Add* is ns per slot for each 10,000 of the 200,000 that a new file gets. *List* opens the file of
200,000, goes through all of Slots, and closes it.`

// The roles are add, which puts the next slots into a file, and list, which goes through the slots of one.

const (
	scaleSize  = 64      // bytes of a value
	scaleFew   = 64      // slots
	scaleSome  = 3000    //
	scaleMany  = 200_000 //
	scaleParts = 20      // in which the most slots are added
)

// scaleCases are how slots are chosen, of how many.
var scaleCases = []struct {
	name, how string
	slots     int
}{
	{"one of 64", "one", scaleFew},
	{"one of 200,000", "one", scaleMany},
	{"random of 3,000", "random", scaleSome},
	{"random of 200,000", "random", scaleMany},
}

func experimentScale(h *harness) error {
	var peers []*peer
	files := map[*peer]*scaleFiles{}
	for _, p := range h.chosen("mapfile", "mapfile-off", "floor") {
		h.progress("scale: %s: makes its files", p.name)
		f, err := startScale(h, p)
		if err != nil {
			h.skip(p.name, "scale", err.Error())
			continue
		}
		peers = append(peers, p)
		files[p] = f
	}
	failed := map[*peer]bool{}
	for round := range h.everyRound() {
		for _, p := range h.turn(peers) {
			if failed[p] {
				continue
			}
			h.progress("scale: round %d of %d: %s", round+1, h.rounds, p.name)
			if err := files[p].measure(h); err != nil {
				h.skip(p.name, "scale", err.Error())
				failed[p] = true
			}
		}
	}
	return nil
}

// scaleFiles are the workers of one peer: a publisher and a reader for each number of slots, and those of
// the roles here.
type scaleFiles struct {
	peer                *peer
	publishers, readers map[int]*process
	adder, lister       *process
}

func startScale(h *harness, p *peer) (*scaleFiles, error) {
	f := &scaleFiles{peer: p, publishers: map[int]*process{}, readers: map[int]*process{}}
	for _, n := range []int{scaleFew, scaleSome, scaleMany} {
		dir, sizes, err := scaleDir(h, n)
		if err != nil {
			return nil, err
		}
		if f.publishers[n], err = h.start(p, "publish", dir, sizes, publisherCPU); err != nil {
			return nil, err
		}
		if f.readers[n], err = h.start(p, "read", dir, sizes, readerCPU); err != nil {
			return nil, err
		}
		if err := touchAll(h, f.publishers[n], f.readers[n]); err != nil {
			return nil, err
		}
		if n == scaleMany && f.whole() {
			if f.lister, err = h.start(p, "list", dir, sizes, readerCPU); err != nil {
				return nil, err
			}
		}
	}
	if !f.whole() {
		return f, nil
	}
	dir, sizes, err := scaleDir(h, scaleMany)
	if err == nil {
		f.adder, err = h.start(p, "add", dir, sizes, publisherCPU)
	}
	return f, err
}

// whole tells whether files as such are measured, too. The checksum of values has nothing to do with that.
func (f *scaleFiles) whole() bool { return f.peer.name == "mapfile" }

// scaleDir makes a directory, and in it the list of sizes for so many slots.
func scaleDir(h *harness, slots int) (dir, sizes string, err error) {
	if dir, err = h.dir(); err != nil {
		return "", "", err
	}
	list := filepath.Join(dir, "sizes")
	lines := strings.Repeat(fmt.Sprintln(scaleSize), slots)
	return dir, "@" + list, os.WriteFile(list, []byte(lines), 0o600)
}

// touchAll has every buffer of every slot written and read, 16 at most, so that it is not page faults
// that are measured.
func touchAll(h *harness, publisher, reader *process) error {
	for range 16 {
		for _, w := range []*process{publisher, reader} {
			if _, err := h.runFor(0, job{w, "mean"}); err != nil { // one call: all slots
				return err
			}
		}
	}
	return nil
}

// measure does each case once.
func (f *scaleFiles) measure(h *harness) error {
	note := func(situation, metric string, value float64) {
		h.note("scale", situation, f.peer.name, metric, value)
	}
	for _, c := range scaleCases {
		published, err := h.runBusy(job{f.publishers[c.slots], c.how})
		if err != nil {
			return err
		}
		read, err := h.runBusy(job{f.readers[c.slots], c.how})
		if err != nil {
			return err
		}
		if r := read[0]; r.Torn > 0 || r.Back > 0 {
			return fmt.Errorf("%s: %d values were torn, %d older than one before", c.name, r.Torn, r.Back)
		}
		note(c.name+", publish", "ns", nanosPerCall(published[0]))
		note(c.name+", read", "ns", nanosPerCall(read[0]))
	}
	if !f.whole() {
		return nil
	}
	listed, err := h.run(job{f.lister, "mean"})
	if err != nil {
		return err
	}
	note("200,000, list", "ms", nanosPerCall(listed[0])/float64(time.Millisecond))
	if _, err := h.runFor(0, job{f.adder, "mean"}); err != nil { // makes the file
		return err
	}
	for part := range scaleParts {
		added, err := h.runFor(0, job{f.adder, "mean"})
		if err != nil {
			return err
		}
		const slots = scaleMany / scaleParts
		note(fmt.Sprintf("up to %d,000, Add", (part+1)*slots/1000), "ns", nanosPerCall(added[0])/slots)
	}
	return nil
}

func nanosPerCall(r result) float64 { return float64(r.Nanos) / float64(max(r.Calls, 1)) }

// adding adds slots to a file, the next part in each call. When all are there, the next call begins anew
// with an empty file and adds none.
type adding struct {
	path  string
	mf    *mapfile.MapFile
	names []string
	added int
	raw   mapfile.Raw
}

func newAdding(_ store, dir, sizes string) (caller, error) {
	list, err := parseSizes(sizes)
	if err != nil {
		return nil, err
	}
	a := &adding{
		path:  filepath.Join(dir, "add.map"),
		raw:   mapfile.Raw{Type: mapfile.TypeInfo{Name: "bench.Value", Codec: "none"}, Payload: make([]byte, scaleSize)},
		added: len(list),
	}
	for i := range list {
		a.names = append(a.names, slotName(i))
	}
	return a, nil
}

func (a *adding) call(*result) error {
	if a.added == len(a.names) {
		return a.restart()
	}
	part := (len(a.names) + scaleParts - 1) / scaleParts
	for _, name := range a.names[a.added:min(a.added+part, len(a.names))] {
		if _, err := a.mf.Add(name, &a.raw); err != nil {
			return err
		}
		a.added++
	}
	return nil
}

func (a *adding) restart() (err error) {
	if err := a.close(); err != nil {
		return err
	}
	a.added = 0
	a.mf, err = mapfile.Recreate(a.path)
	return err
}

func (a *adding) close() error { return a.mf.Close() }

// listing opens a file and lists all its slots in each call.
type listing struct {
	path  string
	slots int
}

func newListing(_ store, dir, sizes string) (caller, error) {
	list, err := parseSizes(sizes)
	return &listing{filepath.Join(dir, "ours.map"), len(list)}, err
}

func (l *listing) call(*result) error {
	mf, err := mapfile.Open(l.path)
	if err != nil {
		return err
	}
	defer mf.Close()
	listed := 0
	for _, err := range mf.Slots() {
		if err != nil {
			return err
		}
		listed++
	}
	if listed != l.slots {
		return fmt.Errorf("%d slots of %d are listed", listed, l.slots)
	}
	return nil
}

func (l *listing) close() error { return nil }
