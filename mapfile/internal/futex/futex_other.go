//go:build !linux

package futex

import (
	"sync/atomic"
	"time"
)

// Kernel tells whether waits sleep in the kernel, or poll.
const Kernel = false

const (
	firstPause   = 200 * time.Microsecond
	longestPause = 5 * time.Millisecond
)

func wake(*uint32) error         { return nil }
func wakePrivate(*atomic.Uint32) {}
func barrier() bool              { return false }

func wait(addr *uint32, val uint32, d time.Duration) error {
	var never atomic.Uint32
	return wait2(addr, val, &never, 0, d)
}

func wait2(shared *uint32, val uint32, cancel *atomic.Uint32, cancelVal uint32, d time.Duration) error {
	deadline := time.Now().Add(d)
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		if atomic.LoadUint32(shared) != val || cancel.Load() != cancelVal {
			return nil
		}
		left := time.Until(deadline)
		if left <= 0 {
			return ErrTimeout
		}
		time.Sleep(min(pause, left))
	}
}
