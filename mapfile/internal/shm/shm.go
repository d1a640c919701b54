// Package shm is atomic words and bytes over mapped memory, the ordering between them, and the guard
// that turns faults into errors. It is one of the few packages that use unsafe.
//
// Who may write is a type: a View has no method that stores; Mem is a View that can.
//
// An offset from a file may be anything. View and Mem check it against the window and panic with
// Bounds, which Guard turns into an error, as it does with a fault (SIGBUS) in a file that somebody
// cut. So every access to mapped memory happens under a guard.
package shm

import (
	"unsafe"

	"github.com/gomapfile/mapfile/mapfile/internal/testhook"
)

// View is a window of mapped memory that is only read.
type View struct {
	base unsafe.Pointer
	size uint64
}

// Mem is a window of mapped memory that may be written.
type Mem struct{ View }

// NewView returns a view of size bytes at base, which is aligned to 8 at least.
func NewView(base unsafe.Pointer, size uintptr) View { return View{base, uint64(size)} }

// Writable returns the view's memory for writing; the mapping must allow it.
func Writable(v View) Mem { return Mem{v} }

// Len returns the size of the window. The file may be shorter: then there are faults.
func (v View) Len() uint64 { return v.size }

// Contains tells whether an address lies in the window.
func (v View) Contains(addr uintptr) bool { return uint64(addr-uintptr(v.base)) < v.size }

// Word returns the address of the 8-byte word at off. It stays good until the region is closed.
func (v View) Word(off uint64) *uint64 {
	if off&7 != 0 || off >= v.size || v.size-off < 8 {
		panic(Bounds{off, 8})
	}
	return (*uint64)(unsafe.Add(v.base, off))
}

// Word32 returns the address of the 4-byte word at off.
func (v View) Word32(off uint64) *uint32 {
	if off&3 != 0 || off >= v.size || v.size-off < 4 {
		panic(Bounds{off, 4})
	}
	return (*uint32)(unsafe.Add(v.base, off))
}

// Bytes returns n bytes at off. The slice must not leave the goroutine, nor reach a codec of others
// or a channel: only Copy and loads may touch it.
func (v View) Bytes(off, n uint64) []byte {
	if off > v.size || v.size-off < n {
		panic(Bounds{off, n})
	}
	return unsafe.Slice((*byte)(unsafe.Add(v.base, off)), n)
}

// WordAndBytes returns n bytes at off and the word that they begin with.
func (v View) WordAndBytes(off, n uint64) (*uint64, []byte) {
	if off&7 != 0 || off > v.size || v.size-off < n || n < 8 {
		panic(Bounds{off, n})
	}
	p := unsafe.Add(v.base, off)
	return (*uint64)(p), unsafe.Slice((*byte)(p), n)
}

func (v View) Load(off uint64) uint64   { return Load(v.Word(off)) }
func (v View) Load32(off uint64) uint32 { return Load32(v.Word32(off)) }

// Store stores with release ordering: what was written before is visible to who sees the value.
// Mem's methods are for what is rare; Update stores in words that it knows the address of.
func (m Mem) Store(off, value uint64) {
	testhook.Step()
	StoreRelease(m.Word(off), value)
}

// Store32 is Store for half a word.
func (m Mem) Store32(off uint64, value uint32) {
	testhook.Step()
	StoreRelease32(m.Word32(off), value)
}

// Write copies bytes into the file; nobody relies on their order.
func (m Mem) Write(off uint64, p []byte) {
	testhook.Step()
	Copy(m.Bytes(off, uint64(len(p))), p)
}

// Zero clears n bytes.
func (m Mem) Zero(off, n uint64) {
	testhook.Step()
	clear(m.Bytes(off, n))
}

// PrefetchWrite asks the processor to fetch the lines of p for writing, and does not wait for them. It
// never faults.
func PrefetchWrite(p []byte) {
	if len(p) > 0 {
		prefetchWrite(unsafe.Pointer(unsafe.SliceData(p)), uintptr(len(p)))
	}
}

// OrderAfterStore is the writer's ordering point: what is written after it is not visible before the
// value that was just stored in the word. A load of the word suffices on every processor that Go
// runs on (litmus W-StoreLoad_R-StoreLoad).
func OrderAfterStore(word *uint64) { _ = Load(word) }
