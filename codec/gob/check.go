package gobcodec

// What encoding/gob would drop in silence, or die of, is an error here: in types and in values.

import (
	"encoding"
	"encoding/gob"
	"errors"
	"fmt"
	"reflect"
	"sync"
)

var checked sync.Map // reflect.Type → error or nil

// check refuses types that gob cannot hold, naming the field.
func check(t reflect.Type) error {
	if t == nil {
		return errors.New("there is no type")
	}
	if err, ok := checked.Load(t); ok {
		err, _ := err.(error)
		return err
	}
	err := checkType(t, t.String(), map[reflect.Type]bool{})
	checked.Store(t, err)
	return err
}

func checkType(t reflect.Type, path string, seen map[reflect.Type]bool) error {
	if seen[t] {
		return nil
	}
	seen[t] = true
	if hasOwnForm(t) {
		if p := reflect.PointerTo(t); !p.Implements(gobDecoder) && !p.Implements(binaryUnmarshaler) {
			return fmt.Errorf("%s: %v can be written but not read: no GobDecode or UnmarshalBinary", path, t)
		}
		return nil
	}
	switch t.Kind() {
	case reflect.Chan, reflect.Func, reflect.UnsafePointer:
		return fmt.Errorf("%s: gob has no form for %v", path, t)
	case reflect.Pointer:
		return checkType(t.Elem(), path, seen)
	case reflect.Slice, reflect.Array:
		return checkType(t.Elem(), path+"[]", seen)
	case reflect.Map:
		if err := checkType(t.Key(), path+"[key]", seen); err != nil {
			return err
		}
		return checkType(t.Elem(), path+"[key]", seen)
	case reflect.Struct:
		exported := 0
		for i := range t.NumField() {
			f := t.Field(i)
			if !f.IsExported() && !f.Anonymous {
				continue
			}
			exported++
			if err := checkType(f.Type, path+"."+f.Name, seen); err != nil {
				return err
			}
		}
		if exported == 0 {
			return fmt.Errorf("%s: %v has no exported fields", path, t)
		}
	}
	return nil
}

var (
	gobEncoder        = reflect.TypeFor[gob.GobEncoder]()
	gobDecoder        = reflect.TypeFor[gob.GobDecoder]()
	binaryMarshaler   = reflect.TypeFor[encoding.BinaryMarshaler]()
	binaryUnmarshaler = reflect.TypeFor[encoding.BinaryUnmarshaler]()
)

// hasOwnForm: gob leaves t to methods of t. MarshalText is not among them.
func hasOwnForm(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface {
		return false
	}
	p := reflect.PointerTo(t)
	return p.Implements(gobEncoder) || p.Implements(binaryMarshaler)
}

// checkCycles refuses values nested deeper than a reader accepts, as cyclic ones are.
func checkCycles(v reflect.Value) error { return descend(v, 0) }

func descend(v reflect.Value, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("nested more than %d deep, or a cycle", maxDepth)
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return descend(v.Elem(), depth+1)
	case reflect.Slice, reflect.Array:
		if !canNest(v.Type().Elem()) {
			return nil
		}
		for i := range v.Len() {
			if err := descend(v.Index(i), depth+1); err != nil {
				return err
			}
		}
	case reflect.Map:
		if !canNest(v.Type().Elem()) {
			return nil
		}
		for it := v.MapRange(); it.Next(); {
			if err := descend(it.Value(), depth+1); err != nil {
				return err
			}
		}
	case reflect.Struct:
		if hasOwnForm(v.Type()) {
			return nil
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() || f.Anonymous {
				if err := descend(v.Field(i), depth+1); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// canNest spares the walk over long slices of numbers.
func canNest(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Slice, reflect.Array, reflect.Map, reflect.Struct:
		return true
	}
	return false
}
