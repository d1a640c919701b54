// Package pod is the codec for plain old data: structs, arrays, sized numbers and bools without
// pointers. Such a value has one size, so encoding it is copying it: a small struct takes a few
// nanoseconds and no allocation either way.
//
// # Encoding
//
// The fields in the order of the source, without gaps, each number little-endian, a bool as 0 or 1,
// a complex number as its two parts. Padding between fields is not part of the encoding: what the
// memory holds there never reaches a file, and decoding does not touch it.
//
//   - Unexported fields are encoded like exported ones, also those of types of other packages: pod
//     copies the state of a value and asks nobody.
//   - Blank fields (_) and fields of size zero carry no value: they are left out and never touched.
//   - Refused, with the path of the field: int, uint and uintptr, whose size differs between machines;
//     pointers, strings, slices, maps, channels, functions and interfaces, which have no fixed size;
//     types with Lock and Unlock methods and those of sync/atomic, because a copy of a lock is no value.
//
// # Evolution
//
// There is none. The schema is the layout as text ("struct{px float64;hits [4]uint32}"); a reader
// whose layout differs in a name, a kind or the order gets an error that names the first such field.
package pod

import (
	"errors"
	"fmt"
	"reflect"
	"unsafe"

	"github.com/gomapfile/mapfile/codec"
	"github.com/gomapfile/mapfile/internal/inplace"
)

// Codec is the codec named "pod". It also implements codec.Reuser, Checker, Describer and Inspector.
var Codec codec.Codec = podCodec{}

type podCodec struct{}

// EncodesInPlace: Append only copies, runs no code of others and holds no lock while it does.
func (podCodec) EncodesInPlace(inplace.Promise) {}

func (podCodec) Name() string { return "pod" }

// Append appends the encoding of *v; it allocates only if dst has too little room.
func (podCodec) Append(dst []byte, v any) ([]byte, error) {
	p, obj, err := planFor(v)
	if err != nil {
		return dst, err
	}
	return p.append(dst, obj), nil
}

// Decode sets *v from src. On an error *v is unchanged.
func (podCodec) Decode(src []byte, v any) error {
	p, obj, err := planFor(v)
	if err != nil {
		return err
	}
	return p.decode(src, obj)
}

// DecodeReuse is Decode: every byte that carries a value is overwritten.
func (c podCodec) DecodeReuse(src []byte, v any) error { return c.Decode(src, v) }

// Check refuses types without a fixed layout.
func (podCodec) Check(t reflect.Type) error {
	if t == nil {
		return errors.New("pod: no type")
	}
	_, err := planOf(t)
	return err
}

// Describe returns the layout of t as text.
func (podCodec) Describe(t reflect.Type) ([]byte, error) {
	if t == nil {
		return nil, errors.New("pod: no type")
	}
	p, err := planOf(t)
	if err != nil {
		return nil, err
	}
	return []byte(p.layout.String()), nil
}

// planFor returns the plan of the type that v points to, and where it points. The type word of v is
// compared with that of the plan, so memory of another type is never read or written.
func planFor(v any) (*plan, unsafe.Pointer, error) {
	// An interface value is the address of its type and, for a pointer type, the pointer itself.
	words := (*[2]unsafe.Pointer)(unsafe.Pointer(&v))
	recent := &recentPlans[(uintptr(words[0])>>6)%uintptr(len(recentPlans))]
	if p := recent.Load(); p != nil && p.ptrWord == words[0] && words[1] != nil {
		return p, words[1], nil
	}
	t := reflect.TypeOf(v)
	if t == nil || t.Kind() != reflect.Pointer {
		return nil, nil, fmt.Errorf("pod: %T is not a pointer to a value", v)
	}
	if words[1] == nil {
		return nil, nil, fmt.Errorf("pod: nil %T", v)
	}
	p, err := planOf(t.Elem())
	if err != nil {
		return nil, nil, err
	}
	if p.ptrWord == words[0] { // not for named pointer types, which are another type than *X
		recent.Store(p)
	}
	return p, words[1], nil
}
