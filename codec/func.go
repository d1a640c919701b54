package codec

import (
	"fmt"
	"reflect"

	"github.com/gomapfile/mapfile/codec/internal/foreign"
)

// Func makes a codec for the one type T out of two functions: the short way to a codec of one's own.
//
// enc appends the encoding of *v to dst and returns the extended slice; it need not know more than
// append does. dec sets *v, which is zero, from all of src, and returns an error for bytes that enc
// would not have written, bytes left over included. src is dec's own: it may be kept.
//
// The functions are called by several goroutines at once. A panic of theirs becomes an error, and so
// does a v that is not a non-nil *T. Name is the codec's name in the file, for this type alone:
// another Func of another type needs another name. A codec by Func is not a [Reuser]; a GetInto
// through it decodes into a zero value.
func Func[T any](name string, enc func(dst []byte, v *T) ([]byte, error), dec func(src []byte, v *T) error) Codec {
	return &funcCodec[T]{name, enc, dec}
}

type funcCodec[T any] struct {
	name string
	enc  func(dst []byte, v *T) ([]byte, error)
	dec  func(src []byte, v *T) error
}

func (c *funcCodec[T]) Name() string { return c.name }

func (c *funcCodec[T]) Append(dst []byte, v any) (out []byte, err error) {
	p, err := c.pointer("encode", v)
	if err != nil {
		return nil, err
	}
	defer foreign.Recover(&err, c.name, "encode", v)
	out, err = c.enc(dst, p)
	switch {
	case err != nil:
		return nil, fmt.Errorf("codec %q: encode %T: %w", c.name, v, err)
	case len(out) < len(dst):
		// The usual slip: enc started a slice of its own instead of appending to dst.
		return nil, fmt.Errorf("codec %q: encode %T: the function returned less than it was given; it must append to dst", c.name, v)
	}
	return out, nil
}

func (c *funcCodec[T]) Decode(src []byte, v any) (err error) {
	p, err := c.pointer("decode", v)
	if err != nil {
		return err
	}
	defer foreign.Recover(&err, c.name, "decode", v)
	if err := c.dec(src, p); err != nil {
		return fmt.Errorf("codec %q: decode %T: %w", c.name, v, err)
	}
	return nil
}

func (c *funcCodec[T]) Check(t reflect.Type) error {
	switch own := reflect.TypeFor[T](); {
	case t != own:
		return fmt.Errorf("the codec is for %v, not for %v", own, t)
	case c.enc == nil || c.dec == nil:
		return fmt.Errorf("the codec for %v lacks a function", own)
	}
	return nil
}

func (c *funcCodec[T]) pointer(what string, v any) (*T, error) {
	p, ok := v.(*T)
	if !ok {
		return nil, fmt.Errorf("codec %q: %s %T: the codec is for %T", c.name, what, v, p)
	}
	if p == nil {
		return nil, fmt.Errorf("codec %q: %s %T: nil pointer", c.name, what, v)
	}
	return p, nil
}
