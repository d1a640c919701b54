package codec

// The slices of package's codec Basic. Each loop knows its element's size, so that the compiler can
// write whole words; a single generic loop over a per-element function was the slow alternative.

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"slices"
)

func appendSlice(dst []byte, v any) ([]byte, error) {
	switch p := v.(type) {
	case *[]uint8:
		return append(dst, *p...), nil
	case *[]int8:
		return append8(dst, *p), nil
	case *[]int16:
		return append16(dst, *p), nil
	case *[]uint16:
		return append16(dst, *p), nil
	case *[]int32:
		return append32(dst, *p), nil
	case *[]uint32:
		return append32(dst, *p), nil
	case *[]int64:
		return append64(dst, *p), nil
	case *[]uint64:
		return append64(dst, *p), nil
	case *[]float32:
		return appendFloat32(dst, *p), nil
	case *[]float64:
		return appendFloat64(dst, *p), nil
	}
	return nil, refuse("encode", v)
}

func decodeSlice(src []byte, v any) error {
	switch p := v.(type) {
	case *[]uint8:
		*p = append(resize(*p, 0), src...)
		return nil
	case *[]int8:
		return decode8(src, p)
	case *[]int16:
		return decode16(src, p)
	case *[]uint16:
		return decode16(src, p)
	case *[]int32:
		return decode32(src, p)
	case *[]uint32:
		return decode32(src, p)
	case *[]int64:
		return decode64(src, p)
	case *[]uint64:
		return decode64(src, p)
	case *[]float32:
		return decodeFloat32(src, p)
	case *[]float64:
		return decodeFloat64(src, p)
	}
	return refuse("decode", v)
}

func refuse(what string, v any) error {
	if t := reflect.TypeOf(v); t != nil && t.Kind() == reflect.Pointer {
		return fmt.Errorf("codec \"basic\": %s %T: %w", what, v, whyNotBasic(t.Elem()))
	}
	return fmt.Errorf("codec \"basic\": %s %T: not a pointer", what, v)
}

// extend makes room for n bytes behind dst and returns all of it and the new part.
func extend(dst []byte, n int) (all, room []byte) {
	old := len(dst)
	all = slices.Grow(dst, n)[:old+n]
	return all, all[old:]
}

// resize returns s, or another slice if need be, with n elements; never nil.
func resize[T any](s []T, n int) []T {
	if s == nil || cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// elements returns *v with an element for each size bytes of src.
func elements[T any](src []byte, size int, v *[]T) ([]T, error) {
	if len(src)%size != 0 {
		return nil, fmt.Errorf("codec \"basic\": decode %T: %d bytes are not a multiple of %d", v, len(src), size)
	}
	return resize(*v, len(src)/size), nil
}

func append8(dst []byte, s []int8) []byte {
	dst, room := extend(dst, len(s))
	for i, x := range s {
		room[i] = byte(x)
	}
	return dst
}

func append16[T int16 | uint16](dst []byte, s []T) []byte {
	dst, room := extend(dst, 2*len(s))
	for i, x := range s {
		binary.LittleEndian.PutUint16(room[2*i:], uint16(x))
	}
	return dst
}

func append32[T int32 | uint32](dst []byte, s []T) []byte {
	dst, room := extend(dst, 4*len(s))
	for i, x := range s {
		binary.LittleEndian.PutUint32(room[4*i:], uint32(x))
	}
	return dst
}

func append64[T int64 | uint64](dst []byte, s []T) []byte {
	dst, room := extend(dst, 8*len(s))
	for i, x := range s {
		binary.LittleEndian.PutUint64(room[8*i:], uint64(x))
	}
	return dst
}

func appendFloat32(dst []byte, s []float32) []byte {
	dst, room := extend(dst, 4*len(s))
	for i, x := range s {
		binary.LittleEndian.PutUint32(room[4*i:], math.Float32bits(x))
	}
	return dst
}

func appendFloat64(dst []byte, s []float64) []byte {
	dst, room := extend(dst, 8*len(s))
	for i, x := range s {
		binary.LittleEndian.PutUint64(room[8*i:], math.Float64bits(x))
	}
	return dst
}

func decode8(src []byte, v *[]int8) error {
	s := resize(*v, len(src))
	for i, b := range src {
		s[i] = int8(b)
	}
	*v = s
	return nil
}

func decode16[T int16 | uint16](src []byte, v *[]T) error {
	s, err := elements(src, 2, v)
	if err != nil {
		return err
	}
	for i := range s {
		s[i] = T(binary.LittleEndian.Uint16(src[2*i:]))
	}
	*v = s
	return nil
}

func decode32[T int32 | uint32](src []byte, v *[]T) error {
	s, err := elements(src, 4, v)
	if err != nil {
		return err
	}
	for i := range s {
		s[i] = T(binary.LittleEndian.Uint32(src[4*i:]))
	}
	*v = s
	return nil
}

func decode64[T int64 | uint64](src []byte, v *[]T) error {
	s, err := elements(src, 8, v)
	if err != nil {
		return err
	}
	for i := range s {
		s[i] = T(binary.LittleEndian.Uint64(src[8*i:]))
	}
	*v = s
	return nil
}

func decodeFloat32(src []byte, v *[]float32) error {
	s, err := elements(src, 4, v)
	if err != nil {
		return err
	}
	for i := range s {
		s[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
	}
	*v = s
	return nil
}

func decodeFloat64(src []byte, v *[]float64) error {
	s, err := elements(src, 8, v)
	if err != nil {
		return err
	}
	for i := range s {
		s[i] = math.Float64frombits(binary.LittleEndian.Uint64(src[8*i:]))
	}
	*v = s
	return nil
}
