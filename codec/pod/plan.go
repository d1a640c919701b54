package pod

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"
)

// A plan is a type compiled to the copying that encodes it: runs of bytes that lie in memory as they
// do in the encoding, and loops over array elements that have padding inside.
type plan struct {
	ptrWord unsafe.Pointer // type word of *X in an interface value
	typ     reflect.Type
	layout  *layout // nil if X has no size
	size    int     // of the encoding
	runs    []run
	bools   []run // where the encoding has bools; mem is not used
}

// A run is copied as it is (loop == nil), or is a loop of count rounds over smaller runs, whose
// offsets count from the start of the round.
type run struct {
	mem, enc int // offsets in the object and in the encoding
	n        int // bytes
	width    int // bytes to reverse at a time, 1 where memory is little-endian

	count              int
	memStep, encStride int
	loop               []run
}

var (
	plans sync.Map // reflect.Type X → *plan; never more than the program has types

	// recentPlans is looked at first, at a place given by the address of the type: half the time of
	// a look-up in plans, which is as long as encoding a small struct.
	recentPlans [64]atomic.Pointer[plan]
)

func planOf(t reflect.Type) (*plan, error) {
	if p, ok := plans.Load(t); ok {
		return p.(*plan), nil
	}
	p, err := compile(t, littleEndian)
	if err != nil {
		return nil, err
	}
	// Two goroutines may both get here: they made the same plan, and the first one stays.
	first, _ := plans.LoadOrStore(t, p)
	return first.(*plan), nil
}

var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// compile makes the plan of t for memory of the given byte order.
func compile(t reflect.Type, little bool) (*plan, error) {
	name := t.String()
	if t.Name() == "" {
		name = t.Kind().String()
	}
	l, err := layoutOf(t, name, 0)
	if err != nil {
		return nil, err
	}
	ptr := reflect.Zero(reflect.PointerTo(t)).Interface()
	p := &plan{ptrWord: (*[2]unsafe.Pointer)(unsafe.Pointer(&ptr))[0], typ: t, layout: l}
	if l == nil {
		return p, nil
	}
	p.size = int(l.size)
	p.runs = copyRuns(nil, l, t, 0, 0, little)
	p.bools = boolRuns(nil, l, 0)
	return p, nil
}

// copyRuns appends the copying of one part at the offsets mem and enc.
func copyRuns(runs []run, l *layout, t reflect.Type, mem, enc int, little bool) []run {
	switch l.kind {
	case reflect.Struct:
		for _, f := range l.fields {
			runs = copyRuns(runs, f.layout, f.typ, mem+int(f.off), enc, little)
			enc += int(f.layout.size)
		}
		return runs
	case reflect.Array:
		round := copyRuns(nil, l.elem, t.Elem(), 0, 0, little)
		step, stride, count := int(t.Elem().Size()), int(l.elem.size), int(l.count)
		if len(round) == 1 && round[0].loop == nil && round[0].n == step {
			return join(runs, run{mem: mem, enc: enc, n: step * count, width: round[0].width})
		}
		return append(runs, run{mem: mem, enc: enc, count: count, memStep: step, encStride: stride, loop: round})
	default:
		width := 1
		if !little {
			width = scalarWidth(l)
		}
		return join(runs, run{mem: mem, enc: enc, n: int(l.size), width: width})
	}
}

// join appends r, as a part of the last run if it follows that one without a gap.
func join(runs []run, r run) []run {
	if n := len(runs); n > 0 {
		last := &runs[n-1]
		if last.loop == nil && last.width == r.width && last.mem+last.n == r.mem && last.enc+last.n == r.enc {
			last.n += r.n
			return runs
		}
	}
	return append(runs, r)
}

// scalarWidth is the number of bytes whose order depends on the machine: half of a complex number.
func scalarWidth(l *layout) int {
	if l.kind == reflect.Complex64 || l.kind == reflect.Complex128 {
		return int(l.size) / 2
	}
	return int(l.size)
}

// boolRuns appends where the encoding has bools.
func boolRuns(runs []run, l *layout, enc int) []run {
	switch l.kind {
	case reflect.Bool:
		return join(runs, run{mem: enc, enc: enc, n: 1})
	case reflect.Struct:
		for _, f := range l.fields {
			runs = boolRuns(runs, f.layout, enc)
			enc += int(f.layout.size)
		}
	case reflect.Array:
		round := boolRuns(nil, l.elem, 0)
		if len(round) == 1 && round[0].loop == nil && round[0].n == int(l.elem.size) {
			return join(runs, run{mem: enc, enc: enc, n: int(l.size)})
		}
		if len(round) > 0 {
			return append(runs, run{enc: enc, count: int(l.count), encStride: int(l.elem.size), loop: round})
		}
	}
	return runs
}

func (p *plan) append(dst []byte, obj unsafe.Pointer) []byte {
	if len(p.runs) == 1 && p.runs[0].loop == nil && p.runs[0].width == 1 {
		r := &p.runs[0]
		return append(dst, unsafe.Slice((*byte)(unsafe.Add(obj, r.mem)), r.n)...)
	}
	n := len(dst)
	dst = slices.Grow(dst, p.size)[:n+p.size]
	encodeRuns(p.runs, dst[n:], obj)
	return dst
}

func encodeRuns(runs []run, enc []byte, obj unsafe.Pointer) {
	for i := range runs {
		r := &runs[i]
		if r.loop == nil {
			copyBytes(enc[r.enc:][:r.n], unsafe.Slice((*byte)(unsafe.Add(obj, r.mem)), r.n), r.width)
			continue
		}
		for k := range r.count {
			encodeRuns(r.loop, enc[r.enc+k*r.encStride:][:r.encStride], unsafe.Add(obj, r.mem+k*r.memStep))
		}
	}
}

// decode checks src as a whole before the object is touched.
func (p *plan) decode(src []byte, obj unsafe.Pointer) error {
	if len(src) != p.size {
		return fmt.Errorf("pod: %v takes %d bytes, not %d", p.typ, p.size, len(src))
	}
	if at := badBool(p.bools, src); at >= 0 {
		return fmt.Errorf("pod: %v: byte %d is a bool and neither 0 nor 1", p.typ, at)
	}
	decodeRuns(p.runs, src, obj)
	return nil
}

func decodeRuns(runs []run, enc []byte, obj unsafe.Pointer) {
	for i := range runs {
		r := &runs[i]
		if r.loop == nil {
			copyBytes(unsafe.Slice((*byte)(unsafe.Add(obj, r.mem)), r.n), enc[r.enc:][:r.n], r.width)
			continue
		}
		for k := range r.count {
			decodeRuns(r.loop, enc[r.enc+k*r.encStride:][:r.encStride], unsafe.Add(obj, r.mem+k*r.memStep))
		}
	}
}

// copyBytes copies numbers of the given width, reversing the bytes of each if that is not 1.
func copyBytes(dst, src []byte, width int) {
	copy(dst, src)
	if width > 1 {
		for i := 0; i < len(dst); i += width {
			slices.Reverse(dst[i : i+width])
		}
	}
}

// badBool returns where src has something else than a bool, or -1.
func badBool(bools []run, src []byte) int {
	for i := range bools {
		r := &bools[i]
		for k := range max(r.count, 1) {
			at := r.enc + k*r.encStride
			if r.loop != nil {
				if bad := badBool(r.loop, src[at:]); bad >= 0 {
					return at + bad
				}
				continue
			}
			for j, b := range src[at : at+r.n] {
				if b > 1 {
					return at + j
				}
			}
		}
	}
	return -1
}
