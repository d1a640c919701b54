package futex

// The raw calls, the only place of this package that needs unsafe: the kernel wants addresses.
//
// All blocking calls go through unix.Syscall6, which lets the scheduler give the processor to other
// goroutines while the thread sleeps.

import (
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	opWait        = 0
	opWake        = 1
	opPrivateFlag = 128

	futex2SizeU32 = 0x02
	futex2Private = 128

	everybody = 1<<31 - 1

	membarrierPrivateExpedited         = 1 << 3
	membarrierRegisterPrivateExpedited = 1 << 4
)

// waiter is the kernel's struct futex_waitv.
type waiter struct {
	val   uint64
	addr  uint64
	flags uint32
	_     uint32
}

// timespec64 is the kernel's struct __kernel_timespec, the same on 32-bit processors.
type timespec64 struct {
	sec, nsec int64
}

func futexWait(addr *uint32, val uint32, d time.Duration) unix.Errno {
	ts := unix.NsecToTimespec(int64(d))
	_, _, errno := unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(addr)), opWait, uintptr(val),
		uintptr(unsafe.Pointer(&ts)), 0, 0)
	return errno
}

func futexWake(addr *uint32) unix.Errno {
	_, _, errno := unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(addr)), opWake, everybody, 0, 0, 0)
	return errno
}

func futexWakePrivate(addr *atomic.Uint32) unix.Errno {
	_, _, errno := unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(addr)), opWake|opPrivateFlag, everybody, 0, 0, 0)
	return errno
}

func futexWaitv(shared *uint32, val uint32, cancel *atomic.Uint32, cancelVal uint32, d time.Duration) unix.Errno {
	// Unlike futex, futex_waitv wants a point in time.
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return unix.ENOSYS
	}
	end := now.Nano() + int64(d)
	until := timespec64{sec: end / 1e9, nsec: end % 1e9}
	return waitv(uintptr(unsafe.Pointer(shared)), val, uintptr(unsafe.Pointer(cancel)), cancelVal, &until)
}

// waitv puts the addresses into a structure, where the compiler does not see them as pointers any
// more. The directive makes it keep what they point to alive, on the heap, until waitv returns.
//
//go:uintptrescapes
//go:noinline
func waitv(shared uintptr, val uint32, cancel uintptr, cancelVal uint32, until *timespec64) unix.Errno {
	words := [2]waiter{
		{val: uint64(val), addr: uint64(shared), flags: futex2SizeU32},
		{val: uint64(cancelVal), addr: uint64(cancel), flags: futex2SizeU32 | futex2Private},
	}
	_, _, errno := unix.Syscall6(unix.SYS_FUTEX_WAITV, uintptr(unsafe.Pointer(&words)), uintptr(len(words)), 0,
		uintptr(unsafe.Pointer(until)), unix.CLOCK_MONOTONIC, 0)
	return errno
}

func membarrier(cmd uintptr) unix.Errno {
	_, _, errno := unix.Syscall(unix.SYS_MEMBARRIER, cmd, 0, 0)
	return errno
}
