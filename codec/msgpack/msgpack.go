// Package msgpackcodec is the codec for plain Go structs in MessagePack, which every language reads.
// Types, field names and struct tags are those of github.com/vmihailenco/msgpack/v5, and so is most
// of the work. What that library leaves to trust is checked here, because a payload comes from
// a file that anybody may have written:
//
//   - The headers of a payload are walked before anything is decoded: no count beyond the bytes that
//     are there, nesting of at most 1000, timestamps as the standard has them, nothing left over. A
//     header that lies costs no memory. What remains is the size of the program's own types: a list
//     of a million empty maps, a byte each, becomes a million structs.
//   - A number that the Go type cannot hold exactly is an error that names the field, not another
//     number: 300 for an int8, -1 for a uint16, 2.5 for an int, 1<<53+1 for a float64. nil is the
//     zero value of any type that has one.
//   - Map keys that Go cannot hash are an error, encoded maps are in the order of their keys, values
//     that contain themselves are refused.
//   - Decode resets *v first: nothing is merged into old slices and maps, nothing points into src.
//
// # Types
//
// Unknown names in a payload are skipped and missing ones leave zero, so structs evolve by adding
// fields. Types with CustomEncoder and CustomDecoder, MarshalMsgpack, MarshalBinary or MarshalText
// and their counterparts encode themselves; what their methods allocate is up to them. Registration
// refuses, and names the field: channels, functions, complex numbers, uintptr, interned strings,
// types with only one half of such a pair of methods, embedded pointers, and embedded fields that
// nobody can set.
//
// An any comes back as what the format knows: int8 to int64 and uint8 to uint64 by their size in the
// payload, float32, float64, bool, string, []byte, time.Time, []any, map[string]any, or map[any]any
// for other keys. Other interfaces than any and error hold only types given to msgpack.RegisterExt.
package msgpackcodec

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"reflect"
	"sync"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/gomapfile/mapfile/codec"
)

// Codec is the codec named "msgpack". It also implements codec.Reuser, Checker and Inspector;
// payloads describe themselves, so there is no schema.
var Codec codec.Codec = msgpackCodec{}

type msgpackCodec struct{}

func (msgpackCodec) Name() string { return "msgpack" }

// Check refuses types that cannot be encoded and decoded again.
func (msgpackCodec) Check(t reflect.Type) error {
	if t == nil {
		return errors.New("msgpack: no type")
	}
	if _, err := shapeOf(t); err != nil {
		return fmt.Errorf("msgpack: %w", err)
	}
	return nil
}

// Append appends *v. The same value gives the same bytes, as far as methods of the types allow.
func (msgpackCodec) Append(dst []byte, v any) (out []byte, err error) {
	rv, s, err := target(v)
	if err != nil {
		return dst, err
	}
	defer recovered(&err, rv.Type())
	if err := guard(rv.Elem(), s, 0); err != nil {
		return dst, err.in(rv.Type().Elem())
	}
	e := newEncoder(s)
	e.out.buf = dst
	err = e.enc.EncodeValue(rv)
	out, e.out.buf = e.out.buf, nil
	if err != nil {
		return dst, fmt.Errorf("msgpack: %v: %w", rv.Type().Elem(), err)
	}
	if s.plain() {
		encoders.Put(e)
	}
	payload := out[len(dst):]
	if uint64(len(payload)) > math.MaxUint32 { // a length within it may have been cut to 32 bits
		return dst, fmt.Errorf("msgpack: %v: the encoding has %d bytes, more than 4 GiB", rv.Type().Elem(), len(payload))
	}
	if !s.plain() || s.recursive {
		if err := walk(payload); err != nil { // what methods of the types have written, or too deep
			return dst, fmt.Errorf("msgpack: %v: the encoding is not readable: %w", rv.Type().Elem(), err)
		}
		if err := narrow(s, payload); err != nil {
			return dst, err.in(rv.Type().Elem())
		}
	}
	if s.hasMaps {
		sortMaps(s, payload)
	}
	return out, nil
}

// Decode sets *v from src.
func (msgpackCodec) Decode(src []byte, v any) (err error) {
	rv, s, err := target(v)
	if err != nil {
		return err
	}
	if err := walk(src); err != nil {
		return fmt.Errorf("msgpack: %v: %w", rv.Type().Elem(), err)
	}
	if err := narrow(s, src); err != nil {
		return err.in(rv.Type().Elem())
	}
	defer recovered(&err, rv.Type())
	rv.Elem().SetZero()
	d := newDecoder(s, src)
	if err := d.dec.Decode(v); err != nil {
		return fmt.Errorf("msgpack: %v: %w", rv.Type().Elem(), err)
	}
	if left := d.src.Len(); left != 0 {
		return fmt.Errorf("msgpack: %v: a method of its types left %d bytes undecoded", rv.Type().Elem(), left)
	}
	d.src.Reset(nil)
	if s.plain() && len(src) <= maxPooled {
		decoders.Put(d)
	}
	return nil
}

// DecodeReuse is Decode: that resets *v and copies all that it takes from src.
func (c msgpackCodec) DecodeReuse(src []byte, v any) error { return c.Decode(src, v) }

// target returns v, which must be a pointer to a value, and the shape of that.
func target(v any) (reflect.Value, *shape, error) {
	rv := reflect.ValueOf(v)
	if rv.Kind() != reflect.Pointer || rv.IsNil() {
		return rv, nil, fmt.Errorf("msgpack: %T is not a pointer to a value, or nil", v)
	}
	s, err := shapeOf(rv.Type().Elem())
	if err != nil {
		return rv, nil, fmt.Errorf("msgpack: %w", err)
	}
	return rv, s, nil
}

// recovered turns a panic in the library or in a method of the types into an error.
func recovered(err *error, t reflect.Type) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("msgpack: %v: panic: %v", t.Elem(), r)
	}
}

// The library's encoders and decoders are reused for plain types only: methods of others are given
// them and may keep them, or slices of their buffers.
var (
	encoders = sync.Pool{New: func() any { return makeEncoder() }}
	decoders = sync.Pool{New: func() any { return makeDecoder() }}
)

// maxPooled is the longest payload whose decoder is kept: it keeps a buffer as long as a string.
const maxPooled = 64 << 10

type encoder struct {
	enc *msgpack.Encoder
	out sink
}

// sink appends what is written to it.
type sink struct{ buf []byte }

func (s *sink) Write(p []byte) (int, error) { s.buf = append(s.buf, p...); return len(p), nil }
func (s *sink) WriteByte(c byte) error      { s.buf = append(s.buf, c); return nil }

func makeEncoder() *encoder {
	e := &encoder{}
	e.enc = msgpack.NewEncoder(&e.out)
	return e
}

func newEncoder(s *shape) *encoder {
	if s.plain() {
		return encoders.Get().(*encoder)
	}
	return makeEncoder()
}

type decoder struct {
	dec *msgpack.Decoder
	src bytes.Reader
}

func makeDecoder() *decoder {
	d := &decoder{}
	d.dec = msgpack.NewDecoder(&d.src)
	d.dec.SetMapDecoder(decodeMap)
	return d
}

func newDecoder(s *shape, src []byte) *decoder {
	d, _ := decoders.Get().(*decoder)
	if !s.plain() {
		d = makeDecoder()
	}
	d.src.Reset(src)
	return d
}

// decodeMap decodes a map into an any: the library's own fails on keys that are no strings.
func decodeMap(d *msgpack.Decoder) (any, error) {
	n, err := d.DecodeMapLen()
	if err != nil || n < 0 {
		return nil, err
	}
	named, other := make(map[string]any, n), map[any]any(nil)
	for range n {
		key, err := d.DecodeInterface()
		if err != nil {
			return nil, err
		}
		value, err := d.DecodeInterface()
		if err != nil {
			return nil, err
		}
		name, isName := key.(string)
		if isName && other == nil {
			named[name] = value
			continue
		}
		if key != nil && !reflect.TypeOf(key).Comparable() {
			return nil, fmt.Errorf("a map key of type %T cannot be hashed", key)
		}
		if other == nil {
			other = make(map[any]any, n)
			for name, value := range named {
				other[name] = value
			}
		}
		other[key] = value
	}
	if other != nil {
		return other, nil
	}
	return named, nil
}
