package jsoncodec

// encoding/json says "unsupported value: NaN" but not where. This finds the place, after the fact.

import (
	"fmt"
	"math"
	"reflect"
)

// maxFaultDepth ends the search in cyclic values, which are a fault of their own.
const maxFaultDepth = 100

// faultPath returns the path of the first part of v that JSON has no form for, or "".
func faultPath(v reflect.Value) string {
	path, _ := findFault(v, 0)
	return path
}

func findFault(v reflect.Value, depth int) (path string, found bool) {
	if !v.IsValid() || depth > maxFaultDepth || hasOwnForm(v.Type()) {
		return "", false
	}
	switch v.Kind() {
	case reflect.Float32, reflect.Float64:
		return "", math.IsNaN(v.Float()) || math.IsInf(v.Float(), 0)
	case reflect.Chan, reflect.Func, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer:
		return "", true
	case reflect.Pointer, reflect.Interface:
		return findFault(v.Elem(), depth+1)
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if path, found := findFault(v.Index(i), depth+1); found {
				return fmt.Sprintf("[%d]%s", i, path), true
			}
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			if path, found := findFault(it.Value(), depth+1); found {
				return fmt.Sprintf("[%v]%s", it.Key(), path), true
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if f.Tag.Get("json") == "-" || (!f.IsExported() && !f.Anonymous) {
				continue
			}
			if path, found := findFault(v.Field(i), depth+1); found {
				return "." + f.Name + path, true
			}
		}
	}
	return "", false
}
