//go:build !race

package mapfile

import (
	"sync/atomic"

	"github.com/gomapfile/mapfile/mapfile/internal/shm"
)

// slotLock is a mutex whose Unlock is a release store, where sync.Mutex has another locked instruction,
// which would wait for every line that the update has written. Nobody waits for it in the usual case;
// who has to, because a slot is moved or two goroutines update it, polls. (The race detector does not
// understand it, and gets a sync.Mutex.)
type slotLock struct{ held uint32 }

func (l *slotLock) TryLock() bool { return atomic.CompareAndSwapUint32(&l.held, 0, 1) }

func (l *slotLock) Lock() {
	for try := 0; !l.TryLock(); try++ {
		pause(try)
	}
}

func (l *slotLock) Unlock() { shm.StoreRelease32(&l.held, 0) }
