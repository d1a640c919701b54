package codec_test

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/gomapfile/mapfile/codec"
	"github.com/gomapfile/mapfile/registry"
)

// A Track has had a charge since version 2 of its encoding; programs that know version 2 read both.
type Track struct {
	Momentum float64
	Charge   int8
}

func appendTrack(dst []byte, t *Track) ([]byte, error) {
	dst = append(dst, 2) // version
	dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(t.Momentum))
	return append(dst, byte(t.Charge)), nil
}

func decodeTrack(src []byte, t *Track) error {
	switch {
	case len(src) == 9 && src[0] == 1:
	case len(src) == 10 && src[0] == 2:
		t.Charge = int8(src[9])
	default:
		return fmt.Errorf("not a track of version 1 or 2: %d bytes", len(src))
	}
	t.Momentum = math.Float64frombits(binary.LittleEndian.Uint64(src[1:]))
	return nil
}

// A codec of one's own: two functions and one line. What an older program wrote stays readable.
func ExampleFunc() {
	reg := &registry.Registry{} // programs mostly use registry.Register, in an init function
	if err := registry.RegisterIn[Track](reg, "lab.Track", codec.Func("lab.track", appendTrack, decodeTrack)); err != nil {
		fmt.Println(err)
	}

	ty, _ := reg.ByName("lab.Track")
	payload, err := ty.Codec.Append(nil, &Track{Momentum: 1.5, Charge: -1})
	fmt.Println(payload, err)
	var now, old Track
	fmt.Println(ty.Codec.Decode(payload, &now), now)
	fmt.Println(ty.Codec.Decode([]byte{1, 0, 0, 0, 0, 0, 0, 0xF8, 0x3F}, &old), old)
	fmt.Println(ty.Codec.Decode(payload[:5], &old))
	// Output:
	// [2 0 0 0 0 0 0 248 63 255] <nil>
	// <nil> {1.5 -1}
	// <nil> {1.5 0}
	// codec "lab.track": decode *codec_test.Track: not a track of version 1 or 2: 5 bytes
}
