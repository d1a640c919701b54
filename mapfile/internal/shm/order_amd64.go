package shm

import "unsafe"

// storeRelease is a plain MOV, where atomic.StoreUint64 is an XCHG that waits for the line: nothing in
// the protocol needs more than release. Stores are not reordered with stores on amd64, so the compiler
// alone must be stopped, and a call that it does not look into does that.
//
//go:noinline
//go:norace
func storeRelease(p *uint64, value uint64) { *p = value }

//go:noinline
//go:norace
func storeRelease32(p *uint32, value uint32) { *p = value }

// OrderLoads is the reader's ordering point between copying a buffer and looking at its sequence
// again. Loads are not reordered with loads on amd64 either.
//
//go:noinline
func OrderLoads() {}

//go:noescape
func prefetchWrite(p unsafe.Pointer, n uintptr)

func madeByIntel() bool

// Prefetches tells whether PrefetchWrite is worth its instructions. Where a reader copies what is written,
// it makes publishing on Intel's processors two to three times as fast; on AMD's it was measured to
// change nothing.
var Prefetches = madeByIntel()
