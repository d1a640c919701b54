package codec_test

import (
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/gomapfile/mapfile/codec"
	"github.com/gomapfile/mapfile/codec/codectest"
)

type point struct{ X, Y int32 }

func appendPoint(dst []byte, p *point) ([]byte, error) {
	return binary.Append(dst, binary.LittleEndian, p)
}

func decodePoint(src []byte, p *point) error {
	n, err := binary.Decode(src, binary.LittleEndian, p)
	if err == nil && n != len(src) {
		err = errors.New("trailing bytes")
	}
	return err
}

func TestFuncKeepsThePromises(t *testing.T) {
	codectest.Run(t, codec.Func("point", appendPoint, decodePoint), codectest.Case{
		New:      func() any { return new(point) },
		Values:   []any{&point{}, &point{1, -2}, &point{1 << 30, 3}},
		Hostile:  [][]byte{nil, {1}, make([]byte, 9)},
		BadTypes: []reflect.Type{reflect.TypeFor[int](), reflect.TypeFor[*point]()},
	})
}

func TestFuncTurnsPanicsIntoErrors(t *testing.T) {
	c := codec.Func("panics",
		func([]byte, *point) ([]byte, error) { panic(io.ErrClosedPipe) },
		func(src []byte, p *point) error { p.X = int32(src[10]); return nil })
	if _, err := c.Append(nil, new(point)); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Append: %v", err)
	}
	err := c.Decode([]byte{1}, new(point))
	if err == nil || !strings.Contains(err.Error(), "index out of range") || !strings.Contains(err.Error(), "codec_test.point") {
		t.Errorf("Decode: %v", err)
	}
	c = codec.Func[point]("empty", nil, nil)
	if err := c.(codec.Checker).Check(reflect.TypeFor[point]()); err == nil {
		t.Error("Check takes a codec without functions")
	}
	if _, err := c.Append(nil, new(point)); err == nil {
		t.Error("no error from a nil function")
	}
}

func TestFuncNamesBothTypes(t *testing.T) {
	c := codec.Func("point", appendPoint, decodePoint)
	for what, err := range map[string]error{
		"Append": func() error { _, err := c.Append(nil, new(celsius)); return err }(),
		"Decode": c.Decode(nil, new(celsius)),
		"Check":  c.(codec.Checker).Check(reflect.TypeFor[celsius]()),
	} {
		if err == nil || !strings.Contains(err.Error(), "celsius") || !strings.Contains(err.Error(), "point") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, ok := c.(codec.Reuser); ok {
		t.Error("a codec by Func must not be a Reuser: the function may expect a zero value")
	}
}

// The usual slip of a first codec: make a slice instead of appending to dst.
func TestFuncNoticesLostDst(t *testing.T) {
	c := codec.Func("lossy", func(_ []byte, p *point) ([]byte, error) { return []byte{1}, nil }, decodePoint)
	if _, err := c.Append([]byte("before"), new(point)); err == nil || !strings.Contains(err.Error(), "append to dst") {
		t.Error(err)
	}
}
