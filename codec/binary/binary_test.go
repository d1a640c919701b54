package binarycodec_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	binarycodec "github.com/gomapfile/mapfile/codec/binary"
	"github.com/gomapfile/mapfile/codec/codectest"

	"github.com/gomapfile/mapfile/codec"
)

// hit appends, and merges when it is read: the codec must give it a zero value.
type hit struct {
	X, Y uint32
	Tags []byte
}

func (h *hit) AppendBinary(dst []byte) ([]byte, error) {
	if h.X == 13 {
		return nil, io.ErrShortWrite
	}
	dst = binary.LittleEndian.AppendUint32(dst, h.X)
	dst = binary.LittleEndian.AppendUint32(dst, h.Y)
	dst = append(dst, byte(len(h.Tags)))
	return append(dst, h.Tags...), nil
}

func (h *hit) UnmarshalBinary(src []byte) error {
	h.X = binary.LittleEndian.Uint32(src) // panics where too short, as foreign code does
	h.Y = binary.LittleEndian.Uint32(src[4:])
	if len(src[9:]) != int(src[8]) {
		return errors.New("wrong length")
	}
	if src[8] > 0 {
		h.Tags = src[9:] // keeps src, which belongs to it
	}
	return nil
}

// text has the older interface, on the value.
type text struct{ s string }

func (t text) MarshalBinary() ([]byte, error) { return append([]byte{byte(len(t.s))}, t.s...), nil }

func (t *text) UnmarshalBinary(src []byte) error {
	if len(src) == 0 || int(src[0]) != len(src)-1 {
		return errors.New("wrong length")
	}
	t.s = string(src[1:])
	return nil
}

type writeOnly struct{}

func (writeOnly) MarshalBinary() ([]byte, error) { return nil, nil }

type readOnly struct{}

func (*readOnly) UnmarshalBinary([]byte) error { return nil }

// G01 G02 G03 G24 G28
func TestBinaryKeepsThePromises(t *testing.T) {
	bad := []reflect.Type{reflect.TypeFor[int](), reflect.TypeFor[writeOnly](), reflect.TypeFor[readOnly](), reflect.TypeFor[fmt.Stringer](), nil}
	codectest.Run(t, binarycodec.Codec,
		codectest.Case{New: func() any { return new(hit) }, Values: []any{&hit{}, &hit{X: 1, Y: 2, Tags: []byte("ab")}, &hit{Y: 3}},
			Hostile: [][]byte{nil, {1, 2, 3}, make([]byte, 10)}, Unencodable: []any{&hit{X: 13}, new(int), &readOnly{}}, BadTypes: bad},
		codectest.Case{New: func() any { return new(text) }, Values: []any{&text{}, &text{"abc"}}, Hostile: [][]byte{nil, {3, 'a'}}, BadTypes: bad},
		codectest.Case{New: func() any { return new(time.Time) }, Values: []any{&time.Time{}, new(time.Unix(1, 2)), new(time.Date(-1000, 1, 1, 0, 0, 0, 0, time.FixedZone("X", 3600)))},
			Equal: func(got, want any) bool { return got.(*time.Time).Equal(*want.(*time.Time)) }},
	)
}

type panicky struct{}

func (panicky) MarshalBinary() ([]byte, error) { panic(io.ErrNoProgress) }
func (*panicky) UnmarshalBinary([]byte) error  { panic("foreign") }

func TestBinaryRecoversForeignPanics(t *testing.T) {
	if _, err := binarycodec.Codec.Append(nil, new(panicky)); !errors.Is(err, io.ErrNoProgress) || !strings.Contains(err.Error(), "binarycodec_test.panicky") {
		t.Error(err)
	}
	if err := binarycodec.Codec.Decode(nil, new(panicky)); err == nil || !strings.Contains(err.Error(), "foreign") {
		t.Error(err)
	}
	if err := binarycodec.Codec.Decode([]byte{1}, new(hit)); err == nil || !strings.Contains(err.Error(), "out of range") {
		t.Error(err)
	}
}

// thief writes before dst, as far as it can see it.
type thief struct{}

func (*thief) AppendBinary(dst []byte) ([]byte, error) {
	clear(dst)
	return []byte("loot"), nil
}
func (*thief) UnmarshalBinary([]byte) error { return nil }

func TestBinaryProtectsWhatIsBefore(t *testing.T) {
	out, err := binarycodec.Codec.Append([]byte("before "), new(thief))
	if err != nil || string(out) != "before loot" {
		t.Errorf("%q, %v", out, err)
	}
	// An appender with room enough writes in place.
	buf := make([]byte, 3, 100)
	out, err = binarycodec.Codec.Append(buf, &hit{X: 1})
	if err != nil || &out[0] != &buf[0] || !bytes.Equal(out, append(make([]byte, 3), 1, 0, 0, 0, 0, 0, 0, 0, 0)) {
		t.Errorf("% x, %v", out, err)
	}
}

func TestBinaryIsNoReuser(t *testing.T) {
	if _, ok := binarycodec.Codec.(codec.Reuser); ok {
		t.Error("an UnmarshalBinary may merge and keep: the codec must not claim reuse")
	}
	if err := binarycodec.Codec.(codec.Checker).Check(reflect.TypeFor[big.Int]()); err == nil {
		t.Error("big.Int has no binary form")
	}
}
