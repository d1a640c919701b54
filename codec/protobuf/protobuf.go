// Package protobuf is the codec for protocol buffer messages: every pointer to a type that protoc-gen-go
// has generated for google.golang.org/protobuf.
//
// Importing the package is enough. It teaches [registry.Default] every message that is linked into
// the program, under the message's full name:
//
//	import _ "github.com/gomapfile/mapfile/codec/protobuf"
//
// Encoding is deterministic within one version of the protobuf library. Decoding gives an error, which names the message,
// for text that is not UTF-8 (in proto2, text may be any bytes), for missing required fields, for
// malformed and truncated fields and for messages nested deeper than 10,000; nothing decoded points into the payload. Fields that the
// message does not know are kept and written again. A payload of 2 GiB or more is an error.
//
// The schema that a file stores is the message's full name and the descriptors of all the files that it needs;
// with it a dump tool shows messages it was not built with. Messages evolve as protocol buffers do,
// with one exception: a reader whose field would cut the written one short, such as int32 for
// int64 or one value for many, is refused instead of given other numbers.
package protobuf

import (
	"errors"
	"fmt"
	"math"
	"reflect"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/gomapfile/mapfile/codec"
)

// Codec is the codec named "protobuf". It also implements codec.Reuser, Checker, Describer and
// Inspector.
var Codec codec.Codec = protobufCodec{}

type protobufCodec struct{}

// maxSize is the longest encoding that other implementations read; a variable for tests.
var maxSize = math.MaxInt32

func (protobufCodec) Name() string { return "protobuf" }

// Append appends the encoding of the message v. It is not for mapped memory: messages may have
// marshalers of their own, and extensions take a lock when they are encoded first.
func (protobufCodec) Append(dst []byte, v any) (out []byte, err error) {
	defer recovered(&err, v)
	m, err := message(v)
	if err != nil {
		return dst, err
	}
	if err := tooDeep(m.ProtoReflect()); err != nil {
		return dst, fmt.Errorf("protobuf: %s: %w", nameOf(m), err)
	}
	opts := proto.MarshalOptions{Deterministic: true}
	if size := opts.Size(m); size > maxSize {
		return dst, fmt.Errorf("protobuf: %s: the encoding would have %d bytes; the limit is %d", nameOf(m), size, maxSize)
	}
	opts.UseCachedSize = true // of the call just made
	out, err = opts.MarshalAppend(dst, m)
	if err != nil {
		return dst, fmt.Errorf("protobuf: %s: %w", nameOf(m), err)
	}
	return out, nil
}

// Decode resets the message v and sets it from src.
func (protobufCodec) Decode(src []byte, v any) (err error) {
	defer recovered(&err, v)
	m, err := message(v)
	if err != nil {
		return err
	}
	if err := proto.Unmarshal(src, m); err != nil {
		return fmt.Errorf("protobuf: %s: %w", nameOf(m), err)
	}
	return nil
}

// DecodeReuse is Decode: the library copies bytes, text and unknown fields out of src.
func (c protobufCodec) DecodeReuse(src []byte, v any) error { return c.Decode(src, v) }

// Check refuses types X of which *X is not a message of its own.
func (protobufCodec) Check(t reflect.Type) error {
	_, err := zero(t)
	return err
}

// zero returns the message *X(nil) of a type X.
func zero(t reflect.Type) (m proto.Message, err error) {
	if t == nil {
		return nil, errors.New("protobuf: no type")
	}
	m, ok := reflect.Zero(reflect.PointerTo(t)).Interface().(proto.Message)
	if !ok || t == reflect.TypeFor[dynamicpb.Message]() {
		return nil, fmt.Errorf("protobuf: *%v is not a message that protoc-gen-go has generated", t)
	}
	defer recovered(&err, m) // an embedded message, reached through a nil pointer
	if got := reflect.TypeOf(m.ProtoReflect().Interface()); got != reflect.TypeOf(m) {
		return nil, fmt.Errorf("protobuf: %v embeds the message %v; what else it has would be lost", t, got.Elem())
	}
	return m, nil
}

// message returns v as a message that can be read and set.
func message(v any) (proto.Message, error) {
	m, ok := v.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("protobuf: %T is not a message", v)
	}
	if rv := reflect.ValueOf(v); rv.Kind() != reflect.Pointer || rv.IsNil() {
		return nil, fmt.Errorf("protobuf: %T is nil, or no pointer", v)
	}
	r := m.ProtoReflect()
	if !r.IsValid() {
		return nil, fmt.Errorf("protobuf: %T without a descriptor", v)
	}
	if r.Interface() != m {
		return nil, fmt.Errorf("protobuf: %T embeds the message %T; what else it has would be lost", v, r.Interface())
	}
	return m, nil
}

func nameOf(m proto.Message) string { return string(m.ProtoReflect().Descriptor().FullName()) }

// recovered turns a panic of a marshaler of others, or of the library over a damaged message, into
// an error.
func recovered(err *error, v any) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("protobuf: %T: panic: %v", v, r)
	}
}
