package mapfile

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomapfile/mapfile/mapfile/internal/futex"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/mapfile/internal/shm"
)

// bell wakes readers. Nobody knows whether anyone listens, a wake is a system call, and the bell is a
// line that all producers share, so rings are coalesced: the first publish after a calm rings at once
// and opens a window; publishes within it only leave a note, and at its end the ringer rings for all
// of them. The note is a word in this process's memory:
//
//	0 calm   1 window open   2 window open, and something was published in it
//
// At the end of a window the ringer takes the note back before it rings. A publish that still saw the
// note is in memory by then, because the ringer makes every thread of the process pass a barrier in
// between; where there is no such system call, ring does it with an atomic add of its own.
// (The model bell.pml shows that no wake is lost, and that each part is needed.)
type bell struct {
	_       [64]byte // the note is read by every publish: alone on its line
	note    atomic.Uint32
	fence   bool // no barrier in the ringer: fence in ring
	private atomic.Uint64
	_       [40]byte

	s     *session
	kick  chan struct{}
	quit  chan struct{}
	once  sync.Once
	ended sync.WaitGroup
}

// window is for how long publishes are collected.
const window = 200 * time.Microsecond

func newBell(s *session) *bell {
	b := &bell{s: s, fence: !futex.Barrier(), kick: make(chan struct{}, 1), quit: make(chan struct{})}
	b.ended.Add(1)
	go b.ringer()
	return b
}

// ring is called after each publish, and after the last one of a commit.
func (b *bell) ring() {
	if b.fence || b.note.Load() != 2 { // else the ringer will do it
		b.ringOrNote()
	}
}

func (b *bell) ringOrNote() {
	if b.fence {
		b.private.Add(1)
	}
	for {
		switch b.note.Load() {
		case 2:
			return
		case 1:
			if b.note.CompareAndSwap(1, 2) {
				return
			}
		case 0: // whoever opens the window rings
			if b.note.CompareAndSwap(0, 1) {
				b.ringNow()
				b.kick <- struct{}{} // there is room: one kick for each time that the note leaves 0
				return
			}
		}
	}
}

// stampIfCalm brings the clock up to date if no ringer does.
func (b *bell) stampIfCalm() {
	if b.note.Load() == 0 {
		b.s.clock.refresh()
	}
}

// ringNow bumps the bell and wakes everybody. The add is atomic: several producers share the bell.
func (b *bell) ringNow() {
	b.s.guard(func() error {
		return addAndWake(b.s.mem().Word32(layout.BellOff))
	})
}

// ringer ends windows.
func (b *bell) ringer() {
	defer b.ended.Done()
	for {
		select {
		case <-b.quit:
			return
		case <-b.kick:
		}
		for open := true; open; {
			time.Sleep(window)
			b.s.clock.refresh()
			if b.note.Swap(1) == 2 {
				futex.Barrier()
				b.ringNow()
			} else {
				// Nothing was published in this window. If that is still so, there is calm.
				open = !b.note.CompareAndSwap(1, 0)
			}
		}
	}
}

// stop ends the ringer and rings once more, for what was published in its last window.
func (b *bell) stop() {
	b.once.Do(func() { close(b.quit) })
	b.ended.Wait()
	b.ringNow()
}

func addAndWake(bell *uint32) error {
	shm.Add32(bell, 1)
	return futex.Wake(bell)
}
