package codectest

// Promises of the optional interfaces.

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/gomapfile/mapfile/codec"
)

// reuseIsFresh: decoding into an object that held anything, a failed decoding included, gives exactly
// what decoding into a zero one gives.
func reuseIsFresh(c codec.Codec, k *Case) error {
	r, ok := c.(codec.Reuser)
	if !ok {
		return errNotPromised
	}
	all, err := k.encodings(c)
	if err != nil {
		return err
	}
	for was := range all {
		for is := range all {
			used, want := k.New(), k.New()
			if err := errors.Join(reuse(r, bytes.Clone(all[was]), used), decode(c, all[is], want)); err != nil {
				return err
			}
			if failed := reuse(r, bytes.Clone(all[was][:len(all[was])/2]), used); errors.Is(failed, errPanic) {
				return failed
			}
			if err := reuse(r, bytes.Clone(all[is]), used); err != nil {
				return fmt.Errorf("value %d into an object that was value %d: %w", is, was, err)
			}
			if !k.equal(used, want) {
				return fmt.Errorf("value %d into an object that was value %d: %+v, want %+v", is, was, used, want)
			}
		}
	}
	return nil
}

// reuseBorrows: src is neither written nor kept.
func reuseBorrows(c codec.Codec, k *Case) error {
	r, ok := c.(codec.Reuser)
	if !ok {
		return errNotPromised
	}
	all, err := k.encodings(c)
	if err != nil {
		return err
	}
	for i, e := range all {
		got := k.New()
		src := bytes.Clone(e)
		if err := reuse(r, src, got); err != nil {
			return err
		}
		if !bytes.Equal(src, e) {
			return fmt.Errorf("value %d: DecodeReuse wrote into src", i)
		}
		for j := range src {
			src[j] ^= 0xFF
		}
		if !k.equal(got, k.Values[i]) {
			return fmt.Errorf("value %d: DecodeReuse kept src: its result changed when src did", i)
		}
	}
	return nil
}

func describes(c codec.Codec, k *Case) (err error) {
	defer guard(&err)
	d, ok := c.(codec.Describer)
	if !ok {
		return errNotPromised
	}
	schema, err := d.Describe(k.goType())
	if err != nil {
		return err
	}
	for range 50 {
		again, err := d.Describe(k.goType())
		if err != nil || !bytes.Equal(again, schema) {
			return fmt.Errorf("first Describe gave %s, then %s, error %v", short(schema), short(again), err)
		}
	}
	if err := d.Compatible(schema, bytes.Clone(schema)); err != nil {
		return fmt.Errorf("a schema is not compatible with itself: %w", err)
	}
	return eachMutation([][]byte{schema}, func(wrong []byte) (err error) {
		defer guard(&err)
		used := allocated(func() { _, _ = d.Compatible(wrong, schema), d.Compatible(schema, wrong) })
		if max := 4 * k.maxMemory(len(wrong)+len(schema)); used > max {
			return fmt.Errorf("in Compatible: %d bytes allocated, %d allowed", used, max)
		}
		return nil
	})
}

// schema is empty for codecs that describe themselves.
func (k *Case) schema(c codec.Codec) (schema []byte, err error) {
	defer guard(&err)
	if d, ok := c.(codec.Describer); ok {
		return d.Describe(k.goType())
	}
	return nil, nil
}

func inspects(c codec.Codec, k *Case) error {
	in, ok := c.(codec.Inspector)
	if !ok {
		return errNotPromised
	}
	all, err := k.encodings(c)
	if err != nil {
		return err
	}
	schema, err := k.schema(c)
	if err != nil {
		return err
	}
	for i, e := range all {
		n, err := inspect(in, schema, bytes.Clone(e))
		if err == nil {
			err = wellFormed(n)
		}
		if err == nil && k.CheckNode != nil {
			err = k.CheckNode(i, n)
		} else if err == nil {
			err = shows(n, k.Values[i])
		}
		if err != nil {
			return fmt.Errorf("value %d: Inspect: %w", i, err)
		}
	}
	return nil
}

// inspectSurvives: damaged payloads and schemas give an error or some node, in bounded memory.
func inspectSurvives(c codec.Codec, k *Case) error {
	in, ok := c.(codec.Inspector)
	if !ok {
		return errNotPromised
	}
	all, err := k.encodings(c)
	if err != nil {
		return err
	}
	schema, err := k.schema(c)
	if err != nil {
		return err
	}
	check := func(schema, payload []byte) error {
		var n codec.Node
		var err error
		used := allocated(func() { n, err = inspect(in, schema, payload) })
		if errors.Is(err, errPanic) {
			return err
		}
		if max := 4 * k.maxMemory(len(schema)+len(payload)); used > max {
			return fmt.Errorf("in Inspect: %d bytes allocated, %d allowed", used, max)
		}
		if err == nil {
			return wellFormed(n)
		}
		return nil
	}
	for i, h := range k.Hostile {
		if err := check(schema, bytes.Clone(h)); err != nil {
			return fmt.Errorf("hostile payload %d: %w", i, err)
		}
	}
	if err := eachMutation(all, func(wrong []byte) error { return check(schema, wrong) }); err != nil {
		return err
	}
	return eachMutation([][]byte{schema}, func(wrong []byte) error { return check(wrong, bytes.Clone(all[len(all)-1])) })
}

// maxNodeDepth is more than any codec here admits.
const maxNodeDepth = 20000

// wellFormed looks at the whole tree without recursion, since its depth is what may be wrong.
func wellFormed(root codec.Node) error {
	type item struct {
		codec.Node
		depth int
	}
	todo := []item{{root, 0}}
	for len(todo) > 0 {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if n.depth > maxNodeDepth {
			return fmt.Errorf("nodes are nested more than %d deep", maxNodeDepth)
		}
		switch n.Value.(type) {
		case nil, bool, int64, uint64, float64, string, []byte, time.Time:
		default:
			return fmt.Errorf("node %q has a value of type %T", n.Name, n.Value)
		}
		if n.Value != nil && len(n.Children) > 0 {
			return fmt.Errorf("node %q is a leaf with children", n.Name)
		}
		for _, child := range n.Children {
			todo = append(todo, item{child, n.depth + 1})
		}
	}
	return nil
}

// shows compares roughly: the scalars of v must be among the leaves of root, in their text form.
func shows(root codec.Node, v any) error {
	leaves := map[string]bool{}
	var collect func(n codec.Node)
	collect = func(n codec.Node) {
		leaves[text(reflect.ValueOf(n.Value))] = true
		if f, ok := n.Value.(float64); ok {
			leaves[text(reflect.ValueOf(float32(f)))] = true // was perhaps a float32
		}
		leaves[n.Name] = true // map keys are names
		for _, child := range n.Children {
			collect(child)
		}
	}
	collect(root)
	var missing error
	scalars(reflect.ValueOf(v), 0, func(s string) {
		if !leaves[s] && missing == nil {
			missing = fmt.Errorf("%s of the value is not to be seen in %+v", s, root)
		}
	})
	return missing
}

// scalars yields what is certain to be shown: not zeros, which codecs may leave out, nor what is in
// types with methods, whose encoding is their own matter.
func scalars(v reflect.Value, depth int, yield func(string)) {
	if !v.IsValid() || v.IsZero() || depth > 50 || (depth > 0 && v.Type().NumMethod() > 0) {
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		scalars(v.Elem(), depth+1, yield)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				scalars(v.Field(i), depth+1, yield)
			}
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return // base64 in some codecs
		}
		for i := range v.Len() {
			scalars(v.Index(i), depth+1, yield)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			scalars(key, depth+1, yield)
			scalars(v.MapIndex(key), depth+1, yield)
		}
	default:
		yield(text(v))
	}
}

func text(v reflect.Value) string {
	switch {
	case !v.IsValid():
		return "<nil>"
	case v.CanFloat() && v.Float() == float64(int64(v.Float())):
		return fmt.Sprint(int64(v.Float())) // JSON knows no difference between 2 and 2.0
	case v.Kind() == reflect.Float32:
		return fmt.Sprint(float32(v.Float()))
	}
	return fmt.Sprint(v.Interface())
}
