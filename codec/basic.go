package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"

	"github.com/gomapfile/mapfile/internal/inplace"
)

// Basic is the codec for bool, sized integers, floats, string, []byte and slices of sized numbers,
// under the name "basic". Named types (type Celsius float64) are other types and refused, and so
// are int and uint, whose size differs between machines.
//
// A number is written in its own size, little-endian, a bool as one byte 0 or 1, a string as its
// bytes, a slice as its elements one after another: the payload's length tells how many. So nil and
// an empty slice are the same; both are decoded to an empty slice that is not nil.
//
// Decoding into a used slice reuses its memory up to its capacity, as append(s[:0], …) would: who
// keeps another slice of the same memory must copy it first, or decode into a new one. Strings and
// plain Decode share nothing. Schemas are the Go type's name.
var Basic Codec = basic{}

type basic struct{}

var (
	_ Reuser        = basic{}
	_ Checker       = basic{}
	_ Describer     = basic{}
	_ Inspector     = basic{}
	_ inplace.Codec = basic{}
)

func (basic) Name() string { return "basic" }

// EncodesInPlace: Append below calls nobody, holds nothing, and recovers nothing.
func (basic) EncodesInPlace(inplace.Promise) {}

func (basic) Append(dst []byte, v any) ([]byte, error) {
	if isNil(v) {
		return nil, fmt.Errorf("codec \"basic\": encode %T: nil pointer", v)
	}
	le := binary.LittleEndian
	switch p := v.(type) {
	case *bool:
		if *p {
			return append(dst, 1), nil
		}
		return append(dst, 0), nil
	case *int8:
		return append(dst, byte(*p)), nil
	case *int16:
		return le.AppendUint16(dst, uint16(*p)), nil
	case *int32:
		return le.AppendUint32(dst, uint32(*p)), nil
	case *int64:
		return le.AppendUint64(dst, uint64(*p)), nil
	case *uint8:
		return append(dst, *p), nil
	case *uint16:
		return le.AppendUint16(dst, *p), nil
	case *uint32:
		return le.AppendUint32(dst, *p), nil
	case *uint64:
		return le.AppendUint64(dst, *p), nil
	case *float32:
		return le.AppendUint32(dst, math.Float32bits(*p)), nil
	case *float64:
		return le.AppendUint64(dst, math.Float64bits(*p)), nil
	case *string:
		return append(dst, *p...), nil
	}
	return appendSlice(dst, v)
}

func (basic) Decode(src []byte, v any) error {
	if p, ok := v.(*[]byte); ok && p != nil && src != nil {
		*p = src[:len(src):len(src)] // src is ours: no second copy
		return nil
	}
	return basic{}.DecodeReuse(src, v)
}

func (basic) DecodeReuse(src []byte, v any) error {
	if isNil(v) {
		return fmt.Errorf("codec \"basic\": decode %T: nil pointer", v)
	}
	switch p := v.(type) {
	case *bool:
		if len(src) != 1 || src[0] > 1 {
			return fmt.Errorf("codec \"basic\": decode %T: %d bytes, where one byte 0 or 1 should be", v, len(src))
		}
		*p = src[0] == 1
	case *string:
		if *p != string(src) { // an unchanged string costs no allocation
			*p = string(src)
		}
	case *int8, *uint8, *int16, *uint16, *int32, *uint32, *float32, *int64, *uint64, *float64:
		return decodeNumber(src, v)
	default:
		return decodeSlice(src, v)
	}
	return nil
}

func decodeNumber(src []byte, v any) error {
	if size := numberLen(v); len(src) != size {
		return fmt.Errorf("codec \"basic\": decode %T: %d bytes instead of %d", v, len(src), size)
	}
	le := binary.LittleEndian
	switch p := v.(type) {
	case *int8:
		*p = int8(src[0])
	case *uint8:
		*p = src[0]
	case *int16:
		*p = int16(le.Uint16(src))
	case *uint16:
		*p = le.Uint16(src)
	case *int32:
		*p = int32(le.Uint32(src))
	case *uint32:
		*p = le.Uint32(src)
	case *float32:
		*p = math.Float32frombits(le.Uint32(src))
	case *int64:
		*p = int64(le.Uint64(src))
	case *uint64:
		*p = le.Uint64(src)
	case *float64:
		*p = math.Float64frombits(le.Uint64(src))
	}
	return nil
}

func numberLen(v any) int {
	switch v.(type) {
	case *int8, *uint8:
		return 1
	case *int16, *uint16:
		return 2
	case *int32, *uint32, *float32:
		return 4
	default:
		return 8
	}
}

func (basic) Check(t reflect.Type) error {
	if t != nil && basicTypes[t.String()] == t {
		return nil
	}
	return fmt.Errorf("%v: %w", t, whyNotBasic(t))
}

func whyNotBasic(t reflect.Type) error {
	if t == nil {
		return errors.New("there is no type")
	}
	if t.Kind() == reflect.Slice && t.Name() == "" {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Int:
		return errors.New("its size differs between machines; use int32 or int64")
	case reflect.Uint, reflect.Uintptr:
		return errors.New("its size differs between machines; use uint32 or uint64")
	}
	return errors.New("the codec takes bool, sized numbers, string, and slices of sized numbers, under no other name")
}

func (basic) Describe(t reflect.Type) ([]byte, error) {
	if err := (basic{}).Check(t); err != nil {
		return nil, err
	}
	return []byte(t.String()), nil
}

func (basic) Compatible(written, mine []byte) error {
	if string(written) != string(mine) {
		return fmt.Errorf("written as %.40q, read as %.40q", written, mine)
	}
	return nil
}

func isNil(v any) bool {
	r := reflect.ValueOf(v)
	return r.Kind() == reflect.Pointer && r.IsNil()
}

// basicTypes holds the types that Basic takes, by name.
var basicTypes = func() map[string]reflect.Type {
	byName := map[string]reflect.Type{}
	for _, v := range []any{
		false, "", int8(0), int16(0), int32(0), int64(0), uint8(0), uint16(0), uint32(0), uint64(0), float32(0), float64(0),
		[]int8{}, []int16{}, []int32{}, []int64{}, []uint8{}, []uint16{}, []uint32{}, []uint64{}, []float32{}, []float64{},
	} {
		t := reflect.TypeOf(v)
		byName[t.String()] = t
	}
	return byName
}()
