package msgpackcodec

import (
	"fmt"
	"math/bits"
	"reflect"
	"strconv"
)

// narrow compares the numbers of a payload with the Go types that they are for, before the library
// cuts them to size without a word. What is no number, or belongs to types that decode themselves,
// is left to the library, which checks kinds well. The payload was walked: it is well-formed and not too deep.
func narrow(s *shape, payload []byte) *pathError {
	_, err := s.narrow(payload)
	return err
}

// narrow checks the first item of b and returns what follows it.
func (s *shape) narrow(b []byte) ([]byte, *pathError) {
	if s == nil || !s.hasNumbers && s.kind != ifaceShape && !s.hasOthers || s.kind == ownShape {
		return mustSkip(b), nil
	}
	it, _ := next(b)
	if it.form == formNil {
		return b[it.size:], nil
	}
	switch s.kind {
	case intShape, uintShape, floatShape:
		if why := s.fits(it); why != "" {
			return nil, wrong("%s", why)
		}
	case ifaceShape:
		if it.form != formExt && it.form != formTime {
			return nil, wrong("a %v holds a type that was not given to msgpack.RegisterExt", s.typ)
		}
	case listShape:
		if it.form == formArray {
			return s.narrowList(it, b[it.size:])
		}
	case mapShape:
		return s.narrowMap(it, b)
	case structShape:
		return s.narrowStruct(it, b)
	}
	return mustSkip(b), nil
}

func (s *shape) narrowList(it item, b []byte) (_ []byte, err *pathError) {
	for i := range it.count {
		if b, err = s.elem.narrow(b); err != nil {
			return nil, err.at("[" + strconv.Itoa(i) + "]")
		}
	}
	return b, nil
}

func (s *shape) narrowMap(it item, b []byte) (_ []byte, err *pathError) {
	if it.form != formMap {
		// The library takes the header of an ext for nothing and believes the one inside, unchecked.
		return nil, wrong("%v instead of a map", it.form)
	}
	b = b[it.size:]
	for range it.count / 2 {
		key, _ := next(b)
		if s.key.kind == anyShape && (key.form == formArray || key.form == formMap || key.form == formBin) {
			return nil, wrong("a map key of form %v cannot be hashed", key.form)
		}
		if b, err = s.key.narrow(b); err != nil {
			return nil, err.at("[key " + keyText(key) + "]")
		}
		if b, err = s.elem.narrow(b); err != nil {
			return nil, err.at("[" + keyText(key) + "]")
		}
	}
	return b, nil
}

func (s *shape) narrowStruct(it item, b []byte) (_ []byte, err *pathError) {
	switch {
	case it.form == formMap:
		b = b[it.size:]
		for range it.count / 2 {
			key, _ := next(b)
			b = mustSkip(b)
			if b, err = s.byName[string(key.body)].narrow(b); err != nil {
				return nil, err.at("." + string(key.body))
			}
		}
		return b, nil
	case it.form == formArray && it.count == len(s.fields):
		b = b[it.size:]
		for _, f := range s.fields {
			if b, err = f.shape.narrow(b); err != nil {
				return nil, err.at("." + f.name)
			}
		}
		return b, nil
	}
	return mustSkip(b), nil
}

// fits says why a number type cannot hold the item, "" if it can.
func (s *shape) fits(it item) string {
	size := s.typ.Bits()
	var ok bool
	switch it.form {
	case formInt:
		n := int64(it.num)
		switch s.kind {
		case intShape:
			ok = n>>(size-1) == 0 || n>>(size-1) == -1
		case uintShape:
			ok = n >= 0 && it.num>>(size-1)>>1 == 0
		default:
			ok = exact(magnitude(n), size)
		}
		if !ok {
			return fmt.Sprintf("%d does not fit into %v", n, s.typ)
		}
	case formUint:
		switch s.kind {
		case intShape:
			ok = it.num>>(size-1) == 0
		case uintShape:
			ok = it.num>>(size-1)>>1 == 0
		default:
			ok = int64(it.num) >= 0 && exact(it.num, size) // the library takes it for an int64
		}
		if !ok {
			return fmt.Sprintf("%d does not fit into %v", it.num, s.typ)
		}
	case formFloat32, formFloat64:
		if s.kind != floatShape || it.form == formFloat64 && size == 32 {
			return fmt.Sprintf("a %v does not fit into %v", it.form, s.typ)
		}
	}
	return ""
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

// exact says whether a float of the given size holds a number of this magnitude.
func exact(magnitude uint64, size int) bool {
	mantissa := 53
	if size == 32 {
		mantissa = 24
	}
	return magnitude == 0 || bits.Len64(magnitude)-bits.TrailingZeros64(magnitude) <= mantissa
}

// mustSkip is skip over what was walked before.
func mustSkip(b []byte) []byte {
	rest, _ := skip(b)
	return rest
}

// guard refuses a value that has what its shape cannot know: inside of an interface a type that
// cannot be encoded, or itself. The library would recurse until the process dies.
func guard(v reflect.Value, s *shape, depth int) *pathError {
	if s.plain() && !s.recursive || s.kind == ownShape {
		return nil
	}
	if depth > 4*maxDepth { // a list or map may have three pointers and interfaces around it
		return wrong("nested too deep, or contains itself")
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return guard(v.Elem(), s, depth+1)
	case reflect.Interface:
		if v.IsNil() {
			return nil
		}
		dynamic, err := shapeOf(v.Elem().Type())
		if err != nil {
			return &pathError{err: err}
		}
		return guard(v.Elem(), dynamic, depth+1)
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if err := guard(v.Index(i), s.elem, depth+1); err != nil {
				return err.at("[" + strconv.Itoa(i) + "]")
			}
		}
	case reflect.Map:
		for key, value := range v.Seq2() {
			if err := guard(key, s.key, depth+1); err != nil {
				return err.at("[key]")
			}
			if err := guard(value, s.elem, depth+1); err != nil {
				return err.at(fmt.Sprintf("[%v]", key))
			}
		}
	case reflect.Struct:
		for _, f := range s.fields {
			if err := guard(v.FieldByIndex(f.index), f.shape, depth+1); err != nil {
				return err.at("." + f.name)
			}
		}
	}
	return nil
}
