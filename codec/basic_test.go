package codec_test

import (
	"bytes"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/gomapfile/mapfile/codec"
	"github.com/gomapfile/mapfile/codec/codectest"
	"github.com/gomapfile/mapfile/internal/inplace"
)

type celsius float64

// G01 G02 G03 G11 G28: the suite runs them all for each type.
func TestBasicKeepsThePromises(t *testing.T) {
	codectest.Run(t, codec.Basic,
		basicCase([][]byte{{}, {2}, {0xFF}, {0, 0}}, false, true),
		basicCase([][]byte{{}, {1, 0}}, int8(0), int8(-128), int8(127)),
		basicCase([][]byte{{}, {44, 1, 0}}, int16(0), int16(math.MinInt16), int16(300)),
		basicCase([][]byte{{1, 2}, make([]byte, 8)}, int32(0), int32(math.MinInt32), int32(70000)),
		basicCase([][]byte{{1, 2, 3, 4}}, int64(0), int64(math.MinInt64), int64(1<<40)),
		basicCase([][]byte{{}, {1, 2}}, uint8(0), uint8(255)),
		basicCase([][]byte{{1}}, uint16(0), uint16(math.MaxUint16)),
		basicCase([][]byte{make([]byte, 8)}, uint32(0), uint32(math.MaxUint32)),
		basicCase([][]byte{make([]byte, 4)}, uint64(0), uint64(math.MaxUint64)),
		basicCase([][]byte{make([]byte, 8)}, float32(0), float32(-1.5), float32(math.Inf(1))),
		basicCase([][]byte{make([]byte, 4)}, 0.0, math.Pi, math.Inf(-1)),
		basicCase(nil, "", "a", "long enough to differ", "bytes \xff are kept"),
		basicCase(nil, []byte{}, []byte("abc"), []byte{0, 255}, bytes.Repeat([]byte("x"), 5000)),
		basicCase(nil, []int8{}, []int8{-1, 2, 3}, []int8{4}),
		basicCase([][]byte{{1}, {1, 2, 3}}, []int16{}, []int16{-1, 2, 3}, []int16{4}),
		basicCase([][]byte{{1}, make([]byte, 5)}, []int32{}, []int32{-1, 2, 3}, []int32{4}),
		basicCase([][]byte{{1}, make([]byte, 9)}, []int64{}, []int64{-1, 2, 3}, []int64{4}),
		basicCase([][]byte{{1}}, []uint16{}, []uint16{1, 2, 65535}, []uint16{4}),
		basicCase([][]byte{{1}}, []uint32{}, []uint32{1, 2, math.MaxUint32}, []uint32{4}),
		basicCase([][]byte{{1}}, []uint64{}, []uint64{1, 2, math.MaxUint64}, []uint64{4}),
		basicCase([][]byte{{1}}, []float32{}, []float32{1, -2.5, 1e30}, []float32{4}),
		basicCase([][]byte{{1}}, []float64{}, []float64{1, -2.5, 1e300}, []float64{4}),
	)
}

func basicCase[T any](hostile [][]byte, values ...T) codectest.Case {
	k := codectest.Case{
		New:     func() any { return new(T) },
		Hostile: hostile,
		BadTypes: []reflect.Type{reflect.TypeFor[int](), reflect.TypeFor[[]uint](), reflect.TypeFor[uintptr](),
			reflect.TypeFor[celsius](), reflect.TypeFor[[]string](), reflect.TypeFor[[]bool](), reflect.TypeFor[*int64](),
			reflect.TypeFor[[2]int64](), reflect.TypeFor[complex128](), reflect.TypeFor[struct{}](), nil},
		Unencodable: []any{new(int), new([]int), new(celsius), new(struct{}), new(any), "not a pointer"},
	}
	for _, v := range values {
		k.Values = append(k.Values, &v)
	}
	return k
}

// The bytes are part of the file format: they never change.
func TestBasicBytes(t *testing.T) {
	for _, tt := range []struct {
		v    any
		want []byte
	}{
		{new(true), []byte{1}},
		{new(int16(-2)), []byte{0xFE, 0xFF}},
		{new(uint32(0x01020304)), []byte{4, 3, 2, 1}},
		{new(float64(1)), []byte{0, 0, 0, 0, 0, 0, 0xF0, 0x3F}},
		{new("añ"), []byte("a\xc3\xb1")},
		{new([]float32{1, 2}), []byte{0, 0, 0x80, 0x3F, 0, 0, 0, 0x40}},
	} {
		got, err := codec.Basic.Append(nil, tt.v)
		if err != nil || !bytes.Equal(got, tt.want) {
			t.Errorf("%T: % x, %v; want % x", tt.v, got, err, tt.want)
		}
	}
}

// NaN keeps its bits: a float is its bytes here.
func TestBasicKeepsNaN(t *testing.T) {
	in := math.Float64frombits(0x7FF8_0000_0000_1234)
	e, err := codec.Basic.Append(nil, &in)
	var out float64
	if err == nil {
		err = codec.Basic.Decode(e, &out)
	}
	if err != nil || math.Float64bits(out) != math.Float64bits(in) {
		t.Errorf("%x, %v", math.Float64bits(out), err)
	}
}

func TestBasicTakesNilAsEmpty(t *testing.T) {
	var nothing []int32
	e, err := codec.Basic.Append(nil, &nothing)
	if err != nil || len(e) != 0 {
		t.Fatal(e, err)
	}
	for _, got := range []*[]int32{new([]int32), {1, 2}} {
		if err := codec.Basic.(codec.Reuser).DecodeReuse(e, got); err != nil || *got == nil || len(*got) != 0 {
			t.Errorf("%#v, %v", *got, err)
		}
	}
	var b []byte
	if err := codec.Basic.Decode(nil, &b); err != nil || b == nil {
		t.Errorf("%#v, %v", b, err)
	}
}

func TestBasicSaysWhyNot(t *testing.T) {
	for t2, want := range map[reflect.Type]string{
		reflect.TypeFor[int]():     "use int32 or int64",
		reflect.TypeFor[[]uint]():  "use uint32 or uint64",
		reflect.TypeFor[celsius](): "codec_test.celsius",
	} {
		if err := codec.Basic.(codec.Checker).Check(t2); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", t2, err)
		}
		if _, err := codec.Basic.Append(nil, reflect.New(t2).Interface()); err == nil || !strings.Contains(err.Error(), t2.String()) {
			t.Errorf("%v: %v", t2, err)
		}
	}
}

func TestBasicAllocatesNothing(t *testing.T) {
	reuser := codec.Basic.(codec.Reuser)
	buf := make([]byte, 0, 8000)
	hist, used := make([]float64, 1000), make([]float64, 1000)
	word, text, oldText, encoded := int64(7), "unchanged", "unchanged", []byte("unchanged")
	for name, f := range map[string]func() error{
		"Append slice":     func() error { _, err := codec.Basic.Append(buf, &hist); return err },
		"Append number":    func() error { _, err := codec.Basic.Append(buf, &word); return err },
		"Append string":    func() error { _, err := codec.Basic.Append(buf, &text); return err },
		"DecodeReuse":      func() error { return reuser.DecodeReuse(buf[:8000], &used) },
		"DecodeReuse word": func() error { return reuser.DecodeReuse(buf[:8], &word) },
		"unchanged string": func() error { return reuser.DecodeReuse(encoded, &oldText) },
	} {
		if n := testing.AllocsPerRun(100, func() {
			if err := f(); err != nil {
				t.Fatal(name, err)
			}
		}); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	if _, ok := codec.Basic.(inplace.Codec); !ok {
		t.Error("Basic does not encode in place")
	}
}
