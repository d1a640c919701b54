package mapfile

import (
	"cmp"
	"errors"
	"slices"

	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/mapfile/internal/shm"
	"github.com/gomapfile/mapfile/mapfile/internal/testhook"
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
	over   []byte // what did not fit in place
	skip   bool   // a newer state of it is published already
}

// commit is the memory of one commit: each slot once, in the order of the entries.
type commit struct {
	slots   []*slot // that it was made for
	members []member
	byGroup []*member // the same, those with one Locker together
	inPlace bool      // all of them can encode in place, under one Locker at most
}

// commit publishes the slots as one.
func (s *session) commit(slots []*slot) error {
	c, ok := s.oldCommits.Get().(*commit)
	if !ok {
		c = new(commit)
	}
	defer s.release(c)
	if c.take(slots); len(c.members) == 0 {
		return s.alive()
	}
	s.bell.stampIfCalm()
	locked, err := c.tryInPlace(s)
	if !locked {
		// Codecs of others, and waiting for more than one Locker, come before any lock is taken.
		if err := c.encode(c.byGroup, (*member).stage); err != nil {
			return err
		}
		c.lock(s)
	}
	defer c.unlock(s)
	number := s.commitNumber() + 1
	if err == nil {
		err = c.fillStaged(number)
	}
	if err != nil {
		s.abort(c.members)
		return err
	}
	if err := s.decide(c.members, number); err != nil {
		return err
	}
	testhook.Step()
	s.bell.ring() // C6
	return nil
}

// take makes the lists, or takes those of an earlier commit of the same slots.
func (c *commit) take(slots []*slot) {
	if !slices.Equal(c.slots, slots) {
		c.slots = append(c.slots[:0], slots...)
		c.list()
	}
	c.inPlace = true
	for i := range c.members {
		sl := c.members[i].slot
		c.inPlace = c.inPlace && sl.encodesInPlace() && sl.group == c.members[0].slot.group
	}
}

func (c *commit) list() {
	clear(c.members)
	clear(c.byGroup)
	c.members, c.byGroup = c.members[:0], c.byGroup[:0]
	for _, sl := range c.slots {
		c.members = append(c.members, member{slot: sl})
	}
	slices.SortFunc(c.members, func(a, b member) int {
		return cmp.Or(cmp.Compare(a.slot.ref.index, b.slot.ref.index), cmp.Compare(a.slot.ref.generation, b.slot.ref.generation))
	})
	c.members = slices.CompactFunc(c.members, func(a, b member) bool { return a.slot == b.slot })
	for i := range c.members {
		c.byGroup = append(c.byGroup, &c.members[i])
	}
	slices.SortStableFunc(c.byGroup, func(a, b *member) int { return cmp.Compare(a.slot.group, b.slot.group) })
}

// release keeps the lists for the next commit: most are of the same slots.
func (s *session) release(c *commit) {
	for i := range c.members {
		m := &c.members[i]
		if m.staged != nil {
			m.staged.release()
		}
		*m = member{slot: m.slot}
	}
	s.oldCommits.Put(c)
}

// lock takes the mutex of commits and those of the slots, in the order of their entries.
func (c *commit) lock(s *session) {
	s.commitMu.Lock()
	for i := range c.members {
		c.members[i].slot.mu.Lock()
	}
}

func (c *commit) unlock(s *session) {
	for i := range c.members {
		c.members[i].slot.mu.Unlock()
	}
	s.commitMu.Unlock()
}

// tryLock is lock without waiting.
func (c *commit) tryLock(s *session) bool {
	if !s.commitMu.TryLock() {
		return false
	}
	for i := range c.members {
		if !c.members[i].slot.mu.TryLock() {
			for _, m := range c.members[:i] {
				m.slot.mu.Unlock()
			}
			s.commitMu.Unlock()
			return false
		}
	}
	return true
}

// tryInPlace encodes straight into the slots, if they all can and their mutexes are free: while the
// user's Locker is held nobody waits for a mutex, and while a mutex is held nobody waits for a
// Locker. If it has done so, also with an error, the mutexes are held.
func (c *commit) tryInPlace(s *session) (locked bool, err error) {
	if !c.inPlace {
		return false, nil
	}
	returned := false
	defer func() {
		if locked && !returned { // runtime.Goexit, or a panic of the Locker: nobody will come to unlock
			s.abort(c.members)
			c.unlock(s)
		}
	}()
	err = c.encode(c.byGroup[:1], func(*member) error { // for its Locker
		if locked = c.tryLock(s); !locked {
			return nil
		}
		number := s.commitNumber() + 1
		var errs []error
		for _, m := range c.byGroup {
			if err := m.fillInPlace(number); err != nil {
				errs = append(errs, m.fail(err))
			}
		}
		return errors.Join(errs...)
	})
	returned = true
	return locked, err
}

// encode calls one for the members, those with one Locker under one hold of it; two Lockers are
// never held together. The error names every slot that failed.
func (c *commit) encode(members []*member, one func(*member) error) error {
	var errs []error
	for rest := members; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].slot.group == rest[0].slot.group {
			n++
		}
		errs = encodeGroup(rest[:n], one, errs)
		rest = rest[n:]
	}
	return errors.Join(errs...)
}

func encodeGroup(group []*member, one func(*member) error, errs []error) []error {
	if l := group[0].slot.locker; l != nil {
		l.Lock()
		defer l.Unlock()
	}
	for _, m := range group {
		if err := one(m); err != nil {
			errs = append(errs, m.fail(err))
		}
	}
	return errs
}

// stage encodes into private memory.
func (m *member) stage() (err error) {
	if m.staged, err = m.slot.stage(); err == nil {
		m.ticket = m.staged.ticket
	}
	return err
}

func (m *member) fillInPlace(number uint64) error {
	v, ticket := m.slot.takeInPlace()
	src := source{v: v, commit: number}
	f, over, err := m.slot.fillBound(&src)
	if m.ticket = ticket; err != nil || over != nil {
		m.over = over
		return err
	}
	m.filled = f
	return nil
}

// fillStaged fills a spare buffer of each slot that was not filled in place: C1. Slots grow where
// they must; no Locker is held.
func (c *commit) fillStaged(number uint64) error {
	var errs []error
	for i := range c.members {
		m := &c.members[i]
		var err error
		switch {
		case m.over != nil:
			m.filled, err = m.slot.fillStaged(source{payload: m.over, commit: number})
		case m.staged == nil: // filled in place
		case m.slot.overtaken(m.ticket):
			m.skip = true
		default:
			m.filled, err = m.slot.fillStaged(source{payload: m.staged.buf, commit: number})
		}
		if err != nil {
			errs = append(errs, m.fail(err))
		}
	}
	return errors.Join(errs...)
}

// abort makes every filled buffer incomplete (C2), before the commit's number is used again.
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
				testhook.Step()
				shm.StoreRelease(sl.pub, uint64(layout.NewPublishWord(sl.version, sl.current, m.filled.buffer, sl.ref.salt)))
			}
		}
		testhook.Step()
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
