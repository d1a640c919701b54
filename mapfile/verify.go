package mapfile

import (
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/mapfile/internal/shm"
)

// FormatVersion is the format version that this package reads and writes.
const FormatVersion = layout.FormatVersion

// Check is what Verify has looked at in a slot.
type Check struct {
	Slot    string
	Buffers int
}

// Verify checks structure and checksums, reading only, also beside live producers. It yields one Check
// for each slot that matches; the error beside it tells what is wrong with the slot. An error without
// a slot concerns the file's structure; the loop goes on where it can. Without patterns it checks
// everything.
func (mf *MapFile) Verify(list ...string) iter.Seq2[Check, error] {
	return func(yield func(Check, error) bool) {
		p, err := parsePatterns(list)
		var f *file
		if err == nil {
			f, err = mf.reader()
		}
		if err != nil {
			yield(Check{}, fail("verify", mf.Path(), "", err))
			return
		}
		if len(list) == 0 {
			for _, err := range f.verifyStructure() {
				if !yield(Check{}, fail("verify", f.path, "", mf.replaced(err))) {
					return
				}
			}
		}
		var l label
		producers := newProducerCache(f, producerTTL)
		for i := uint32(0); ; i++ {
			info, err := f.slotAt(&i, &l, p, producers)
			if err == errNoMore {
				return
			}
			if mf.closed.Load() {
				yield(Check{}, fail("verify", f.path, "", ErrClosed))
				return
			}
			if info.Name == "" || errors.Is(err, ErrClosed) {
				yield(Check{}, fail("verify", f.path, "", mf.replaced(err)))
				return
			}
			check, err := f.verifySlot(info.Name, err)
			if errors.Is(err, ErrClosed) {
				continue // so is the next
			}
			if errors.Is(err, ErrNoSlot) {
				continue // removed meanwhile
			}
			if !yield(check, fail("verify", f.path, info.Name, err)) {
				return
			}
		}
	}
}

// verifySlot checks the published value, and the older ones that are complete.
func (f *file) verifySlot(name string, found error) (Check, error) {
	check := Check{Slot: name}
	c, err := f.lookup(name)
	if err != nil {
		return check, errors.Join(found, err)
	}
	var val value
	c, err = c.read(&val, &how{check: true, anyway: true})
	check.Buffers = c.extent.K
	switch {
	case err == nil:
		_, err = f.typeOf(val.head.Type, val.head.TypeID)
	case errors.Is(err, ErrNotPublished), errors.Is(err, ErrBusy):
		err = nil
	case errors.Is(err, ErrCorrupt):
		if good := f.newestWhole(c); good > 0 {
			err = fmt.Errorf("%w; version %d is good", err, good)
		}
		return check, err
	}
	if err == nil {
		err = f.verifyOlder(c)
	}
	return check, err
}

// newestWhole returns the newest version whose checksum holds.
func (f *file) newestWhole(c *cursor) (version uint64) {
	var val value
	if c.salvage(&val) == nil {
		version = val.version
	}
	return version
}

// verifyOlder checks the buffers that are complete and not published: snapshots may read them.
func (f *file) verifyOlder(c *cursor) error {
	return f.guard(func() error {
		v := f.at(c.extent.End())
		for b := range c.extent.K {
			off := c.extent.Buffer(b)
			seq := v.Load(off)
			if seq == 0 || seq&1 != 0 {
				continue
			}
			var head layout.Buffer
			layout.GetBuffer(v.Bytes(off, layout.BufferHeadLen), &head)
			payload := copyPayload(nil, v.Bytes(off+layout.BufferHeadLen, min(uint64(head.Length), c.extent.Capacity)))
			shm.OrderLoads()
			if v.Load(off) != seq || c.gone() || v.Load(c.ref.off+layout.EntryExtOff) != uint64(c.extent.Word) {
				continue // written meanwhile
			}
			if sum := layout.Check(seq/2, &head, c.ref.salt, payload); sum != head.Check {
				return fmt.Errorf("%w: buffer %d: version %d: checksum %08x, computed %08x", ErrCorrupt, b, seq/2, head.Check, sum)
			}
		}
		return nil
	})
}

// verifyStructure checks that nothing overlaps or lies outside of the file, and that the free map
// knows all of it as used. What somebody changes meanwhile is looked at again.
func (f *file) verifyStructure() []error {
	for try, deadline := 0, time.Now().Add(maxRead); ; try++ {
		before, errs := f.structureWord(), f.walkStructure()
		after := f.structureWord()
		if len(errs) == 0 || before == after && before&1 == 0 {
			return errs
		}
		late := time.Now().After(deadline)
		if before == after && (try > 200 || late) { // a holder that died or stands still: the free map may be behind
			return nil
		}
		if late {
			return []error{fmt.Errorf("%w: the structure kept changing", ErrBusy)}
		}
		pause(try)
	}
}

func (f *file) structureWord() (word uint64) {
	f.guard(func() error { word = f.view().Load(layout.StructureOff); return nil })
	return word
}

func (f *file) walkStructure() (errs []error) {
	report := func(format string, args ...any) {
		if len(errs) < 100 {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	err := f.guard(func() error {
		v := f.view()
		size := f.size()
		seen := newBitmap(size / layout.UnitLen)
		return f.pieces(func(p piece, damage error) error {
			if err := errors.Join(damage, checkPiece(p, size)); err != nil {
				report("%w", err)
				return nil
			}
			unit, units := p.off/layout.UnitLen, layout.Units(p.n)
			if !seen.take(unit, units) { // and nobody looks at it twice, however often it is claimed
				report("%w: %s %d overlaps something else", ErrCorrupt, pieceNames[p.kind], p.index)
				return nil
			}
			if !isUsed(v, unit, units) {
				report("%w: the free map calls %s %d free", ErrCorrupt, pieceNames[p.kind], p.index)
			}
			return nil
		})
	})
	if err != nil {
		errs = append(errs, err)
	}
	return errs
}

// isUsed tells whether the free map has every unit of a run as used.
func isUsed(v shm.View, unit, units uint64) bool {
	for ; units > 0; unit, units = unit+1, units-1 {
		chunk := layout.FreeChunkOf(unit)
		bit := unit - chunk.First
		if v.Bytes(v.Load(chunk.WordOff())+bit/8, 1)[0]>>(bit%8)&1 == 0 {
			return false
		}
	}
	return true
}

// bitmap is a set of units in private memory.
type bitmap []uint64

func newBitmap(n uint64) bitmap { return make(bitmap, (n+63)/64) }

// take adds a run, up to the first unit that was there already: false then.
func (b bitmap) take(unit, units uint64) bool {
	for ; units > 0; unit, units = unit+1, units-1 {
		if b[unit/64]>>(unit%64)&1 != 0 {
			return false
		}
		b[unit/64] |= 1 << (unit % 64)
	}
	return true
}
