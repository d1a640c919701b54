package gobcodec_test

import (
	"testing"

	"github.com/gomapfile/mapfile/codec/codectest"
	gobcodec "github.com/gomapfile/mapfile/codec/gob"
)

// FuzzCodec: gob trusts its input, so what this finds is what the validation before it has to refuse.
func FuzzCodec(f *testing.F) {
	memory := func(n int) int { return 2<<20 + 400*n } // compiling decoders for foreign types costs much
	codectest.Fuzz(f, gobcodec.Codec,
		codectest.Case{New: func() any { return new(track) }, Values: tracks, Hostile: bombs(f), MaxMemory: memory, Nondeterministic: true},
		codectest.Case{New: func() any { return new([]float64) }, Values: []any{new([]float64{1, 2, 3})}, MaxMemory: memory},
		codectest.Case{New: func() any { return new(map[string]*hit) }, Values: []any{new(map[string]*hit{"a": {1, 2}})}, MaxMemory: memory, Nondeterministic: true})
}
