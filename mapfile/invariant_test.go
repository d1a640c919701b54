package mapfile

import (
	"errors"
	"fmt"

	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/mapfile/internal/shm"
)

// This file walks all that can be reached in a file that nobody changes meanwhile, and compares it
// with what the file says of itself. It is written against FORMAT.md, not with the functions of the
// engine that keep these things in order.

// CheckInvariants returns what is wrong with a file: things that overlap, space that is marked and
// leads nowhere, counts, chains and lists that are not what the entries say.
func CheckInvariants(mf *MapFile) error {
	f, err := mf.reader()
	if err != nil {
		return err
	}
	c := &checker{f: f, v: f.at(f.view().Load(layout.SizeOff))}
	c.size = c.v.Load(layout.SizeOff)
	c.claims = make([]string, c.size/layout.UnitLen)
	if err := f.guard(func() error { c.walk(); return nil }); err != nil {
		c.errs = append(c.errs, err)
	}
	return errors.Join(c.errs...)
}

type checker struct {
	f      *file
	v      shm.View
	size   uint64
	claims []string // by unit: what lies there
	live   map[uint32]layout.ExtentWord
	errs   []error
}

func (c *checker) errorf(format string, args ...any) {
	if len(c.errs) < 10 {
		c.errs = append(c.errs, fmt.Errorf(format, args...))
	}
}

func (c *checker) claim(off, n uint64, format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	if off%layout.UnitLen != 0 || off > c.size || n > c.size-off {
		c.errorf("%s at %d, length %d: not within the file of %d bytes", what, off, n, c.size)
		return
	}
	for unit := off / layout.UnitLen; unit < (off+n+layout.UnitLen-1)/layout.UnitLen; unit++ {
		if c.claims[unit] != "" {
			c.errorf("%s overlaps %s in unit %d", what, c.claims[unit], unit)
			return
		}
		c.claims[unit] = what
	}
}

func (c *checker) walk() {
	for _, w := range []struct {
		name string
		off  uint64
	}{{"structure", layout.StructureOff}, {"change", layout.ChangesOff}} {
		if c.v.Load(w.off)&1 != 0 {
			c.errorf("the %s word is odd: %d", w.name, c.v.Load(w.off))
		}
	}
	c.claim(0, layout.ArenaOff, "header and sessions")
	for chunk := layout.FreeChunkOf(0); chunk.First < c.size/layout.UnitLen; chunk = chunk.Next() {
		c.claim(c.v.Load(chunk.WordOff()), chunk.Len(), "free map chunk %d", chunk.Index)
	}
	c.types()
	c.entries()
	c.index()
	c.freeList()
	c.freeMap()
}

func (c *checker) types() {
	n := c.v.Load(layout.NumTypesOff)
	for first, chunk := uint64(0), 0; first < n; first, chunk = first+16<<chunk, chunk+1 {
		c.claim(c.v.Load(layout.TypeChunksOff+8*uint64(chunk)), 16<<chunk*8, "type chunk %d", chunk)
	}
	for i := range uint32(n) {
		at := c.v.Load(typeWordOff(c.v, i)) * layout.UnitLen
		size, ok := layout.TypeRecordLen(c.v.Bytes(at, layout.TypeRecordHeadLen))
		var rec layout.TypeRecord
		if !ok || !layout.GetTypeRecord(c.v.Bytes(at, size), &rec) {
			c.errorf("type record %d at %d is damaged", i, at)
			continue
		}
		c.claim(at, size, "type %s", rec.Name)
	}
}

func (c *checker) entries() {
	n := c.v.Load(layout.NumEntriesOff)
	for first, chunk := uint64(0), 0; first < n; first, chunk = first+64<<chunk, chunk+1 {
		c.claim(c.v.Load(layout.EntryChunksOff+8*uint64(chunk)), 64<<chunk*layout.EntryLen, "entry chunk %d", chunk)
	}
	c.live = map[uint32]layout.ExtentWord{}
	names := map[string]uint32{}
	for i := range uint32(n) {
		off := entryOff(c.v, i)
		word := layout.ExtentWord(c.v.Load(off + layout.EntryExtOff))
		if word.None() {
			continue
		}
		c.live[i] = word
		salt := layout.Salt(i, c.v.Load32(off+layout.EntryGenOff))
		at := c.v.Load(off+layout.EntryLabelOff) * layout.UnitLen
		name, title, ok := layout.GetLabel(c.v.Bytes(at, c.size-at), salt)
		if !ok {
			c.errorf("entry %d has a damaged label", i)
			continue
		}
		if other, ok := names[string(name)]; ok {
			c.errorf("entries %d and %d have the name %q", other, i, name)
		}
		names[string(name)] = i
		if layout.NameHash(string(name)) != c.v.Load32(off+layout.EntryHashOff) {
			c.errorf("entry %d, %q, has a wrong hash", i, name)
		}
		c.claim(at, uint64(layout.LabelLen(string(name), string(title))), "label of %q", name)
		ext := word.Decode()
		c.claim(ext.Off, ext.Len(), "extent of %q", name)
		c.slot(i, off, salt, &ext)
	}
	if got := c.v.Load(layout.NumSlotsOff); got != uint64(len(c.live)) {
		c.errorf("the header says %d slots, there are %d", got, len(c.live))
	}
}

// slot looks at publish word and buffers of a slot that nobody updates.
func (c *checker) slot(i uint32, off, salt uint64, ext *layout.Extent) {
	pub := layout.PublishWord(c.v.Load(off + layout.EntryPubOff))
	switch {
	case !pub.Valid(salt):
		c.errorf("entry %d: its publish word fails its check", i)
	case pub.Marked() && !c.ownerDied(off):
		c.errorf("entry %d bears a mark", i)
	case pub.Version() > 0 && c.v.Load(ext.Buffer(pub.Index())) != 2*pub.Version():
		c.errorf("entry %d: version %d is published, its buffer has sequence %d", i, pub.Version(), c.v.Load(ext.Buffer(pub.Index())))
	}
	seen := map[uint64]bool{}
	for b := range ext.K {
		seq := c.v.Load(ext.Buffer(b))
		if version := (seq + 1) / 2; seq != 0 && seen[version] {
			c.errorf("entry %d: two buffers carry version %d", i, version)
		}
		seen[(seq+1)/2] = true
		if seq&1 == 0 && seq > 2*pub.Version() && !c.ownerDied(off) {
			c.errorf("entry %d: a complete buffer, sequence %d, is newer than the published version %d", i, seq, pub.Version())
		}
	}
}

// ownerDied: then what it had not finished is there until somebody takes the slot or the record over.
func (c *checker) ownerDied(entry uint64) bool {
	return c.f.ownerState(c.v, layout.OwnerWord(c.v.Load(entry+layout.EntryOwnerOff))) == StateDead
}

// index follows every chain: each slot is in the chain of its hash, once, and nothing else is.
func (c *checker) index() {
	index := layout.IndexWord(c.v.Load(layout.IndexOff))
	c.claim(index.Off(), 4*index.Buckets(), "name index")
	chained := map[uint32]bool{}
	for b := range index.Buckets() {
		for next := c.v.Load32(index.Off() + 4*b); next != 0; {
			i := next - 1
			if chained[i] {
				c.errorf("entry %d is in chains twice, or in a ring", i)
				return
			}
			chained[i] = true
			off := entryOff(c.v, i)
			if _, ok := c.live[i]; !ok {
				c.errorf("the free entry %d is in the chain of bucket %d", i, b)
			}
			if uint64(c.v.Load32(off+layout.EntryHashOff))&(index.Buckets()-1) != b {
				c.errorf("entry %d is in the wrong chain", i)
			}
			next = c.v.Load32(off + layout.EntryNextOff)
		}
	}
	if len(chained) != len(c.live) {
		c.errorf("%d entries are in chains, %d are in use", len(chained), len(c.live))
	}
}

// freeList follows the list of free entries: it has every entry that is not in use.
func (c *checker) freeList() {
	listed := map[uint32]bool{}
	for next := uint32(c.v.Load(layout.FreeEntriesOff)); next != 0; {
		i := next - 1
		if _, ok := c.live[i]; ok || listed[i] {
			c.errorf("entry %d is in the list of free entries: in use %v, twice %v", i, ok, listed[i])
			return
		}
		listed[i] = true
		next = c.v.Load32(entryOff(c.v, i) + layout.EntryNextOff)
	}
	if n := c.v.Load(layout.NumEntriesOff); uint64(len(listed)+len(c.live)) != n {
		c.errorf("%d entries were ever used, %d are in use and %d are listed as free", n, len(c.live), len(listed))
	}
}

// freeMap compares the map with the claims, unit by unit.
func (c *checker) freeMap() {
	used := uint64(0)
	for unit := range c.size / layout.UnitLen {
		chunk := layout.FreeChunkOf(unit)
		bit := unit - chunk.First
		marked := c.v.Bytes(c.v.Load(chunk.WordOff()), chunk.Len())[bit/8]>>(bit%8)&1 == 1
		switch claim := c.claims[unit]; {
		case marked && claim == "":
			c.errorf("unit %d has leaked: it is marked and nothing leads to it", unit)
		case !marked && claim != "":
			c.errorf("unit %d is free for the map, but %s lies there", unit, claim)
		}
		if marked && unit >= layout.ArenaOff/layout.UnitLen {
			used++
		}
	}
	if got := c.v.Load(layout.UsedOff); got != used {
		c.errorf("the header says %d units are in use, the map says %d", got, used)
	}
}
