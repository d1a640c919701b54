package codec

// Inspect of the codec Basic: the schema names a type of the fixed list, the payload is decoded into
// it and shown as a leaf or a list of leaves. A list takes about 80 bytes of memory an element.

import (
	"fmt"
	"reflect"
)

func (basic) Inspect(schema, payload []byte) (Node, error) {
	t, ok := basicTypes[string(schema)]
	if !ok {
		return Node{}, fmt.Errorf("codec \"basic\": inspect: unknown schema %.40q", schema)
	}
	v := reflect.New(t)
	if err := (basic{}).DecodeReuse(payload, v.Interface()); err != nil {
		return Node{}, err
	}
	x := v.Elem()
	if t.Kind() != reflect.Slice || t.Elem().Kind() == reflect.Uint8 {
		return Node{Type: t.String(), Value: leaf(x)}, nil
	}
	list := Node{Type: t.String(), Children: make([]Node, x.Len())}
	elemType := t.Elem().String()
	for i := range list.Children {
		list.Children[i] = Node{Type: elemType, Value: leaf(x.Index(i))}
	}
	return list, nil
}

// leaf widens x to one of the types that a Node's Value may have.
func leaf(x reflect.Value) any {
	switch {
	case x.CanInt():
		return x.Int()
	case x.CanUint():
		return x.Uint()
	case x.CanFloat():
		return x.Float()
	}
	return x.Interface()
}
