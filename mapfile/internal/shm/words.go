//go:build !race

package shm

import "sync/atomic"

// Load, Load32 and Add32 work on words whose address Word or Word32 gave.
func Load(p *uint64) uint64            { return atomic.LoadUint64(p) }
func Load32(p *uint32) uint32          { return atomic.LoadUint32(p) }
func Add32(p *uint32, n uint32) uint32 { return atomic.AddUint32(p, n) }
