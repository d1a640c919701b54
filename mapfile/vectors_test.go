package mapfile_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	msgpackcodec "github.com/gomapfile/mapfile/codec/msgpack"
	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/registry"
)

// anything is what a vector of msgpack is decoded into: field V.
type anything struct{ V any }

// sixteen is a payload of sixteen bytes.
var sixteen = strings.Repeat("ab", 16)

// msgpackVectors are values of every class of the first byte, with what a consumer gets; "" is an error.
var msgpackVectors = []struct{ payload, want string }{
	// Numbers.
	{"00", "int8 0"}, {"7f", "int8 127"}, {"e0", "int8 -32"}, {"ff", "int8 -1"},
	{"cc80", "uint8 128"}, {"cdffff", "uint16 65535"}, {"ceffffffff", "uint32 4294967295"}, {"cfffffffffffffffff", "uint64 18446744073709551615"},
	{"d080", "int8 -128"}, {"d18000", "int16 -32768"}, {"d280000000", "int32 -2147483648"}, {"d38000000000000000", "int64 -9223372036854775808"},
	{"ca3f000000", "float32 0.5"}, {"caff800000", "float32 -Inf"}, {"cb3fb999999999999a", "float64 0.1"}, {"cb7ff8000000000001", "float64 NaN"},
	{"cc", ""}, {"cdff", ""}, {"ceffffff", ""}, {"cf00000000000000", ""}, {"d0", ""}, {"d180", ""}, {"d2800000", ""}, {"d380000000000000", ""}, {"ca3f0000", ""}, {"cb3fb99999999999", ""},
	// Nothing, and what is true.
	{"c0", "<nil> <nil>"}, {"c2", "bool false"}, {"c3", "bool true"}, {"c1", ""},
	// Text and bytes, whose lengths may lie.
	{"a0", "string "}, {"a161", "string a"}, {"d90161", "string a"}, {"da000161", "string a"}, {"db0000000161", "string a"}, {"bf" + strings.Repeat("61", 31), "string " + strings.Repeat("a", 31)},
	{"c400", "[]uint8 []"}, {"c40161", "[]uint8 [97]"}, {"c5000161", "[]uint8 [97]"}, {"c60000000161", "[]uint8 [97]"},
	{"a261", ""}, {"bf61", ""}, {"d90261", ""}, {"da000261", ""}, {"dbffffffff61", ""}, {"c40261", ""}, {"c5ffff61", ""}, {"c6ffffffff61", ""},
	// Lists and maps, whose counts may lie.
	{"90", "[]interface {} []"}, {"9101", "[]interface {} [1]"}, {"dc000101", "[]interface {} [1]"}, {"dd0000000101", "[]interface {} [1]"},
	{"80", "map[string]interface {} map[]"}, {"81a16101", "map[string]interface {} map[a:1]"}, {"de0001a16101", "map[string]interface {} map[a:1]"}, {"df00000001a16101", "map[string]interface {} map[a:1]"},
	{"92a16192c2c0", "[]interface {} [a [false <nil>]]"},
	{"9f01", ""}, {"dcffff01", ""}, {"ddffffffff01", ""}, {"8fa16101", ""}, {"deffffa16101", ""}, {"dfffffffffa16101", ""}, {"81a161", ""},
	// Extensions of every form: nobody knows them, with lengths that are true and that lie.
	{"d405ab", ""}, {"d505abab", ""}, {"d605abababab", ""}, {"d705" + sixteen[:16], ""}, {"d805" + sixteen, ""}, {"d4" + "80" + "ab", ""}, {"d4" + "7f" + "ab", ""},
	{"c70005", ""}, {"c70105ab", ""}, {"c8000105ab", ""}, {"c90000000105ab", ""}, {"c70705" + sixteen[:14], ""},
	{"d405", ""}, {"d505ab", ""}, {"d605ababab", ""}, {"d705" + sixteen[:14], ""}, {"d805" + sixteen[:30], ""}, {"c70205ab", ""}, {"c8ffff05ab", ""}, {"c9ffffffff05ab", ""}, {"c97fffffff05ab", ""}, {"c9ffffffffff", ""},
	// Timestamps of 32, 64 and 96 bits.
	{"d6ff00000000", "time 1970-01-01T00:00:00Z"}, {"d6ffffffffff", "time 2106-02-07T06:28:15Z"},
	{"d7ff0000000400000001", "time 1970-01-01T00:00:01.000000001Z"}, {"d7ffee6b27ffffffffff", "time 2514-05-30T01:53:03.999999999Z"},
	{"c70cff3b9ac9ffffffffffffffffff", "time 1969-12-31T23:59:59.999999999Z"}, {"c70cff00000000fffffff1886e0900", "time 0001-01-01T00:00:00Z"}, {"c80004ff00000001", "time 1970-01-01T00:00:01Z"},
	// Their nanoseconds a second and more, and lengths that no timestamp has: 7 among them.
	{"d7ffee6b280000000000", ""}, {"d7ffffffffffffffffff", ""}, {"c70cff3b9aca000000000000000000", ""}, {"c70cffffffffff0000000000000000", ""},
	{"c707ff01020304050607", ""}, {"c700ff", ""}, {"d4ff00", ""}, {"d5ff0000", ""}, {"c705ff0000000000", ""}, {"c70bff" + sixteen[:22], ""}, {"c70dff" + sixteen[:26], ""}, {"d8ff" + sixteen, ""},
	{"d6ff000000", ""}, {"d7ff00000004000000", ""}, {"c70cff3b9ac9ffffffffffffff", ""},
}

// G10: what other programs may have written, through a file: a value or an error, the one that is wanted.
func TestVectorsOfMsgpackThroughAFile(t *testing.T) {
	type vector struct {
		payload []byte
		want    string
	}
	all := map[string]vector{}
	for _, v := range msgpackVectors {
		payload, err := hex.DecodeString("81a156" + v.payload)
		if err != nil {
			t.Fatal(err)
		}
		all[v.payload] = vector{payload, v.want}
	}
	for first := range 256 { // and every first byte with too little, or anything, behind it
		for _, rest := range []string{"", "\x00", "\xff", "\x05\x05\x05", "\xff\xff\xff\xff", "\x00\x00\x00\x00\x00\x00\x00\x00\x00", "\x7f\xff\xff\xff\xff\xff\xff\xff\xff"} {
			name := fmt.Sprintf("any %02x %x", first, rest)
			all[name] = vector{slices.Concat([]byte("\x81\xa1V"), []byte{byte(first)}, []byte(rest)), "any"}
		}
	}
	reg := &registry.Registry{}
	if err := registry.RegisterIn[anything](reg, "anything", msgpackcodec.Codec); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	for name, v := range all {
		addSlot(t, mf, name, &mapfile.Raw{Type: mapfile.TypeInfo{Name: "anything", Codec: "msgpack"}, Payload: v.payload})
	}
	mustUpdate(t, mf)
	r := openFile(t, path, mapfile.WithRegistry(reg))
	for name, v := range all {
		got, err := mapfile.Get[anything](r, name)
		text := fmt.Sprintf("%T %v", got.V, got.V)
		if when, ok := got.V.(time.Time); ok {
			text = "time " + when.UTC().Format(time.RFC3339Nano)
		}
		switch {
		case err != nil && !errors.Is(err, mapfile.ErrDecode):
			t.Errorf("%s: %v", name, err)
		case v.want == "any":
		case v.want == "" && err == nil:
			t.Errorf("%s: is %s, want an error", name, text)
		case v.want != "" && (err != nil || text != v.want):
			t.Errorf("%s: is %s, %v, want %s", name, text, err, v.want)
		}
		into := anything{V: "left from before"} // the same into a used object
		if again := r.GetInto(name, &into); (again == nil) != (err == nil) || err == nil && fmt.Sprint(into.V) != fmt.Sprint(got.V) {
			t.Errorf("%s: GetInto: %v, %v; Get: %v, %v", name, into.V, again, got.V, err)
		}
	}
}
