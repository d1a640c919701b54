package mapfile

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"

	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/mapfile/internal/testhook"
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
	err := h.sl.update()
	if err != nil {
		err = fail("update", h.sl.s.path, h.sl.name, err)
	}
	runtime.KeepAlive(h)
	return err
}

func (sl *slot) update() error {
	sl.s.bell.stampIfCalm()
	if !sl.encodesInPlace() {
		return sl.updateStaged()
	}
	var done bool
	var err error
	if sl.locker == nil {
		done, err = sl.fillInPlace()
	} else {
		done, err = sl.fillUnderLocker()
	}
	if !done {
		return sl.updateStaged()
	}
	if err == nil {
		sl.shown()
	}
	sl.mu.Unlock()
	return err
}

// encodesInPlace tells whether to encode into the slot's buffer. The first value goes by private
// memory: its size is anybody's guess, and what does not fit uses up a version.
func (sl *slot) encodesInPlace() bool { return sl.inPlace && sl.started.Load() }

// fillUnderLocker is fillInPlace holding the user's Locker for just that. It takes mu only if that is
// free: waiting for it with the Locker held could take as long as a slot's growth, and waiting for the
// Locker with mu held would make Close wait for code of the user.
func (sl *slot) fillUnderLocker() (done bool, err error) {
	sl.locker.Lock()
	defer func() {
		unlocked := false
		defer func() {
			if done && !unlocked { // it ended inside the user's Unlock: nobody will come to unlock mu
				sl.mu.Unlock()
			}
		}()
		sl.locker.Unlock()
		unlocked = true
	}()
	return sl.fillInPlace()
}

// fillInPlace fills from the bound object and publishes; then mu is held. It does nothing if another
// goroutine is at the slot, or if the value has outgrown it. It is fill with the guard written out,
// because it is the hot path.
func (sl *slot) fillInPlace() (done bool, err error) {
	if !sl.mu.TryLock() {
		return false, nil
	}
	old := debug.SetPanicOnFault(true)
	returned := false
	defer func() {
		if returned {
			return
		}
		r := recover()
		if r == nil { // runtime.Goexit: nobody will come to unlock
			sl.mu.Unlock()
		}
		done, err = true, sl.s.explainFill(recoverFill(old, r))
	}()
	v, ticket := sl.takeInPlace()
	src := source{v: v, commit: sl.s.commitNumber(), show: true}
	if raw, ok := v.(*Raw); ok {
		src.payload = nonNil(raw.Payload)
	}
	_, overflow, err := sl.write(&src)
	returned = true
	debug.SetPanicOnFault(old)
	if overflow != nil {
		sl.mu.Unlock()
		return false, nil
	}
	if err == nil {
		sl.published = max(sl.published, ticket)
	}
	return true, err
}

// shown is the end of an update of this slot alone: W6, with mu held, since Close unmaps as soon as it
// has every slot's mu.
func (sl *slot) shown() {
	testhook.Step()
	sl.s.bell.ring()
}

// fillBound fills from src.v in place. A *Raw is its own encoding.
func (sl *slot) fillBound(src *source) (filled, []byte, error) {
	if raw, ok := src.v.(*Raw); ok {
		if err := checkPayload(raw.Payload); err != nil {
			return filled{}, nil, err
		}
		src.payload = nonNil(raw.Payload)
	}
	return sl.fill(src)
}

// fillStaged fills from src.payload, making room first where the slot has outgrown its extent.
func (sl *slot) fillStaged(src source) (filled, error) {
	if err := checkPayload(src.payload); err != nil {
		return filled{}, err
	}
	if uint64(len(src.payload)) > sl.extent.Capacity {
		if err := sl.move(uint64(len(src.payload))); err != nil {
			return filled{}, err
		}
	}
	src.payload = nonNil(src.payload)
	f, overflow, err := sl.fill(&src)
	if err == nil && overflow != nil {
		err = fmt.Errorf("%w: %d bytes do not fit after growing to %d", ErrCorrupt, len(src.payload), sl.extent.Capacity)
	}
	return f, err
}

func checkPayload(p []byte) error {
	if len(p) > layout.MaxPayload {
		return fmt.Errorf("%w: an encoding of %d bytes; %d is the limit", ErrTooLarge, len(p), layout.MaxPayload)
	}
	return nil
}

func nonNil(p []byte) []byte {
	if p == nil {
		return []byte{}
	}
	return p
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
	if sl.overtaken(st.ticket) {
		return nil // a newer state is published already
	}
	if _, err = sl.fillStaged(source{payload: st.buf, commit: sl.s.commitNumber(), show: true}); err == nil {
		sl.published = max(sl.published, st.ticket)
		sl.shown()
	}
	return err
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
	v, ticket, err := sl.take()
	if err != nil {
		return nil, err // before the codec has its say
	}
	st := stagings.Get().(*staging)
	st.ticket = ticket
	if raw, ok := v.(*Raw); ok {
		if err = checkPayload(raw.Payload); err == nil {
			st.buf = append(st.buf[:0], raw.Payload...)
		}
		return st, err
	}
	out, err := appendGuarded(sl.codec, st.buf[:0], v)
	if err != nil {
		st.release()
		return nil, fmt.Errorf("%w: %w", ErrEncode, err)
	}
	st.buf = out
	return st, nil
}
