package msgpackcodec

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/vmihailenco/tagparser/v2"
)

// structFields fills in what the library makes of the fields of t: names, order, and which embedded
// structs lie flat in the outer one. What the library would only meet later, with a panic, an endless
// recursion or a line on the log, is refused here. So are embedded pointers: the library decodes nil
// ones as pointers to zeros, and starts a goroutine for each such type that never ends.
func (c *compiler) structFields(s *shape, t reflect.Type, path string) error {
	s.byName = map[string]*shape{}
	list, also, err := c.flatten(t, path)
	if err != nil {
		return err
	}
	for _, f := range list {
		if f.shape, err = c.shape(t.FieldByIndex(f.index).Type, path+"."+f.name); err != nil {
			return err
		}
		s.byName[f.name] = f.shape
	}
	s.fields = list
	for name, index := range also {
		if s.byName[name] == nil {
			if s.byName[name], err = c.shape(t.FieldByIndex(index).Type, path+"."+name); err != nil {
				return err
			}
		}
	}
	return nil
}

// flatten returns the fields of t in order, without their shapes, and other names under which the
// library finds fields. It ends: a struct can contain itself only behind a pointer.
func (c *compiler) flatten(t reflect.Type, path string) (list []*fieldShape, also map[string][]int, err error) {
	also = map[string][]int{}
	taken := func(name string) bool {
		return also[name] != nil || slices.ContainsFunc(list, func(f *fieldShape) bool { return f.name == name })
	}
	for i := range t.NumField() {
		f := t.Field(i)
		tag := tagparser.Parse(f.Tag.Get("msgpack"))
		if tag.Name == "-" || !f.IsExported() && !f.Anonymous {
			continue
		}
		if tag.HasOption("intern") {
			return nil, nil, fmt.Errorf("%s.%s: interned strings are not supported", path, f.Name)
		}
		name := tag.Name
		if name == "" {
			name = f.Name
		}
		if f.Anonymous && !tag.HasOption("noinline") {
			inner, ok, err := c.inline(f, path, tag.HasOption("inline"), taken)
			if err != nil {
				return nil, nil, err
			}
			if ok {
				list = append(list, inner...)
				also[name] = []int{i}
				continue
			}
		}
		if !f.IsExported() {
			return nil, nil, fmt.Errorf("%s.%s: an embedded field that is not exported cannot be set; name it or leave it out with the tag \"-\"", path, f.Name)
		}
		if taken(name) {
			return nil, nil, fmt.Errorf("%s.%s: there are two fields named %q", path, f.Name, name)
		}
		list = append(list, &fieldShape{name: name, index: []int{i}})
		if alias, ok := tag.Options["alias"]; ok {
			also[alias] = []int{i}
		}
	}
	return list, also, nil
}

// inline returns the fields of the embedded f if they lie flat in the outer struct: forced by the tag, or for
// structs without methods of their own if no name is taken.
func (c *compiler) inline(f reflect.StructField, path string, forced bool, taken func(string) bool) ([]*fieldShape, bool, error) {
	path += "." + f.Name
	t, pointer := f.Type, false
	for t.Kind() == reflect.Pointer {
		t, pointer = t.Elem(), true
	}
	if forced && (pointer || t.Kind() != reflect.Struct) {
		return nil, false, fmt.Errorf("%s: only structs can be inlined", path)
	}
	own, err := encodesItself(t)
	if err != nil || t.Kind() != reflect.Struct || own && !forced {
		return nil, false, nil // an ordinary field; its own shape will tell what is wrong
	}
	if pointer {
		return nil, false, fmt.Errorf("%s: an embedded pointer cannot tell nil from zero; embed the struct, or add the tag \",noinline\"", path)
	}
	inner, _, err := c.flatten(t, path)
	if err != nil {
		return nil, false, err
	}
	var flat []*fieldShape
	for _, in := range inner {
		if !taken(in.name) {
			flat = append(flat, &fieldShape{name: in.name, index: append(slices.Clone(f.Index), in.index...)})
		} else if !forced {
			return nil, false, nil
		}
	}
	return flat, true, nil
}
