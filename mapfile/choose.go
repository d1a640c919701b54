package mapfile

import (
	"fmt"

	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/mapfile/internal/shm"
)

// This chapter decides which buffer of a slot to read where the published one is not simply it.

// choose picks the buffer to read where the published one is not simply it: a commit is under way
// (the pending buffer counts if its commit is decided), or a Snapshot's limit excludes the newest.
// A file of another boot has no commits under way: its marks mean nothing.
func (c *cursor) choose(pub layout.PublishWord, lim *limit) (index int, version uint64, pending bool, err error) {
	v := c.view
	if pub.Marked() && !c.file.evidence {
		p := pub.Pending()
		off := c.extent.Buffer(p)
		seq := shm.Peek(v.Word(off))
		if seq <= 2*pub.Version() || seq&1 != 0 {
			return 0, 0, false, c.badMark(pub, v.Word(off), seq)
		}
		in, err := c.decided(v, off, lim)
		if err == errRetry {
			err = c.badMark(pub, v.Word(off), seq)
		}
		if err != nil {
			return 0, 0, false, err
		}
		shm.OrderLoads()
		if shm.Peek(v.Word(off)) != seq {
			return 0, 0, false, errRetry
		}
		if in {
			return p, seq / 2, true, nil
		}
		// What was looked at may be of a later commit than the mark: where the published buffer is pinned,
		// the writer comes around to the pending one before (model session.pml, NO_MARK_RECHECK).
		if layout.PublishWord(shm.Load(c.pub)) != pub {
			return 0, 0, false, errRetry
		}
	}
	index, version = pub.Index(), pub.Version()
	if lim == nil || version == 0 {
		return index, version, false, nil
	}
	for {
		off := c.extent.Buffer(index)
		if seq := shm.Peek(v.Word(off)); seq != 2*version {
			if err := c.unstable(pub, version); err != nil {
				return 0, 0, false, err
			}
			return 0, 0, false, fmt.Errorf("%w: version %d: its buffer has sequence %d", ErrCorrupt, version, seq)
		}
		in, err := c.decided(v, off, lim)
		if err != nil {
			return 0, 0, false, err
		}
		shm.OrderLoads()
		if shm.Peek(v.Word(off)) != 2*version {
			return 0, 0, false, errRetry
		}
		if in {
			return index, version, false, nil
		}
		if version--; version == 0 {
			return 0, 0, false, errLapped
		}
		if index = c.bufferWith(v, version); index < 0 {
			return 0, 0, false, errLapped
		}
	}
}

// badMark decides about a pending buffer that no mark can mean. If publish word, sequence and extent word
// stay what they were, no writer is at work and the slot is damaged. Else: again. It looks twice: a
// take-over brings back the publish word, and then once the sequence (T2, T3), but not a second time
// (model commit.pml, MARK_ONCE).
func (c *cursor) badMark(pub layout.PublishWord, word *uint64, seq uint64) error {
	for range 2 {
		if err := c.unstable(pub, pub.Version()); err != nil {
			return err
		}
		if shm.Peek(word) != seq {
			return errRetry
		}
	}
	return fmt.Errorf("%w: version %d: its mark of a commit names a buffer with sequence %d", ErrCorrupt, pub.Version(), seq)
}

// bufferWith finds the buffer that holds a version, complete.
func (c *cursor) bufferWith(v shm.View, version uint64) int {
	for i := range c.extent.K {
		if shm.Peek(v.Word(c.extent.Buffer(i))) == 2*version {
			return i
		}
	}
	return -1
}

// decided tells whether the commit of the buffer at off is inside the limit; without a limit,
// whether it has been committed.
func (c *cursor) decided(v shm.View, off uint64, lim *limit) (bool, error) {
	session := layout.SessionWord(shm.Peek(v.Word(off + layout.BufferSessionOff)))
	commit := shm.Peek(v.Word(off + layout.BufferCommitOff))
	if lim != nil {
		return lim.inside(session, commit), nil
	}
	if session.Record() >= layout.NumSessions {
		return false, errRetry
	}
	rec := layout.SessionOff(session.Record())
	if v.Load(rec+layout.SessionNumberOff) != session.Number() {
		return false, errRetry // its record has another session by now, so the mark has been cleared
	}
	in := commit <= v.Load(rec+layout.SessionCommitOff)
	if v.Load(rec+layout.SessionNumberOff) != session.Number() {
		return false, errRetry
	}
	return in, nil
}

// limit is the cut of a Snapshot: up to which commit of each session values count.
type limit struct {
	file     *file
	next     uint64 // the first session number that was not given out
	sessions [layout.NumSessions]struct{ number, commit uint64 }
	used     []int // records that had a session when next was first seen
}

// load takes the cut as of now: the next number first, then the records. As long as the next number is the
// same, no other record has got a session that counts.
func (l *limit) load(f *file) bool {
	v := f.view()
	if next := v.Load(layout.NextSessionOff); l.file != f || l.next != next {
		l.file, l.next, l.used = f, next, l.used[:0]
		for i := range l.sessions {
			if l.sessions[i].number = v.Load(layout.SessionOff(i) + layout.SessionNumberOff); l.sessions[i].number != 0 {
				l.used = append(l.used, i)
			}
		}
	}
	for _, i := range l.used {
		off := layout.SessionOff(i)
		s := &l.sessions[i]
		s.number = v.Load(off + layout.SessionNumberOff)
		s.commit = v.Load(off + layout.SessionCommitOff)
		if v.Load(off+layout.SessionNumberOff) != s.number {
			return false
		}
	}
	return true
}

// inside tells whether a buffer of that session and commit counts. A session that is not in the
// vector but has a number from before had ended: all that it published counts.
func (l *limit) inside(session layout.SessionWord, commit uint64) bool {
	if r := session.Record(); r < len(l.sessions) && l.sessions[r].number == session.Number() {
		return commit <= l.sessions[r].commit
	}
	return session.Number() < l.next
}
