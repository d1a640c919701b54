package msgpackcodec

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

// A shape is a Go type as far as this package must know it: which numbers fit where, where maps
// are, where the code of others begins. Pointers have the shape of what they point to.
type shape struct {
	kind   shapeKind
	typ    reflect.Type
	key    *shape // of a map
	elem   *shape // of a list or map
	fields []*fieldShape
	byName map[string]*shape // what the library finds under a name, with aliases

	// Of this shape and all that it reaches:
	hasNumbers bool // that may not fit
	hasMaps    bool
	hasOthers  bool // interfaces and types that encode themselves
	recursive  bool // it, or a part of it, may contain one of its own kind
}

type shapeKind uint8

const (
	leafShape   shapeKind = iota // bool, string, bytes: the library's own checks do
	ownShape                     // encodes itself; time.Time and error too
	anyShape                     // any
	ifaceShape                   // other interfaces
	intShape                     // int to int64
	uintShape                    // uint to uint64
	floatShape                   // float32, float64
	listShape                    // slices and arrays
	mapShape                     //
	structShape                  //
)

type fieldShape struct {
	name  string
	index []int
	shape *shape
}

// plain says that no code but the library's sees the encoder or the decoder.
func (s *shape) plain() bool { return !s.hasOthers }

// shapes has the shape or the error of each type that was asked for: reflect.Type → *shape or error.
var shapes sync.Map

func shapeOf(t reflect.Type) (*shape, error) {
	known, ok := shapes.Load(t)
	if !ok {
		c := compiler{seen: map[reflect.Type]*shape{}}
		name := t.String()
		if t.Name() == "" && t.Kind() == reflect.Struct {
			name = "struct" // its String is all of its fields
		}
		s, err := c.shape(t, name)
		known = s
		if err != nil {
			known = err
		} else {
			c.spread()
		}
		// Two goroutines may both get here: they found the same, and the first one stays.
		known, _ = shapes.LoadOrStore(t, known)
	}
	if err, ok := known.(error); ok {
		return nil, err
	}
	return known.(*shape), nil
}

// compiler makes the shape of one type; seen ends the recursion of recursive types.
type compiler struct {
	seen map[reflect.Type]*shape
	all  []*shape
}

func (c *compiler) shape(t reflect.Type, path string) (*shape, error) {
	for n := 0; t.Kind() == reflect.Pointer; n++ {
		if n > 10 {
			return nil, fmt.Errorf("%s: a pointer to pointers to pointers without end", path)
		}
		t = t.Elem()
	}
	if s, ok := c.seen[t]; ok {
		return s, nil
	}
	s := &shape{typ: t}
	c.seen[t] = s
	c.all = append(c.all, s)
	own, err := encodesItself(t)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if own {
		s.kind, s.hasOthers = ownShape, t != timeType
		return s, nil
	}
	return s, c.fill(s, t, path)
}

func (c *compiler) fill(s *shape, t reflect.Type, path string) (err error) {
	switch t.Kind() {
	case reflect.Bool, reflect.String:
		s.kind = leafShape
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		s.kind, s.hasNumbers = intShape, true
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		s.kind, s.hasNumbers = uintShape, true
	case reflect.Float32, reflect.Float64:
		s.kind, s.hasNumbers = floatShape, true
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 { // bytes
			return nil
		}
		s.kind = listShape
		s.elem, err = c.shape(t.Elem(), path+"[]")
	case reflect.Map:
		s.kind, s.hasMaps, s.hasNumbers = mapShape, true, true
		if s.key, err = c.shape(t.Key(), path+"[key]"); err == nil {
			s.elem, err = c.shape(t.Elem(), path+"[]")
		}
	case reflect.Struct:
		s.kind = structShape
		err = c.structFields(s, t, path)
	case reflect.Interface:
		s.kind, s.hasOthers, s.hasMaps = ifaceShape, true, true
		if t.NumMethod() == 0 {
			s.kind = anyShape
		}
	default:
		return fmt.Errorf("%s: a %v cannot be encoded", path, t)
	}
	return err
}

// spread completes the flags: what a part has, the whole has. A shape is recursive unless all of its
// parts are known not to be. Parts stand behind the whole in all, so two rounds are usual.
func (c *compiler) spread() {
	finite := map[*shape]bool{}
	for changed := true; changed; {
		changed = false
		for _, s := range slices.Backward(c.all) {
			before, allFinite := *s, true
			for _, part := range s.parts() {
				s.hasNumbers = s.hasNumbers || part.hasNumbers
				s.hasMaps = s.hasMaps || part.hasMaps
				s.hasOthers = s.hasOthers || part.hasOthers
				allFinite = allFinite && finite[part]
			}
			changed = changed || before.hasNumbers != s.hasNumbers || before.hasMaps != s.hasMaps ||
				before.hasOthers != s.hasOthers || allFinite != finite[s]
			finite[s] = allFinite
		}
	}
	for _, s := range c.all {
		s.recursive = !finite[s]
	}
}

func (s *shape) parts() []*shape {
	var parts []*shape
	for _, p := range []*shape{s.key, s.elem} {
		if p != nil {
			parts = append(parts, p)
		}
	}
	for _, f := range s.fields {
		parts = append(parts, f.shape)
	}
	return parts
}

var (
	timeType  = reflect.TypeFor[time.Time]()
	errorType = reflect.TypeFor[error]()

	// The pairs of methods in the order in which the library looks for them. The first two put any
	// item into the payload, the others wrap theirs as bytes.
	encoding4 = [...]reflect.Type{reflect.TypeFor[msgpack.CustomEncoder](), reflect.TypeFor[msgpack.Marshaler](),
		reflect.TypeFor[encoding.BinaryMarshaler](), reflect.TypeFor[encoding.TextMarshaler]()}
	decoding4 = [...]reflect.Type{reflect.TypeFor[msgpack.CustomDecoder](), reflect.TypeFor[msgpack.Unmarshaler](),
		reflect.TypeFor[encoding.BinaryUnmarshaler](), reflect.TypeFor[encoding.TextUnmarshaler]()}
)

// encodesItself says whether methods of t do the work. Half of a pair is an error: the library
// would write one thing and expect another.
func encodesItself(t reflect.Type) (bool, error) {
	if t == timeType || t == errorType {
		return true, nil
	}
	enc, dec := firstOf(t, encoding4[:]), firstOf(t, decoding4[:])
	switch {
	case enc < 0 && dec < 0:
		return false, nil
	case enc == dec, enc >= 0 && dec >= 0 && enc < 2 && dec < 2:
		if t.Kind() == reflect.Interface {
			return false, fmt.Errorf("%v: an interface that encodes itself cannot be decoded", t)
		}
		return true, nil
	case enc < 0:
		return false, fmt.Errorf("%v has %s but not %s", t, decoding4[dec].Method(0).Name, encoding4[dec].Method(0).Name)
	case dec < 0:
		return false, fmt.Errorf("%v has %s but not %s", t, encoding4[enc].Method(0).Name, decoding4[enc].Method(0).Name)
	default:
		return false, fmt.Errorf("%v is encoded by %s but decoded by %s",
			t, encoding4[enc].Method(0).Name, decoding4[dec].Method(0).Name)
	}
}

func firstOf(t reflect.Type, ifaces []reflect.Type) int {
	for _, types := range []reflect.Type{t, reflect.PointerTo(t)} {
		for i, iface := range ifaces {
			if types.Implements(iface) {
				return i
			}
		}
	}
	return -1
}

// A pathError says what is wrong with a part of a value, and which: the path grows on the way back.
type pathError struct {
	path string
	err  error
}

func wrong(format string, args ...any) *pathError {
	return &pathError{err: fmt.Errorf(format, args...)}
}

func (e *pathError) at(part string) *pathError {
	e.path = part + e.path
	return e
}

// in is the error of a value of type t.
func (e *pathError) in(t reflect.Type) error {
	return fmt.Errorf("msgpack: %v%s: %w", t, e.path, e.err)
}
