package protobuf

import (
	"testing"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/gomapfile/mapfile/codec/codectest"
)

// FuzzCodec also makes up schemas, which are descriptors that some other program wrote.
func FuzzCodec(f *testing.F) {
	families := gathered(f)
	codectest.Fuzz(f, Codec,
		codectest.Case{New: func() any { return new(dto.MetricFamily) }, Values: []any{families[0], families[1], families[2], families[3]},
			Hostile: [][]byte{{0}, {0x0a, 0xff, 0xff, 0xff, 0xff, 0x07}}},
		codectest.Case{New: func() any { return new(structpb.Struct) }, Values: []any{&structpb.Struct{}, must(structpb.NewStruct(map[string]any{"a": 1.5, "b": []any{"x", nil, false}}))},
			Hostile: [][]byte{{0x0a, 4, 0x0a, 2, 0xff, 0xff}}})
}
