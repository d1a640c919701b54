package msgpackcodec

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/gomapfile/mapfile/codec"
)

type half struct{}

func (half) MarshalBinary() ([]byte, error) { return nil, nil }

type itself struct {
	*itself //lint:ignore U1000 it is there to be refused
	N       int8
}

type pointless *pointless

type namedErr int8

type Event struct{ N int8 }

func TestRefusesTypesThatCannotComeBack(t *testing.T) { // G04
	for _, tc := range []struct {
		v    any
		want string
	}{
		{struct{ A struct{ C chan int } }{}, "struct.A.C: a chan int cannot be encoded"},
		{struct{ A []map[string]func() }{}, "struct.A[][]: a func() cannot be encoded"},
		{struct{ C *complex64 }{}, "struct.C: a complex64"},
		{struct{ U uintptr }{}, "struct.U: a uintptr"},
		{struct{ H half }{}, "struct.H: msgpackcodec.half has MarshalBinary but not UnmarshalBinary"},
		{struct {
			S string `msgpack:",intern"`
		}{}, "struct.S: interned strings"},
		{struct {
			A int8 `msgpack:"x"`
			B int8 `msgpack:"x"`
		}{}, `struct.B: there are two fields named "x"`},
		{struct{ *base }{}, "struct.base: an embedded pointer"},
		{struct{ namedErr }{}, "cannot be set"},
		{itself{}, "itself.itself: an embedded pointer"},
		{struct{ P pointless }{}, "pointer to pointers"},
		{struct {
			T      time.Time `msgpack:",inline"`
			*order `msgpack:",inline"`
		}{}, "only structs can be inlined"},
	} {
		typ := reflect.TypeOf(tc.v)
		err := Codec.(codec.Checker).Check(typ)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("Check(%v) = %v, want %q", typ, err, tc.want)
		}
		if _, err := Codec.Append(nil, reflect.New(typ).Interface()); err == nil {
			t.Errorf("Append(%v): no error", typ)
		}
	}
	for _, v := range []any{order{}, pair{}, 0, "", []any{}, map[any]any{}, time.Time{}, struct{ E error }{}, struct{ S fmt.Stringer }{},
		struct {
			*Event `msgpack:",noinline"`
		}{}} {
		if err := Codec.(codec.Checker).Check(reflect.TypeOf(v)); err != nil {
			t.Errorf("Check(%T) = %v", v, err)
		}
	}
	if err := Codec.(codec.Checker).Check(nil); err == nil {
		t.Error("Check(nil): no error")
	}
}

type ring struct {
	Next *ring
	Any  any
}

type liar struct{ out string }

func (l *liar) MarshalMsgpack() ([]byte, error) { return []byte(l.out), nil }
func (l *liar) UnmarshalMsgpack([]byte) error   { return nil }

type panicker struct{}

func (*panicker) EncodeMsgpack(*msgpack.Encoder) error { panic("enc") }
func (*panicker) DecodeMsgpack(*msgpack.Decoder) error { panic("dec") }

type idle struct{}

func (*idle) EncodeMsgpack(e *msgpack.Encoder) error { return e.EncodeInt(5) }
func (*idle) DecodeMsgpack(*msgpack.Decoder) error   { return nil }

func TestValuesThatCannotBeEncodedAreErrors(t *testing.T) { // G04, G07
	loop, anyLoop := &ring{}, &ring{}
	loop.Next = &ring{Next: loop}
	anyLoop.Any = []any{map[string]any{"x": anyLoop}}
	var x any
	x = &x
	long := &ring{}
	for range maxDepth {
		long = &ring{Next: long}
	}
	var nilRing *ring
	for _, tc := range []struct {
		v    any
		want string
	}{
		{loop, "contains itself"},
		{anyLoop, "contains itself"},
		{&struct{ X any }{x}, "contains itself"},
		{long, "nested deeper than 1000"},
		{&ring{Any: map[string]any{"c": make(chan int)}}, ".Any[c]: chan int: a chan int cannot be encoded"},
		{&struct{ S fmt.Stringer }{time.Second}, ".S: a fmt.Stringer holds a type that was not given to msgpack.RegisterExt"},
		{&liar{""}, "not readable"},
		{&liar{"\xc0\xc0"}, "left over"},
		{&liar{"\x92"}, "not readable"},
		{&panicker{}, "panic: enc"},
		{nil, "not a pointer"},
		{ring{}, "not a pointer"},
		{nilRing, "or nil"},
	} {
		if enc, err := Codec.Append(nil, tc.v); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("Append(%T) = %x, %v, want %q", tc.v, enc, err, tc.want)
		}
	}
	for _, tc := range []struct {
		src  string
		v    any
		want string
	}{
		{"\xc3", &panicker{}, "panic: dec"},
		{"\x05", &idle{}, "1 bytes undecoded"},
		{"\x81\xa1S\xa1x", &struct{ S fmt.Stringer }{}, "RegisterExt"},
		{"\x81\xa1S\xa1x", ring{}, "not a pointer"},
	} {
		if err := Codec.Decode([]byte(tc.src), tc.v); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("Decode into %T: %v, want %q", tc.v, err, tc.want)
		}
	}
	e := struct{ E error }{errors.New("x")}
	if err := Codec.Decode(encode(t, &e), &e); err != nil || e.E.Error() != "x" {
		t.Errorf("an error became %v, %v", e.E, err)
	}
}
