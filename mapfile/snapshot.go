package mapfile

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gomapfile/mapfile/mapfile/internal/layout"
)

// This chapter is Snapshot: several slots as of one commit of each producer.
//
// A snapshot first notes how far each session has committed, and then takes from each slot the newest
// value within that limit. If a writer has overwritten the one that is needed, it starts again.

// A Snapshot is private memory; it outlives updates, Remove and Close. The zero Snapshot is empty.
// Its methods may be called by several goroutines at once, but not while SnapshotInto fills it.
type Snapshot struct {
	_      noCopy
	file   *file
	taken  time.Time
	commit uint64
	slots  []snapSlot // by name
	plan   snapPlan
	limit  limit

	producers *producerCache
}

// snapSlot is one slot of a snapshot.
type snapSlot struct {
	name, title string
	cursor      *cursor
	owner       layout.OwnerWord
	producer    *Producer // of all slots with this owner
	val         value
	stored      *storedType
	err         error // why there is no value
}

// snapPlan remembers which slots matched, so that the same Snapshot again need not look them up.
type snapPlan struct {
	file     *file
	patterns []string
	changes  uint64 // of the directory; odd: not to be used again
}

// Snapshot copies the slots that match (all, without patterns) as of one commit of each producer.
// Patterns are path.Match by segment, with ** for any number of segments. A pattern without
// wildcards must exist (ErrNoSlot). A damaged slot fails at the Snapshot's Get, not here.
func (mf *MapFile) Snapshot(list ...string) (*Snapshot, error) {
	s := &Snapshot{}
	if err := mf.SnapshotInto(s, list...); err != nil {
		return nil, err
	}
	return s, nil
}

// SnapshotInto is Snapshot into the memory of s. After an error s is empty.
func (mf *MapFile) SnapshotInto(s *Snapshot, list ...string) error {
	if s == nil {
		_, err := mf.reader()
		return fail("snapshot", mf.Path(), "", cmp.Or(err, errors.New("no Snapshot to fill")))
	}
	for {
		f, err := mf.reader()
		if err == nil {
			err = s.fill(f, list)
		}
		if err == nil {
			return nil
		}
		if !errors.Is(err, ErrClosed) && !errors.Is(err, ErrSuperseded) || f == nil || !mf.retarget(f, err) {
			s.slots = s.slots[:0]
			s.plan, s.commit = snapPlan{}, 0
			return fail("snapshot", mf.Path(), "", err)
		}
	}
}

func (s *Snapshot) fill(f *file, list []string) error {
	s.file, s.taken = f, time.Now()
	for try, deadline := 0, s.taken.Add(maxRead); ; try++ {
		last := try > spinTries && time.Now().After(deadline)
		// The limit before the list: every slot of a commit inside it was in the directory by then.
		whole, room := false, uint64(0)
		if err := f.guard(func() error { whole, room = s.limit.load(f), roomFor(f.size()); return nil }); err != nil {
			return err
		}
		s.shrink(room)
		if err := s.choose(f, list); err != nil {
			return err
		}
		again, err := s.copyAll(f, &how{limit: &s.limit, until: deadline, most: room}, last)
		if err != nil || whole && !again {
			return err
		}
		if last {
			return ErrBusy
		}
		pause(try)
	}
}

// roomFor is how many bytes the values of a snapshot can have together. Slots share no space, so that is the
// file's size, and twice that for slots that move while they are copied: else, in a file that lies
// about where things are, each slot could have all of it.
func roomFor(size uint64) uint64 { return 2*size + 1 }

// shrink gives up the memory of former values if it is out of proportion.
func (s *Snapshot) shrink(room uint64) {
	kept := uint64(0)
	all := s.slots[:cap(s.slots)]
	for i := range all {
		kept += uint64(cap(all[i].val.payload))
	}
	if kept > 2*room {
		clear(all)
		s.slots, s.plan = nil, snapPlan{}
	}
}

// choose finds the slots that match, or keeps those of the last time if the directory is as it was.
func (s *Snapshot) choose(f *file, list []string) error {
	return f.guard(func() error {
		if err := f.superseded(); err != nil && !f.lenient() {
			return err
		}
		changes := f.view().Load(layout.ChangesOff)
		if s.plan.file == f && s.plan.changes == changes && changes&1 == 0 && slices.Equal(s.plan.patterns, list) {
			return nil
		}
		p, err := parsePatterns(list)
		if err != nil {
			return err
		}
		s.plan = snapPlan{file: f, patterns: slices.Clone(list), changes: changes}
		s.slots = s.slots[:0]
		for _, name := range p.literal {
			ref, ext, ok := f.find(name)
			if !ok {
				return &Error{Op: "snapshot", Path: f.path, Slot: name, Err: ErrNoSlot}
			}
			if p.onlyLiterals() {
				s.add(f, ref, ext, name, "")
			}
		}
		if !p.onlyLiterals() {
			var l label
			for i := range f.numEntries() {
				if ref, ext, ok := f.readEntryAgain(i, &l); ok && p.match(string(l.name)) {
					s.add(f, ref, ext, string(l.name), string(l.title))
				}
			}
		}
		slices.SortFunc(s.slots, func(a, b snapSlot) int { return strings.Compare(a.name, b.name) })
		s.slots = slices.CompactFunc(s.slots, func(a, b snapSlot) bool { return a.cursor.ref == b.cursor.ref })
		return nil
	})
}

// add appends a slot, reusing the memory of one that was there before.
func (s *Snapshot) add(f *file, ref entryRef, ext layout.ExtentWord, name, title string) {
	s.slots = slices.Grow(s.slots, 1)[:len(s.slots)+1]
	slot := &s.slots[len(s.slots)-1]
	buf := slot.val.payload
	*slot = snapSlot{name: name, title: title, cursor: f.newCursor(ref, ext), val: value{payload: buf}}
	if title == "" {
		var l label
		if f.readLabel(f.view().Load(ref.off+layout.EntryLabelOff), ref.salt, &l) {
			slot.title = string(l.title)
		}
	}
}

// copyAll copies each slot within the limit; again means that it must start anew. In the last try it looks
// whether a slot that stays out of the limit is damaged: no checksum covers the limit.
func (s *Snapshot) copyAll(f *file, h *how, last bool) (again bool, err error) {
	if f.evidence {
		h.limit = nil
	}
	for i := range s.slots {
		slot := &s.slots[i]
		c, err := slot.cursor.read(&slot.val, h)
		slot.cursor, slot.stored, slot.err = c, nil, nil
		switch {
		case err == nil:
			h.most -= min(uint64(len(slot.val.payload)), h.most-1)
		case err == errLapped, errors.Is(err, ErrBusy):
			if last {
				if _, err = c.read(&slot.val, &checked); errors.Is(err, ErrCorrupt) {
					slot.err = err
					break
				}
			}
			return true, nil // the list may stay: looking it up again takes time in which a writer laps us again
		case errors.Is(err, ErrNoSlot):
			s.plan.changes |= 1 // look again which slots there are
			return true, nil
		case errors.Is(err, ErrCorrupt) && f.evidence:
			slot.err = c.salvage(&slot.val)
		case errors.Is(err, ErrCorrupt), errors.Is(err, ErrNotPublished):
			slot.err = err
		default:
			return false, err
		}
		if slot.err != nil {
			slot.val.version = 0
		}
	}
	return false, s.describe(f)
}

// describe adds what the file knows besides the values, and of which commit they are.
func (s *Snapshot) describe(f *file) error {
	if s.producers == nil || s.producers.f != f {
		s.producers = newProducerCache(f, producerTTL)
	}
	if err := f.guard(s.findProducers); err != nil {
		return err
	}
	s.commit = 0
	several := false
	var only layout.SessionWord // the session of all values
	for i := range s.slots {
		slot := &s.slots[i]
		if slot.err != nil {
			continue
		}
		head := &slot.val.head
		slot.stored, slot.err = slot.cursor.typeOf(head)
		if only == 0 {
			only = head.Session
		}
		if head.Session == only {
			s.commit = max(s.commit, head.Commit)
		} else {
			several = true
		}
	}
	switch r := only.Record(); {
	case several:
		s.commit = 0
	case r < len(s.limit.sessions) && s.limit.sessions[r].number == only.Number():
		s.commit = s.limit.sessions[r].commit
	}
	return nil
}

func (s *Snapshot) findProducers() error {
	v := s.file.view()
	for i := range s.slots {
		slot := &s.slots[i]
		slot.owner = layout.OwnerWord(v.Load(slot.cursor.ref.off + layout.EntryOwnerOff))
		if i > 0 && slot.owner == s.slots[i-1].owner {
			slot.producer = s.slots[i-1].producer
		} else {
			slot.producer = s.producers.get(v, slot.owner)
		}
	}
	return nil
}
