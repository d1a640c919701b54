package futex

import (
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Kernel tells whether waits sleep in the kernel, or poll.
const Kernel = true

// slice is how long the fallback of wait2 sleeps before it looks at the cancel word again.
const slice = 20 * time.Millisecond

// noWaitv is set once the kernel or a seccomp filter has refused futex_waitv: it will not change its
// mind while the process lives.
var noWaitv atomic.Bool

func wake(addr *uint32) error {
	if errno := futexWake(addr); errno != 0 {
		return os.NewSyscallError("futex", errno)
	}
	return nil
}

func wakePrivate(cancel *atomic.Uint32) { futexWakePrivate(cancel) }

func wait(addr *uint32, val uint32, d time.Duration) error {
	return outcome("futex", futexWait(addr, val, d))
}

func wait2(shared *uint32, val uint32, cancel *atomic.Uint32, cancelVal uint32, d time.Duration) error {
	if !noWaitv.Load() {
		errno := futexWaitv(shared, val, cancel, cancelVal, d)
		if errno != unix.ENOSYS && errno != unix.EPERM {
			return outcome("futex_waitv", errno)
		}
		noWaitv.Store(true)
	}
	return waitInSlices(shared, val, cancel, cancelVal, d)
}

// waitInSlices never loads the shared word itself: the kernel compares it, and answers EFAULT
// where a load would be a fatal fault.
func waitInSlices(shared *uint32, val uint32, cancel *atomic.Uint32, cancelVal uint32, d time.Duration) error {
	deadline := time.Now().Add(d)
	for cancel.Load() == cancelVal {
		left := max(time.Until(deadline), 0)
		errno := futexWait(shared, val, min(left, slice))
		inside := errno == unix.ETIMEDOUT && left > slice
		// The scheduler's signals end a sleep of this kind early, and often: not worth a look.
		if !inside && errno != unix.EINTR {
			return outcome("futex", errno)
		}
	}
	return nil
}

func outcome(call string, errno unix.Errno) error {
	switch errno {
	case 0, unix.EAGAIN, unix.EINTR:
		return nil
	case unix.ETIMEDOUT:
		return ErrTimeout
	}
	return os.NewSyscallError(call, errno)
}

// registerBarrier tells the kernel once that this process will ask for barriers; the first call
// takes milliseconds, later ones nothing.
var registerBarrier = sync.OnceValue(func() bool {
	return membarrier(membarrierRegisterPrivateExpedited) == 0
})

func barrier() bool {
	return registerBarrier() && membarrier(membarrierPrivateExpedited) == 0
}
