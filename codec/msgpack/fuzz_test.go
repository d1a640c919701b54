package msgpackcodec

import (
	"encoding/hex"
	"testing"

	"github.com/gomapfile/mapfile/codec/codectest"
)

// FuzzCodec: of any, Decode builds what the payload says; of order, what the type says.
func FuzzCodec(f *testing.F) {
	var hostile [][]byte
	for _, v := range vectors[:40] {
		payload, _ := hex.DecodeString(v.payload)
		hostile = append(hostile, payload)
	}
	codectest.Fuzz(f, Codec,
		codectest.Case{New: func() any { return new(order) }, Values: []any{&order{}, full()}},
		codectest.Case{New: func() any { return new(any) }, Values: []any{new(any(map[string]any{"a": []any{int64(1), nil}}))}, Hostile: hostile})
}
