package pod

import (
	"testing"

	"github.com/gomapfile/mapfile/codec/codectest"
)

func FuzzCodec(f *testing.F) {
	codectest.Fuzz(f, Codec,
		codectest.Case{New: func() any { return new(event) }, Values: []any{&event{}, fullEvent()}, Hostile: [][]byte{{}, make([]byte, 1000)}},
		codectest.Case{New: func() any { return new([3]bool) }, Values: []any{&[3]bool{true, false, true}}, Hostile: [][]byte{{0, 1, 2}}})
}
