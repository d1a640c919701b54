package codectest

// The suite must find what is broken: each codec below breaks one promise on purpose and is found out
// by the check of that name. The codec they are made from keeps all of them.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/gomapfile/mapfile/codec"
)

type box struct {
	N    uint32
	Text []byte
	Tags []string
}

var boxes = []any{
	&box{}, &box{N: 7, Text: []byte("seven")}, &box{N: 8, Text: []byte("a longer text"), Tags: []string{"a", "bc"}},
	&box{Tags: []string{"only"}},
}

func boxCase() Case {
	return Case{
		New:         func() any { return new(box) },
		Values:      boxes,
		Hostile:     [][]byte{{}, {1, 2, 3}, {0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0x7F, 0, 0, 0, 0}},
		Unencodable: []any{&box{N: 13}},
		BadTypes:    []reflect.Type{reflect.TypeFor[int]()},
	}
}

// good writes N, the text and the tags, with lengths of four bytes each.
type good struct{}

func (good) Name() string { return "good" }

func (good) Append(dst []byte, v any) ([]byte, error) {
	p, ok := v.(*box)
	if !ok || p == nil || p.N == 13 {
		return nil, fmt.Errorf("cannot encode %T", v)
	}
	le := binary.LittleEndian
	dst = le.AppendUint32(dst, p.N)
	dst = append(le.AppendUint32(dst, uint32(len(p.Text))), p.Text...)
	dst = le.AppendUint32(dst, uint32(len(p.Tags)))
	for _, tag := range p.Tags {
		dst = append(le.AppendUint32(dst, uint32(len(tag))), tag...)
	}
	return dst, nil
}

func (good) Decode(src []byte, v any) error {
	p, ok := v.(*box)
	if !ok || p == nil {
		return fmt.Errorf("cannot decode %T", v)
	}
	rest, err := parse(src, p)
	if err == nil && len(rest) > 0 {
		err = errors.New("bytes left over")
	}
	return err
}

// parse sets *p, keeping src, and returns what is left of it.
func parse(src []byte, p *box) (rest []byte, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("too short")
		}
	}()
	number := func() uint32 {
		n := binary.LittleEndian.Uint32(src)
		src = src[4:]
		return n
	}
	piece := func() []byte {
		n := number()
		b := src[:n:n]
		src = src[n:]
		return b
	}
	p.N = number()
	if text := piece(); len(text) > 0 {
		p.Text = text
	}
	n := number()
	for range n {
		p.Tags = append(p.Tags, string(piece()))
	}
	return src, nil
}

func (g good) DecodeReuse(src []byte, v any) error {
	p, ok := v.(*box)
	if !ok || p == nil {
		return fmt.Errorf("cannot decode %T", v)
	}
	*p = box{}
	return g.Decode(append([]byte(nil), src...), v)
}

func (good) Check(t reflect.Type) error {
	if t != reflect.TypeFor[box]() {
		return errors.New("not a box")
	}
	return nil
}

func (good) Describe(reflect.Type) ([]byte, error) { return []byte("box"), nil }

func (good) Compatible(a, b []byte) error {
	if string(a) != string(b) {
		return errors.New("differ")
	}
	return nil
}

func (g good) Inspect(schema, payload []byte) (codec.Node, error) {
	var b box
	if err := g.Decode(payload, &b); err != nil {
		return codec.Node{}, err
	}
	n := codec.Node{Children: []codec.Node{{Name: "N", Value: uint64(b.N)}, {Name: "Text", Value: b.Text}}}
	for _, tag := range b.Tags {
		n.Children = append(n.Children, codec.Node{Value: tag})
	}
	return n, nil
}

func TestGoodCodecPasses(t *testing.T) { Run(t, good{}, boxCase()) }

// bent is good with some methods replaced.
type bent struct {
	good
	append  func(dst []byte, v any) ([]byte, error)
	decode  func(src []byte, v any) error
	reuse   func(src []byte, v any) error
	schema  func() []byte
	inspect func(payload []byte) codec.Node
	check   func(t reflect.Type) error
}

func (b *bent) Append(dst []byte, v any) ([]byte, error) {
	if b.append != nil {
		return b.append(dst, v)
	}
	return b.good.Append(dst, v)
}

func (b *bent) Decode(src []byte, v any) error {
	if b.decode != nil {
		return b.decode(src, v)
	}
	return b.good.Decode(src, v)
}

func (b *bent) DecodeReuse(src []byte, v any) error {
	if b.reuse != nil {
		return b.reuse(src, v)
	}
	return b.good.DecodeReuse(src, v)
}

func (b *bent) Describe(t reflect.Type) ([]byte, error) {
	if b.schema != nil {
		return b.schema(), nil
	}
	return b.good.Describe(t)
}

func (b *bent) Inspect(schema, payload []byte) (codec.Node, error) {
	if b.inspect != nil {
		return b.inspect(payload), nil
	}
	return b.good.Inspect(schema, payload)
}

func (b *bent) Check(t reflect.Type) error {
	if b.check != nil {
		return b.check(t)
	}
	return b.good.Check(t)
}

func TestBrokenCodecsAreFound(t *testing.T) {
	var g good
	var lastDst, shared, state []byte
	count := byte(0)
	deep := codec.Node{}
	for range maxNodeDepth + 10 {
		deep = codec.Node{Children: []codec.Node{deep}}
	}
	for _, tt := range []struct {
		what    string
		promise string
		codec   bent
	}{
		{"refuses its own type", "AcceptsTypes", bent{check: func(reflect.Type) error { return errors.New("no") }}},
		{"takes any type", "RefusesTypes", bent{check: func(reflect.Type) error { return nil }}},
		{"loses a field", "RoundTrip", bent{append: func(dst []byte, v any) ([]byte, error) {
			if p, ok := v.(*box); ok && p != nil {
				v = &box{Text: p.Text}
			}
			return g.Append(dst, v)
		}}},
		{"counts calls", "Deterministic", bent{append: func(dst []byte, v any) ([]byte, error) {
			count++
			dst, err := g.Append(dst, v)
			return append(dst, count), err
		}, decode: func(src []byte, v any) error { return g.Decode(src[:max(len(src)-1, 0)], v) }}},
		{"starts a new slice", "AppendAppends", bent{append: func(_ []byte, v any) ([]byte, error) { return g.Append(nil, v) }}},
		{"reads behind len", "AppendAppends", bent{append: func(dst []byte, v any) ([]byte, error) {
			old := byte(0)
			if cap(dst) > len(dst) {
				old = dst[:len(dst)+1][len(dst)]
			}
			dst, err := g.Append(dst, v)
			return append(dst, old), err
		}}},
		{"keeps dst", "AppendKeepsNothing", bent{append: func(dst []byte, v any) ([]byte, error) {
			for i := range lastDst {
				lastDst[i] = 1
			}
			dst, err := g.Append(dst, v)
			lastDst = dst
			return dst, err
		}}},
		{"answers from what it gave away", "AppendKeepsNothing", bent{append: func(dst []byte, v any) ([]byte, error) {
			if p, ok := v.(*box); !ok || p == nil || p.N != 7 {
				return g.Append(dst, v)
			}
			if len(dst) > 0 || state == nil {
				state, _ = g.Append(dst[:len(dst):len(dst)], v)
				state = state[len(dst):]
			}
			if cap(dst) > len(state) {
				state = append(dst[:0], state...)
			}
			return append(dst, state...), nil
		}}},
		{"encodes the impossible", "RefusesValues", bent{append: func(dst []byte, v any) ([]byte, error) {
			if p, ok := v.(*box); ok && p != nil && p.N == 13 {
				return dst, nil
			}
			return g.Append(dst, v)
		}}},
		{"panics at nil", "RefusesWrongPointers", bent{append: func(dst []byte, v any) ([]byte, error) {
			_ = v.(*box).N
			return g.Append(dst, v)
		}}},
		{"accepts trailing bytes", "RefusesTrailingBytes", bent{decode: func(src []byte, v any) error {
			if p, ok := v.(*box); ok && p != nil {
				_, err := parse(src, p)
				return err
			}
			return g.Decode(src, v)
		}}},
		{"accepts truncation", "RefusesTruncation", bent{decode: func(src []byte, v any) error {
			if len(src) < 12 {
				return g.Decode(make([]byte, 12), v)
			}
			return g.Decode(src, v)
		}}},
		{"panics at truncation", "RefusesTruncation", bent{decode: func(src []byte, v any) error {
			_ = src[11]
			return g.Decode(src, v)
		}}},
		{"believes lengths", "RefusesHostile", bent{decode: func(src []byte, v any) error {
			if len(src) > 8 {
				shared = make([]byte, binary.LittleEndian.Uint32(src[4:])&0xFFFFFFF)
			}
			return g.Decode(src, v)
		}}},
		{"believes lengths", "SurvivesMutations", bent{decode: func(src []byte, v any) error {
			if len(src) > 8 {
				shared = make([]byte, binary.LittleEndian.Uint32(src[4:])&0xFFFFFFF)
			}
			return g.Decode(src, v)
		}}},
		{"shares a buffer among results", "ResultsStay", bent{decode: func(src []byte, v any) error {
			shared = append(shared[:0], src...)
			return g.Decode(shared, v)
		}}},
		{"merges", "ReuseIsFresh", bent{reuse: func(src []byte, v any) error {
			p, ok := v.(*box)
			if !ok || p == nil {
				return errors.New("no")
			}
			_, err := parse(append([]byte(nil), src...), p)
			return err
		}}},
		{"keeps src", "ReuseBorrows", bent{reuse: func(src []byte, v any) error {
			if p, ok := v.(*box); ok && p != nil {
				*p = box{}
			}
			return g.Decode(src, v)
		}}},
		{"writes into src", "ReuseBorrows", bent{reuse: func(src []byte, v any) error {
			err := g.DecodeReuse(src, v)
			clear(src)
			return err
		}}},
		{"describes with a counter", "Describes", bent{schema: func() []byte { count++; return []byte{count} }}},
		{"shows nothing", "Inspects", bent{inspect: func([]byte) codec.Node { return codec.Node{} }}},
		{"shows a foreign type", "Inspects", bent{inspect: func([]byte) codec.Node { return codec.Node{Value: 7} }}},
		{"nests without end", "InspectSurvives", bent{inspect: func([]byte) codec.Node { return deep }}},
		{"panics at hostile bytes", "InspectSurvives", bent{inspect: func(payload []byte) codec.Node { return codec.Node{Name: string(payload[11])} }}},
	} {
		t.Run(tt.promise+"/"+strings.ReplaceAll(tt.what, " ", "_"), func(t *testing.T) {
			lastDst, shared, state = nil, nil, nil
			k := boxCase()
			err := checkOf(t, tt.promise)(&tt.codec, &k)
			if err == nil || errors.Is(err, errNotPromised) {
				t.Fatalf("a codec that %s passes the check %s: %v", tt.what, tt.promise, err)
			}
			t.Log(err)
		})
	}
}

// The race detector sees an unguarded cache; without it, wrong values must be seen.
func TestRacingCodecIsFound(t *testing.T) {
	var g good
	var mu sync.Mutex
	var last []byte // what the caller before should have got
	mixed := &bent{append: func(dst []byte, v any) ([]byte, error) {
		own, err := g.Append(dst, v)
		mu.Lock()
		defer mu.Unlock()
		other := last
		last = own
		if other == nil {
			return own, err
		}
		return other, err
	}}
	k := boxCase()
	if err := concurrent(mixed, &k); err == nil {
		t.Fatal("a codec that mixes up its callers passes")
	}
}

// checkOf also sees to it that every promise has a name of its own.
func checkOf(t *testing.T, name string) func(codec.Codec, *Case) error {
	t.Helper()
	for _, p := range promises {
		if p.name == name {
			return p.check
		}
	}
	t.Fatalf("no promise %q", name)
	return nil
}

// A codec without optional interfaces is checked for what it has.
func TestOptionalInterfacesAreOptional(t *testing.T) {
	plain := struct{ codec.Codec }{good{}}
	k := boxCase()
	for _, name := range []string{"ReuseIsFresh", "ReuseBorrows", "Describes", "Inspects", "InspectSurvives", "AcceptsTypes", "RefusesTypes"} {
		if err := checkOf(t, name)(plain, &k); !errors.Is(err, errNotPromised) {
			t.Errorf("%s: %v", name, err)
		}
	}
	Run(t, plain, boxCase())
}
