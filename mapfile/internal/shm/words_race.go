//go:build race

package shm

import (
	"runtime"
	"slices"
	"sync/atomic"
	"unsafe"
)

// With the race detector on there are two kinds of windows.
//
// Mapped memory is nothing that the detector knows about, and the functions of sync/atomic run in its
// C code, where a fault ends the process. So there are plain loads, which are atomic on 64-bit
// processors; that they are function calls orders them.
//
// Memory of Heap it sees: there the words are those of sync/atomic, which tell it what is published
// and what is acquired. It finds accesses to a word by other means than these, and writes of any
// bytes that neither a lock nor such a word puts in an order.

// heaps are the windows that Heap has made. Loading the list orders nothing for the detector but what
// happened before the last of them was made.
var heaps atomic.Pointer[[]View]

func watchHeap(v View) {
	for {
		old := heaps.Load()
		var list []View
		if old != nil {
			list = slices.Clone(*old)
		}
		list = append(list, v)
		if heaps.CompareAndSwap(old, &list) {
			return
		}
	}
}

//go:norace
func onHeap(p unsafe.Pointer) bool {
	list := heaps.Load()
	if list == nil {
		return false
	}
	for _, v := range *list {
		if v.Contains(uintptr(p)) {
			return true
		}
	}
	return false
}

// Load, Load32 and Add32 work on words whose address Word or Word32 gave.
//
//go:norace
//go:noinline
func Load(p *uint64) uint64 {
	if onHeap(unsafe.Pointer(p)) {
		return atomic.LoadUint64(p)
	}
	return *p
}

//go:norace
//go:noinline
func Load32(p *uint32) uint32 {
	if onHeap(unsafe.Pointer(p)) {
		return atomic.LoadUint32(p)
	}
	return *p
}

// Peek and Peek32 load words that may not be words any more: of an extent or an index that was given
// away since somebody looked up where it is. Whoever peeks looks afterwards whether it still is there,
// so the detector is not told.
//
//go:norace
//go:noinline
func Peek(p *uint64) uint64 { return *p }

//go:norace
//go:noinline
func Peek32(p *uint32) uint32 { return *p }

// Add32 loads first: what faults does so there.
func Add32(p *uint32, n uint32) uint32 {
	_ = Load32(p)
	return atomic.AddUint32(p, n)
}

// StoreRelease stores value in *p: all that was written before it is visible to who sees it.
func StoreRelease(p *uint64, value uint64) {
	if onHeap(unsafe.Pointer(p)) {
		atomic.StoreUint64(p, value)
		return
	}
	storeRelease(p, value)
}

// StoreRelease32 is StoreRelease for half a word.
func StoreRelease32(p *uint32, value uint32) {
	if onHeap(unsafe.Pointer(p)) {
		atomic.StoreUint32(p, value)
		return
	}
	storeRelease32(p, value)
}

// Copy copies between private and mapped memory, or between two places of it. A reader may copy a
// buffer while its writer fills it, finds that out by the sequence, and forgets what it has copied:
// so the detector is not told of the reads. Of the writes it is: two writers must never meet.
//
//go:norace
func Copy(dst, src []byte) {
	n := min(len(dst), len(src))
	if n == 0 {
		return
	}
	if onHeap(unsafe.Pointer(&dst[0])) {
		runtime.RaceWriteRange(unsafe.Pointer(&dst[0]), n)
	}
	if !onHeap(unsafe.Pointer(&src[0])) {
		copy(dst, src)
		return
	}
	// The builtin tells the detector, whatever the function it stands in says; assignments do not.
	const piece = 512
	i := 0
	for ; n-i >= piece; i += piece {
		*(*[piece]byte)(dst[i:]) = *(*[piece]byte)(src[i:])
	}
	for ; i < n; i++ {
		dst[i] = src[i]
	}
}
