package binarycodec_test

import (
	"encoding/binary"
	"testing"

	binarycodec "github.com/gomapfile/mapfile/codec/binary"
	"github.com/gomapfile/mapfile/codec/codectest"
)

// calm is a hit that does not mind 13.
type calm struct{ hit }

func (c *calm) AppendBinary(dst []byte) ([]byte, error) {
	n := len(dst)
	dst, err := (&hit{Y: c.Y, Tags: c.Tags}).AppendBinary(dst)
	if err == nil {
		binary.LittleEndian.PutUint32(dst[n:], c.X)
	}
	return dst, err
}

// FuzzCodec has a type that panics and one that checks. A time.Time is of no use here: its UnmarshalBinary takes
// offsets that its MarshalBinary refuses or writes otherwise.
func FuzzCodec(f *testing.F) {
	codectest.Fuzz(f, binarycodec.Codec,
		codectest.Case{New: func() any { return new(calm) }, Values: []any{&calm{hit{X: 1, Y: 2, Tags: []byte("ab")}}}, Hostile: [][]byte{nil, make([]byte, 10)}},
		codectest.Case{New: func() any { return new(text) }, Values: []any{&text{}, &text{"abc"}}})
}
