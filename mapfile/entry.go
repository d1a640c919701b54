package mapfile

import (
	"time"

	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/mapfile/internal/shm"
)

// This chapter is the directory as readers see it: entries, and how a name is found.
//
// An entry is in use if its extent word has an extent. Whoever remembers an entry remembers its
// generation, too: the name may have gone, and another one moved in.

// entryRef identifies a slot for as long as it exists.
type entryRef struct {
	index, generation uint32
	off               uint64 // of the entry
	salt              uint64
}

// entryOff returns where entry i lies; entries never move.
func entryOff(v shm.View, i uint32) uint64 {
	chunk, pos := layout.Chunk(uint64(i), 64)
	if chunk >= layout.NumEntryChunks {
		panic(shm.Bounds{Off: uint64(i)})
	}
	base := v.Load(layout.EntryChunksOff + 8*uint64(chunk))
	if base == 0 {
		panic(shm.Bounds{})
	}
	return base + pos*layout.EntryLen
}

// numEntries returns how many entries have ever been used; a lie is bounded by what has room.
func (f *file) numEntries() uint32 {
	return uint32(min(f.view().Load(layout.NumEntriesOff), layout.MaxEntries, f.size()/layout.EntryLen))
}

// label is the name and title of an entry, in memory of its own.
type label struct {
	buf         [layout.LabelHeadLen + layout.MaxNameLen + layout.MaxTitleLen]byte
	name, title []byte
}

// readEntry looks at entry i and reads its label. False: the entry is free, or changes just now.
func (f *file) readEntry(i uint32, l *label) (entryRef, layout.ExtentWord, bool) {
	v := f.view()
	off := entryOff(v, i)
	v = f.at(off + layout.EntryLen)
	ext := layout.ExtentWord(v.Load(off + layout.EntryExtOff))
	if ext.None() {
		return entryRef{}, ext, false
	}
	ref := entryRef{index: i, generation: v.Load32(off + layout.EntryGenOff), off: off}
	ref.salt = layout.Salt(i, ref.generation)
	word := v.Load(off + layout.EntryLabelOff)
	if !f.readLabel(word, ref.salt, l) {
		return ref, ext, false
	}
	shm.OrderLoads()
	if v.Load(off+layout.EntryLabelOff) != word || v.Load32(off+layout.EntryGenOff) != ref.generation {
		return ref, ext, false
	}
	now := layout.ExtentWord(v.Load(off + layout.EntryExtOff)) // the slot may have moved, not gone
	return ref, now, !now.None()
}

// readLabel copies the label at a label word.
func (f *file) readLabel(word, salt uint64, l *label) bool {
	at := word * layout.UnitLen
	if word == 0 || word > layout.MaxFileLen/layout.UnitLen {
		return false
	}
	v := f.at(at + uint64(len(l.buf)))
	size := f.size()
	n := min(uint64(len(l.buf)), size-min(at, size))
	if n < layout.LabelHeadLen {
		return false
	}
	shm.Copy(l.buf[:layout.LabelHeadLen], v.Bytes(at, layout.LabelHeadLen))
	n = min(n, uint64(layout.LabelHeadLen)+uint64(l.buf[4])+uint64(l.buf[5])<<8+uint64(l.buf[6])+uint64(l.buf[7])<<8)
	shm.Copy(l.buf[:n], v.Bytes(at, n))
	var ok bool
	l.name, l.title, ok = layout.GetLabel(l.buf[:n], salt)
	return ok
}

// find looks a name up. What it finds was there during the call; what it does not find was not there
// at one moment of it.
func (f *file) find(name string) (ref entryRef, ext layout.ExtentWord, ok bool) {
	v := f.view()
	hash := layout.NameHash(name)
	var l label
	var deadline time.Time
	for try := 0; !f.evidence; try++ {
		changes := v.Load(layout.ChangesOff)
		if ref, ext, ok = f.findInChain(name, hash, &l); ok {
			return ref, ext, true
		}
		shm.OrderLoads()
		if changes&1 == 0 && v.Load(layout.ChangesOff) == changes {
			return entryRef{}, 0, false
		}
		if changes&1 != 0 && f.stuckChange.Load() == changes {
			break // waited for already
		}
		if try == 0 {
			deadline = time.Now().Add(maxFind)
		} else if try >= 100 || time.Now().After(deadline) { // somebody died during a change, or stands still in one
			f.stuckChange.Store(changes)
			break
		}
		pause(try)
	}
	return f.findByScan(name, hash, &l)
}

// maxFind is for how long a name is looked for in a directory that changes, before every entry is
// looked at.
const maxFind = 50 * time.Millisecond

func (f *file) findInChain(name string, hash uint32, l *label) (entryRef, layout.ExtentWord, bool) {
	v := f.view()
	index := layout.IndexWord(v.Load(layout.IndexOff))
	bucket := index.Off() + 4*(uint64(hash)&(index.Buckets()-1))
	if index.Off() == 0 {
		return entryRef{}, 0, false
	}
	n := f.numEntries()
	next := shm.Peek32(f.at(bucket + 4).Word32(bucket))
	// A chain ends, but for one that somebody changes meanwhile, or has damaged: a walk that comes back to
	// an entry it remembers goes in a circle. It remembers the first, 2nd, 4th, 8th …
	for step, known := uint32(0), uint32(0); step < n; step++ {
		i := next - 1
		if next == 0 || i >= n || next == known {
			break
		}
		if step&(step-1) == 0 {
			known = next
		}
		off := entryOff(v, i)
		v = f.at(off + layout.EntryLen)
		if v.Load32(off+layout.EntryHashOff) == hash {
			if ref, ext, ok := f.readEntry(i, l); ok && string(l.name) == name {
				return ref, ext, true
			}
		}
		next = v.Load32(off + layout.EntryNextOff)
	}
	return entryRef{}, 0, false
}

func (f *file) findByScan(name string, hash uint32, l *label) (entryRef, layout.ExtentWord, bool) {
	v := f.view()
	for i := range f.numEntries() {
		off := entryOff(v, i)
		if v = f.at(off + layout.EntryLen); v.Load32(off+layout.EntryHashOff) != hash {
			continue
		}
		if ref, ext, ok := f.readEntryAgain(i, l); ok && string(l.name) == name {
			return ref, ext, true
		}
	}
	return entryRef{}, 0, false
}
