package codectest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/gomapfile/mapfile/codec"
)

// refusing is good with another Compatible.
type refusing struct {
	good
	compatible func(a, b []byte) error
}

func (r refusing) Compatible(a, b []byte) error { return r.compatible(a, b) }

// blind is good, but shows nothing.
type blind struct{ good }

func (blind) Inspect(_, _ []byte) (codec.Node, error) { return codec.Node{}, errors.New("no") }

// What the fuzzer runs with each input must find what is broken, when the input is one that shows it.
func TestBrokenCodecsAreFoundByTheFuzzTarget(t *testing.T) {
	var g good
	var shared []byte
	payload := func(v any) []byte { b, _ := g.Append(nil, v); return b }
	seven := payload(boxes[1])
	lies := binary.LittleEndian.AppendUint32(make([]byte, 4), 0x7FFFFFF)
	for _, tt := range []struct {
		what, says string
		codec      codec.Codec
		payload    []byte
	}{
		{"panics in Decode", "in Decode: the codec panicked", &bent{decode: func(src []byte, v any) error { _ = src[11]; return g.Decode(src, v) }}, []byte{1}},
		{"believes lengths", "bytes allocated", &bent{decode: func(src []byte, v any) error {
			shared = make([]byte, binary.LittleEndian.Uint32(src[4:])&0xFFFFFFF)
			_ = shared
			return g.Decode(src, v)
		}}, append(lies, 0, 0, 0, 0)},
		{"takes what it cannot write", "not encoded", g, append([]byte{13}, make([]byte, 11)...)},
		{"changes what it has taken", "then as", &bent{append: func(dst []byte, v any) ([]byte, error) {
			b := *v.(*box)
			b.N++
			return g.Append(dst, &b)
		}}, seven},
		{"shows nothing of its own", "not shown", blind{}, seven},
		{"panics in Inspect", "in Inspect: the codec panicked", &bent{inspect: func(b []byte) codec.Node { return codec.Node{Name: string(b[11])} }}, []byte{1}},
		{"shows a foreign type", "value of type int", &bent{inspect: func([]byte) codec.Node { return codec.Node{Value: 7} }}, seven},
		{"reuses what Decode refuses", "in DecodeReuse: <nil>", &bent{reuse: func(src []byte, v any) error { return g.DecodeReuse(seven, v) }}, []byte{1}},
		{"merges", "a used object became", &bent{reuse: func(src []byte, v any) error {
			_, err := parse(bytes.Clone(src), v.(*box))
			return err
		}}, payload(boxes[3])},
		{"writes into src", "wrote into src", &bent{reuse: func(src []byte, v any) error {
			err := g.DecodeReuse(src, v)
			clear(src)
			return err
		}}, seven},
		{"panics in Compatible", "the codec panicked", refusing{compatible: func(a, b []byte) error { _ = a[3]; return nil }}, seven},
	} {
		t.Run(strings.ReplaceAll(tt.what, " ", "_"), func(t *testing.T) {
			k, err := newFuzzTarget(tt.codec, boxCase())
			if err != nil {
				t.Fatal(err)
			}
			if err := k.check([]byte("box"), bytes.Clone(tt.payload)); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("a codec that %s: %v", tt.what, err)
			}
		})
	}
	k, err := newFuzzTarget(g, boxCase())
	if err == nil {
		err = k.check([]byte("box"), seven)
	}
	if err != nil {
		t.Errorf("a good codec: %v", err)
	}
}
