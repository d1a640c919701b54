package msgpackcodec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// maxDepth bounds how deep lists and maps nest, in payloads of others and in our own.
const maxDepth = 1000

// A form is what a header says of the item behind it.
type form uint8

const (
	formNil form = iota
	formBool
	formInt // negative, or stored with a sign
	formUint
	formFloat32
	formFloat64
	formStr
	formBin
	formExt
	formTime
	formArray
	formMap
)

func (f form) String() string {
	return [...]string{"nil", "bool", "int", "uint", "float32", "float64", "string", "bytes", "ext", "time", "array", "map"}[f]
}

// An item is one header with what belongs to it, without the items inside of it.
type item struct {
	form  form
	num   uint64 // the number; 0 or 1 of a bool; the bits of a float; the type of an ext
	body  []byte // of str, bin, ext and time
	size  int    // of header and body
	count int    // of the items inside: a map has two for each entry
}

// next parses the first item of b. It checks that all the bytes are there, at least one for each item inside.
func next(b []byte) (item, error) {
	if len(b) == 0 {
		return item{}, errShort
	}
	switch c := b[0]; {
	case c <= 0x7f:
		return item{form: formUint, num: uint64(c), size: 1}, nil
	case c <= 0x8f:
		return container(formMap, b, 1, 2*uint64(c&0x0f))
	case c <= 0x9f:
		return container(formArray, b, 1, uint64(c&0x0f))
	case c <= 0xbf:
		return withBody(formStr, b, 1, uint64(c&0x1f))
	case c >= 0xe0:
		return item{form: formInt, num: uint64(int64(int8(c))), size: 1}, nil
	default:
		return nextLong(c, b)
	}
}

// nextLong parses the items 0xc0 to 0xdf, which come in families of rising width.
func nextLong(c byte, b []byte) (item, error) {
	switch {
	case c == 0xc0:
		return item{form: formNil, size: 1}, nil
	case c == 0xc1:
		return item{}, errors.New("0xc1 is no header")
	case c <= 0xc3:
		return item{form: formBool, num: uint64(c & 1), size: 1}, nil
	case c <= 0xc6:
		return sized(formBin, b, 1<<(c-0xc4))
	case c <= 0xc9:
		return sized(formExt, b, 1<<(c-0xc7))
	case c <= 0xcb:
		return number(formFloat32+form(c-0xca), b, 4<<(c-0xca))
	case c <= 0xcf:
		return number(formUint, b, 1<<(c-0xcc))
	case c <= 0xd3:
		return number(formInt, b, 1<<(c-0xd0))
	case c <= 0xd8:
		return extension(b, 1, 1<<(c-0xd4))
	case c <= 0xdb:
		return sized(formStr, b, 1<<(c-0xd9))
	}
	width := 2 << (c & 1) // 0xdc, 0xdd: array; 0xde, 0xdf: map
	n, ok := bigEndian(b, width)
	switch {
	case !ok:
		return item{}, errShort
	case c <= 0xdd:
		return container(formArray, b, 1+width, n)
	default:
		return container(formMap, b, 1+width, 2*n)
	}
}

var errShort = errors.New("the payload ends too early")

// bigEndian reads the number of width bytes behind the first byte of b.
func bigEndian(b []byte, width int) (n uint64, ok bool) {
	if len(b) < 1+width {
		return 0, false
	}
	for _, c := range b[1 : 1+width] {
		n = n<<8 | uint64(c)
	}
	return n, true
}

func number(f form, b []byte, width int) (item, error) {
	n, ok := bigEndian(b, width)
	if !ok {
		return item{}, errShort
	}
	if f == formInt {
		shift := 64 - 8*width
		n = uint64(int64(n<<shift) >> shift)
	}
	return item{form: f, num: n, size: 1 + width}, nil
}

// sized parses a header whose length has width bytes.
func sized(f form, b []byte, width int) (item, error) {
	n, ok := bigEndian(b, width)
	switch {
	case !ok:
		return item{}, errShort
	case f == formExt:
		return extension(b, 1+width, n)
	default:
		return withBody(f, b, 1+width, n)
	}
}

func withBody(f form, b []byte, header int, n uint64) (item, error) {
	if uint64(len(b)-header) < n {
		return item{}, fmt.Errorf("%v of %d bytes, %d are there", f, n, len(b)-header)
	}
	size := header + int(n)
	return item{form: f, body: b[header:size:size], size: size}, nil
}

func container(f form, b []byte, header int, count uint64) (item, error) {
	if uint64(len(b)-header) < count {
		return item{}, fmt.Errorf("%v of %d items, %d bytes are there", f, count, len(b)-header)
	}
	return item{form: f, count: int(count), size: header}, nil
}

// extension parses an ext of n bytes, whose type stands behind the header of its length.
func extension(b []byte, header int, n uint64) (item, error) {
	it, err := withBody(formExt, b, header, n+1)
	if err != nil {
		return it, err
	}
	it.num, it.body = uint64(int64(int8(it.body[0]))), it.body[1:]
	if int64(it.num) != -1 {
		return it, nil
	}
	it.form = formTime
	if _, ok := timestamp(it.body); !ok {
		return it, fmt.Errorf("a timestamp of %d bytes, or of a second or more of nanoseconds", n)
	}
	return it, nil
}

// timestamp reads the three forms of a time.
func timestamp(body []byte) (time.Time, bool) {
	var sec int64
	var nsec uint64
	switch len(body) {
	case 4:
		sec = int64(binary.BigEndian.Uint32(body))
	case 8:
		both := binary.BigEndian.Uint64(body)
		sec, nsec = int64(both&(1<<34-1)), both>>34
	case 12:
		sec, nsec = int64(binary.BigEndian.Uint64(body[4:])), uint64(binary.BigEndian.Uint32(body))
	default:
		return time.Time{}, false
	}
	return time.Unix(sec, int64(nsec)).UTC(), nsec < 1e9
}

// walk checks that payload is exactly one well-formed item, nested at most maxDepth deep. It does not
// recurse and takes no memory that the payload could choose, so it may see anything.
func walk(payload []byte) error {
	rest, err := skip(payload)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("byte %d: %d bytes are left over", len(payload)-len(rest), len(rest))
	}
	return err
}

// skip returns what follows the first item of b and all that is inside of it.
func skip(b []byte) (rest []byte, err error) {
	var room [32]int
	open := append(room[:0], 1) // of each list and map around: how many items are still to come
	rest = b
	for len(open) > 0 {
		inner := &open[len(open)-1]
		if *inner == 0 {
			open = open[:len(open)-1]
			continue
		}
		*inner--
		it, err := next(rest)
		if err != nil {
			return nil, fmt.Errorf("byte %d: %w", len(b)-len(rest), err)
		}
		rest = rest[it.size:]
		if it.form == formArray || it.form == formMap {
			if len(open) > maxDepth {
				return nil, fmt.Errorf("byte %d: nested deeper than %d", len(b)-len(rest)-it.size, maxDepth)
			}
			open = append(open, it.count)
		}
	}
	return rest, nil
}
