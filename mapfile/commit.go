package mapfile

import (
	"errors"
	"slices"
	"sync"

	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/mapfile/internal/shm"
)

// This chapter is Update of several slots as one commit: all of it is visible at one instant, or
// nothing ever. A commit fills a spare buffer of each slot, marks each as pending in its publish
// word, and then stores the commit word of the session: that is the commit point. Who dies before it
// changed nothing, who dies after it changed everything, because readers take a pending buffer for
// the value as soon as its commit is decided.

// member is a slot's part in a commit.
type member struct {
	slot   *slot
	staged *staging // nil: encoded in place
	ticket uint64
	filled filled
	skip   bool // a newer state of it is published already
}

// commit publishes the slots as one. Slots are locked in the order of their entries.
func (s *session) commit(slots []*slot) error {
	members, inPlace := s.members(slots)
	if len(members) == 0 {
		return s.alive()
	}
	if !inPlace { // codecs of others run before any lock is taken
		defer func() {
			for i := range members {
				if st := members[i].staged; st != nil {
					st.release()
				}
			}
		}()
		if err := s.stageAll(members); err != nil {
			return err
		}
	}
	s.bell.stampIfCalm()
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	for i := range members {
		members[i].slot.mu.Lock()
	}
	defer func() {
		for i := range members {
			members[i].slot.mu.Unlock()
		}
	}()
	number := s.commitNumber() + 1
	if err := s.fillAll(members, number, inPlace); err != nil {
		s.abort(members)
		return err
	}
	if err := s.decide(members, number); err != nil {
		return err
	}
	s.bell.ring()
	return nil
}

// members makes the list: each slot once, in the order of the entries. inPlace tells whether all of
// them encode in place.
func (s *session) members(slots []*slot) (members []member, inPlace bool) {
	members, inPlace = make([]member, 0, len(slots)), true
	for _, sl := range slots {
		members = append(members, member{slot: sl})
		inPlace = inPlace && sl.encodesInPlace()
	}
	slices.SortFunc(members, func(a, b member) int { return int(int64(a.slot.ref.index) - int64(b.slot.ref.index)) })
	members = slices.CompactFunc(members, func(a, b member) bool { return a.slot == b.slot })
	return members, inPlace
}

// byLocker calls do once for each Locker with its members, holding it; two Lockers are never held
// together. Members without one come as one group.
func byLocker(members []member, do func(group []*member) error) error {
	var lockers []sync.Locker
	groups := map[sync.Locker][]*member{}
	for i := range members {
		l := members[i].slot.locker
		if _, ok := groups[l]; !ok {
			lockers = append(lockers, l)
		}
		groups[l] = append(groups[l], &members[i])
	}
	var errs []error
	for _, l := range lockers {
		errs = append(errs, func() error {
			if l != nil {
				l.Lock()
				defer l.Unlock()
			}
			return do(groups[l])
		}())
	}
	return errors.Join(errs...)
}

// stageAll encodes everything into private memory. The error names every slot that failed.
func (s *session) stageAll(members []member) error {
	return byLocker(members, func(group []*member) error {
		var errs []error
		for _, m := range group {
			var err error
			if m.staged, err = m.slot.stage(); err == nil {
				m.ticket = m.staged.ticket
			}
			errs = append(errs, m.fail(err))
		}
		return errors.Join(errs...)
	})
}

// fillAll fills a spare buffer of each slot; slots grow where they must, while no Locker is held.
func (s *session) fillAll(members []member, number uint64, inPlace bool) error {
	var errs []error
	if inPlace {
		overflow := map[*member][]byte{}
		err := byLocker(members, func(group []*member) error {
			var errs []error
			for _, m := range group {
				var v any
				v, m.ticket = m.slot.take()
				f, over, err := m.slot.fillBound(v, number)
				if m.filled = f; over != nil && err == nil {
					overflow[m] = over
					m.filled = filled{}
				}
				errs = append(errs, m.fail(err))
			}
			return errors.Join(errs...)
		})
		errs = append(errs, err)
		for m, payload := range overflow {
			var err error
			m.filled, err = m.slot.fillStaged(payload, number)
			errs = append(errs, m.fail(err))
		}
		return errors.Join(errs...)
	}
	for i := range members {
		m := &members[i]
		if m.slot.err == nil && m.ticket < m.slot.published {
			m.skip = true
			continue
		}
		var err error
		m.filled, err = m.slot.fillStaged(m.staged.buf, number)
		errs = append(errs, m.fail(err))
	}
	return errors.Join(errs...)
}

// abort makes every filled buffer incomplete, before the commit's number is used again.
func (s *session) abort(members []member) {
	s.guard(func() error {
		for i := range members {
			if m := &members[i]; m.filled.version != 0 {
				m.slot.forget(m.filled)
			}
		}
		return nil
	})
}

// decide marks every slot, stores the commit word and publishes: C3 to C5.
func (s *session) decide(members []member, number uint64) error {
	return s.guard(func() error {
		for i := range members { // C3: from here on no slot may move
			if m := &members[i]; !m.skip {
				sl := m.slot
				shm.StoreRelease(sl.pub, uint64(layout.NewPublishWord(sl.version, sl.current, m.filled.buffer, sl.ref.salt)))
			}
		}
		shm.StoreRelease(s.commitWord, number) // C4: the commit point
		s.commits.Store(number)
		for i := range members { // C5
			if m := &members[i]; !m.skip {
				m.slot.show(m.filled)
				m.slot.published = max(m.slot.published, m.ticket)
			}
		}
		return nil
	})
}

// fail names the member's slot in an error.
func (m *member) fail(err error) error {
	return fail("update", m.slot.s.path, m.slot.name, err)
}
