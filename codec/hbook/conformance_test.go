package hbookcodec_test

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"

	"github.com/gomapfile/mapfile/codec"
	"github.com/gomapfile/mapfile/codec/codectest"
	hbookcodec "github.com/gomapfile/mapfile/codec/hbook"
	"go-hep.org/x/hep/hbook"
)

func TestConformance(t *testing.T) {
	one := func(tail string) []byte {
		return append(encode(t, hbookcodec.Codec, hbook.NewH1D(1, 0, 1)), tail...)
	}
	cases := []codectest.Case{
		{New: func() any { return new(hbook.H1D) }, Hostile: [][]byte{
			{}, one("\x82\x01\x04half"), one("\x1a\x02\x08\x05"), one("\x0a\x01\xff"),
			one(string(annotationOf(0x42, bytes.Repeat([]byte{0x0a, 0}, 5000))) + "\x00"),
		}},
		{New: func() any { return new(hbook.H2D) }},
		{New: func() any { return new(hbook.P1D) }, Equal: func(got, want any) bool {
			a, err1 := hbookcodec.Codec.Append(nil, got)
			b, err2 := hbookcodec.Codec.Append(nil, want)
			return err1 == nil && err2 == nil && bytes.Equal(a, b)
		}},
	}
	for i := range cases {
		k := &cases[i]
		for _, s := range samples() {
			if reflect.TypeOf(s.v) == reflect.TypeOf(k.New()) {
				k.Values = append(k.Values, withoutMoments(s.v))
			}
		}
		k.Unencodable = []any{k.New()} // no bins
		k.BadTypes = []reflect.Type{reflect.TypeFor[int](), reflect.TypeFor[hbook.S2D]()}
		k.CheckNode = func(_ int, n codec.Node) error { // by other names than hbook's
			seen := map[string]bool{}
			for _, child := range n.Children {
				seen[child.Name] = true
			}
			for _, name := range []string{"x", "total", "sum_w"} {
				if !seen[name] {
					return fmt.Errorf("no %q in %v", name, seen)
				}
			}
			return nil
		}
	}
	codectest.Run(t, hbookcodec.Codec, cases...)
}
