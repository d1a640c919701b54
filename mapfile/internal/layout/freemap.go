package layout

import "math/bits"

// The free map: a bit for each unit of the file, 1 in use. It lies in chunks: chunk 0 covers the
// first 1 MiB, chunk i>0 covers [512 KiB<<i, 1 MiB<<i). A header word for each says where it lies:
// chunk 0 at the start of the arena, the others where the file ended when it grew into their range.

// FreeChunk0Units is how many units chunk 0 covers.
const FreeChunk0Units = 8192

// FreeChunk describes one chunk of the free map.
type FreeChunk struct {
	Index        int
	First, Units uint64 // the units that it covers
}

// FreeChunkOf returns the chunk that covers a unit.
func FreeChunkOf(unit uint64) FreeChunk {
	if unit < FreeChunk0Units {
		return FreeChunk{Units: FreeChunk0Units}
	}
	i := bits.Len64(unit / FreeChunk0Units)
	first := uint64(FreeChunk0Units) << (i - 1)
	return FreeChunk{Index: i, First: first, Units: first}
}

// Next returns the chunk behind this one.
func (c FreeChunk) Next() FreeChunk { return FreeChunkOf(c.First + c.Units) }

// Len returns the bytes of the chunk.
func (c FreeChunk) Len() uint64 { return c.Units / 8 }

// WordOff returns where the header says where the chunk lies.
func (c FreeChunk) WordOff() uint64 { return FreeChunksOff + 8*uint64(c.Index) }

// Units returns how many units n bytes take.
func Units(n uint64) uint64 { return (n + UnitLen - 1) / UnitLen }

// HintOff returns where hint i lies: {size u64, unit u64}. Size 0: there is none, and unit is 0.
func HintOff(i int) uint64 { return HintsOff + 16*uint64(i) }

// HintFor returns the hint that a search for so many units keeps.
func HintFor(units uint64) int { return min(bits.Len64(units)-1, NumHints-1) }
