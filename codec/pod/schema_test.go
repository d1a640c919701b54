package pod

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/gomapfile/mapfile/codec"
)

const eventSchema = "struct{Number uint64;Live bool;Hits [3]struct{On bool;ID uint32;Q float32;t int16};" +
	"Trig [5]bool;Amp complex64;Grid [2][3]uint16;raw [4]uint8;Sum float64}"

func describe[T any](t testing.TB) []byte {
	t.Helper()
	s, err := Codec.(codec.Describer).Describe(reflect.TypeFor[T]())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSchemaIsTheLayoutAsText(t *testing.T) {
	if got := string(describe[event](t)); got != eventSchema {
		t.Errorf("got %s, want %s", got, eventSchema)
	}
	l, err := parseSchema([]byte(eventSchema))
	if err != nil || l.String() != eventSchema {
		t.Errorf("parsed to %s, %v", l, err)
	}
}

func TestOtherLayoutIsRefusedWithTheFieldsName(t *testing.T) { // G11, G16
	type v1 struct {
		ID  int16
		Pos [2]struct{ X, Y float32 }
	}
	mine := describe[v1](t)
	for _, tc := range []struct {
		written []byte
		want    string
	}{
		{mine, ""},
		{describe[struct {
			ID  int16
			_   int64
			Pos [2]struct{ X, Y float32 }
		}](t), ""},
		{describe[struct {
			ID  int32
			Pos [2]struct{ X, Y float32 }
		}](t), "value.ID: int32 was written, here it is int16"},
		{describe[struct {
			Pos [2]struct{ X, Y float32 }
			ID  int16
		}](t), "value.Pos [2]struct was written where here is ID int16"},
		{describe[struct {
			ID  int16
			Pos [2]struct{ X, Z float32 }
		}](t), "value.Pos[].Z"},
		{describe[struct {
			ID  int16
			Pos [3]struct{ X, Y float32 }
		}](t), "value.Pos: [3]struct was written, here it is [2]struct"},
		{describe[struct{ ID int16 }](t), "value.Pos [2]struct is here, but was not written"},
		{describe[struct {
			ID  int16
			Pos [2]struct{ X, Y float32 }
			New bool
		}](t), "value.New bool was written, here it is missing"},
		{describe[float64](t), "value: float64 was written, here it is struct"},
		{describe[struct{}](t), "value: one has no fields"},
		{[]byte("struct{ID int16"), "schema, byte 15"},
		{nil, "schema, byte 0"},
	} {
		err := Codec.(codec.Describer).Compatible(tc.written, mine)
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("Compatible(%s) = %v, want %q", tc.written, err, tc.want)
		}
	}
}

func TestInspectShowsTheValueWithoutItsType(t *testing.T) {
	enc, _ := Codec.Append(nil, fullEvent())
	n, err := Codec.(codec.Inspector).Inspect(describe[event](t), enc)
	if err != nil {
		t.Fatal(err)
	}
	at := func(path ...int) codec.Node {
		n := n
		for _, i := range path {
			n = n.Children[i]
		}
		return n
	}
	for _, tc := range []struct {
		got        codec.Node
		name, kind string
		value      any
	}{
		{at(), "", "struct", nil},
		{at(0), "Number", "uint64", uint64(0x0102030405060708)},
		{at(1), "Live", "bool", true},
		{at(2), "Hits", "[3]struct", nil},
		{at(2, 2, 0), "On", "bool", true},
		{at(2, 2, 1), "ID", "uint32", uint64(102)},
		{at(2, 2, 2), "Q", "float32", 0.5},
		{at(2, 2, 3), "t", "int16", int64(-2)},
		{at(4, 1), "imag", "float32", -2.0},
		{at(5, 1), "", "[3]uint16", nil},
		{at(5, 1, 2), "", "uint16", uint64(0xffee)},
		{at(6), "raw", "[4]uint8", []byte{9, 8, 7, 6}},
		{at(7), "Sum", "float64", math.Pi},
	} {
		if tc.got.Name != tc.name || tc.got.Type != tc.kind || !reflect.DeepEqual(tc.got.Value, tc.value) {
			t.Errorf("got %+v, want %v %v = %v", tc.got, tc.name, tc.kind, tc.value)
		}
	}
	if n, err := Codec.(codec.Inspector).Inspect(describe[struct{}](t), nil); err != nil || n.Type != "struct" {
		t.Errorf("struct{}: %+v, %v", n, err)
	}
}

// G13: a schema from a file may say anything.
func TestHostileSchemasAreErrors(t *testing.T) {
	wraps := strings.Repeat("struct{a ", 60) + "uint8" + strings.Repeat("}", 60)
	for _, schema := range []string{
		"", "int", "string", "struct", "struct{", "struct{}x", "struct{a}", "struct{a uint8", "struct{a uint8;}",
		"struct{_ uint8}", "struct{1 uint8}", "struct{ uint8}", "[0]uint8", "[01]uint8", "[]uint8", "[-1]uint8", "[3uint8",
		"[99999999999999999999]uint8", "[281474976710656]uint64", "[16777216][16777216][2]uint8", "uint8 ",
		"struct{a [2305843009213693952]uint64;b [1000]uint8}", // 1000 bytes, modulo 1<<64
		"[1099511627776]uint8", "struct{a struct{}}", strings.Repeat("[1]", 1_000_000) + "uint8",
		strings.Repeat("struct{a ", 1_000_000), "[3]" + wraps + "x",
		"[1000]" + wraps, // honest but for the number of nodes: 60 for each byte
	} {
		payload := make([]byte, 1000)
		if _, err := Codec.(codec.Inspector).Inspect([]byte(schema), payload); err == nil {
			t.Errorf("Inspect with %.60q: no error", schema)
		}
		if err := Codec.(codec.Describer).Compatible([]byte(schema), []byte("uint8")); err == nil {
			t.Errorf("Compatible(%.60q): no error", schema)
		}
	}
	if _, err := Codec.(codec.Inspector).Inspect([]byte("[2]bool"), []byte{1, 3}); err == nil {
		t.Error("a bool of 3 was shown")
	}
}

func FuzzInspect(f *testing.F) {
	enc, _ := Codec.Append(nil, fullEvent())
	f.Add([]byte(eventSchema), enc)
	f.Add([]byte("[2]bool"), []byte{0, 1})
	f.Add([]byte("struct{a [3]struct{b complex128}}"), make([]byte, 48))
	f.Fuzz(func(t *testing.T, schema, payload []byte) {
		n, err := Codec.(codec.Inspector).Inspect(schema, payload)
		if err == nil && count(n) > 64+len(schema)+4*len(payload) {
			t.Errorf("%d nodes", count(n))
		}
		if l, err := parseSchema(schema); err == nil && l.String() != string(schema) {
			t.Errorf("%q and %q are the same layout", l, schema)
		}
		if err := Codec.(codec.Describer).Compatible(schema, []byte(eventSchema)); (err == nil) != (string(schema) == eventSchema) {
			t.Errorf("Compatible(%q) = %v", schema, err)
		}
		var e event
		if Codec.Decode(payload, &e) == nil {
			if got, err := Codec.Append(nil, &e); err != nil || string(got) != string(payload) {
				t.Errorf("%x came back as %x, %v", payload, got, err)
			}
		}
	})
}

func count(n codec.Node) int {
	sum := 1
	for _, c := range n.Children {
		sum += count(c)
	}
	return sum
}
