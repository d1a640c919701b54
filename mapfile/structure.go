package mapfile

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/gomapfile/mapfile/mapfile/internal/filelock"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/mapfile/internal/shm"
)

// This chapter is the structure lock: everything that adds, moves or removes happens under it, one
// holder at a time, over all processes. The lock is a byte lock of the kernel, which frees it when
// its holder dies. The structure word is odd while a holder is at work: who gets the lock and finds
// it odd knows that a holder died, and rebuilds what can be derived, free map and index, from what
// is reachable. Every change is prepared first and made visible by one atomic store, so a death at
// any instruction leaks space at worst, and only until the rebuild.

// change does the work under the structure lock, on memory that may be written.
func (s *session) change(do func(m shm.Mem) error) error {
	unlock, err := s.lockStructure()
	if err != nil {
		return err
	}
	defer unlock()
	return s.guard(func() error {
		m := s.mem()
		if err := s.superseded(); err != nil {
			return err
		}
		s.size() // one that is not true ends here, before anything is allocated by it
		word := m.Load(layout.StructureOff)
		if word&1 != 0 {
			s.log.Warn("mapfile: a producer died while it changed the file; rebuilding index and free map", "path", s.path)
			if err := s.rebuild(m); err != nil {
				return err
			}
			word++
		}
		m.Store(layout.StructureHolderOff, s.number)
		m.Store32(layout.StructurePIDOff, uint32(os.Getpid()))
		m.Store(layout.StructureOff, word+1)
		shm.OrderAfterStore(m.Word(layout.StructureOff))
		// An error leaves everything consistent, so the word gets even again; a fault or a panic does
		// not, and the next holder rebuilds.
		err := do(m)
		m.Store(layout.StructureOff, word+2)
		ringBell(m) // uncoalesced: these are rare
		return err
	})
}

// lockStructure takes the lock, waiting for others at most as long as WithLockTimeout says.
func (s *session) lockStructure() (unlock func(), err error) {
	deadline := time.Now().Add(s.lockTimeout)
	timer := time.NewTimer(s.lockTimeout)
	defer timer.Stop()
	select { // goroutines of this handle share its descriptor, which a byte lock does not tell apart
	case s.structure <- struct{}{}:
	default: // only now the timer: when both are ready, select would take either
		select {
		case s.structure <- struct{}{}:
		case <-timer.C:
			return nil, fmt.Errorf("%w: by another goroutine of this process", ErrLocked)
		}
	}
	for wait := 20 * time.Microsecond; ; wait = min(2*wait, 5*time.Millisecond) {
		if s.closed.Load() {
			<-s.structure
			return nil, ErrClosed
		}
		err := filelock.Try(s.region.Fd(), layout.StructureLockOff)
		if err == nil {
			return func() {
				filelock.Unlock(s.region.Fd(), layout.StructureLockOff)
				<-s.structure
			}, nil
		}
		if !errors.Is(err, filelock.ErrHeld) {
			<-s.structure
			return nil, err
		}
		if !time.Now().Before(deadline) {
			<-s.structure
			return nil, lockedBy(s.view(), s.lockTimeout)
		}
		time.Sleep(wait)
	}
}

// lockedBy names the holder of the structure lock, as far as the file knows it.
func lockedBy(v shm.View, waited time.Duration) error {
	err := fmt.Errorf("%w, for more than %v; a reader may hold it, too: see who has the file open", ErrLocked, waited)
	shm.Guard(func() error {
		if v.Load(layout.StructureOff)&1 != 0 {
			err = fmt.Errorf("%w: by session %d, pid %d, for more than %v; continue or end that process",
				ErrLocked, v.Load(layout.StructureHolderOff), v.Load32(layout.StructurePIDOff), waited)
		}
		return nil
	})
	return err
}
