package jsoncodec_test

import (
	"testing"

	"github.com/gomapfile/mapfile/codec/codectest"
	jsoncodec "github.com/gomapfile/mapfile/codec/json"
)

func FuzzCodec(f *testing.F) {
	codectest.Fuzz(f, jsoncodec.Codec,
		codectest.Case{New: func() any { return new(config) }, Values: configs, Hostile: [][]byte{[]byte(`{"Limit":300}`), []byte(`{"Ratio":1e999}`)}},
		codectest.Case{New: func() any { return new(any) }, Values: []any{new(any([]any{1e300, nil, map[string]any{"": true}}))}, Hostile: [][]byte{[]byte(`"\ud800"`)}},
		codectest.Case{New: func() any { return new(map[string][]int) }, Values: []any{new(map[string][]int), &map[string][]int{"a": {1, 2, 3}, "b": nil, "c": {}}}})
}
