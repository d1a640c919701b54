//go:build race

package shm

import (
	"sync/atomic"
	"unsafe"
)

// Copy copies between private and mapped memory, or between two places of it. A reader may copy a
// buffer while its writer fills it, finds out by the sequence, and forgets what it has copied: the
// race detector cannot know that, so here the words are atomic where both sides allow it.
func Copy(dst, src []byte) {
	n := min(len(dst), len(src))
	i := 0
	if n >= 8 && uintptr(unsafe.Pointer(&dst[0]))&7 == 0 && uintptr(unsafe.Pointer(&src[0]))&7 == 0 {
		for ; i+8 <= n; i += 8 {
			w := atomic.LoadUint64((*uint64)(unsafe.Pointer(&src[i])))
			atomic.StoreUint64((*uint64)(unsafe.Pointer(&dst[i])), w)
		}
	}
	copy(dst[i:n], src[i:n])
}
