package mapfile

import (
	"errors"
	"maps"
	"runtime"
	"slices"

	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/mapfile/internal/shm"
)

// Remove removes a slot of this session or of a producer that is gone. Readers get ErrNoSlot from now
// on, watchers an event. The bytes stay in the file until their space is used again.
func (mf *MapFile) Remove(name string) error {
	s, err := mf.writer()
	if err == nil {
		err = s.removeName(name)
	}
	return fail("remove", mf.Path(), name, err)
}

// RemoveAll removes the slots of this session.
func (mf *MapFile) RemoveAll() error {
	defer runtime.KeepAlive(mf)
	s, err := mf.writer()
	if err != nil {
		return fail("remove", mf.Path(), "", err)
	}
	var errs []error
	for _, sl := range s.all() {
		if err := s.removeSlot(sl); !errors.Is(err, ErrNoSlot) {
			errs = append(errs, fail("remove", s.path, sl.name, err))
		}
	}
	return errors.Join(errs...)
}

func (s *session) removeName(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	s.mu.Lock()
	sl, err := s.slots[name], s.gone
	s.mu.Unlock()
	if err != nil {
		return err
	}
	if sl != nil {
		return s.removeSlot(sl)
	}
	return s.change(func(m shm.Mem) error {
		ref, ext, found := s.find(name)
		if !found {
			return ErrNoSlot
		}
		if owner := layout.OwnerWord(m.Load(ref.off + layout.EntryOwnerOff)); owner.Number() != s.number {
			if err := s.mustBeGone(m, owner); err != nil {
				return err
			}
		} else if s.reserved(name) {
			return ErrNoSlot // an Add of it has not returned yet
		}
		s.repairSlot(m, ref.index)
		extent := ext.Decode()
		m.Store(ref.off+layout.EntryFloorOff, highestVersion(m, ref.off, &extent))
		s.remove(m, ref)
		return nil
	})
}

// reserved tells whether this handle has the name, or is about to.
func (s *session) reserved(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.slots[name]
	return ok
}

// removeSlot removes a slot of ours: its handle answers ErrNoSlot from now on.
func (s *session) removeSlot(sl *slot) error {
	sl.mu.Lock()
	defer sl.mu.Unlock()
	if sl.err != nil {
		return sl.err
	}
	err := s.change(func(m shm.Mem) error {
		m.Store(sl.ref.off+layout.EntryFloorOff, sl.top)
		s.remove(m, sl.ref)
		return nil
	})
	if err != nil {
		return err
	}
	sl.end(ErrNoSlot)
	s.mu.Lock()
	delete(s.slots, sl.name)
	s.list = nil
	s.mu.Unlock()
	s.leaveGroup(sl.locker)
	return nil
}

// all returns the slots of this session. The list is shared: it is made anew when a slot comes or goes.
func (s *session) all() []*slot {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.list == nil {
		s.list = slices.DeleteFunc(slices.Collect(maps.Values(s.slots)), func(sl *slot) bool { return sl == nil })
	}
	return s.list
}
