package hbookcodec

// The values that annotations may have, and mapfile.v1.AnnotationValue.

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"unicode/utf8"

	"go-hep.org/x/hep/hbook"
	"google.golang.org/protobuf/encoding/protowire"
)

// maxDepth bounds how deep lists and maps nest; a map that holds itself ends there too.
const maxDepth = 16

// Fields of mapfile.v1.AnnotationValue, and of the lists and the map.
const (
	valueBits     = 1
	valueFlag     = 2
	valueInteger  = 3
	valueUnsigned = 4
	valueReal     = 5
	valueText     = 6
	valueRaw      = 7
	valueList     = 8
	valueMap      = 9
	valueTexts    = 10
	valueReals    = 11

	listItems = 1
)

var errDepth = fmt.Errorf("annotations nest deeper than %d", maxDepth)

func appendValue(dst []byte, num protowire.Number, v any, depth int) (_ []byte, err error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	integer := func(n int64, bits uint64) { // numbers are written even if they are zero: they are chosen
		dst = appendInt(dst, valueBits, bits)
		dst = protowire.AppendTag(dst, valueInteger, protowire.VarintType)
		dst = protowire.AppendVarint(dst, protowire.EncodeZigZag(n))
	}
	unsigned := func(n, bits uint64) {
		dst = appendInt(dst, valueBits, bits)
		dst = protowire.AppendTag(dst, valueUnsigned, protowire.VarintType)
		dst = protowire.AppendVarint(dst, n)
	}
	real := func(x float64, bits uint64) {
		dst = appendInt(dst, valueBits, bits)
		dst = protowire.AppendTag(dst, valueReal, protowire.Fixed64Type)
		dst = protowire.AppendFixed64(dst, math.Float64bits(x))
	}
	dst, start := openMessage(dst, num)
	switch v := v.(type) {
	case nil:
	case bool:
		dst = protowire.AppendTag(dst, valueFlag, protowire.VarintType)
		dst = protowire.AppendVarint(dst, protowire.EncodeBool(v))
	case int:
		integer(int64(v), 0)
	case int8:
		integer(int64(v), 8)
	case int16:
		integer(int64(v), 16)
	case int32:
		integer(int64(v), 32)
	case int64:
		integer(v, 64)
	case uint:
		unsigned(uint64(v), 0)
	case uint8:
		unsigned(uint64(v), 8)
	case uint16:
		unsigned(uint64(v), 16)
	case uint32:
		unsigned(uint64(v), 32)
	case uint64:
		unsigned(v, 64)
	case float32:
		real(float64(v), 32)
	case float64:
		real(v, 0)
	case string:
		if !utf8.ValidString(v) {
			return nil, errText
		}
		dst = protowire.AppendString(protowire.AppendTag(dst, valueText, protowire.BytesType), v)
	case []byte:
		dst = protowire.AppendBytes(protowire.AppendTag(dst, valueRaw, protowire.BytesType), v)
	default:
		if dst, err = appendList(dst, v, depth); err != nil {
			return nil, err
		}
	}
	return closeMessage(dst, start), nil
}

func appendList(dst []byte, v any, depth int) (_ []byte, err error) {
	var start int
	switch v := v.(type) {
	case []any:
		dst, start = openMessage(dst, valueList)
		for i, item := range v {
			if dst, err = appendValue(dst, listItems, item, depth+1); err != nil {
				return nil, fmt.Errorf("[%d]: %w", i, err)
			}
		}
	case hbook.Annotation:
		return appendList(dst, map[string]any(v), depth)
	case map[string]any:
		dst, start = openMessage(dst, valueMap)
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if dst, err = appendAnnotation(dst, listItems, key, v[key], depth+1); err != nil {
				return nil, fmt.Errorf("[%q]: %w", key, err)
			}
		}
	case []string:
		dst, start = openMessage(dst, valueTexts)
		for i, s := range v {
			if !utf8.ValidString(s) {
				return nil, fmt.Errorf("[%d]: %w", i, errText)
			}
			dst = protowire.AppendString(protowire.AppendTag(dst, listItems, protowire.BytesType), s)
		}
	case []float64:
		dst, start = openMessage(dst, valueReals)
		if len(v) > 0 {
			var col []byte
			dst, col = appendColumn(dst, listItems, len(v))
			for i, x := range v {
				putFloat(col, i, x)
			}
		}
	default:
		return nil, fmt.Errorf("cannot encode a %T", v)
	}
	return closeMessage(dst, start), nil
}

func readValue(src []byte, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	var v any
	var bits uint32
	for len(src) > 0 {
		f, rest, err := nextField(src)
		if err != nil {
			return nil, err
		}
		src = rest
		if f.num == valueBits && f.typ == protowire.VarintType {
			bits = uint32(f.bits)
			continue
		}
		if v, err = readKind(f, v, depth); err != nil {
			return nil, err
		}
	}
	return sized(v, bits)
}

// readKind returns the value that f makes of v, the value before it: another one of the kinds
// replaces it, the same list or map goes on.
func readKind(f field, v any, depth int) (any, error) {
	switch {
	case f.num == valueFlag && f.typ == protowire.VarintType:
		return protowire.DecodeBool(f.bits), nil
	case f.num == valueInteger && f.typ == protowire.VarintType:
		return protowire.DecodeZigZag(f.bits), nil
	case f.num == valueUnsigned && f.typ == protowire.VarintType:
		return f.bits, nil
	case f.num == valueReal && f.typ == protowire.Fixed64Type:
		return math.Float64frombits(f.bits), nil
	case f.typ != protowire.BytesType:
		return v, nil
	}
	switch f.num {
	case valueText:
		var text []byte
		if err := setText(&text, f); err != nil {
			return nil, err
		}
		return string(text), nil
	case valueRaw:
		return append([]byte{}, f.body...), nil
	case valueList:
		list, ok := v.([]any)
		if !ok {
			list = []any{}
		}
		return readItems(f.body, list, func(list []any, item field) ([]any, error) {
			v, err := readValue(item.body, depth+1)
			return append(list, v), err
		})
	case valueMap:
		entries, ok := v.(map[string]any)
		if !ok {
			entries = map[string]any{}
		}
		return readItems(f.body, entries, func(entries map[string]any, item field) (map[string]any, error) {
			return entries, readAnnotation(item.body, entries, depth+1)
		})
	case valueTexts:
		texts, ok := v.([]string)
		if !ok {
			texts = []string{}
		}
		return readItems(f.body, texts, func(texts []string, item field) ([]string, error) {
			var text []byte
			err := setText(&text, item)
			return append(texts, string(text)), err
		})
	case valueReals:
		reals, ok := v.([]float64)
		if !ok {
			reals = []float64{}
		}
		return readReals(f.body, reals)
	}
	return v, nil
}

// readItems reads a list whose elements are bytes on the wire.
func readItems[L any](src []byte, list L, add func(L, field) (L, error)) (any, error) {
	for len(src) > 0 {
		f, rest, err := nextField(src)
		if err != nil {
			return nil, err
		}
		if src = rest; f.num != listItems || f.typ != protowire.BytesType {
			continue
		}
		if list, err = add(list, f); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func readReals(src []byte, reals []float64) (any, error) {
	for len(src) > 0 {
		f, rest, err := nextField(src)
		if err != nil {
			return nil, err
		}
		if src = rest; f.num != listItems {
			continue
		}
		var items pieces
		if err := items.addColumn(f); err != nil {
			return nil, err
		}
		for i := range items.len() {
			reals = append(reals, items.float(i))
		}
	}
	return reals, nil
}

var errNarrow = errors.New("a number that does not fit its type")

// sized gives a number the type that it had. The fit is tested by converting there and back.
func sized(v any, bits uint32) (any, error) {
	fits := true
	switch n := v.(type) {
	case int64:
		switch bits {
		case 0:
			v, fits = int(n), int64(int(n)) == n
		case 8:
			v, fits = int8(n), int64(int8(n)) == n
		case 16:
			v, fits = int16(n), int64(int16(n)) == n
		case 32:
			v, fits = int32(n), int64(int32(n)) == n
		case 64:
		default:
			fits = false
		}
	case uint64:
		switch bits {
		case 0:
			v, fits = uint(n), uint64(uint(n)) == n
		case 8:
			v, fits = uint8(n), uint64(uint8(n)) == n
		case 16:
			v, fits = uint16(n), uint64(uint16(n)) == n
		case 32:
			v, fits = uint32(n), uint64(uint32(n)) == n
		case 64:
		default:
			fits = false
		}
	case float64:
		switch bits {
		case 0, 64:
		case 32:
			v, fits = float32(n), math.IsNaN(n) || float64(float32(n)) == n
		default:
			fits = false
		}
	}
	if !fits {
		return nil, errNarrow
	}
	return v, nil
}
