package hbookcodec

// The wire format of protocol buffers, as far as histograms need it: fields, columns, and messages in
// messages. Parsing follows the rules of generated code: fields come in any order, the last value of
// a field counts, columns and messages that come in pieces are joined, and fields that are unknown
// or have another wire type are skipped.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

var errText = errors.New("hbook: text is not valid UTF-8")

// field is one field as it lies on the wire.
type field struct {
	num  protowire.Number
	typ  protowire.Type
	body []byte // of bytes and fixed64
	bits uint64 // of varint and fixed64
}

// nextField splits the first field off src, which is not empty.
func nextField(src []byte) (f field, rest []byte, err error) {
	tag, n := varint(src)
	num := tag >> 3
	if n < 0 || num < uint64(protowire.MinValidNumber) || num > uint64(protowire.MaxValidNumber) {
		return f, nil, fmt.Errorf("hbook: no valid field number: %w", protowire.ParseError(min(n, -1)))
	}
	f.num, f.typ = protowire.Number(num), protowire.Type(tag&7)
	src = src[n:]
	switch f.typ {
	case protowire.VarintType:
		f.bits, n = varint(src)
	case protowire.Fixed64Type:
		if n = -1; len(src) >= 8 {
			n = 8
			f.body, f.bits = src[:8], binary.LittleEndian.Uint64(src)
		}
	case protowire.BytesType:
		var size uint64
		if size, n = varint(src); n >= 0 {
			if size > uint64(len(src)-n) {
				n = -1
				break
			}
			f.body = src[n : n+int(size)]
			n += int(size)
		}
	default: // nothing of ours: skipped whole
		n = protowire.ConsumeFieldValue(f.num, f.typ, src)
	}
	if n < 0 {
		return f, nil, fmt.Errorf("hbook: field %d: %w", f.num, protowire.ParseError(n))
	}
	return f, src[n:], nil
}

// varint is protowire.ConsumeVarint, without a call for numbers of one byte, as nearly all are.
func varint(src []byte) (x uint64, n int) {
	if len(src) > 0 && src[0] < 1<<7 {
		return uint64(src[0]), 1
	}
	return protowire.ConsumeVarint(src)
}

// pieces is a column, or a message, that may have come in several pieces. A single one is not copied.
type pieces struct {
	raw   []byte
	owned bool
}

func (p *pieces) add(piece []byte) {
	if p.raw == nil {
		p.raw = piece
		return
	}
	if !p.owned {
		p.raw, p.owned = slices.Clone(p.raw), true
	}
	p.raw = append(p.raw, piece...)
}

// addColumn adds the elements of f, packed or a single one. Other wire types are unknown fields.
func (p *pieces) addColumn(f field) error {
	switch {
	case f.typ == protowire.BytesType && len(f.body)%8 != 0:
		return fmt.Errorf("hbook: field %d: a column of %d bytes ends within an element", f.num, len(f.body))
	case f.typ == protowire.BytesType, f.typ == protowire.Fixed64Type:
		p.add(f.body)
	}
	return nil
}

func (p *pieces) len() int              { return len(p.raw) / 8 }
func (p *pieces) float(i int) float64   { return floatAt(p.raw, i) }
func floatAt(col []byte, i int) float64 { return math.Float64frombits(wordAt(col, i)) }
func wordAt(col []byte, i int) uint64   { return binary.LittleEndian.Uint64(col[8*i : 8*i+8]) }

func putWord(col []byte, i int, bits uint64) { binary.LittleEndian.PutUint64(col[8*i:8*i+8], bits) }
func putFloat(col []byte, i int, x float64)  { putWord(col, i, math.Float64bits(x)) }
func sameFloat(x, y float64) bool            { return math.Float64bits(x) == math.Float64bits(y) }
func setFloat(to *float64, f field)          { setBits(to, f, protowire.Fixed64Type) }
func setBits(to *float64, f field, typ protowire.Type) {
	if f.typ == typ {
		*to = math.Float64frombits(f.bits)
	}
}

// setText makes *to the text in f, unless it is another type of field.
func setText(to *[]byte, f field) error {
	if f.typ != protowire.BytesType {
		return nil
	}
	if !utf8.Valid(f.body) {
		return errText
	}
	*to = f.body
	return nil
}

// appendFloat, appendInt and appendText leave out what a reader assumes, as generated code does.
func appendFloat(dst []byte, num protowire.Number, x float64) []byte {
	bits := math.Float64bits(x)
	if bits == 0 {
		return dst
	}
	return protowire.AppendFixed64(protowire.AppendTag(dst, num, protowire.Fixed64Type), bits)
}

func appendInt(dst []byte, num protowire.Number, n uint64) []byte {
	if n == 0 {
		return dst
	}
	return protowire.AppendVarint(protowire.AppendTag(dst, num, protowire.VarintType), n)
}

func appendText(dst []byte, num protowire.Number, s string) []byte {
	if s == "" {
		return dst
	}
	return protowire.AppendString(protowire.AppendTag(dst, num, protowire.BytesType), s)
}

// appendColumn makes room for a column of n elements and returns it too, to be filled in. It grows
// dst by what is needed and no more: a slot's buffer that has just room enough is enough.
func appendColumn(dst []byte, num protowire.Number, n int) (grown, col []byte) {
	dst = protowire.AppendTag(dst, num, protowire.BytesType)
	dst = protowire.AppendVarint(dst, uint64(8*n))
	dst = slices.Grow(dst, 8*n)
	return dst[:len(dst)+8*n], dst[len(dst) : len(dst)+8*n]
}

// growColumns makes room for so many columns of n elements: until these are appended, dst stays where
// it is, and so do columns within it.
func growColumns(dst []byte, n, columns int) []byte {
	return slices.Grow(dst, columns*(protowire.SizeTag(firstColumn)+protowire.SizeBytes(8*n)))
}

// block is how many bins are looked at in one step: what belongs to them stays in the first-level
// cache, and loops over arrays need no checks.
const block = 64

// blockOfColumn is the part of a column for that many bins. As bytes they are compared in a few
// instructions.
type blockOfColumn [8 * block]byte

func (b *blockOfColumn) put(i int, x float64) { putFloat(b[:], i, x) }

// openMessage begins a message within a message. What is appended until closeMessage(dst, start) is
// its body.
func openMessage(dst []byte, num protowire.Number) (grown []byte, start int) {
	dst = protowire.AppendTag(dst, num, protowire.BytesType)
	dst = append(dst, 0) // its length, if it is short, as nearly all are
	return dst, len(dst)
}

func closeMessage(dst []byte, start int) []byte {
	n := len(dst) - start
	if n < 1<<7 {
		dst[start-1] = byte(n)
		return dst
	}
	more := protowire.SizeVarint(uint64(n)) - 1
	dst = append(dst, make([]byte, more)...)
	copy(dst[start+more:], dst[start:start+n])
	protowire.AppendVarint(dst[:start-1], uint64(n))
	return dst
}
