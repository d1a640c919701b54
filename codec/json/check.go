package jsoncodec

// Looking at types before there are values: can they be written and read again, and does decoding
// them run code that encoding/json does not answer for?

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
)

type verdict struct {
	err     error // why the type cannot be held
	foreign bool  // decoding may call methods of others
}

var (
	jsonMarshaler   = reflect.TypeFor[json.Marshaler]()
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textMarshaler   = reflect.TypeFor[encoding.TextMarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

type walk struct {
	seen    map[reflect.Type]bool
	foreign bool
}

// check says why a value of type t, found at path, could not make the round trip.
func (w *walk) check(t reflect.Type, path string) error {
	if w.seen[t] {
		return nil
	}
	w.seen[t] = true
	if hasOwnForm(t) {
		if t != reflect.TypeFor[time.Time]() && t != reflect.TypeFor[json.RawMessage]() {
			w.foreign = true
		}
		return nil
	}
	switch t.Kind() {
	case reflect.Chan, reflect.Func, reflect.UnsafePointer, reflect.Complex64, reflect.Complex128:
		return fmt.Errorf("%s: JSON has no form for %v", path, t)
	case reflect.Interface:
		if t.NumMethod() > 0 {
			return fmt.Errorf("%s: the interface %v can be written but not read: its dynamic type is not in the JSON", path, t)
		}
	case reflect.Pointer:
		return w.check(t.Elem(), path)
	case reflect.Slice, reflect.Array:
		return w.check(t.Elem(), path+"[]")
	case reflect.Map:
		if err := w.checkKey(t.Key(), path); err != nil {
			return err
		}
		return w.check(t.Elem(), path+"[key]")
	case reflect.Struct:
		for i := range t.NumField() {
			if err := w.checkField(t.Field(i), path); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *walk) checkField(f reflect.StructField, path string) error {
	path += "." + f.Name
	if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); f.Tag.Get("json") == "-" || (!f.IsExported() && (!f.Anonymous || tag == "-")) {
		return nil
	}
	if f.IsExported() {
		return w.check(f.Type, path)
	}
	// The fields of an embedded struct count as the outer one's, also if its type is unexported.
	switch {
	case f.Type.Kind() == reflect.Struct:
		return w.check(f.Type, path)
	case f.Type.Kind() == reflect.Pointer && f.Type.Elem().Kind() == reflect.Struct:
		return fmt.Errorf("%s: encoding/json cannot set an embedded pointer to the unexported %v", path, f.Type.Elem())
	}
	return nil
}

func (w *walk) checkKey(t reflect.Type, path string) error {
	if t.Implements(textMarshaler) || reflect.PointerTo(t).Implements(textUnmarshaler) {
		w.foreign = true
		if !(t.Implements(textMarshaler) && reflect.PointerTo(t).Implements(textUnmarshaler)) && t.Kind() != reflect.String {
			return fmt.Errorf("%s: the map key %v needs both MarshalText and UnmarshalText", path, t)
		}
		return nil
	}
	switch t.Kind() {
	case reflect.String, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return nil
	}
	return fmt.Errorf("%s: JSON has no form for the map key %v", path, t)
}

// hasOwnForm: encoding/json leaves t to methods of t.
func hasOwnForm(t reflect.Type) bool {
	if t.Kind() == reflect.Interface || t.Kind() == reflect.Pointer {
		return false
	}
	p := reflect.PointerTo(t)
	return p.Implements(jsonMarshaler) || p.Implements(textMarshaler) || p.Implements(jsonUnmarshaler) || p.Implements(textUnmarshaler)
}
