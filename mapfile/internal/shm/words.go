//go:build !race

package shm

import "sync/atomic"

// Load, Load32 and Add32 work on words whose address Word or Word32 gave.
func Load(p *uint64) uint64            { return atomic.LoadUint64(p) }
func Load32(p *uint32) uint32          { return atomic.LoadUint32(p) }
func Add32(p *uint32, n uint32) uint32 { return atomic.AddUint32(p, n) }

// Peek and Peek32 load words that may not be words any more: of an extent or an index that was given
// away since somebody looked up where it is. Whoever peeks looks afterwards whether it still is there.
func Peek(p *uint64) uint64   { return atomic.LoadUint64(p) }
func Peek32(p *uint32) uint32 { return atomic.LoadUint32(p) }

// StoreRelease stores value in *p: all that was written before it is visible to who sees it.
func StoreRelease(p *uint64, value uint64) { storeRelease(p, value) }

// StoreRelease32 is StoreRelease for half a word.
func StoreRelease32(p *uint32, value uint32) { storeRelease32(p, value) }

// Copy copies between private and mapped memory, or between two places of it.
func Copy(dst, src []byte) { copy(dst, src) }

func watchHeap(View) {}
