package codec_test

import (
	"testing"

	"github.com/gomapfile/mapfile/codec"
	"github.com/gomapfile/mapfile/codec/codectest"
)

func FuzzBasic(f *testing.F) {
	codectest.Fuzz(f, codec.Basic,
		basicCase([][]byte{{2}}, false, true), basicCase([][]byte{{44, 1, 0}}, int16(0), int16(300)), basicCase(nil, 1.5),
		basicCase(nil, "", "bytes \xff are kept"), basicCase(nil, []byte{}, []byte{0, 255}),
		basicCase([][]byte{{1}, make([]byte, 5)}, []int32{}, []int32{-1, 2, 3}), basicCase([][]byte{{1}}, []float64{}, []float64{1, -2.5}))
}
