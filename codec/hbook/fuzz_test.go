package hbookcodec_test

import (
	"testing"

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
