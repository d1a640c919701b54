// Package jsoncodec is the codec "json": values as encoding/json writes them. It is easy to look at
// from any language, and slow beside the others.
//
// What encoding/json does is what happens; this is the part that surprises:
//
//   - Fields that a reader's type lacks are ignored, fields that the payload lacks stay zero: types
//     may evolve. A number that does not fit its field (300 for an int8, 1.5 for an int) is an error.
//   - Of a key given twice the last one counts, for structs and maps; field names match also in
//     other letter case. Inspect shows both.
//   - In a field of type any a number becomes a float64: beyond 2⁵³ digits are lost. Use int64,
//     uint64, json.Number or Inspect, which keeps all digits.
//   - Strings are UTF-8. In Go strings that are not, and in payloads with half of a surrogate pair
//     (\ud800), each wrong piece becomes U+FFFD, without an error. Use []byte for bytes.
//   - White space around a payload is part of a JSON text; anything else there is an error.
//   - NaN and infinities have no JSON form: Append fails and names the field.
//   - A nil slice and an empty one differ (null, []). A pointer to zero stays one.
//   - A time.Time keeps instant and offset, neither the name of its location nor the monotonic part;
//     years beyond 0…9999 are an error.
//
// Nesting is limited to 10,000 levels by encoding/json.
package jsoncodec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"sync"

	"github.com/gomapfile/mapfile/codec"
	"github.com/gomapfile/mapfile/codec/internal/foreign"
)

// Codec is the codec "json". It checks types at registration, decodes into used objects and can be
// inspected without the Go type. Panics of MarshalJSON methods and the like become errors.
var Codec codec.Codec = jsonCodec{}

type jsonCodec struct{}

var (
	_ codec.Reuser    = jsonCodec{}
	_ codec.Checker   = jsonCodec{}
	_ codec.Inspector = jsonCodec{}
)

func (jsonCodec) Name() string { return "json" }

func (jsonCodec) Append(dst []byte, v any) (out []byte, err error) {
	p, err := pointer("encode", v)
	if err != nil {
		return nil, err
	}
	defer foreign.Recover(&err, "json", "encode", v)
	text, err := json.Marshal(v)
	if err != nil {
		if at := faultPath(p.Elem()); at != "" {
			return nil, fmt.Errorf("codec \"json\": encode %T: field %s: %w", v, at, err)
		}
		return nil, fmt.Errorf("codec \"json\": encode %T: %w", v, err)
	}
	return append(dst, text...), nil
}

func (jsonCodec) Decode(src []byte, v any) (err error) {
	if _, err := pointer("decode", v); err != nil {
		return err
	}
	defer foreign.Recover(&err, "json", "decode", v)
	if err := json.Unmarshal(src, v); err != nil {
		return fmt.Errorf("codec \"json\": decode %T: %w", v, err)
	}
	return nil
}

// DecodeReuse sets *v to zero first: encoding/json merges into what it finds, so that old map keys
// and fields would stay and old slices, shared with earlier results, would be written into.
func (jsonCodec) DecodeReuse(src []byte, v any) error {
	p, err := pointer("decode", v)
	if err != nil {
		return err
	}
	p.Elem().SetZero()
	if runsForeignCode(p.Type().Elem()) {
		src = bytes.Clone(src) // an UnmarshalJSON may keep or change what encoding/json passes on
	}
	return jsonCodec{}.Decode(src, v)
}

func (jsonCodec) Check(t reflect.Type) error {
	if t == nil {
		return errors.New("there is no type")
	}
	return inquire(t).err
}

// pointer checks the type too: encoding/json finds out late, and reads null into a channel.
func pointer(what string, v any) (reflect.Value, error) {
	p := reflect.ValueOf(v)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		return p, fmt.Errorf("codec \"json\": %s %T: not a pointer, or nil", what, v)
	}
	if err := inquire(p.Type().Elem()).err; err != nil {
		return p, fmt.Errorf("codec \"json\": %s %T: %w", what, v, err)
	}
	return p, nil
}

// verdicts holds what was found out about types, so that each is walked through once.
var verdicts sync.Map // reflect.Type → verdict

func runsForeignCode(t reflect.Type) bool { return inquire(t).foreign }

func inquire(t reflect.Type) verdict {
	if found, ok := verdicts.Load(t); ok {
		return found.(verdict)
	}
	w := walk{seen: map[reflect.Type]bool{}}
	err := w.check(t, t.String())
	found := verdict{err, w.foreign}
	verdicts.Store(t, found)
	return found
}
