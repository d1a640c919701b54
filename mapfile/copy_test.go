package mapfile

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/gomapfile/mapfile/mapfile/internal/layout"
)

// However a payload is copied, in whichever pieces, all of it arrives, nothing behind it is touched, and the
// checksum is that of the whole. (Which way is taken depends on the processor; so each is tried by itself.)
func TestPayloadIsCopiedAndSummedInWhateverPieces(t *testing.T) {
	lengths := []int{0, 1, 63, 64, 1023, 1024, 1025, 2047, 2048, 2049, 4095, 4096, 4097, 8191, 8192, 8193, 12_288, 12_289, 16_384, 16_385, 100_003, 256 << 10, 256<<10 + 1}
	r := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		lengths = append(lengths, r.IntN(40_000))
	}
	for _, n := range lengths {
		src := make([]byte, n)
		for i := range src {
			src[i] = byte(r.Uint32())
		}
		const start = 12345
		whole := layout.CheckUpdate(start, src)
		for name, way := range map[string]struct {
			copy func(dst []byte) uint32
			sum  uint32
		}{
			"fillPayload, checked": {func(dst []byte) uint32 { return fillPayload(dst, src, start, true) }, whole},
			"fillPayload":          {func(dst []byte) uint32 { return fillPayload(dst, src, start, false) }, start},
			"fillAhead, checked":   {func(dst []byte) uint32 { return fillAhead(dst, src, start, true) }, whole},
			"fillAhead":            {func(dst []byte) uint32 { return fillAhead(dst, src, start, false) }, start},
			"copySummed out":       {func(dst []byte) uint32 { return copySummed(dst, src, dst, start) }, whole},
			"copySummed in":        {func(dst []byte) uint32 { return copySummed(dst, src, src, start) }, whole},
		} {
			for _, more := range []int{0, 100} {
				dst := make([]byte, n+more)
				for i := range dst {
					dst[i] = 0xaa
				}
				if sum := way.copy(dst); sum != way.sum {
					t.Errorf("%s, %d bytes: checksum %08x, not %08x", name, n, sum, way.sum)
				}
				if !bytes.Equal(dst[:n], src) || bytes.Count(dst[n:], []byte{0xaa}) != more {
					t.Errorf("%s, %d bytes into %d: not a copy", name, n, len(dst))
				}
			}
		}
	}
}
