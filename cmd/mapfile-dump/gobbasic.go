package main

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/gomapfile/mapfile/codec"
)

// The leaves of gob: numbers, text, bytes, and values in interfaces.

// basic reads a value of one of gob's own types.
func (w *gobWalker) basic(id int64, depth int) (codec.Node, error) {
	switch id {
	case gobBytes:
		raw, err := w.bytes()
		return codec.Node{Type: "[]byte", Value: raw}, err
	case gobString:
		raw, err := w.bytes()
		return codec.Node{Type: "string", Value: string(raw)}, err
	case gobInt:
		v, err := takeInt(&w.buf)
		return codec.Node{Type: "int", Value: v}, err
	case gobIf:
		return w.interfaceValue(depth)
	}
	v, err := takeUint(&w.buf)
	if err != nil {
		return codec.Node{}, err
	}
	switch id {
	case gobBool:
		return codec.Node{Type: "bool", Value: v != 0}, nil
	case gobUint:
		return codec.Node{Type: "uint", Value: v}, nil
	case gobFloat:
		return codec.Node{Type: "float", Value: gobFloatOf(v)}, nil
	case gobComplex:
		im, err := takeUint(&w.buf)
		text := fmt.Sprint(complex(gobFloatOf(v), gobFloatOf(im)))
		return codec.Node{Type: "complex", Value: text}, err
	}
	return codec.Node{}, fmt.Errorf("%w: type %d", errGob, id)
}

// interfaceValue reads the name of the dynamic type, its definition if it is new, and the value.
func (w *gobWalker) interfaceValue(depth int) (codec.Node, error) {
	name, err := w.bytes()
	if err != nil || len(name) == 0 {
		return codec.Node{Type: "interface"}, err
	}
	id, err := w.typeSequence(true, depth)
	if err != nil {
		return codec.Node{}, err
	}
	if _, err := takeUint(&w.buf); err != nil { // the value's length
		return codec.Node{}, err
	}
	n, err := w.single(id, depth+1)
	n.Type = string(name)
	return n, err
}

func (w *gobWalker) bytes() ([]byte, error) {
	n, err := takeUint(&w.buf)
	if err != nil || n > uint64(len(w.buf)) {
		return nil, errGob
	}
	raw := w.buf[:n:n]
	w.buf = w.buf[n:]
	return raw, nil
}

// takeUint reads a number: below 128 a byte, else the negated number of bytes, then these, the highest
// first.
func takeUint(buf *[]byte) (uint64, error) {
	b := *buf
	if len(b) == 0 {
		return 0, errGob
	}
	if b[0] < 0x80 {
		*buf = b[1:]
		return uint64(b[0]), nil
	}
	n := -int(int8(b[0]))
	if n > 8 || len(b) < 1+n {
		return 0, errGob
	}
	var v uint64
	for _, c := range b[1 : 1+n] {
		v = v<<8 | uint64(c)
	}
	*buf = b[1+n:]
	return v, nil
}

// takeInt reads a signed number: the lowest bit says that the others are complemented.
func takeInt(buf *[]byte) (int64, error) {
	v, err := takeUint(buf)
	if v&1 != 0 {
		return ^int64(v >> 1), err
	}
	return int64(v >> 1), err
}

// gobFloatOf undoes the byte reversal that makes round numbers short.
func gobFloatOf(v uint64) float64 { return math.Float64frombits(bits.ReverseBytes64(v)) }
