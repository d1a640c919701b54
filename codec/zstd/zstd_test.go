package zstdcodec_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gomapfile/mapfile/codec"
	"github.com/gomapfile/mapfile/codec/codectest"
	gobcodec "github.com/gomapfile/mapfile/codec/gob"
	jsoncodec "github.com/gomapfile/mapfile/codec/json"
	zstdcodec "github.com/gomapfile/mapfile/codec/zstd"
	"github.com/klauspost/compress/zstd"
)

var (
	basic = zstdcodec.Wrap(codec.Basic)
	json  = zstdcodec.Wrap(jsoncodec.Codec)
)

type event struct {
	Name string
	Hits []float64
	Tags map[string]string
}

type point struct{ X, Y int32 }

// plain has no optional interface but Checker, as codecs by codec.Func have.
var plain = codec.Func("point",
	func(dst []byte, p *point) ([]byte, error) { return binary.Append(dst, binary.BigEndian, p) },
	func(src []byte, p *point) error {
		if len(src) != 8 {
			return errors.New("wrong length")
		}
		_, err := binary.Decode(src, binary.BigEndian, p)
		return err
	})

// G01 G02 G03 G28
func TestZstdKeepsThePromises(t *testing.T) {
	noise := make([]byte, 20_000)
	rnd := rand.New(rand.NewPCG(3, 4))
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	memory := func(n int) int { return zstdcodec.MinLimit + 32<<20 + 100*n } // the coders' own buffers included
	codectest.Run(t, basic,
		codectest.Case{New: func() any { return new([]byte) }, MaxMemory: memory, Hostile: hostile(t),
			Values: []any{&[]byte{}, new([]byte("short")), new(bytes.Repeat([]byte("again "), 3000)), &noise}},
		codectest.Case{New: func() any { return new([]float64) }, MaxMemory: memory, Values: []any{&[]float64{}, &[]float64{1, 2, 3}, new(make([]float64, 1000))}})
	codectest.Run(t, json, codectest.Case{New: func() any { return new(event) }, MaxMemory: memory, BadTypes: []reflect.Type{reflect.TypeFor[chan int]()},
		Values: []any{&event{}, &event{Name: strings.Repeat("n", 1000), Hits: make([]float64, 100), Tags: map[string]string{"a": "b", "c": "d"}}, &event{Hits: []float64{1}}}})
	codectest.Run(t, zstdcodec.Wrap(plain), codectest.Case{New: func() any { return new(point) }, MaxMemory: memory, Values: []any{&point{}, &point{1, 2}}})
}

func hostile(t testing.TB) [][]byte {
	whole := frame(t, []byte("content"))
	noSize := streamed(t, bytes.Repeat([]byte("x"), 1<<20)) // a stream states no size
	damaged := bytes.Clone(whole)
	damaged[len(damaged)-1] ^= 1 // the checksum
	skippable := append([]byte{0x50, 0x2A, 0x4D, 0x18, 4, 0, 0, 0}, 1, 2, 3, 4)
	return [][]byte{
		nil, []byte("not zstd"), whole[:len(whole)-1], append(bytes.Clone(whole), 0), append(bytes.Clone(whole), whole...),
		append(bytes.Clone(skippable), whole...), append(bytes.Clone(whole), skippable...), skippable, noSize, damaged,
		bomb(1<<40, 1), bomb(zstdcodec.MinLimit+1, 1), bomb(1000, 100), bomb(100, 1000),
		frame(t, make([]byte, zstdcodec.MinLimit+1)), // honest, but too much for its length
	}
}

// bomb is a frame that states size bytes, and holds blocks of 128 KiB in four bytes each.
func bomb(size uint64, blocks int) []byte {
	b := []byte{0x28, 0xB5, 0x2F, 0xFD, 0xE0} // single segment, size in 8 bytes, no checksum
	b = binary.LittleEndian.AppendUint64(b, size)
	for i := range blocks {
		header := uint32(128<<10<<3 | 1<<1)
		if i == blocks-1 {
			header |= 1
		}
		b = append(b, byte(header), byte(header>>8), byte(header>>16), 'x')
	}
	return b
}

func frame(t testing.TB, content []byte) []byte {
	t.Helper()
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	return enc.EncodeAll(content, nil)
}

func streamed(t testing.TB, content []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	enc, err := zstd.NewWriter(&buf, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	for part := range slices.Chunk(content, 1000) {
		if _, err := enc.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	if err := enc.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// What no reader would accept is refused by the writer.
func TestZstdRefusesWhatReadersWould(t *testing.T) {
	most, tooMuch := make([]byte, zstdcodec.MinLimit), make([]byte, zstdcodec.MinLimit+1)
	e, err := basic.Append(nil, &most)
	var got []byte
	if err == nil {
		err = basic.Decode(e, &got)
	}
	if err != nil || len(got) != len(most) {
		t.Errorf("%d zeros: %v", len(most), err)
	}
	if _, err := basic.Append(nil, &tooMuch); err == nil || !strings.Contains(err.Error(), "readers accept") {
		t.Errorf("%d zeros: %v", len(tooMuch), err)
	}
	if len(e) > 10000 {
		t.Errorf("zeros take %d bytes", len(e))
	}
}

func TestZstdChecksumIsOn(t *testing.T) {
	e, err := basic.Append(nil, new(strings.Repeat("text ", 100)))
	if err != nil {
		t.Fatal(err)
	}
	var h zstd.Header
	if err := h.Decode(e); err != nil || !h.HasCheckSum || !h.HasFCS {
		t.Errorf("%+v, %v", h, err)
	}
	e[len(e)-2] ^= 4
	if err := basic.Decode(e, new(string)); err == nil || !strings.Contains(err.Error(), "zstd+basic") {
		t.Error(err)
	}
}

// The wrapper has what inner has: it must not turn gob into something that tools decode.
func TestZstdIsWhatItsInnerCodecIs(t *testing.T) {
	gob := zstdcodec.Wrap(gobcodec.Codec)
	if _, ok := gob.(codec.Inspector); ok || gob.Name() != "zstd+gob" {
		t.Errorf("%q can be inspected: %v", gob.Name(), ok)
	}
	if _, ok := json.(codec.Inspector); !ok {
		t.Error("zstd+json cannot be inspected")
	}
	if err := gob.(codec.Checker).Check(reflect.TypeFor[chan int]()); err == nil {
		t.Error("inner's Check is not asked")
	}
	schema, err := basic.(codec.Describer).Describe(reflect.TypeFor[int32]())
	if err != nil || string(schema) != "int32" {
		t.Errorf("%q, %v", schema, err)
	}
	if basic.(codec.Describer).Compatible([]byte("int32"), []byte("int64")) == nil {
		t.Error("inner's Compatible is not asked")
	}
	schema, err = json.(codec.Describer).Describe(reflect.TypeFor[event]())
	if err != nil || len(schema) != 0 || json.(codec.Describer).Compatible(nil, nil) != nil {
		t.Errorf("without a Describer inside: %q, %v", schema, err)
	}
	if zstdcodec.Wrap(codec.Basic) != basic || zstdcodec.Wrap(jsoncodec.Codec) == basic {
		t.Error("wraps of equal codecs are equal, others are not")
	}
}
