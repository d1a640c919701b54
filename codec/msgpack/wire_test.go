package msgpackcodec

import (
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/codec"
)

// vectors are payloads with what they are: one leaf, or "" for an error. Lists and maps are shown by
// the text of show.
var vectors = []struct{ payload, want string }{
	// Every header, at its boundaries.
	{"00", "uint 0"}, {"7f", "uint 127"}, {"e0", "int -32"}, {"ff", "int -1"},
	{"cc00", "uint 0"}, {"ccff", "uint 255"}, {"cdffff", "uint 65535"}, {"ceffffffff", "uint 4294967295"},
	{"cfffffffffffffffff", "uint 18446744073709551615"}, {"cc", ""}, {"cd00", ""}, {"ce000000", ""}, {"cf00000000000000", ""},
	{"d07f", "int 127"}, {"d080", "int -128"}, {"d18000", "int -32768"}, {"d280000000", "int -2147483648"},
	{"d38000000000000000", "int -9223372036854775808"}, {"d300000000000000ff", "int 255"}, {"d0", ""}, {"d100", ""}, {"d2000000", ""}, {"d3", ""},
	{"ca3f000000", "float32 0.5"}, {"ca7f800000", "float32 +Inf"}, {"cb3fe0000000000000", "float64 0.5"}, {"cb8000000000000000", "float64 -0"},
	{"cb7ff8000000000001", "float64 NaN"}, {"ca3f0000", ""}, {"cb3fe00000000000", ""},
	{"c0", "nil <nil>"}, {"c2", "bool false"}, {"c3", "bool true"}, {"c1", ""}, {"", ""},
	{"a0", `string ""`}, {"a161", `string "a"`}, {"d90161", `string "a"`}, {"da000161", `string "a"`}, {"db0000000161", `string "a"`},
	{"a3e38182", `string "あ"`}, {"a1ff", `string "\xff"`}, {"a2", ""}, {"bf61", ""}, {"d90261", ""}, {"da01", ""}, {"daffff61", ""}, {"dbffffffff61", ""}, {"db7fffffff61", ""},
	{"c40161", "bytes [97]"}, {"c5000161", "bytes [97]"}, {"c60000000161", "bytes [97]"}, {"c400", "bytes []"}, {"c40261", ""}, {"c5ffff", ""}, {"c6ffffffff", ""}, {"c6", ""},
	{"90", "array()"}, {"9101", "array(uint 1)"}, {"dc000101", "array(uint 1)"}, {"dd0000000101", "array(uint 1)"}, {"91", ""}, {"dcffff01", ""}, {"ddffffffff01", ""}, {"dd7fffffff01", ""}, {"dd", ""},
	{"80", "map()"}, {"81a16101", "map(a=uint 1)"}, {"de0001a16101", "map(a=uint 1)"}, {"df00000001a16101", "map(a=uint 1)"}, {"8101", ""}, {"81", ""}, {"df7fffffff0101", ""}, {"dfffffffff0101", ""}, {"df800000010101", ""}, {"deffff01", ""},
	{"83c0010203c20405", ""}, {"85c00102038004", ""},
	{"86c001c30202030a04c4011005d1fffe06", "map(nil=uint 1 true=uint 2 2=uint 3 10=uint 4 10=uint 5 -2=uint 6)"},
	{"82ca3f00000001d6ff0000000002", "map(0.5=uint 1 1970-01-01T00:00:00Z=uint 2)"},
	// Keys that nobody can hash.
	{"81910101", ""}, {"81810101c0", ""}, {"818001", ""}, {"9181910101", ""},
	// Extensions: every length, unknown types, lying lengths.
	{"d40510", "ext 5 [16]"}, {"d57f1011", "ext 127 [16 17]"}, {"d68010111213", "ext -128 [16 17 18 19]"}, {"d7051011121314151617", "ext 5 [16 17 18 19 20 21 22 23]"},
	{"d805" + "000102030405060708090a0b0c0d0e0f", "ext 5 [0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15]"},
	{"c70005", "ext 5 []"}, {"c70105aa", "ext 5 [170]"}, {"c8000105aa", "ext 5 [170]"}, {"c90000000105aa", "ext 5 [170]"},
	{"c7070501020304050607", "ext 5 [1 2 3 4 5 6 7]"}, {"d4", ""}, {"d405", ""}, {"d605101112", ""}, {"d805000102", ""}, {"c70205aa", ""}, {"c8ffff05aa", ""}, {"c9ffffffff05aa", ""}, {"c97fffffff05", ""}, {"c7", ""}, {"c701", ""}, {"c900000000", ""},
	// Timestamps: 32, 64 and 96 bits, nanoseconds of a second and more, other lengths.
	{"d6ff00000000", "time 1970-01-01T00:00:00Z"}, {"d6ffffffffff", "time 2106-02-07T06:28:15Z"},
	{"d7ff" + "0000000400000001", "time 1970-01-01T00:00:01.000000001Z"},
	{"d7ff" + "ee6b27ffffffffff", "time 2514-05-30T01:53:03.999999999Z"}, {"d7ff" + "ee6b280000000000", ""}, {"d7ffffffffffffffffff", ""},
	{"c70cff" + "3b9ac9ff" + "ffffffffffffffff", "time 1969-12-31T23:59:59.999999999Z"}, {"c70cff" + "3b9aca00" + "0000000000000000", ""}, {"c70cffffffffff0000000000000000", ""},
	{"c70cff" + "00000000" + "fffffff1886e0900", "time 0001-01-01T00:00:00Z"},
	{"c707ff01020304050607", ""}, {"c700ff", ""}, {"d4ff00", ""}, {"d5ff0000", ""}, {"d8ff00000000000000000000000000000000", ""}, {"c70dff00000000000000000000000000", ""},
	{"c704ff00000001", "time 1970-01-01T00:00:01Z"}, {"c9" + "00000008" + "ff" + "0000000000000001", "time 1970-01-01T00:00:01Z"},
	// Left over, and in the wrong place.
	{"0000", ""}, {"c0c0", ""}, {"9000", ""}, {"92c0", ""}, {"91c1", ""}, {"8161c1", ""},
	{"92" + "81a162c3" + "9102", "array(map(b=bool true) array(uint 2))"},
}

func show(n codec.Node) string {
	var parts []string
	for _, c := range n.Children {
		if c.Name != "" {
			parts = append(parts, c.Name+"="+show(c))
			continue
		}
		parts = append(parts, show(c))
	}
	if n.Type == "array" || n.Type == "map" {
		return n.Type + "(" + strings.Join(parts, " ") + ")"
	}
	return n.Type + " " + format(n.Value)
}

func TestEveryHeader(t *testing.T) { // G09, G10
	for _, tc := range vectors {
		payload, err := hex.DecodeString(tc.payload)
		if err != nil {
			t.Fatal(err)
		}
		n, err := Codec.(codec.Inspector).Inspect(nil, payload)
		if (err != nil) != (tc.want == "") || err == nil && show(n) != tc.want {
			t.Errorf("%s: got %s, %v, want %s", tc.payload, show(n), err, tc.want)
		}
		for _, into := range []any{new(any), new(map[any]any), new(map[string]any), new([]any), new(time.Time), new(order), new(int64), new([]byte), new(pair), new([4]string)} {
			err := Codec.Decode(payload, into)
			if _, isAny := into.(*any); isAny && tc.want == "" && err == nil {
				t.Errorf("%s became %v", tc.payload, reflect.ValueOf(into).Elem())
			}
		}
	}
}

func TestUnhashableKeysAreErrors(t *testing.T) { // G09
	for _, src := range []string{"\x81\x91\x01\x01", "\x81\x80\x01", "\x81\xc4\x01a\x01"} {
		for _, into := range []any{new(map[any]any), new(any), new([]map[any]int8)} {
			if _, list := into.(*[]map[any]int8); list {
				src = "\x91" + src
			}
			if err := Codec.Decode([]byte(src), into); err == nil || !strings.Contains(err.Error(), "cannot be hashed") {
				t.Errorf("%x into %T: %v", src, into, err)
			}
		}
	}
}

// The library takes an ext before a map for nothing and trusts the header inside of it.
func TestExtThatHidesAMapIsRefused(t *testing.T) { // G10
	src := []byte("\xc7\x05\x01\xdf\x7f\xff\xff\xff")
	for _, into := range []any{new(map[string]any), new(map[string]int8), new(struct{ M map[int8]int8 })} {
		payload := src
		if reflect.TypeOf(into).Elem().Kind() == reflect.Struct {
			payload = append([]byte("\x81\xa1M"), src...)
		}
		if err := Codec.Decode(payload, into); err == nil || !strings.Contains(err.Error(), "ext instead of a map") {
			t.Errorf("%T: %v", into, err)
		}
	}
}

// allocated is how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestHeadersThatLieCostNothing(t *testing.T) { // G06, G10
	for _, src := range []string{"\xdd\x7f\xff\xff\xff", "\xdf\x7f\xff\xff\xff", "\xdb\x7f\xff\xff\xff", "\xc6\x7f\xff\xff\xff", "\xc9\x7f\xff\xff\xff\x05",
		"\x81\xa4Tags\xdd\x00\xff\xff\xff\xc0", "\x92\xdd\x00\x00\x00\x02\xc0", strings.Repeat("\xdc\x01\x00", 1000)} {
		for _, into := range []any{new(any), new(order), new([]order), new(map[string]order), new([]string), new(string), new([]byte)} {
			var err error
			if n := allocated(func() { err = Codec.Decode([]byte(src), into) }); n > 64<<10 || err == nil {
				t.Errorf("%.10x into %T: %d bytes allocated, %v", src, into, n, err)
			}
		}
		if n := allocated(func() { Codec.(codec.Inspector).Inspect(nil, []byte(src)) }); n > 64<<10 {
			t.Errorf("%.10x: Inspect allocated %d bytes", src, n)
		}
	}
}

// In a child: an overflow of the stack is not an error that a test could catch.
func TestDeepNestingIsAnError(t *testing.T) { // G06
	if os.Getenv("MSGPACK_DEPTH_CHILD") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestDeepNestingIsAnError$", "-test.v")
		cmd.Env = append(os.Environ(), "MSGPACK_DEPTH_CHILD=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%.2000s", err, out)
		}
		return
	}
	debug.SetMaxStack(8 << 20)
	for _, level := range []string{"\x91", "\x81\xa4Next", "\x81\xa3Any", "\x81\xc0", "\xdd\x00\x00\x00\x01", "\x81\x91", "\x92\xc0"} {
		for _, depth := range []int{1_000_000, maxDepth, maxDepth + 1} {
			payload := []byte(strings.Repeat(level, depth) + "\xc0")
			deep := depth > maxDepth
			for _, into := range []any{new(any), new(ring), new([]any), new(map[any]any)} {
				if err := Codec.Decode(payload, into); deep && err == nil {
					t.Errorf("%d times %x into %T: no error", depth, level, into)
				}
			}
			if _, err := Codec.(codec.Inspector).Inspect(nil, payload); deep && err == nil {
				t.Errorf("%d times %x was shown", depth, level)
			}
		}
	}
	list := strings.Repeat("\x91", maxDepth)
	if err := Codec.Decode([]byte(list+"\xc0"), new(any)); err != nil {
		t.Errorf("%d lists: %v", maxDepth, err)
	}
}

func seeds(f *testing.F) {
	f.Add(encode(f, full()))
	for _, tc := range vectors[:40] {
		payload, _ := hex.DecodeString(tc.payload)
		f.Add(payload)
	}
}

func FuzzInspect(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, payload []byte) {
		_, err := Codec.(codec.Inspector).Inspect(nil, payload)
		var v any
		if decErr := Codec.Decode(payload, &v); err != nil && decErr == nil && !strings.Contains(err.Error(), "key") {
			t.Errorf("decoded, but not shown: %v", err)
		}
	})
}

func BenchmarkPlainStruct(b *testing.B) {
	type point struct {
		X, Y, Z float64
		ID      uint32
		Name    string
	}
	p, buf := &point{1, 2, 3, 4, "name"}, make([]byte, 0, 256)
	enc, _ := Codec.Append(buf, p)
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Codec.Append(buf, p); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := Codec.Decode(enc, p); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func format(v any) string {
	switch v := v.(type) {
	case string:
		return strconv.Quote(v)
	case time.Time:
		return v.Format(time.RFC3339Nano)
	default:
		return fmt.Sprint(v)
	}
}
