package mapfile

import (
	"fmt"

	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/mapfile/internal/shm"
)

// This chapter mends what a death in the middle of a change left behind.

// rebuild makes the free map, the list of free entries and the index anew from what is reachable:
// whoever held the structure lock before died at work. Nothing that readers follow moves.
func (s *session) rebuild(m shm.Mem) error {
	beginChange(m)
	m.Store(layout.IndexOff, 0) // not reachable: its space is given back, and another one made
	size := s.size()
	last := layout.FreeChunkOf(size/layout.UnitLen - 1)
	for c := layout.FreeChunkOf(0); c.First <= last.First; c = c.Next() {
		m.Zero(m.Load(c.WordOff()), c.Len())
	}
	mark(m, 0, layout.ArenaOff/layout.UnitLen, true)
	used := uint64(0)
	err := s.pieces(func(p piece, damage error) error {
		if damage != nil {
			return nil // what is damaged has no length: its space may be given away
		}
		if err := checkPiece(p, size); err != nil {
			return err
		}
		if !isFree(m, p.off/layout.UnitLen, layout.Units(p.n)) {
			return fmt.Errorf("%w: %s %d overlaps something else", ErrCorrupt, pieceNames[p.kind], p.index)
		}
		mark(m, p.off/layout.UnitLen, layout.Units(p.n), true)
		used += layout.Units(p.n)
		return nil
	})
	if err != nil {
		return err
	}
	m.Store(layout.UsedOff, used)
	m.Zero(layout.HintsOff, layout.NumHints*16)
	s.relistEntries(m)
	return s.growIndex(m)
}

// checkPiece tells whether a piece lies in the arena of a file of that size.
func checkPiece(p piece, size uint64) error {
	if p.off%layout.UnitLen != 0 || p.off < layout.ArenaOff || p.off > size || p.n > size-p.off {
		return fmt.Errorf("%w: %s %d lies outside of the file", ErrCorrupt, pieceNames[p.kind], p.index)
	}
	return nil
}

// relistEntries makes the list of free entries and counts the others.
func (s *session) relistEntries(m shm.Mem) {
	slots, free := uint64(0), uint32(0)
	for i := range s.numEntries() {
		off := entryOff(m.View, i)
		if !layout.ExtentWord(m.Load(off + layout.EntryExtOff)).None() {
			slots++
			continue
		}
		m.Store32(off+layout.EntryNextOff, free)
		free = i + 1
	}
	m.Store(layout.FreeEntriesOff, uint64(free))
	m.Store(layout.NumSlotsOff, slots)
}

// isFree tells whether no unit of a run is marked.
func isFree(m shm.Mem, unit, units uint64) bool {
	_, ok := findIn(m, unit, unit+units, units)
	return ok
}
