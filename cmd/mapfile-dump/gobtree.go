package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/codec"
)

// Gob without Go types. A gob stream describes its types, so it can be read into nodes: messages of
// a length and bytes, each with a type number; a negative number brings the definition of a type.
// encoding/gob wants a Go value to decode into; this walks the stream instead, never takes more
// elements than there are bytes, and has a bound on depth. It runs in a child process all the same.

const gobDepth = 100

var errGob = errors.New("malformed gob")

// The types that every gob stream has, by their numbers.
const (
	gobBool, gobInt, gobUint, gobFloat     = 1, 2, 3, 4
	gobBytes, gobString, gobComplex, gobIf = 5, 6, 7, 8
	gobWire, gobArray, gobCommon, gobSlice = 16, 17, 18, 19
	gobStruct, gobField, gobFields, gobMap = 20, 21, 22, 23
	gobOpaque                              = 24 // types with an encoding of their own
)

// A gobType is one type of the stream: a struct has fields, a list an elem, a map a key, too; an
// opaque one encodes itself into bytes.
type gobType struct {
	kind      int // gobStruct, gobSlice, gobMap or gobOpaque
	name      string
	key, elem int64
	fields    []gobTypeField
}

type gobTypeField struct {
	name string
	id   int64
}

// builtinGobTypes describe type definitions themselves, so that one function decodes both.
func builtinGobTypes() map[int64]gobType {
	common := gobTypeField{"Common", gobCommon}
	record := func(fields ...gobTypeField) gobType { return gobType{kind: gobStruct, fields: fields} }
	return map[int64]gobType{
		gobWire: record(gobTypeField{"array", gobArray}, gobTypeField{"slice", gobSlice}, gobTypeField{"struct", gobStruct},
			gobTypeField{"map", gobMap}, gobTypeField{"gob", gobOpaque}, gobTypeField{"binary", gobOpaque}, gobTypeField{"text", gobOpaque}),
		gobCommon: record(gobTypeField{"Name", gobString}, gobTypeField{"Id", gobInt}),
		gobArray:  record(common, gobTypeField{"Elem", gobInt}, gobTypeField{"Len", gobInt}),
		gobSlice:  record(common, gobTypeField{"Elem", gobInt}),
		gobStruct: record(common, gobTypeField{"Field", gobFields}),
		gobField:  record(gobTypeField{"Name", gobString}, gobTypeField{"Id", gobInt}),
		gobFields: {kind: gobSlice, elem: gobField},
		gobMap:    record(common, gobTypeField{"Key", gobInt}, gobTypeField{"Elem", gobInt}),
		gobOpaque: record(common),
	}
}

// gobWalker walks one stream.
type gobWalker struct {
	rest  []byte // messages not begun
	buf   []byte // rest of the message at hand
	types map[int64]gobType
}

// decodeGobPayload decodes a payload: a stream with one value.
func decodeGobPayload(payload []byte) (n codec.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", errGob, r)
		}
	}()
	w := &gobWalker{rest: payload, types: builtinGobTypes()}
	id, err := w.typeSequence(false, 0)
	if err != nil {
		return n, err
	}
	if n, err = w.single(id, 0); err != nil {
		return n, err
	}
	if len(w.buf)+len(w.rest) > 0 {
		return n, fmt.Errorf("%w: %d bytes left over", errGob, len(w.buf)+len(w.rest))
	}
	return n, nil
}

// typeSequence reads definitions of types until the number of a value's type comes. Within an
// interface value definitions may stand in the same message, each with its length.
func (w *gobWalker) typeSequence(inInterface bool, depth int) (int64, error) {
	for {
		if len(w.buf) == 0 {
			n, err := takeUint(&w.rest)
			if err != nil || n > uint64(len(w.rest)) {
				return 0, errGob
			}
			w.buf, w.rest = w.rest[:n], w.rest[n:]
		}
		id, err := takeInt(&w.buf)
		if err != nil || id >= 0 {
			return id, err
		}
		definition, err := w.value(gobWire, depth+1)
		if err != nil {
			return 0, err
		}
		if err := w.define(-id, definition); err != nil {
			return 0, err
		}
		if len(w.buf) > 0 {
			if !inInterface {
				return 0, fmt.Errorf("%w: bytes after the definition of a type", errGob)
			}
			if _, err := takeUint(&w.buf); err != nil {
				return 0, err
			}
		}
	}
}

// define keeps a type.
func (w *gobWalker) define(id int64, definition codec.Node) error {
	if id <= gobOpaque {
		return fmt.Errorf("%w: definition of type %d", errGob, id)
	}
	for _, form := range definition.Children {
		if form.Children == nil { // the forms that it is not
			continue
		}
		number := func(name string) int64 { v, _ := show.Field(form, name).Value.(int64); return v }
		t := gobType{name: show.TextOf(show.Field(form, "Common"), "Name"), elem: number("Elem"), key: number("Key")}
		switch form.Name {
		case "array", "slice":
			t.kind = gobSlice
		case "map":
			t.kind = gobMap
		case "struct":
			t.kind = gobStruct
			for _, f := range show.Field(form, "Field").Children {
				fieldID, _ := show.Field(f, "Id").Value.(int64)
				t.fields = append(t.fields, gobTypeField{show.TextOf(f, "Name"), fieldID})
			}
		default:
			t.kind = gobOpaque
		}
		w.types[id] = t
		return nil
	}
	return fmt.Errorf("%w: empty definition of type %d", errGob, id)
}

// single reads a value that stands alone: one that is no struct has a zero before it.
func (w *gobWalker) single(id int64, depth int) (codec.Node, error) {
	if w.types[id].kind != gobStruct {
		if zero, err := takeUint(&w.buf); err != nil || zero != 0 {
			return codec.Node{}, errGob
		}
	}
	return w.value(id, depth)
}

// value reads a value of the type id.
func (w *gobWalker) value(id int64, depth int) (codec.Node, error) {
	if depth > gobDepth {
		return codec.Node{}, fmt.Errorf("%w: nested deeper than %d", errGob, gobDepth)
	}
	if id < gobWire {
		return w.basic(id, depth)
	}
	t, ok := w.types[id]
	if !ok {
		return codec.Node{}, fmt.Errorf("%w: type %d is not defined", errGob, id)
	}
	switch t.kind {
	case gobStruct:
		return w.structValue(t, depth)
	case gobOpaque:
		return w.opaque(t)
	}
	count, err := takeUint(&w.buf)
	if err != nil || count > uint64(len(w.buf)) { // each element takes a byte at least
		return codec.Node{}, errGob
	}
	n := codec.Node{Type: "list"}
	if t.kind == gobMap {
		n.Type = "map"
	}
	for range count {
		name := ""
		if t.kind == gobMap {
			key, err := w.value(t.key, depth+1)
			if err != nil {
				return n, err
			}
			name = keyText(key)
		}
		elem, err := w.value(t.elem, depth+1)
		if err != nil {
			return n, err
		}
		elem.Name = name
		n.Children = append(n.Children, elem)
	}
	return n, nil
}

// keyText is a map key as the name of its node.
func keyText(key codec.Node) string {
	if s, ok := key.Value.(string); ok {
		return s
	}
	return show.Inline(key)
}

// structValue reads fields by the steps between their numbers; those left out are zero.
func (w *gobWalker) structValue(t gobType, depth int) (codec.Node, error) {
	n := codec.Node{Type: "struct " + t.name}
	for _, f := range t.fields {
		zero := zeroGob(f.id)
		zero.Name = f.name
		n.Children = append(n.Children, zero)
	}
	for i := -1; ; {
		step, err := takeUint(&w.buf)
		if err != nil || step > uint64(len(t.fields)-1-i) {
			return n, errGob
		}
		if step == 0 {
			return n, nil
		}
		i += int(step)
		v, err := w.value(t.fields[i].id, depth+1)
		if err != nil {
			return n, err
		}
		v.Name = t.fields[i].name
		n.Children[i] = v
	}
}

func zeroGob(id int64) codec.Node {
	switch id {
	case gobBool:
		return codec.Node{Type: "bool", Value: false}
	case gobInt:
		return codec.Node{Type: "int", Value: int64(0)}
	case gobUint:
		return codec.Node{Type: "uint", Value: uint64(0)}
	case gobFloat:
		return codec.Node{Type: "float", Value: 0.0}
	case gobString:
		return codec.Node{Type: "string", Value: ""}
	}
	return codec.Node{}
}

// opaque reads what a type encoded by itself. Times are known.
func (w *gobWalker) opaque(t gobType) (codec.Node, error) {
	raw, err := w.bytes()
	if err != nil {
		return codec.Node{}, err
	}
	var at time.Time
	if t.name == "Time" && at.UnmarshalBinary(raw) == nil {
		return codec.Node{Type: "Time", Value: at}, nil
	}
	return codec.Node{Type: t.name, Value: raw}, nil
}
