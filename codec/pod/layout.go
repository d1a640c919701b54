package pod

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
)

// maxDepth bounds how deep structs and arrays nest, in types and in schemas alike.
const maxDepth = 64

// A layout is a type as pod sees it: a number or bool, an array of one layout, or a struct of named
// ones. It comes from a Go type or, in another process, from the schema in the file. It has no parts
// of size zero.
type layout struct {
	kind   reflect.Kind // a sized number or bool, Array or Struct
	name   string       // for people: "float64", "[4]uint32", "[4]struct", "struct"
	size   uint64       // of the encoding
	count  uint64       // of an Array
	elem   *layout      // of an Array
	fields []field      // of a Struct
}

type field struct {
	name   string
	layout *layout
	typ    reflect.Type // typ and off are known here only, where the Go type is; they are not in the
	off    uintptr      // schema. off counts in the memory of the struct.
}

// scalars are the kinds that have the same size on every machine. Their names in schemas are those
// of the language.
var scalars = map[reflect.Kind]uint64{
	reflect.Bool: 1, reflect.Int8: 1, reflect.Int16: 2, reflect.Int32: 4, reflect.Int64: 8,
	reflect.Uint8: 1, reflect.Uint16: 2, reflect.Uint32: 4, reflect.Uint64: 8,
	reflect.Float32: 4, reflect.Float64: 8, reflect.Complex64: 8, reflect.Complex128: 16,
}

func scalarLayout(k reflect.Kind) *layout {
	return &layout{kind: k, name: k.String(), size: scalars[k]}
}

func arrayLayout(count uint64, elem *layout) *layout {
	name := "[" + strconv.FormatUint(count, 10) + "]" + elem.name
	return &layout{kind: reflect.Array, name: name, size: count * elem.size, count: count, elem: elem}
}

func newStruct() *layout { return &layout{kind: reflect.Struct, name: "struct"} }

// layoutOf returns the layout of t, nil if t has no size. path names t in errors.
func layoutOf(t reflect.Type, path string, depth int) (*layout, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("pod: %s: nested deeper than %d", path, maxDepth)
	}
	if isLock(t) {
		return nil, fmt.Errorf("pod: %s: a copy of a %v is no value: it has Lock and Unlock methods", path, t)
	}
	if _, ok := scalars[t.Kind()]; ok {
		return scalarLayout(t.Kind()), nil
	}
	switch t.Kind() {
	case reflect.Array:
		elem, err := layoutOf(t.Elem(), path+"[]", depth+1)
		if err != nil || elem == nil || t.Len() == 0 {
			return nil, err
		}
		return arrayLayout(uint64(t.Len()), elem), nil
	case reflect.Struct:
		return structLayout(t, path, depth)
	case reflect.Int, reflect.Uint, reflect.Uintptr:
		return nil, fmt.Errorf("pod: %s: the size of %v differs between machines; use a sized one, such as %v64",
			path, t, strings.TrimSuffix(t.Kind().String(), "ptr"))
	default:
		return nil, fmt.Errorf("pod: %s: %v has no fixed size; only structs, arrays, sized numbers and bools have", path, t)
	}
}

func structLayout(t reflect.Type, path string, depth int) (*layout, error) {
	l := newStruct()
	for f := range t.Fields() {
		if f.Name == "_" {
			if isLock(f.Type) { // how sync/atomic and others say that they must not be copied
				return nil, fmt.Errorf("pod: %s: a %v must not be copied", path, t)
			}
			continue
		}
		fl, err := layoutOf(f.Type, path+"."+f.Name, depth+1)
		if err != nil {
			return nil, err
		}
		if fl != nil {
			l.fields = append(l.fields, field{name: f.Name, layout: fl, typ: f.Type, off: f.Offset})
			l.size += fl.size
		}
	}
	if l.size == 0 {
		return nil, nil
	}
	return l, nil
}

var locker = reflect.TypeFor[sync.Locker]()

func isLock(t reflect.Type) bool { return reflect.PointerTo(t).Implements(locker) }

// String is the layout as a schema: in the syntax of the language, without the spaces.
func (l *layout) String() string {
	var b strings.Builder
	l.print(&b)
	return b.String()
}

func (l *layout) print(b *strings.Builder) {
	switch {
	case l == nil:
		b.WriteString("struct{}")
	case l.kind == reflect.Array:
		b.WriteString(l.name[:strings.IndexByte(l.name, ']')+1])
		l.elem.print(b)
	case l.kind == reflect.Struct:
		b.WriteString("struct{")
		for i, f := range l.fields {
			if i > 0 {
				b.WriteByte(';')
			}
			b.WriteString(f.name)
			b.WriteByte(' ')
			f.layout.print(b)
		}
		b.WriteByte('}')
	default:
		b.WriteString(l.name)
	}
}

// difference names the first place where other is not the same as l, "" if there is none.
func (l *layout) difference(other *layout, path string) string {
	if l == nil || other == nil {
		if l == other {
			return ""
		}
		return fmt.Sprintf("%s: one has no fields", path)
	}
	if l.kind != other.kind || l.count != other.count {
		return fmt.Sprintf("%s: %s was written, here it is %s", path, l.name, other.name)
	}
	if l.kind == reflect.Array {
		return l.elem.difference(other.elem, path+"[]")
	}
	for i, f := range l.fields {
		if i >= len(other.fields) {
			return fmt.Sprintf("%s.%s %s was written, here it is missing", path, f.name, f.layout.name)
		}
		o := other.fields[i]
		if f.name != o.name {
			return fmt.Sprintf("%s.%s %s was written where here is %s %s",
				path, f.name, f.layout.name, o.name, o.layout.name)
		}
		if d := f.layout.difference(o.layout, path+"."+f.name); d != "" {
			return d
		}
	}
	if len(other.fields) > len(l.fields) {
		f := other.fields[len(l.fields)]
		return fmt.Sprintf("%s.%s %s is here, but was not written", path, f.name, f.layout.name)
	}
	return ""
}
