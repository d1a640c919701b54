package hbookcodec_test

import (
	"encoding"
	"testing"

	"github.com/gomapfile/mapfile/codec"
	hbookcodec "github.com/gomapfile/mapfile/codec/hbook"
	"go-hep.org/x/hep/hbook"
)

func benchmarkObjects() []sample {
	one := func(w float64) func(i int) float64 { return func(int) float64 { return w } }
	mixed := func(i int) float64 { return 0.25 * float64(i%7) }
	h1 := func(weight func(int) float64) *hbook.H1D {
		h := hbook.NewH1D(100, -4, 4)
		for i := range 10000 {
			h.Fill(float64(i%977)/977*8-4, weight(i))
		}
		return h
	}
	h2 := func(weight func(int) float64) *hbook.H2D {
		h := hbook.NewH2D(100, -4, 4, 100, -4, 4)
		for i := range 100000 {
			h.Fill(float64(i%977)/977*8-4, float64(i%811)/811*8-4, weight(i))
		}
		return h
	}
	p := hbook.NewP1D(100, -4, 4)
	for i := range 10000 {
		p.Fill(float64(i%977)/977*8-4, float64(i%33), mixed(i))
	}
	return []sample{
		{"H1D100/unit", h1(one(1))}, {"H1D100/weighted", h1(mixed)},
		{"H2D100x100/unit", h2(one(1))}, {"H2D100x100/weighted", h2(mixed)},
		{"P1D100/weighted", p},
	}
}

var benchmarkCodecs = []struct {
	name string
	codec.Codec
}{{"default", hbookcodec.Codec}, {"moments", hbookcodec.Moments}}

func BenchmarkEncode(b *testing.B) {
	for _, s := range benchmarkObjects() {
		for _, c := range benchmarkCodecs {
			b.Run(s.name+"/"+c.name, func(b *testing.B) {
				var buf []byte
				b.ReportAllocs()
				for b.Loop() {
					buf = buf[:0]
					var err error
					if buf, err = c.Append(buf, s.v); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(len(buf)), "payload-bytes")
			})
		}
		b.Run(s.name+"/MarshalBinary", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.v.(encoding.BinaryMarshaler).MarshalBinary(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, s := range benchmarkObjects() {
		for _, c := range benchmarkCodecs {
			payload := encode(b, c, s.v)
			b.Run(s.name+"/"+c.name+"/reuse", func(b *testing.B) {
				into := zero(s.v)
				b.ReportAllocs()
				for b.Loop() {
					decode(b, payload, into)
				}
			})
			b.Run(s.name+"/"+c.name+"/fresh", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					decode(b, payload, zero(s.v))
				}
			})
		}
		payload, err := s.v.(encoding.BinaryMarshaler).MarshalBinary()
		if err != nil {
			b.Fatal(err)
		}
		b.Run(s.name+"/UnmarshalBinary", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := zero(s.v).(encoding.BinaryUnmarshaler).UnmarshalBinary(payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
