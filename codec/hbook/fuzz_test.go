package hbookcodec_test

import (
	"reflect"
	"testing"

	"github.com/gomapfile/mapfile/codec/codectest"
	hbookcodec "github.com/gomapfile/mapfile/codec/hbook"
	"go-hep.org/x/hep/hbook"
	"google.golang.org/protobuf/proto"
)

// FuzzDecode takes any bytes for each of the types. What is taken must be what the generated code
// takes too, and must come back the same when encoded.
func FuzzDecode(f *testing.F) {
	for _, s := range samples() {
		payload := encode(f, hbookcodec.Moments, s.v)
		if len(payload) > 5000 {
			continue
		}
		f.Add(payload)
		f.Add(unpacked(payload))
		f.Add(withUnknownFields(payload))
		f.Add(encode(f, hbookcodec.Codec, s.v))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		for _, v := range []any{&hbook.H1D{}, &hbook.H2D{}, &hbook.P1D{}} {
			if reuser.DecodeReuse(payload, v) == nil {
				if err := proto.Unmarshal(payload, message(v)); err != nil {
					t.Fatalf("%T: the generated code says %v", v, err)
				}
			}
			try(t, payload, v)
		}
		for _, dirty := range []any{hbook.NewH1D(7, 0, 1), hbook.NewH2D(2, 0, 1, 3, 0, 1), hbook.NewP1D(4, 0, 1)} {
			spoil(dirty)
			try(t, payload, dirty)
		}
	})
}

// FuzzCodec: the promises of a codec, and the schemas of the three messages.
func FuzzCodec(f *testing.F) {
	cases := []codectest.Case{{New: func() any { return new(hbook.H1D) }}, {New: func() any { return new(hbook.H2D) }}, {New: func() any { return new(hbook.P1D) }}}
	for i := range cases {
		for _, s := range samples() {
			v := withoutMoments(s.v)
			if reflect.TypeOf(v) == reflect.TypeOf(cases[i].New()) && len(encode(f, hbookcodec.Codec, v)) < 2000 {
				cases[i].Values = append(cases[i].Values, v)
			}
		}
	}
	codectest.Fuzz(f, hbookcodec.Codec, cases...)
}
