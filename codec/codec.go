// Package codec turns values into bytes and back.
//
// A [Codec] is what a map file needs to know of an encoding: a stable name, how to append the
// encoding of a value, and how to decode all of it again. Everything else is optional and found by
// interface: [Reuser] decodes into used objects without garbage, [Checker] refuses types early,
// [Describer] stores a schema in the file, [Inspector] decodes without the Go type.
//
// Two helpers cover small needs: [Func] makes a codec for one type out of two functions, and
// [Basic] is for numbers, strings and slices of them. The subpackages adapt well-known encodings;
// package codectest checks that a codec keeps the promises below.
package codec

import "reflect"

// A Codec encodes values of the types it accepts; v is always a pointer *X.
//
// Concurrency: all methods are called by several goroutines at once.
// Errors: methods return errors and do not panic, whatever the value or the bytes.
type Codec interface {
	// Name is stable and short ("json", "zstd+msgpack"): the file stores it, and readers find the
	// codec by it.
	Name() string

	// Append appends the encoding of *v to dst and returns the extended slice, as append does. It
	// neither keeps dst nor reads what lies beyond len(dst). On an error the result is ignored.
	Append(dst []byte, v any) ([]byte, error)

	// Decode sets *v, which is zero, from all of src; bytes left over are an error. src belongs to
	// the callee, which may keep it or write into it. The memory it takes is bounded by a small
	// multiple of len(src), also when src is hostile.
	Decode(src []byte, v any) error
}

// Reuser is the fast path of reading, with more to promise than Decode: *v may be a used object and
// must become exactly what Decode would make of a zero one, and src is lent: it is neither kept
// nor written. What an earlier call left in other objects must not change.
type Reuser interface {
	DecodeReuse(src []byte, v any) error
}

// Checker refuses at registration a type that the codec cannot hold. The error names the field.
type Checker interface {
	Check(t reflect.Type) error
}

// Describer gives the schema of a type, which is stored once in each file, and says whether a
// payload that was written under one schema can be read under another.
type Describer interface {
	// Describe returns the schema of t. Equal types give equal bytes, in every process.
	Describe(t reflect.Type) ([]byte, error)
	// Compatible returns nil if a payload written under the schema written can be decoded into a
	// type whose schema is mine. Both may be hostile bytes.
	Compatible(written, mine []byte) error
}

// Inspector decodes without the Go type, by the schema stored in the file. Both arguments may be
// hostile: memory is bounded by a small multiple of their lengths, depth by a constant.
// The schema may be empty for codecs that describe themselves.
type Inspector interface {
	Inspect(schema, payload []byte) (Node, error)
}

// Node is a decoded value: a leaf, whose Value is nil, bool, int64, uint64, float64, string, []byte
// or time.Time, or a list, map or struct, whose parts are Children in a stable order.
type Node struct {
	Name     string // field name, map key in text form, or "" in a list
	Type     string // as the codec names it: "int32", "repeated double", "map", "struct" …
	Value    any
	Children []Node
}
