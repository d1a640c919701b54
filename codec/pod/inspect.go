package pod

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"

	"github.com/gomapfile/mapfile/codec"
)

// Inspect shows a payload by its schema. An array of uint8 is one leaf of []byte, a complex number
// a struct of two parts.
func (podCodec) Inspect(schema, payload []byte) (codec.Node, error) {
	l, err := parseSchema(schema)
	if err != nil {
		return codec.Node{}, err
	}
	if l == nil {
		l = newStruct()
	}
	if l.size != uint64(len(payload)) {
		return codec.Node{}, fmt.Errorf("pod: the schema's layout takes %d bytes, the payload has %d", l.size, len(payload))
	}
	// Every leaf has at least a byte of the payload, but a hostile schema can wrap each one in
	// structs of one field. Honest ones do not come near this number.
	in := inspector{nodesLeft: 64 + len(schema) + 4*len(payload)}
	node := in.node("", l, payload)
	return node, in.err
}

type inspector struct {
	nodesLeft int
	err       error
}

func (in *inspector) node(name string, l *layout, b []byte) codec.Node {
	node := codec.Node{Name: name, Type: l.name}
	if in.nodesLeft--; in.nodesLeft < 0 && in.err == nil {
		in.err = errors.New("pod: the schema has too many nested parts for so short a payload")
	}
	if in.err != nil {
		return node
	}
	switch {
	case l.kind == reflect.Struct:
		node.Children = make([]codec.Node, 0, len(l.fields))
		for _, f := range l.fields {
			node.Children = append(node.Children, in.node(f.name, f.layout, b[:f.layout.size]))
			b = b[f.layout.size:]
		}
	case l.kind == reflect.Array && l.elem.kind == reflect.Uint8:
		node.Value = slices.Clone(b)
	case l.kind == reflect.Array:
		node.Children = make([]codec.Node, 0, l.count)
		for range l.count {
			node.Children = append(node.Children, in.node("", l.elem, b[:l.elem.size]))
			b = b[l.elem.size:]
		}
	case l.kind == reflect.Complex64, l.kind == reflect.Complex128:
		part := scalarLayout(reflect.Float32)
		if l.kind == reflect.Complex128 {
			part = scalarLayout(reflect.Float64)
		}
		node.Children = []codec.Node{in.node("real", part, b[:part.size]), in.node("imag", part, b[part.size:])}
	default:
		node.Value = in.scalar(l.kind, b)
	}
	return node
}

func (in *inspector) scalar(kind reflect.Kind, b []byte) any {
	switch kind {
	case reflect.Bool:
		if b[0] > 1 {
			in.err = fmt.Errorf("pod: a bool is %d, neither 0 nor 1", b[0])
		}
		return b[0] == 1
	case reflect.Int8:
		return int64(int8(b[0]))
	case reflect.Int16:
		return int64(int16(binary.LittleEndian.Uint16(b)))
	case reflect.Int32:
		return int64(int32(binary.LittleEndian.Uint32(b)))
	case reflect.Int64:
		return int64(binary.LittleEndian.Uint64(b))
	case reflect.Uint8:
		return uint64(b[0])
	case reflect.Uint16:
		return uint64(binary.LittleEndian.Uint16(b))
	case reflect.Uint32:
		return uint64(binary.LittleEndian.Uint32(b))
	case reflect.Uint64:
		return binary.LittleEndian.Uint64(b)
	case reflect.Float32:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	default: // Float64
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
}
