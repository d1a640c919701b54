//go:build race

package shm

import "sync/atomic"

// Load, Load32 and Add32 work on words whose address Word or Word32 gave.
//
// With the race detector on, the functions of sync/atomic run in its C code, where a fault in mapped
// memory ends the process. Mapped memory is nothing that it knows about, so here are plain loads,
// which are atomic on 64-bit processors; that they are function calls orders them.
//
//go:norace
//go:noinline
func Load(p *uint64) uint64 { return *p }

//go:norace
//go:noinline
func Load32(p *uint32) uint32 { return *p }

// Add32 loads first: what faults does so there.
func Add32(p *uint32, n uint32) uint32 {
	_ = Load32(p)
	return atomic.AddUint32(p, n)
}
