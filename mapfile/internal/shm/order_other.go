//go:build !amd64

package shm

import (
	"sync/atomic"
	"unsafe"
)

// storeRelease is STLR on arm64.
func storeRelease(p *uint64, value uint64)   { atomic.StoreUint64(p, value) }
func storeRelease32(p *uint32, value uint32) { atomic.StoreUint32(p, value) }

// OrderLoads is the reader's ordering point between copying a buffer and looking at its sequence
// again: a release store to private memory cannot pass the loads before it, and an acquiring load
// cannot pass the store (litmus W-StoreLoad_R-StoreLoad). A store or an atomic add to the shared
// word would fault on a read-only mapping.
func OrderLoads() {
	var private uint32
	atomic.StoreUint32(&private, 1)
}

func prefetchWrite(unsafe.Pointer, uintptr) {}

// Prefetches tells whether PrefetchWrite is worth its instructions: not here, where it does nothing.
const Prefetches = false
