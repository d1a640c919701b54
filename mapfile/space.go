package mapfile

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/mapfile/internal/shm"
	"github.com/gomapfile/mapfile/mapfile/internal/testhook"
	"github.com/gomapfile/mapfile/mapfile/region"
)

// This chapter gives out space. The arena is divided into units of 128 bytes; the free map has a bit
// for each. The first run that is long enough is taken, which keeps files dense: what was removed
// makes room for as much again. Hints say where a search may begin, so that adding many slots is
// linear. Everything here happens under the structure lock, and nobody keeps free space of his own.

const (
	growStep = 64 << 10  // sizes of files are multiples of it: whole pages everywhere
	growMost = 256 << 20 // a file grows by a quarter, but not by more than that at once
)

// alloc takes space for n bytes and returns its offset. The bytes are not cleared.
func (s *session) alloc(m shm.Mem, n uint64) (uint64, error) {
	units := layout.Units(n)
	unit, ok := findRun(m, units)
	if !ok {
		if err := s.growFile(units); err != nil {
			return 0, err
		}
		m = s.mem()
		if unit, ok = findRun(m, units); !ok {
			return 0, fmt.Errorf("%w: no run of %d units after growing", ErrCorrupt, units)
		}
	}
	mark(m, unit, units, true)
	m.Store(layout.UsedOff, m.Load(layout.UsedOff)+units)
	return unit * layout.UnitLen, nil
}

// free gives space back.
func (s *session) free(m shm.Mem, off, n uint64) {
	units := layout.Units(n)
	if off < layout.ArenaOff || off+n > m.Load(layout.SizeOff) {
		panic(shm.Bounds{Off: off, Len: n})
	}
	unit := off / layout.UnitLen
	mark(m, unit, units, false)
	from, to := freeAround(m, unit, unit+units)
	for h := range layout.NumHints { // only for sizes that fit in: small holes must not send large searches back
		at := layout.HintOff(h)
		if size := m.Load(at); size <= to-from || to-from > aroundMost {
			m.Store(at+8, min(m.Load(at+8), from-min(from, size)))
		}
	}
	m.Store(layout.UsedOff, m.Load(layout.UsedOff)-min(units, m.Load(layout.UsedOff)))
}

// aroundMost is how many units freeAround looks at on each side.
const aroundMost = 4096

// freeAround returns the free run around [from, to), which is free. One that is longer than aroundMost may
// be longer still.
func freeAround(m shm.Mem, from, to uint64) (uint64, uint64) {
	const start = layout.ArenaOff / layout.UnitLen
	for first := max(start, from-min(from, aroundMost)); from > first; {
		chunk := layout.FreeChunkOf(from - 1)
		bit := from - 1 - chunk.First
		word := m.Bytes(m.Load(chunk.WordOff()), chunk.Len())[bit/64*8:]
		n := bit%64 + 1
		free := min(uint64(bits.LeadingZeros64(binary.LittleEndian.Uint64(word)<<(64-n))), n)
		if from -= free; free < n {
			break
		}
	}
	for last := min(to+aroundMost, m.Load(layout.SizeOff)/layout.UnitLen); to < last; {
		chunk := layout.FreeChunkOf(to)
		bit := to - chunk.First
		word := m.Bytes(m.Load(chunk.WordOff()), chunk.Len())[bit/64*8:]
		n := min(64-bit%64, last-to)
		free := min(uint64(bits.TrailingZeros64(binary.LittleEndian.Uint64(word)>>(bit%64))), n)
		if to += free; free < n {
			break
		}
	}
	return from, to
}

// farSearch is after how many units a search is worth a hint, also for a longer run than the hint of
// its class is for.
const farSearch = 1024

// findRun finds the first run of so many free units. A hint {size, unit} says that no run of size
// begins below unit; there is one for each power of two, kept for the shortest run that was asked for
// lately.
func findRun(m shm.Mem, units uint64) (uint64, bool) {
	const start = layout.ArenaOff / layout.UnitLen
	end := m.Load(layout.SizeOff) / layout.UnitLen
	from := uint64(start)
	for h := range layout.NumHints {
		if at := layout.HintOff(h); m.Load(at) <= units {
			from = max(from, m.Load(at+8))
		}
	}
	unit, ok := findIn(m, from, end, units)
	if !ok && from > start { // before the file grows, make sure that no hint was wrong
		unit, ok = findIn(m, start, end, units)
	}
	if at := layout.HintOff(layout.HintFor(units)); ok && (units <= m.Load(at) || m.Load(at) == 0 || unit-min(unit, from) > farSearch) {
		m.Store(at, units)
		m.Store(at+8, unit)
	}
	return unit, ok
}

// findIn looks for the first run of free units within [from, end).
func findIn(m shm.Mem, from, end, units uint64) (uint64, bool) {
	run := uint64(0) // length of the free run that ends at unit
	for unit := from; unit < end; {
		chunk := layout.FreeChunkOf(unit)
		bitmap := m.Bytes(m.Load(chunk.WordOff()), chunk.Len())
		last := min(end, chunk.First+chunk.Units)
		for unit < last {
			bit := unit - chunk.First
			word := binary.LittleEndian.Uint64(bitmap[bit/64*8:]) >> (bit % 64)
			n := min(64-bit%64, last-unit)
			if free := min(uint64(bits.TrailingZeros64(word)), n); free > 0 {
				run, unit = run+free, unit+free
			} else { // a stretch of used units
				run, unit = 0, unit+min(uint64(bits.TrailingZeros64(^word)), n)
			}
			if run >= units {
				return unit - run, true
			}
		}
	}
	return 0, false
}

// mark sets or clears the bits of a run.
func mark(m shm.Mem, unit, units uint64, used bool) {
	for units > 0 {
		chunk := layout.FreeChunkOf(unit)
		bitmap := m.Bytes(m.Load(chunk.WordOff()), chunk.Len())
		bit := unit - chunk.First
		n := min(64-bit%64, units, chunk.First+chunk.Units-unit)
		mask := ^uint64(0) >> (64 - n) << (bit % 64)
		at := bitmap[bit/64*8:]
		testhook.Step()
		word := binary.LittleEndian.Uint64(at)
		if used {
			word |= mask
		} else {
			word &^= mask
		}
		binary.LittleEndian.PutUint64(at, word)
		unit, units = unit+n, units-n
	}
}

// growFile makes the file longer by that many units at least: disk blocks first, then the free map of
// the new range, then the size word, which makes it visible.
func (s *session) growFile(units uint64) error {
	size := s.size()
	end := grownSize(size, units)
	if s.maxSize > 0 && end > uint64(s.maxSize) { // try to do with just what is needed
		if end = leastSize(size, units); end > uint64(s.maxSize) {
			return fmt.Errorf("%w: %d bytes needed, the limit given by WithMaxSize is %d", ErrFull, end, s.maxSize)
		}
	}
	if end > layout.MaxFileLen {
		return fmt.Errorf("%w: %d bytes needed, a file has at most %d", ErrFull, end, int64(layout.MaxFileLen))
	}
	if err := s.region.Grow(int64(end)); err != nil {
		return explainFull(err)
	}
	if err := s.region.Reach(int64(end)); err != nil {
		return explainFull(err)
	}
	s.setWindow()
	m := s.mem()
	// Bits of the new range may be left over from a growth that died before the size word.
	chunk, place := layout.FreeChunkOf(size/layout.UnitLen-1), size
	mark(m, size/layout.UnitLen, min(end/layout.UnitLen, chunk.First+chunk.Units)-size/layout.UnitLen, false)
	for chunk = chunk.Next(); chunk.First < end/layout.UnitLen; chunk = chunk.Next() {
		m.Zero(place, chunk.Len())
		m.Store(chunk.WordOff(), place)
		place += chunk.Len()
	}
	if units := (place - size) / layout.UnitLen; units > 0 {
		mark(m, size/layout.UnitLen, units, true)
		m.Store(layout.UsedOff, m.Load(layout.UsedOff)+units)
	}
	m.Store(layout.SizeOff, end)
	return nil
}

// grownSize is how large a file gets that needs units more.
func grownSize(size, units uint64) uint64 {
	return leastSize(size, max(units, min(size/4, growMost)/layout.UnitLen))
}

// leastSize is the smallest size that has units more behind the chunks of the free map that a larger
// file needs.
func leastSize(size, units uint64) uint64 {
	end := roundUp(size+units*layout.UnitLen, growStep)
	for {
		need := size + units*layout.UnitLen
		for c := layout.FreeChunkOf(size/layout.UnitLen - 1).Next(); c.First < end/layout.UnitLen; c = c.Next() {
			need += c.Len()
		}
		if need = roundUp(need, growStep); need <= end {
			return end
		}
		end = need
	}
}

func roundUp(n, step uint64) uint64 { return (n + step - 1) / step * step }

// explainFull makes what region says about space an ErrFull.
func explainFull(err error) error {
	if region.IsNoSpace(err) {
		return fmt.Errorf("%w: %w; what was published before stays readable", ErrFull, err)
	}
	return err
}
