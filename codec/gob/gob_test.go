package gobcodec_test

import (
	"encoding/gob"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/codec"
	"github.com/gomapfile/mapfile/codec/codectest"
	gobcodec "github.com/gomapfile/mapfile/codec/gob"
)

type track struct {
	ID     int64
	Name   string
	Charge int8
	Pt     float64
	Hits   []hit
	Flags  map[string]int32
	Next   *track
	Raw    []byte
	Any    any
	Phase  complex128
	Box    [3]uint16
	Seen   time.Time
}

type hit struct{ X, Y float32 }

type unregistered struct{ A int }

type writeOnly struct{}

func (writeOnly) GobEncode() ([]byte, error) { return nil, nil }

type node struct{ Next *node }

type holder struct{ V any }

type withChan struct {
	Deep []struct{ C chan int }
}

func init() {
	gob.Register(hit{})
	gob.Register(&track{})
	gob.Register([]any{})
	gob.Register(holder{})
}

// Maps of one key at most: gob writes the keys in random order.
var tracks = []any{
	&track{},
	&track{ID: -1, Name: "full", Charge: -1, Pt: 1.5, Hits: []hit{{1, 2}, {3, 4}, {5, 6}}, Flags: map[string]int32{"a": 1},
		Next: &track{ID: 2, Any: hit{1, 2}}, Raw: []byte{1, 2}, Any: "text", Phase: 1 + 2i, Box: [3]uint16{1, 2, 3}, Seen: time.Unix(1, 2).UTC()},
	&track{Hits: []hit{{7, 8}}, Flags: map[string]int32{"b": 2}, Any: holder{V: &track{Any: []any{int64(1), hit{2, 3}, holder{V: "deep"}}}}},
	&track{Any: []any{&track{ID: 9}, hit{1, 1}, "x", 1.5, nil}, Next: &track{Any: hit{}}},
}

// G01 G02 G03 G05 G28
func TestGobKeepsThePromises(t *testing.T) {
	codectest.Run(t, gobcodec.Codec,
		codectest.Case{
			New: func() any { return new(track) }, Values: tracks,
			Unencodable: []any{&track{Any: unregistered{1}}, &track{Any: make(chan int)}, &track{Any: (*track)(nil)}, cycle(), new(func())},
			BadTypes:    []reflect.Type{reflect.TypeFor[withChan](), reflect.TypeFor[chan int](), reflect.TypeFor[struct{ a int }](), reflect.TypeFor[struct{ F func() }](), reflect.TypeFor[struct{ W []writeOnly }](), nil},
			Hostile:     bombs(t),
			MaxMemory:   func(n int) int { return 2<<20 + 400*n }, // compiling decoders for foreign types costs much
		},
		codectest.Case{Name: "number", New: func() any { return new(int64) }, Values: []any{new(int64), new(int64(-5))}},
		codectest.Case{Name: "slice", New: func() any { return new([]float64) }, Values: []any{new([]float64{1, 2, 3}), new([]float64{4})}},
		codectest.Case{Name: "map", New: func() any { return new(map[string]*hit) }, Nondeterministic: true,
			Values: []any{new(map[string]*hit{"a": {1, 2}, "b": {3, 4}}), new(map[string]*hit{"c": {5, 6}})}},
	)
}

func cycle() *node {
	n := &node{}
	n.Next = n
	return n
}

// bombs are inputs that made encoding/gob allocate without end, in this or earlier releases of Go:
// golang/go#24446, and two of #10490; then lies of our own.
func bombs(t testing.TB) [][]byte {
	var all [][]byte
	for _, text := range []string{
		"4dffb503010102303001ff3000010901013001080001013001080001013001ffb80001014a01ffb60001014b01ff860001013001ff860001013001ff860001013001ff860001013001ffb80000001eff850401010e303030303030303030303030303001ff3000010c0104000016ffb702010108303030303030303001ff3000010c000030ffb6040405fcff00303030303030303030303030303030303030303030303030303030303030303030303030303030303030303030303030",
		"53ff8f03010106696e7075745401ff900001fc0701044d61786901040001044d696e6901040001044d61787501060001044d61786601080001044d696e660108" +
			"0001044d617863010e0001044d696e63010e00000007ff9001fe0000",
		"fce430303030", // a message of 3.8 GB
		"", "00", "0100", "01", "ff", "f8ffffffffffffffff",
		"03040001" + "03040001", // two values
	} {
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	good, err := gobcodec.Codec.Append(nil, &track{Flags: map[string]int32{"k": 1}, Name: "n"})
	if err != nil {
		t.Fatal(err)
	}
	// The map's count 1 before the key "k" becomes four bytes of 0x7FFFFFFF; the lengths around it fit.
	at := strings.LastIndex(string(good), "\x01\x01k")
	bomb := append(append(append([]byte{}, good[:at]...), 0xFC, 0x7F, 0xFF, 0xFF, 0xFF), good[at+1:]...)
	start := strings.LastIndex(string(good), "\x01n") - 4 // somewhere in the value message
	for i := start; i >= 0; i-- {
		if int(good[i]) == len(good)-i-1 { // the message's length, one byte
			bomb[i] += 4
			return append(all, bomb)
		}
	}
	t.Fatal("no value message found")
	return nil
}

// G06: nesting 10⁶ deep, as values and as type definitions, in a child process that may die.
func TestGobDeepNestingIsAnError(t *testing.T) {
	if os.Getenv("GOB_DEEP") == "" {
		child := exec.Command(os.Args[0], "-test.run=^TestGobDeepNestingIsAnError$", "-test.v")
		child.Env = append(os.Environ(), "GOB_DEEP=1")
		if out, err := child.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS") {
			t.Fatalf("%v\n%.2000s", err, out)
		}
		return
	}
	debug.SetMemoryLimit(1 << 30)
	good, err := gobcodec.Codec.Append(nil, &node{Next: &node{}})
	if err != nil {
		t.Fatal(err)
	}
	// The value message: length, type (2 bytes), then for each level 01, and as many 00.
	i := len(good) - 1
	for int(good[i]) != len(good)-i-1 || good[i] < 3 {
		i--
	}
	const depth = 1_000_000
	value := append([]byte{}, good[i+1:i+3]...)
	value = append(value, []byte(strings.Repeat("\x01", depth)+strings.Repeat("\x00", depth+1))...)
	deep := append(append([]byte{}, good[:i]...), 0xFC, byte(len(value)>>24), byte(len(value)>>16), byte(len(value)>>8), byte(len(value)))
	deep = append(deep, value...)
	if err := gobcodec.Codec.Decode(deep, new(node)); err == nil || !strings.Contains(err.Error(), "nested") {
		t.Errorf("values: %v", err)
	}
	long := &node{}
	for range depth {
		long = &node{Next: long}
	}
	if _, err := gobcodec.Codec.Append(nil, long); err == nil || !strings.Contains(err.Error(), "nested") {
		t.Errorf("encoding: %v", err)
	}
	fits := &node{}
	for range 3000 {
		fits = &node{Next: fits}
	}
	e, err := gobcodec.Codec.Append(nil, fits)
	if err != nil {
		t.Fatal(err)
	}
	if err := gobcodec.Codec.Decode(e, new(node)); err != nil {
		t.Errorf("3000 levels: %v", err)
	}
}

// G04 G07
func TestGobErrorsNameTheTrouble(t *testing.T) {
	_, err := gobcodec.Codec.Append(nil, &track{Any: unregistered{}})
	want(t, err, "gobcodec_test.track", "gobcodec_test.unregistered", "not registered")
	_, err = gobcodec.Codec.Append(nil, &withChan{})
	want(t, err, "withChan.Deep[].C", "chan int")
	_, err = gobcodec.Codec.Append(nil, cycle())
	want(t, err, "node", "cycle")
	_, err = gobcodec.Codec.Append(nil, &[]*hit{nil})
	want(t, err, "hit", "nil")

	e, err := gobcodec.Codec.Append(nil, &track{Any: hit{1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	e = []byte(strings.ReplaceAll(string(e), "gob_test.hit", "gob_test.hat"))
	want(t, gobcodec.Codec.Decode(e, new(track)), "track", "not registered", "gob_test.hat")
}

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

// G05: without the guard in front, encoding/gob would ask for two billion map entries here.
func TestGobCountsAreBounded(t *testing.T) {
	all := bombs(t)
	want(t, gobcodec.Codec.Decode(all[len(all)-1], new(track)), "count of 2147483647")
}

// G08: a limit of gob, documented and kept in view here.
func TestGobPointerToZeroBecomesNil(t *testing.T) {
	type optional struct {
		A *int
		N int
	}
	e, err := gobcodec.Codec.Append(nil, &optional{A: new(int), N: 1})
	var got optional
	if err == nil {
		err = gobcodec.Codec.Decode(e, &got)
	}
	if err != nil || got.A != nil || got.N != 1 {
		t.Errorf("%+v, %v: gob changed; change the package's documentation", got, err)
	}
}

// G11 G16: fields may come and go, numbers that do not fit are errors.
func TestGobEvolution(t *testing.T) {
	type v1 struct {
		A int64
		B string
	}
	type v2 struct {
		A int8
		C float64
	}
	for a, fits := range map[int64]bool{100: true, 300: false, -129: false} {
		e, err := gobcodec.Codec.Append(nil, &v1{A: a, B: "b"})
		if err != nil {
			t.Fatal(err)
		}
		var got v2
		if err := gobcodec.Codec.Decode(e, &got); (err == nil) != fits || (fits && got != v2{A: int8(a)}) {
			t.Errorf("%d: %+v, %v", a, got, err)
		}
	}
}

// G24
func TestGobKeepsTimes(t *testing.T) {
	for _, in := range []time.Time{{}, time.Now(), time.Unix(1<<40, 999).In(time.FixedZone("X", 3600)), time.Date(-500, 1, 1, 0, 0, 0, 0, time.UTC)} {
		e, err := gobcodec.Codec.Append(nil, &in)
		out := time.Time{}
		if err == nil {
			err = gobcodec.Codec.Decode(e, &out)
		}
		if err != nil || !out.Equal(in) {
			t.Errorf("%v: %v, %v", in, out, err)
		}
	}
}

type panicky struct{}

func (panicky) GobEncode() ([]byte, error) { return []byte{1}, nil }
func (*panicky) GobDecode([]byte) error    { panic("foreign") }

func TestGobRecoversForeignPanics(t *testing.T) {
	e, err := gobcodec.Codec.Append(nil, &panicky{})
	if err != nil {
		t.Fatal(err)
	}
	want(t, gobcodec.Codec.Decode(e, new(panicky)), "panicky", "foreign")
}

// A dump tool must not decode gob in its own process.
func TestGobIsNoInspector(t *testing.T) {
	if _, ok := gobcodec.Codec.(codec.Inspector); ok {
		t.Error("gob can be inspected")
	}
}

// What encoding/gob writes, whatever it is, must pass the reading before the reading.
func TestGobPayloadsPassTheGuard(t *testing.T) {
	type inner struct{ V any }
	gob.Register(inner{})
	gob.Register(map[string]any{})
	gob.Register([2]any{})
	for i, v := range []any{
		new("s"), new(3), new(uint8(200)), new(2.5), new(true), new(1 + 2i), &[]byte{1}, &[]string{"", "a"}, &[2]int{1, 2}, &map[int]bool{1: true},
		&holder{V: inner{V: inner{V: map[string]any{"a": inner{V: [2]any{1, "x"}}, "b": []any{nil, hit{}}}}}},
		&[]holder{{V: hit{1, 2}}, {}, {V: inner{V: &track{ID: 1}}}, {V: hit{}}},
		&map[string]holder{"x": {V: "text"}, "y": {V: inner{}}},
		&[][][]holder{{{{V: 1}}, nil}, nil},
	} {
		e, err := gobcodec.Codec.Append(nil, v)
		got := reflect.New(reflect.TypeOf(v).Elem())
		if err == nil {
			err = gobcodec.Codec.Decode(e, got.Interface())
		}
		if err != nil {
			t.Errorf("%d: %T: %v", i, v, err)
		}
		if i < 11 && fmt.Sprint(got.Elem()) != fmt.Sprint(reflect.ValueOf(v).Elem()) {
			t.Errorf("%d: got %v", i, got.Elem())
		}
	}
}
