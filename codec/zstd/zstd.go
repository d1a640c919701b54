// Package zstdcodec compresses the payloads of another codec with Zstandard.
//
//	registry.Register[Event]("lab.Event", zstdcodec.Wrap(msgpackcodec.Codec))
//
// The payload is one Zstandard frame that states the size of its content and ends with a checksum of
// it; frames of other programs may lack the checksum, not the size. Bytes behind the frame, a second
// frame, and dictionaries are errors.
//
// A small payload can hold a large content. What it may hold is bounded: [MinLimit], or [MaxRatio]
// times the payload's length if that is more, and never above [MaxLimit]. The size is checked before
// anything is allocated. Append refuses values whose payload no reader would accept.
package zstdcodec

import (
	"errors"
	"fmt"
	"reflect"
	"sync"

	"github.com/gomapfile/mapfile/codec"
)

// Bounds of the content of a payload of n bytes: min(MaxLimit, max(MinLimit, MaxRatio×n)).
const (
	MinLimit = 64 << 20
	MaxLimit = 1 << 30
	MaxRatio = 1000
)

func limit(n int) int {
	if n > MaxLimit/MaxRatio {
		return MaxLimit
	}
	return max(MinLimit, MaxRatio*n)
}

// Wrap returns the codec "zstd+NAME" around inner, whose name is NAME. Types and schemas are inner's:
// Check and Describe answer as inner does, or have nothing to object and no schema if inner has no
// such method. Decoding into used objects is always possible, with inner's own way if it has one. The
// codec is an Inspector exactly if inner is.
//
// Two Wraps of equal codecs are equal.
func Wrap(inner codec.Codec) codec.Codec {
	if in, ok := inner.(codec.Inspector); ok {
		return inspectable{compressed{inner}, in}
	}
	return compressed{inner}
}

type compressed struct{ inner codec.Codec }

type inspectable struct {
	compressed
	inspector codec.Inspector
}

var (
	_ codec.Reuser    = compressed{}
	_ codec.Checker   = compressed{}
	_ codec.Describer = compressed{}
	_ codec.Inspector = inspectable{}
)

func (c compressed) Name() string { return "zstd+" + c.inner.Name() }

func (c compressed) Append(dst []byte, v any) ([]byte, error) {
	s := takeScratch()
	defer s.giveBack()
	content, err := c.inner.Append(s.buf[:0], v)
	if err != nil {
		return nil, fmt.Errorf("codec %q: %w", c.Name(), err)
	}
	s.buf = content
	if len(content) > MaxLimit {
		return nil, c.tooLarge(v, len(content), MaxLimit)
	}
	out, err := compress(dst, content)
	if err != nil {
		return nil, fmt.Errorf("codec %q: encode %T: %w", c.Name(), v, err)
	}
	if max := limit(len(out) - len(dst)); len(content) > max {
		return nil, c.tooLarge(v, len(content), max)
	}
	return out, nil
}

func (c compressed) tooLarge(v any, size, max int) error {
	return fmt.Errorf("codec %q: encode %T: %d bytes are too large or compress too well: readers accept %d", c.Name(), v, size, max)
}

func (c compressed) Decode(src []byte, v any) error {
	content, err := decompress(nil, src)
	if err != nil {
		return fmt.Errorf("codec %q: decode %T: %w", c.Name(), v, err)
	}
	if err := c.inner.Decode(content, v); err != nil {
		return fmt.Errorf("codec %q: %w", c.Name(), err)
	}
	return nil
}

func (c compressed) DecodeReuse(src []byte, v any) error {
	reuser, ok := c.inner.(codec.Reuser)
	if !ok {
		p := reflect.ValueOf(v)
		if p.Kind() != reflect.Pointer || p.IsNil() {
			return fmt.Errorf("codec %q: decode %T: not a pointer, or nil", c.Name(), v)
		}
		p.Elem().SetZero()
		return c.Decode(src, v)
	}
	s := takeScratch()
	defer s.giveBack()
	content, err := decompress(s.buf[:0], src)
	if err != nil {
		return fmt.Errorf("codec %q: decode %T: %w", c.Name(), v, err)
	}
	s.buf = content
	if err := reuser.DecodeReuse(content, v); err != nil {
		return fmt.Errorf("codec %q: %w", c.Name(), err)
	}
	return nil
}

func (c compressed) Check(t reflect.Type) error {
	if ch, ok := c.inner.(codec.Checker); ok {
		return ch.Check(t)
	}
	return nil
}

func (c compressed) Describe(t reflect.Type) ([]byte, error) {
	if d, ok := c.inner.(codec.Describer); ok {
		return d.Describe(t)
	}
	return nil, nil
}

func (c compressed) Compatible(written, mine []byte) error {
	switch d, ok := c.inner.(codec.Describer); {
	case ok:
		return d.Compatible(written, mine)
	case len(written) > 0:
		return errors.New("there is a schema, but the codec has none")
	}
	return nil
}

func (c inspectable) Inspect(schema, payload []byte) (codec.Node, error) {
	content, err := decompress(nil, payload)
	if err != nil {
		return codec.Node{}, fmt.Errorf("codec %q: inspect: %w", c.Name(), err)
	}
	return c.inspector.Inspect(schema, content)
}

// scratch is memory for contents that are only passed through.
type scratch struct{ buf []byte }

var scratches = sync.Pool{New: func() any { return new(scratch) }}

func takeScratch() *scratch { return scratches.Get().(*scratch) }

// giveBack lets go of buffers that one large value made large.
func (s *scratch) giveBack() {
	if cap(s.buf) <= 1<<20 {
		scratches.Put(s)
	}
}
