package region

// The windows: how much address space a file gets.

import (
	"fmt"
	"math/bits"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"unsafe"
)

const (
	largeWindow = 64 << 30
	smallWindow = 4 << 30
	leastWindow = 64 << 10

	// reserveVar limits, in bytes, the address space that a window takes past what its file needs.
	// For emulators, where reserving address space takes seconds.
	reserveVar = "MAPFILE_RESERVE"
)

// A window is one mapping of a file from its first byte on.
type window struct {
	base unsafe.Pointer
	len  uintptr
}

// mapped is the address space that all windows of the process take together.
var mapped atomic.Uint64

// openWindow maps [0,size) of fd at least, and as much more as is reasonable. Whatever makes a large
// window impossible (ulimit -v, locked memory, a small processor) makes the next smaller one.
func openWindow(fd int, writable bool, size int64) (*window, error) {
	sizes, err := windowSizes(uint64(max(size, 1)))
	if err != nil {
		return nil, err
	}
	err = ErrAddressSpace
	for _, n := range sizes {
		if uint64(uintptr(n)) != n || int(n) < 0 {
			continue // a 32-bit processor
		}
		var base unsafe.Pointer
		if base, err = mapFile(fd, writable, uintptr(n)); err == nil {
			mapped.Add(n)
			return &window{base, uintptr(n)}, nil
		}
		if !meansNoAddressSpace(err) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%w (%d bytes): %w", ErrAddressSpace, size, err)
}

func (w *window) close() error {
	if w == nil {
		return nil
	}
	mapped.Add(-uint64(w.len))
	return unmapFile(w.base, w.len)
}

// windowSizes lists what to try for a file of size bytes, the largest first.
func windowSizes(size uint64) ([]uint64, error) {
	exact := roundUp(size)
	twice := max(2*exact, roundUp(leastWindow))
	if v := os.Getenv(reserveVar); v != "" {
		limit, err := strconv.ParseUint(v, 10, 62)
		if err != nil {
			return nil, fmt.Errorf("%s=%q is not a number of bytes", reserveVar, v)
		}
		return []uint64{max(roundUp(limit), exact), exact}, nil
	}
	var sizes []uint64
	// A process may open thousands of files, and its own heap needs address space as well. So there
	// is a budget. On amd64 it is 8 TiB for large windows and 32 TiB in all; files past that get what
	// they need and a bit. Two openings at once may both pass the check: the budget is not a limit.
	taken, space := mapped.Load(), addressSpace()
	if largeWindow >= size && taken+largeWindow <= space/16 {
		sizes = append(sizes, largeWindow)
	}
	if smallWindow >= size && taken+smallWindow <= space/4 {
		sizes = append(sizes, smallWindow)
	}
	return append(sizes, twice, exact), nil
}

// addressSpace is how much a process can map, a power of two: 128 TiB on amd64, less on small arm64
// systems and under emulators. It is read off the place the system gives to a mapping, for systems
// give the highest ones first; where they do not, the answer is too small, which is safe.
var addressSpace = sync.OnceValue(func() uint64 {
	base, err := mapNothing(uintptr(pageSize))
	if err != nil {
		return 0
	}
	defer unmapFile(base, uintptr(pageSize))
	return 1 << bits.Len64(uint64(uintptr(base)))
})

func roundUp(n uint64) uint64 { return (n + pageSize - 1) &^ (pageSize - 1) }
