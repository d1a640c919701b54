// Package futex waits in the kernel for a 32-bit word to change, across processes.
//
// The word lies in a shared mapping of a file, which may be mapped PROT_READ by the waiter. Who
// changes the word calls Wake after it. A waiter loads the word, looks at what the word stands for,
// and waits with the value it loaded: a change in between ends the wait at once, so no wake is lost.
//
// All waits are bounded, and any of them may end early without reason: the caller looks again.
// Where the system has no such wait (Kernel is false) the word is polled, first every 0.2 ms and
// then ever slower to every 5 ms, and Wake does nothing. Polling loads the word in Go: there a file
// that was truncated faults in the caller, while the kernel answers EFAULT, which is returned.
//
// All functions may be called by several goroutines at once. A waiting goroutine occupies a thread
// where the kernel waits.
package futex

import (
	"errors"
	"sync/atomic"
	"time"
)

// ErrTimeout: the time is over and nobody woke the waiter.
var ErrTimeout = errors.New("futex: timed out")

// maxWait bounds a single wait, so that no clock arithmetic overflows on any system.
const maxWait = time.Hour

// Wake wakes all who wait on addr in any process that maps the same page.
func Wake(addr *uint32) error { return wake(addr) }

// WakePrivate wakes those of this process whose Wait2 was given cancel. Change the word first.
func WakePrivate(cancel *atomic.Uint32) { wakePrivate(cancel) }

// Wait sleeps while *addr is val, for at most d. It returns nil when woken, when the word has
// another value, or when interrupted; ErrTimeout when d is over; any other error (EFAULT when the
// page is gone) at once and every time, so that a loop which goes on after it would spin.
func Wait(addr *uint32, val uint32, d time.Duration) error {
	return wait(addr, val, bounded(d))
}

// Wait2 is Wait that also ends, with nil, when *cancel is not cancelVal: cancel is a word of this
// process, changed with an atomic store and announced by WakePrivate. Kernels and sandboxes that
// know no wait on two words (ENOSYS, EPERM) are found out once in a process; from then on Wait2
// looks at cancel every 20 ms, and only the cancelling is slower, not the waking.
func Wait2(shared *uint32, val uint32, cancel *atomic.Uint32, cancelVal uint32, d time.Duration) error {
	return wait2(shared, val, cancel, cancelVal, bounded(d))
}

// Barrier makes every running thread of this process execute a full memory barrier and returns
// true; false where the system cannot, then the threads themselves must fence.
func Barrier() bool { return barrier() }

func bounded(d time.Duration) time.Duration { return min(max(d, 0), maxWait) }
