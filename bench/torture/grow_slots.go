package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"github.com/gomapfile/mapfile/mapfile"
)

// The producer of grow: its slots, what they hold, and how long the file is.

// growing is a part of the proof: a file that this process writes, and the readers of it.
type growing struct {
	*proof
	part string
	path string
	mf   *mapfile.MapFile
	rng  *rand.Rand
	held growHeld

	group []*growSlot // are there all the time, and are always published together
	live  []*growSlot // the others
	gone  []*growSlot // removed ones: their names are used again
	names int         // how many names were used so far

	readers []*growReading // all but those that come on the way are attached all the time
	late    *growReading   // the last one that came on the way
	came    uint64         // how many there were
}

// growSlot is a slot and the largest payload that it has had.
type growSlot struct {
	writtenSlot
	largest int
	index   int // in live
}

// partName is the name of a slot. Readers take snapshots of a hundredth of them.
func partName(i int) string { return fmt.Sprintf("part/%02d/%d", i%100, i) }

// newGrowing makes the file, with a few slots.
func newGrowing(p *proof, part string) (*growing, error) {
	g := &growing{proof: p, part: part, path: filepath.Join(p.dir, part+".map"), rng: p.rand(uint64(len(part)))}
	var err error
	if g.mf, err = mapfile.Create(g.path, mapfile.WithSize(1<<20)); err != nil {
		return nil, err
	}
	for i := range groupSize {
		s := &growSlot{writtenSlot: writtenSlot{name: groupName(i)}}
		err = errors.Join(err, s.add(g.mf))
		g.held.add()
		g.group = append(g.group, s)
	}
	err = errors.Join(err, g.publish(8, g.group...))
	for range 20 {
		err = errors.Join(err, g.add(g.size(8, 4096)))
	}
	return g, err
}

// size is a random one, by a power law: as many are between 8 and 16 bytes as between 128 and 256 KiB.
func (g *growing) size(least, most int) int { return powerLaw(g.rng.Float64(), least, most) }

// any is a random one of the slots that come and go.
func (g *growing) any() *growSlot { return g.live[g.rng.IntN(len(g.live))] }

// some are n different ones.
func (g *growing) some(n int) []*growSlot {
	i := g.rng.IntN(len(g.live) - n + 1)
	return g.live[i : i+n]
}

// add adds a slot, by a name that was used before if there is one, and publishes its first value.
func (g *growing) add(size int) error {
	var s *growSlot
	if n := len(g.gone); n > 0 {
		i := g.rng.IntN(n)
		s = g.gone[i]
		g.gone[i] = g.gone[n-1]
		g.gone = g.gone[:n-1]
	} else {
		s = &growSlot{writtenSlot: writtenSlot{name: partName(g.names)}}
		g.names++
	}
	if err := s.add(g.mf); err != nil {
		return err
	}
	g.held.add()
	s.largest, s.index = 0, len(g.live)
	g.live = append(g.live, s)
	return g.publish(size, s)
}

// publish publishes the next value of these slots, as one commit.
func (g *growing) publish(size int, slots ...*growSlot) error {
	size = max(size, shortStampLen)
	var commit []*mapfile.Slot
	for _, s := range slots {
		s.number++
		s.raw.Payload = makePayload(s.raw.Payload, size, stamp{Number: s.number, Slot: slotNumber(s.name)})
		commit = append(commit, s.slot)
		if size > s.largest {
			g.held.grow(s.largest, size)
			s.largest = size
		}
	}
	var err error
	if len(slots) == 1 {
		err = commit[0].Update()
	} else {
		err = g.mf.UpdateSlots(commit...)
	}
	for _, s := range slots {
		if size > 64<<10 {
			s.raw.Payload = nil // all of them together would be as large as the file
		}
	}
	return errors.Join(err, g.checkLength())
}

// remove removes one of the slots that come and go.
func (g *growing) remove(s *growSlot) error {
	last := g.live[len(g.live)-1]
	g.live[s.index], last.index = last, s.index
	g.live = g.live[:len(g.live)-1]
	g.gone = append(g.gone, s)
	g.held.remove(s.largest)
	return s.remove(g.mf)
}

// checkLength compares the file's length with the bound.
func (g *growing) checkLength() error {
	length, err := g.length()
	if bound := g.held.bound(); length > bound {
		g.Wrong("too long", "%s: the file has %d bytes, the bound is %d; slots held %d bytes at most", g.part, length, bound, g.held.mostHeld())
	}
	return err
}

func (g *growing) length() (uint64, error) {
	info, err := os.Stat(g.path)
	if err != nil {
		return 0, err
	}
	return uint64(info.Size()), nil
}

// look is done now and then, while nothing changes: another reader comes, and all that is there is
// compared with what was written.
func (g *growing) look() error {
	g.another()
	mf, err := mapfile.Open(g.path)
	if err != nil {
		g.Wrong("damaged", "%s: a fresh reader: %v", g.part, err)
		return nil
	}
	defer mf.Close()
	for _, err := range mf.Verify() {
		if err != nil {
			g.Wrong("damaged", "%s: %v", g.part, err)
		}
	}
	for _, s := range slices.Concat(g.group, g.live) {
		if number, err := numberOf(mf, s.name); err != nil || number != s.number {
			g.Wrong("lost", "%s: %s: number %d, %v; written was %d", g.part, s.name, number, err, s.number)
		}
	}
	n := 0
	for range mf.Slots() {
		n++
	}
	if want := len(g.group) + len(g.live); n != want {
		g.Wrong("lost", "%s: %d slots are listed, there are %d", g.part, n, want)
	}
	g.Add("looks", 1)
	return g.measure()
}

// measure shows how long the file is beside what its slots hold.
func (g *growing) measure() error {
	length, err := g.length()
	g.Most(g.part+": file bytes at most", int64(length))
	g.Most(g.part+": slots at most", int64(g.held.mostSlots))
	if g.held.most > 4*growSlack { // else the size that it begins with decides
		g.Most(g.part+": percent of what slots held", int64(100*length/g.held.mostHeld()))
		g.Most(g.part+": percent of their payloads", int64(100*length/g.held.mostPay))
	}
	return err
}

// finish removes all slots, and adds as many of the same sizes again, which must find room where the
// others were.
func (g *growing) finish() error {
	before, err := g.length()
	if err != nil {
		return err
	}
	sizes := make([]int, 0, len(g.live))
	for len(g.live) > 0 {
		s := g.any()
		sizes = append(sizes, s.largest)
		if err := g.remove(s); err != nil {
			return err
		}
	}
	if err := g.checkSpace(); err != nil {
		return err
	}
	for _, size := range sizes {
		if err := g.add(size); err != nil {
			return err
		}
	}
	if after, err := g.length(); err != nil || after != before {
		g.Wrong("space lost", "%s: all was removed and added again, and the file has %d bytes instead of %d (%v)", g.part, after, before, err)
	}
	if err := g.look(); err != nil {
		return err
	}
	g.detach()
	if err := g.mf.RemoveAll(); err != nil {
		return err
	}
	return g.checkSpace()
}

// checkSpace: what is in use can be reached, and is not more than what slots hold and the directory.
func (g *growing) checkSpace() error {
	lost, err := lostSpace(g.path)
	if err != nil {
		return err
	}
	info, err := g.mf.Stat()
	if err != nil {
		return err
	}
	freeMap := info.Size / 512
	if most := int64(g.held.bytes+entryLen*g.held.mostSlots+growSlack) + freeMap; lost != 0 || info.Used > most {
		g.Wrong("space lost", "%s: %d slots: %d bytes lead nowhere, %d are in use; %d at most should be", g.part, info.NumSlots, lost, info.Used, most)
	}
	return nil
}

// close ends the part and deletes its file.
func (g *growing) close() error {
	g.detach()
	return errors.Join(g.mf.Close(), os.Remove(g.path))
}
