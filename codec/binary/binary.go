// Package binarycodec is the codec "binary": types that bring their own encoding, by AppendBinary or
// MarshalBinary and by UnmarshalBinary, the interfaces of package encoding.
//
// What is in the payload is the type's own matter, and so are three promises of package codec, which
// this codec cannot keep in its place: that UnmarshalBinary refuses left-over bytes, that equal values
// give equal bytes, and that hostile bytes cost little memory. Package codectest shows whether a type
// keeps them. Panics of the methods become errors.
//
// Beware of embedding: a struct that embeds a time.Time has the methods of that field, which write
// the time and nothing else of the struct.
package binarycodec

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"

	"github.com/gomapfile/mapfile/codec"
	"github.com/gomapfile/mapfile/codec/internal/foreign"
)

// Codec is the codec "binary". It is not a Reuser: an UnmarshalBinary may keep its input, may merge
// into what it finds, and nobody can tell. It always gets a zero value and bytes of its own.
var Codec codec.Codec = binaryCodec{}

type binaryCodec struct{}

var _ codec.Checker = binaryCodec{}

func (binaryCodec) Name() string { return "binary" }

func (binaryCodec) Append(dst []byte, v any) (out []byte, err error) {
	if err := checkPointer("encode", v); err != nil {
		return nil, err
	}
	defer foreign.Recover(&err, "binary", "encode", v)
	var own []byte
	switch m := v.(type) {
	case encoding.BinaryAppender:
		// The method sees the free part of dst only, so it cannot change what is before. If it
		// appends in place, the append below copies the bytes onto themselves.
		own, err = m.AppendBinary(dst[len(dst):])
	case encoding.BinaryMarshaler:
		own, err = m.MarshalBinary()
	default:
		err = errors.New("it has neither AppendBinary nor MarshalBinary")
	}
	if err != nil {
		return nil, fmt.Errorf("codec \"binary\": encode %T: %w", v, err)
	}
	return append(dst, own...), nil
}

func (binaryCodec) Decode(src []byte, v any) (err error) {
	if err := checkPointer("decode", v); err != nil {
		return err
	}
	m, ok := v.(encoding.BinaryUnmarshaler)
	if !ok {
		return fmt.Errorf("codec \"binary\": decode %T: it has no UnmarshalBinary", v)
	}
	defer foreign.Recover(&err, "binary", "decode", v)
	if err := m.UnmarshalBinary(src[:len(src):len(src)]); err != nil {
		return fmt.Errorf("codec \"binary\": decode %T: %w", v, err)
	}
	return nil
}

// Check wants both directions, on *T: a type that can only be written would be found out by readers.
func (binaryCodec) Check(t reflect.Type) error {
	if t == nil {
		return errors.New("there is no type")
	}
	p := reflect.PointerTo(t)
	switch {
	case !p.Implements(reflect.TypeFor[encoding.BinaryAppender]()) && !p.Implements(reflect.TypeFor[encoding.BinaryMarshaler]()):
		return fmt.Errorf("%v has neither AppendBinary nor MarshalBinary", p)
	case !p.Implements(reflect.TypeFor[encoding.BinaryUnmarshaler]()):
		return fmt.Errorf("%v has no UnmarshalBinary", p)
	}
	return nil
}

func checkPointer(what string, v any) error {
	if p := reflect.ValueOf(v); p.Kind() != reflect.Pointer || p.IsNil() {
		return fmt.Errorf("codec \"binary\": %s %T: not a pointer, or nil", what, v)
	}
	return nil
}
