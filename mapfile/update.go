package mapfile

import (
	"fmt"
	"runtime"
	"sync"

	"github.com/gomapfile/mapfile/mapfile/internal/layout"
)

// This chapter is Update of one slot: the hot path. No name is looked up, and nothing allocated but by
// the codec.
//
// A codec of this module that promises to behave encodes straight into the slot's spare buffer, with
// the slot's mutex held. Codecs of others get private memory, before any lock is taken: they may
// keep, overrun or replace it, panic, or call back into the MapFile, and none of that hurts the slot.
// In that case, and where another goroutine is at the slot, the encoding waits for its turn; one that
// is overtaken by a newer one is dropped.

// Update encodes the bound object and publishes it as the slot's next version. Readers see it from
// now on; Update waits for none of them. On an error the old value stays.
//
// Several goroutines may Update one slot at once. When Update returns, the state that it encoded or
// a newer one is published.
func (h *Slot) Update() error {
	if h == nil || h.sl == nil {
		return fail("update", "", "", ErrClosed)
	}
	err := fail("update", h.sl.s.path, h.sl.name, h.sl.update())
	runtime.KeepAlive(h)
	return err
}

func (sl *slot) update() error {
	sl.s.bell.stampIfCalm()
	if sl.encodesInPlace() {
		if done, err := sl.updateInPlace(); done {
			return err
		}
	}
	return sl.updateStaged()
}

// encodesInPlace tells whether to encode into the slot's buffer. The first value goes by private
// memory: its size is anybody's guess, and what does not fit uses up a version.
func (sl *slot) encodesInPlace() bool { return sl.inPlace && sl.started.Load() }

// updateInPlace does nothing if another goroutine is at the slot.
func (sl *slot) updateInPlace() (done bool, err error) {
	f, overflow, ticket, locked, err := sl.fillLocked()
	if !locked {
		return false, nil
	}
	defer sl.mu.Unlock()
	if err == nil && overflow != nil {
		f, err = sl.fillStaged(overflow, sl.s.commitNumber())
	}
	if err == nil {
		err = sl.publishOne(f, ticket)
	}
	return true, err
}

// fillLocked fills from the bound object, in place, holding the user's Locker for just that. It takes
// mu if that is free: waiting for it with the Locker held could take as long as a slot's growth, and
// waiting for the Locker with mu held would make Close wait for code of the user.
func (sl *slot) fillLocked() (f filled, overflow []byte, ticket uint64, locked bool, err error) {
	if sl.locker != nil {
		sl.locker.Lock()
		defer sl.locker.Unlock()
	}
	if !sl.mu.TryLock() {
		return f, nil, 0, false, nil
	}
	v, ticket := sl.take()
	f, overflow, err = sl.fillBound(v, sl.s.commitNumber())
	return f, overflow, ticket, true, err
}

// fillBound fills from v in place. A *Raw is its own encoding.
func (sl *slot) fillBound(v any, commit uint64) (filled, []byte, error) {
	if raw, ok := v.(*Raw); ok {
		if len(raw.Payload) > layout.MaxPayload {
			return filled{}, nil, fmt.Errorf("%w: a payload of %d bytes; %d is the limit", ErrTooLarge, len(raw.Payload), layout.MaxPayload)
		}
		return sl.fill(nonNil(raw.Payload), nil, commit)
	}
	return sl.fill(nil, v, commit)
}

// fillStaged fills from private memory, making room first where the slot has outgrown its extent.
func (sl *slot) fillStaged(payload []byte, commit uint64) (filled, error) {
	if len(payload) > layout.MaxPayload {
		return filled{}, fmt.Errorf("%w: an encoding of %d bytes; %d is the limit", ErrTooLarge, len(payload), layout.MaxPayload)
	}
	if uint64(len(payload)) > sl.extent.Capacity {
		if err := sl.move(uint64(len(payload))); err != nil {
			return filled{}, err
		}
	}
	f, overflow, err := sl.fill(nonNil(payload), nil, commit)
	if err == nil && overflow != nil {
		err = fmt.Errorf("%w: %d bytes do not fit after growing to %d", ErrCorrupt, len(payload), sl.extent.Capacity)
	}
	return f, err
}

func nonNil(p []byte) []byte {
	if p == nil {
		return []byte{}
	}
	return p
}

// publishOne makes a filled buffer the value: W5 and W6, with mu held to the end, since Close unmaps as
// soon as it has every slot's mu.
func (sl *slot) publishOne(f filled, ticket uint64) error {
	if err := sl.s.guard(func() error { sl.show(f); return nil }); err != nil {
		return err
	}
	sl.published = max(sl.published, ticket)
	sl.s.bell.ring()
	return nil
}

// commitNumber is the number of this session's last commit.
func (s *session) commitNumber() uint64 { return s.commits.Load() }

// staging is an encoding in private memory.
type staging struct {
	buf    []byte
	ticket uint64
}

var stagings = sync.Pool{New: func() any { return new(staging) }}

// keepStaging bounds what an idle process keeps for encoding.
const keepStaging = 4 << 20

func (st *staging) release() {
	if cap(st.buf) <= keepStaging {
		stagings.Put(st)
	}
}

func (sl *slot) updateStaged() error {
	st, err := sl.stageLocked()
	if err != nil {
		return err
	}
	defer st.release()
	sl.mu.Lock()
	defer sl.mu.Unlock()
	if st.ticket < sl.published && sl.err == nil {
		return nil // a newer state is published already
	}
	f, err := sl.fillStaged(st.buf, sl.s.commitNumber())
	if err != nil {
		return err
	}
	return sl.publishOne(f, st.ticket)
}

// stageLocked encodes into private memory, holding the user's Locker for just that.
func (sl *slot) stageLocked() (*staging, error) {
	if sl.locker != nil {
		sl.locker.Lock()
		defer sl.locker.Unlock()
	}
	return sl.stage()
}

// stage encodes the bound object into private memory.
func (sl *slot) stage() (*staging, error) {
	v, ticket := sl.take()
	st := stagings.Get().(*staging)
	st.ticket = ticket
	if raw, ok := v.(*Raw); ok {
		st.buf = append(st.buf[:0], raw.Payload...)
		return st, nil
	}
	out, err := appendGuarded(sl.codec, st.buf[:0], v)
	if err != nil {
		st.release()
		return nil, fmt.Errorf("%w: %w", ErrEncode, err)
	}
	st.buf = out
	return st, nil
}
