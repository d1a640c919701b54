package zstdcodec_test

import (
	"bytes"
	"testing"

	"github.com/gomapfile/mapfile/codec/codectest"
	zstdcodec "github.com/gomapfile/mapfile/codec/zstd"
)

// FuzzCodec: whatever a frame states, the memory stays within the limits of the package.
func FuzzCodec(f *testing.F) {
	memory := func(n int) int { return zstdcodec.MinLimit + 32<<20 + 100*n } // the coders' own buffers included
	codectest.Fuzz(f, json, codectest.Case{New: func() any { return new(event) }, MaxMemory: memory,
		Values:  []any{&event{}, &event{Hits: []float64{1}, Tags: map[string]string{"a": "b"}}},
		Hostile: append(hostile(f)[:11], bomb(1000, 1), frame(f, bytes.Repeat([]byte(" "), 1<<16)))})
}
