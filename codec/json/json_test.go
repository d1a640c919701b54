package jsoncodec_test

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/codec"
	"github.com/gomapfile/mapfile/codec/codectest"
	jsoncodec "github.com/gomapfile/mapfile/codec/json"
)

type config struct {
	Limit   int8
	Name    string
	Ratio   float64
	Weights []float32
	Labels  map[string]int64
	Nested  *config
	Zero    *int
	Any     any
	Raw     json.RawMessage
	Blob    []byte
	Hidden  func() `json:"-"`
	_       chan int
}

var configs = []any{
	&config{},
	&config{Limit: -3, Name: "a <b> & ü", Ratio: 2.25, Weights: []float32{1, 2.5, 1e30}, Labels: map[string]int64{"x": 1, "y": 1 << 60},
		Nested: &config{Zero: new(int), Any: "text"}, Any: true, Raw: json.RawMessage(`{"k":[1]}`), Blob: []byte{1, 2}},
	&config{Labels: map[string]int64{"z": 3}, Weights: []float32{7}, Nested: &config{Limit: 1}, Any: []any{1.5, "x"}},
}

type kept struct{ src []byte }

func (k *kept) MarshalJSON() ([]byte, error) {
	if len(k.src) == 0 {
		return []byte("0"), nil
	}
	return k.src, nil
}
func (k *kept) UnmarshalJSON(src []byte) error { k.src = src; return nil } // against the rules: keeps

// G01 G02 G03 G06 G11 G28
func TestJSONKeepsThePromises(t *testing.T) {
	loop := &config{}
	loop.Nested = loop
	codectest.Run(t, jsoncodec.Codec,
		codectest.Case{
			New: func() any { return new(config) }, Values: configs,
			Equal: equalConfigs,
			Hostile: [][]byte{nil, []byte("{"), []byte(`{"Limit":300}`), []byte(`{"Limit":1.5}`), []byte(`{"Limit":"1"}`), []byte(`{"Blob":"*"}`),
				[]byte(`{} {}`), []byte(`[]`), []byte(`{"Ratio":1e999}`), []byte(`{"Any":NaN}`), []byte("\xff"), []byte(`{"Name":"\x"}`),
				[]byte(`{"Any":` + strings.Repeat("[", 1_000_000)),
				[]byte(`{"Any":` + strings.Repeat("[", 1_000_000) + strings.Repeat("]", 1_000_000) + "}"),
				[]byte(strings.Repeat(`{"Nested":`, 1_000_000) + "null" + strings.Repeat("}", 1_000_000)),
			},
			Unencodable: []any{&config{Ratio: math.NaN()}, &config{Any: make(chan int)}, &config{Any: math.Inf(1)}, loop, new(func())},
			BadTypes: []reflect.Type{reflect.TypeFor[chan int](), reflect.TypeFor[struct{ F []func() }](), reflect.TypeFor[struct{ R io.Reader }](),
				reflect.TypeFor[map[[2]int]int](), reflect.TypeFor[complex64](), nil},
		},
		codectest.Case{Name: "foreign", New: func() any { return new(kept) }, Values: []any{&kept{[]byte("[1,2]")}, &kept{[]byte(`"longer text"`)}, &kept{[]byte("3")}},
			CheckNode: func(int, codec.Node) error { return nil }},
		codectest.Case{Name: "number", New: func() any { return new(float64) }, Values: []any{new(0.0), new(1.25), new(1e6), new(-3e-7)}},
		codectest.Case{Name: "map", New: func() any { return new(map[string][]int) }, Values: []any{
			new(map[string][]int(nil)), &map[string][]int{"a": {1, 2, 3}, "b": nil, "c": {}}, &map[string][]int{"a": {4}}}},
	)
}

// equalConfigs: a nil RawMessage is written as null and read as "null".
func equalConfigs(got, want any) bool {
	g, w := *got.(*config), *want.(*config)
	if w.Raw == nil {
		w.Raw = json.RawMessage("null")
	}
	if g.Raw == nil {
		g.Raw = json.RawMessage("null")
	}
	if (g.Nested == nil) != (w.Nested == nil) || g.Nested != nil && !equalConfigs(g.Nested, w.Nested) {
		return false
	}
	g.Nested, w.Nested = nil, nil
	return reflect.DeepEqual(g, w)
}

// G04
func TestJSONErrorsNameTypeAndField(t *testing.T) {
	type event struct {
		Hits []map[string]*struct{ X any }
	}
	x := func(v any) *event { return &event{[]map[string]*struct{ X any }{nil, {"k": {v}}}} }
	for _, v := range []any{math.NaN(), math.Inf(-1), make(chan int), func() {}, 1i} {
		_, err := jsoncodec.Codec.Append(nil, x(v))
		want(t, err, "*jsoncodec_test.event", ".Hits[1][k].X", "unsupported")
	}
	check := func(ty reflect.Type) error { return jsoncodec.Codec.(codec.Checker).Check(ty) }
	want(t, check(reflect.TypeFor[struct {
		A []map[string]struct{ C chan int }
	}]()), ".A[][key].C", "chan int")
	want(t, check(reflect.TypeFor[struct{ R io.Reader }]()), ".R", "io.Reader")
	type hidden struct{ A int }
	want(t, check(reflect.TypeFor[struct{ *hidden }]()), ".hidden", "embedded")
	if err := check(reflect.TypeFor[struct{ hidden }]()); err != nil {
		t.Error(err)
	}
	want(t, jsoncodec.Codec.Decode([]byte(`{"Limit":300}`), new(config)), "*jsoncodec_test.config", "300", "Limit")
}

type panicky struct{}

func (panicky) MarshalJSON() ([]byte, error) { panic(io.ErrNoProgress) }
func (*panicky) UnmarshalJSON([]byte) error  { panic("foreign") }

func want(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want one with %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q lacks %q", err, part)
		}
	}
}

func TestJSONRecoversForeignPanics(t *testing.T) {
	if _, err := jsoncodec.Codec.Append(nil, new(panicky)); !errors.Is(err, io.ErrNoProgress) {
		t.Error(err)
	}
	want(t, jsoncodec.Codec.Decode([]byte("{}"), new(panicky)), "panicky", "foreign")
	want(t, jsoncodec.Codec.(codec.Reuser).DecodeReuse([]byte("{}"), new(panicky)), "panicky", "foreign")
}

// G23: what the package's documentation says, line by line.
func TestJSONDoesWhatItsDocumentationSays(t *testing.T) {
	decode := func(text string) (c config, err error) { return c, jsoncodec.Codec.Decode([]byte(text), &c) }
	if c, err := decode(`{"Limit":1,"Limit":2,"LIMIT":3,"Unknown":4}`); err != nil || c.Limit != 3 {
		t.Errorf("duplicate keys: %v, %v", c.Limit, err)
	}
	if c, err := decode(" \n\t{} \n"); err != nil || c.Name != "" {
		t.Errorf("white space: %v", err)
	}
	if _, err := decode("{}x"); err == nil {
		t.Error("left-over bytes are accepted")
	}
	if c, err := decode(`{"Any":9007199254740993,"Labels":{"n":9007199254740993}}`); err != nil || c.Any != 9007199254740992.0 || c.Labels["n"] != 9007199254740993 {
		t.Errorf("large numbers: %v", err)
	}
	if c, err := decode(`{"Name":"a\ud800b"}`); err != nil || c.Name != "a\uFFFDb" {
		t.Errorf("lone surrogate: %q, %v", c.Name, err)
	}
	if e, err := jsoncodec.Codec.Append(nil, new("a\xffb")); err != nil || string(e) != "\"a\\ufffdb\"" {
		t.Errorf("invalid UTF-8: %s, %v", e, err)
	}
}

func TestJSONInspectKeepsDigits(t *testing.T) {
	for text, value := range map[string]any{
		"0": int64(0), "-7": int64(-7), "9223372036854775807": int64(math.MaxInt64), "18446744073709551615": uint64(math.MaxUint64),
		"9223372036854775808": uint64(1 << 63), "1.5": 1.5, "0.1": 0.1, "1e3": 1000.0, "-0": math.Copysign(0, -1), "0.00120e5": 120.0, "0e99999999999": 0.0, "2.50": 2.5,
		"18446744073709551616":     "18446744073709551616",
		"18446744073709551617":     "18446744073709551617",
		"0.1000000000000000000001": "0.1000000000000000000001",
		"1e999":                    "1e999", "1e-999": "1e-999", "5e-324": 5e-324, "1.7976931348623157e308": math.MaxFloat64,
		"true": true, "null": nil, `"a\u00fc\ud83d\ude00"`: "aü😀",
	} {
		n, err := jsoncodec.Codec.(codec.Inspector).Inspect(nil, []byte(text))
		if err != nil || n.Value != value {
			t.Errorf("%s: %T %v, %v; want %T %v", text, n.Value, n.Value, err, value, value)
		}
	}
	n, err := jsoncodec.Codec.(codec.Inspector).Inspect([]byte("junk"), []byte(`{"b":[1,{"a":null}],"b":2}`))
	if err != nil || len(n.Children) != 2 || n.Children[0].Name != "b" || n.Children[0].Type != "array" ||
		n.Children[0].Children[1].Children[0].Name != "a" || n.Children[1].Value != int64(2) {
		t.Errorf("%+v, %v", n, err)
	}
}

// G16
func TestJSONEvolution(t *testing.T) {
	type v1 struct{ A, B int64 }
	type v2 struct {
		A int16
		C string
	}
	e, err := jsoncodec.Codec.Append(nil, &v1{A: 5, B: 6})
	got := v2{C: "stays not"}
	if err == nil {
		err = jsoncodec.Codec.(codec.Reuser).DecodeReuse(e, &got)
	}
	if err != nil || got != (v2{A: 5}) {
		t.Errorf("%+v, %v", got, err)
	}
	e, _ = jsoncodec.Codec.Append(nil, &v2{C: "c"})
	var old v1
	if err := jsoncodec.Codec.Decode(e, &old); err != nil || old != (v1{}) {
		t.Errorf("%+v, %v", old, err)
	}
}

// G24
func TestJSONKeepsTimes(t *testing.T) {
	for _, in := range []time.Time{{}, time.Now(), time.Date(9999, 12, 31, 23, 0, 0, 999999999, time.FixedZone("X", 3600)), time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)} {
		e, err := jsoncodec.Codec.Append(nil, &in)
		out := time.Time{}
		if err == nil {
			err = jsoncodec.Codec.Decode(e, &out)
		}
		if err != nil || !out.Equal(in) {
			t.Errorf("%v: %v, %v", in, out, err)
		}
	}
	_, err := jsoncodec.Codec.Append(nil, new(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)))
	want(t, err, "time.Time", "year")
}
