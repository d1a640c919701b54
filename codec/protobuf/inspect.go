package protobuf

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/gomapfile/mapfile/codec"
)

// maxShown bounds how deep a message that is shown may nest; decoding into Go types goes deeper.
const maxShown = 1000

// Inspect shows a message by its schema: the fields that are set, by number, maps by key. An enum is
// the name of its value, or the number if it has none; Timestamp is a time and Duration text such
// as "1.5s". What the schema does not know is shown as bytes.
func (protobufCodec) Inspect(schema, payload []byte) (node codec.Node, err error) {
	s, err := schemaOf(schema)
	if err != nil {
		return codec.Node{}, err
	}
	defer func() { // the library over a hostile schema
		if r := recover(); r != nil {
			err = fmt.Errorf("protobuf: %s: panic: %v", s.message.FullName(), r)
		}
	}()
	m := dynamicpb.NewMessage(s.message)
	opts := proto.UnmarshalOptions{RecursionLimit: maxShown, Resolver: s.types}
	if err := opts.Unmarshal(payload, m); err != nil {
		return codec.Node{}, fmt.Errorf("protobuf: %s: %w", s.message.FullName(), err)
	}
	return messageNode("", m), nil
}

// messageNode recurses as deep as the message that was decoded, at most maxShown.
func messageNode(name string, m protoreflect.Message) codec.Node {
	node := codec.Node{Name: name, Type: string(m.Descriptor().FullName())}
	if value := wellKnown(m); value != nil {
		node.Value = value
		return node
	}
	var fields []protoreflect.FieldDescriptor
	m.Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		fields = append(fields, f)
		return true
	})
	slices.SortFunc(fields, func(a, b protoreflect.FieldDescriptor) int { return cmp.Compare(a.Number(), b.Number()) })
	for _, f := range fields {
		node.Children = append(node.Children, fieldNode(f, m.Get(f)))
	}
	if unknown := m.GetUnknown(); len(unknown) > 0 {
		node.Children = append(node.Children, codec.Node{Name: "unknown fields", Type: "bytes", Value: slices.Clone([]byte(unknown))})
	}
	return node
}

func fieldNode(f protoreflect.FieldDescriptor, v protoreflect.Value) codec.Node {
	name := f.TextName() // of a group that of its message, of an extension in brackets
	switch {
	case f.IsMap():
		return mapNode(name, f, v.Map())
	case f.IsList():
		list := v.List()
		node := codec.Node{Name: name, Type: typeName(f), Children: make([]codec.Node, list.Len())}
		for i := range node.Children {
			node.Children[i] = valueNode("", f, list.Get(i))
		}
		return node
	default:
		return valueNode(name, f, v)
	}
}

func mapNode(name string, f protoreflect.FieldDescriptor, m protoreflect.Map) codec.Node {
	keys := make([]protoreflect.MapKey, 0, m.Len())
	m.Range(func(k protoreflect.MapKey, _ protoreflect.Value) bool {
		keys = append(keys, k)
		return true
	})
	slices.SortFunc(keys, compareKeys)
	node := codec.Node{Name: name, Type: typeName(f), Children: make([]codec.Node, 0, len(keys))}
	for _, k := range keys {
		node.Children = append(node.Children, valueNode(k.String(), f.MapValue(), m.Get(k)))
	}
	return node
}

func compareKeys(a, b protoreflect.MapKey) int {
	switch a.Interface().(type) {
	case int32, int64:
		return cmp.Compare(a.Int(), b.Int())
	case uint32, uint64:
		return cmp.Compare(a.Uint(), b.Uint())
	default: // text, and bools: "false" is before "true"
		return strings.Compare(a.String(), b.String())
	}
}

// valueNode shows one value, also of a list or map.
func valueNode(name string, f protoreflect.FieldDescriptor, v protoreflect.Value) codec.Node {
	node := codec.Node{Name: name, Type: f.Kind().String()}
	switch x := v.Interface().(type) {
	case protoreflect.Message:
		return messageNode(name, x)
	case protoreflect.EnumNumber:
		node.Value = int64(x)
		if value := f.Enum().Values().ByNumber(x); value != nil {
			node.Value = string(value.Name())
		}
	case int32:
		node.Value = int64(x)
	case uint32:
		node.Value = uint64(x)
	case float32:
		node.Value = float64(x)
	case []byte:
		node.Value = slices.Clone(x)
	default: // bool, int64, uint64, float64, string
		node.Value = x
	}
	return node
}

// wellKnown is a Timestamp as a time and a Duration as text, nil if m is neither or not a good one:
// then its fields are shown.
func wellKnown(m protoreflect.Message) any {
	md := m.Descriptor()
	isTime := md.FullName() == "google.protobuf.Timestamp"
	if !isTime && md.FullName() != "google.protobuf.Duration" || len(m.GetUnknown()) > 0 {
		return nil
	}
	secField, nanoField := md.Fields().ByNumber(1), md.Fields().ByNumber(2)
	for _, f := range []protoreflect.FieldDescriptor{secField, nanoField} { // a hostile schema has its own
		if f == nil || f.IsList() || f.Kind() != protoreflect.Int64Kind && f.Kind() != protoreflect.Int32Kind {
			return nil
		}
	}
	if md.Fields().Len() != 2 {
		return nil
	}
	sec, nano := m.Get(secField).Int(), m.Get(nanoField).Int()
	if isTime {
		t := time.Unix(sec, nano).UTC()
		if nano < 0 || nano >= 1e9 || sec < -62135596800 || sec > 253402300799 { // years 1 to 9999
			return nil
		}
		return t
	}
	const tenThousandYears = 315_576_000_000
	if nano <= -1e9 || nano >= 1e9 || sec < 0 && nano > 0 || sec > 0 && nano < 0 || sec < -tenThousandYears || sec > tenThousandYears {
		return nil
	}
	sign := ""
	if sec < 0 || nano < 0 {
		sign, sec, nano = "-", -sec, -nano
	}
	if nano == 0 {
		return fmt.Sprintf("%s%ds", sign, sec)
	}
	return fmt.Sprintf("%s%d.%ss", sign, sec, strings.TrimRight(fmt.Sprintf("%09d", nano), "0"))
}
