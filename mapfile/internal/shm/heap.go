package shm

import "unsafe"

// Heap returns a window over n zero bytes of Go's own memory, which stands in for a mapping where the
// race detector is to see what is done to a file: of mapped memory it knows nothing.
func Heap(n int) View {
	words := make([]uint64, n/8)
	v := NewView(unsafe.Pointer(&words[0]), uintptr(n))
	watchHeap(v)
	return v
}
