package protobuf

import (
	"encoding/hex"
	"os"
	"os/exec"
	"reflect"
	"runtime/debug"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	dto "github.com/prometheus/client_model/go"

	"github.com/gomapfile/mapfile/codec"
	"github.com/gomapfile/mapfile/codec/codectest"
)

func TestKeepsTheCodecPromises(t *testing.T) {
	equal := func(a, b any) bool { return proto.Equal(a.(proto.Message), b.(proto.Message)) }
	families := gathered(t)
	codectest.Run(t, Codec,
		codectest.Case{
			New:      func() any { return new(dto.MetricFamily) },
			Values:   []any{&dto.MetricFamily{}, families[0], families[1], families[2], families[3]},
			Equal:    equal,
			Hostile:  [][]byte{{0}, {0x0a, 0xff, 0xff, 0xff, 0xff, 0x07}, []byte(strings.Repeat("\x0b", 1_000_000))},
			BadTypes: []reflect.Type{reflect.TypeFor[int](), reflect.TypeFor[struct{ N int }]()},
			// As in every protobuf implementation, a message behind a message is merged into it.
			Concatenates: true,
		},
		codectest.Case{
			New:          func() any { return new(structpb.Struct) },
			Values:       []any{&structpb.Struct{}, must(structpb.NewStruct(map[string]any{"a": 1.5, "b": []any{"x", nil, false}}))},
			Equal:        equal,
			Unencodable:  []any{&structpb.Struct{Fields: map[string]*structpb.Value{"\xff": nil}}},
			Hostile:      [][]byte{{0x0a, 0x80}, {0x0a, 4, 0x0a, 2, 0xff, 0xff}},
			CheckNode:    func(int, codec.Node) error { return nil }, // maps and oneofs: TestWellKnownTypesAreReadable
			Concatenates: true,
		})
}

// testSchema is the schema of the message t.M, which has a field of each kind.
func testSchema(t testing.TB, name string, files ...string) []byte {
	t.Helper()
	set := &descriptorpb.FileDescriptorSet{}
	for _, text := range files {
		f := &descriptorpb.FileDescriptorProto{}
		if err := prototext.Unmarshal([]byte(text), f); err != nil {
			t.Fatal(err)
		}
		set.File = append(set.File, f)
	}
	return append(protowire.AppendString(nil, name), must(proto.Marshal(set))...)
}

const allKinds = `name: "t.proto" package: "t" syntax: "proto3"
message_type { name: "M"
  field { name: "i32" number: 1 type: TYPE_INT32 label: LABEL_OPTIONAL }
  field { name: "s64" number: 2 type: TYPE_SINT64 label: LABEL_OPTIONAL }
  field { name: "f32" number: 3 type: TYPE_FIXED32 label: LABEL_OPTIONAL }
  field { name: "d" number: 4 type: TYPE_DOUBLE label: LABEL_OPTIONAL }
  field { name: "s" number: 5 type: TYPE_STRING label: LABEL_OPTIONAL }
  field { name: "b" number: 6 type: TYPE_BYTES label: LABEL_OPTIONAL }
  field { name: "m" number: 7 type: TYPE_MESSAGE type_name: ".t.M" label: LABEL_OPTIONAL }
  field { name: "packed" number: 8 type: TYPE_INT32 label: LABEL_REPEATED }
  field { name: "fixed" number: 9 type: TYPE_FIXED64 label: LABEL_REPEATED }
  field { name: "ms" number: 10 type: TYPE_MESSAGE type_name: ".t.M" label: LABEL_REPEATED }
  field { name: "one" number: 11 type: TYPE_UINT32 label: LABEL_OPTIONAL oneof_index: 0 }
  field { name: "other" number: 12 type: TYPE_STRING label: LABEL_OPTIONAL oneof_index: 0 }
  field { name: "map" number: 13 type: TYPE_MESSAGE type_name: ".t.M.MapEntry" label: LABEL_REPEATED }
  field { name: "ok" number: 14 type: TYPE_BOOL label: LABEL_OPTIONAL }
  field { name: "e" number: 15 type: TYPE_ENUM type_name: ".t.E" label: LABEL_OPTIONAL }
  field { name: "f" number: 16 type: TYPE_FLOAT label: LABEL_REPEATED }
  nested_type { name: "MapEntry" options { map_entry: true }
    field { name: "key" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
    field { name: "value" number: 2 type: TYPE_INT32 label: LABEL_OPTIONAL } }
  oneof_decl { name: "choice" }
}
enum_type { name: "E" value { name: "ZERO" number: 0 } value { name: "ONE" number: 1 } }`

// Cases after the ideas of protobuf's conformance suite: what a payload is shown as, "" for an error.
func TestConformance(t *testing.T) { // G12
	schema := testSchema(t, "t.M", allKinds)
	for _, tc := range []struct{ name, payload, want string }{
		{"empty", "", ""},
		{"field number 0", "0001", "error"},
		{"field number 0 with a length", "0200", "error"},
		{"field number beyond 2^29", "8080808010" + "01", "error"},
		{"wire type 6", "0e00", "error"},
		{"wire type 7", "0f00", "error"},
		{"unknown wire type 6", "fe3f00", "error"},
		{"over-long varint of 10 bytes", "08" + "81808080808080808000", "i32 int32 1"},
		{"varint of 11 bytes", "08" + "8180808080808080808000", "error"},
		{"varint that overflows 64 bits", "08" + "ffffffffffffffffff02", "error"},
		{"unfinished varint", "08ff", "error"},
		{"over-long tag", "888000" + "01", "i32 int32 1"},
		{"int32 is cut to 32 bits", "08" + "ffffffffffffffffff01", "i32 int32 -1"},
		{"bool of 2", "7002", "ok bool true"},
		{"zigzag", "10" + "ffffffffffffffffff01", "s64 sint64 -9223372036854775808"},
		{"truncated fixed32", "1d000000", "error"},
		{"truncated double", "2100000000000000", "error"},
		{"truncated string", "2a0361", "error"},
		{"length beyond the end", "2affffffff0f61", "error"},
		{"negative length", "2a" + "ffffffffffffffffff01", "error"},
		{"invalid UTF-8", "2a01ff", "error"},
		{"surrogate in UTF-8", "2a03eda080", "error"},
		{"over-long UTF-8", "2a02c080", "error"},
		{"any bytes", "3202ff00", `b bytes "\xff\x00"`},
		{"packed", "420301" + "ac02", "packed repeated int32{int32 1, int32 300}"},
		{"packed, not packed", "400140" + "ac02", "packed repeated int32{int32 1, int32 300}"},
		{"packed with an unfinished varint", "420201ff", "error"},
		{"packed fixed of odd length", "4a0700000000000000", "error"},
		{"packed beyond the end", "420501", "error"},
		{"wrong wire type is unknown", "0d01000000", `unknown fields bytes "\r\x01\x00\x00\x00"`},
		{"string as varint is unknown", "2801", `unknown fields bytes "(\x01"`},
		{"the last of a singular field wins", "08010802", "i32 int32 2"},
		{"two submessages are merged", "3a0208013a0210023a00", "m t.M{i32 int32 1, s64 sint64 1}"},
		{"the last of a oneof wins", "5801620161", `other string "a"`},
		{"the last of a oneof wins, other way", "6201615801", "one uint32 1"},
		{"map entry without key and value", "6a00", "map map{int32 0}"},
		{"map entry with the value first", "6a05" + "1007" + "0a0161", "map map{a int32 7}"},
		{"map, the last of a key wins", "6a050a01611001" + "6a050a01611002", "map map{a int32 2}"},
		{"map key of invalid UTF-8", "6a030a01ff", "error"},
		{"enum with a name", "7801", `e enum "ONE"`},
		{"enum without a name", "7863", "e enum 99"},
		{"negative enum", "78" + "ffffffffffffffffff01", "e enum -1"},
		{"unknown group", "a306" + "0801" + "a406", `unknown fields bytes "\xa3\x06\b\x01\xa4\x06"`},
		{"unknown group without end", "a3060801", "error"},
		{"end of a group that has not begun", "a406", "error"},
		{"groups that end crosswise", "a306ab06a406ac06", "error"},
		{"nan and infinities", "820108" + "0000c07f" + "000080ff", "f repeated float{float NaN, float -Inf}"},
		{"unknown fields are all kept", "a00601a20600", `unknown fields bytes "\xa0\x06\x01\xa2\x06\x00"`},
		{"byte left over", "080100", "error"},
	} {
		payload, err := hex.DecodeString(tc.payload)
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		n, err := Codec.(codec.Inspector).Inspect(schema, payload)
		if want := "t.M{" + tc.want + "}"; (err != nil) != (tc.want == "error") || err == nil && show(n) != want {
			t.Errorf("%s: got %s, %v, want %s", tc.name, show(n), err, want)
		}
	}
}

// The same through generated types: a reader and the dump tool must agree.
func TestConformanceOfGeneratedTypes(t *testing.T) { // G12
	for _, tc := range []struct {
		m        proto.Message
		payloads []string // to be refused
	}{
		{&wrapperspb.StringValue{}, []string{"0001", "0a01ff", "0a03eda080", "0a0361", "0aff", "0e00", "0b", "0c"}},
		{&timestamppb.Timestamp{}, []string{"08ff", "088180808080808080808000", "0f", "080100", "00"}},
		{&structpb.Value{}, []string{"1101", "1a02ff61", "2a020a05"}},
		{&structpb.ListValue{}, []string{"0a031a01ff", "0a80"}},
		{&dto.MetricFamily{}, []string{"1aff", "2202"}},
		{&dto.Histogram{}, []string{"620180", "7a07" + "00000000000000"}},
	} {
		schema := must(Codec.(codec.Describer).Describe(reflect.TypeOf(tc.m).Elem()))
		for _, p := range tc.payloads {
			payload, _ := hex.DecodeString(p)
			if err := Codec.Decode(payload, tc.m); err == nil || !strings.Contains(err.Error(), nameOf(tc.m)) {
				t.Errorf("%T from %s: %v", tc.m, p, err)
			}
			if n, err := Codec.(codec.Inspector).Inspect(schema, payload); err == nil {
				t.Errorf("%T from %s was shown as %s", tc.m, p, show(n))
			}
		}
	}
	v := &structpb.Value{}
	payload, _ := hex.DecodeString("2001" + "1a0161") // a oneof twice
	if err := Codec.Decode(payload, v); err != nil || v.GetStringValue() != "a" {
		t.Errorf("got %v, %v", v, err)
	}
}

// In a child: an overflow of the stack is not an error that a test could catch.
func TestDeepNestingIsAnError(t *testing.T) { // G06
	if os.Getenv("PROTOBUF_DEPTH_CHILD") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestDeepNestingIsAnError$", "-test.v")
		cmd.Env = append(os.Environ(), "PROTOBUF_DEPTH_CHILD=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%.2000s", err, out)
		}
		return
	}
	debug.SetMaxStack(64 << 20)
	const depth = 1_000_000
	groupSchema := testSchema(t, "g.M", `name: "g.proto" package: "g" syntax: "proto2"
		message_type { name: "M" field { name: "g" number: 1 type: TYPE_GROUP type_name: ".g.M.G" label: LABEL_OPTIONAL }
			nested_type { name: "G" field { name: "g" number: 1 type: TYPE_GROUP type_name: ".g.M.G" label: LABEL_OPTIONAL } } }`)
	nested := func(tag byte) []byte { // messages in messages, from the inside out and the length last
		sizes, size := make([]int, depth), 0
		for i := range sizes {
			sizes[i] = size
			size += 1 + protowire.SizeVarint(uint64(size))
		}
		var out []byte
		for i := depth - 1; i >= 0; i-- {
			out = protowire.AppendVarint(append(out, tag), uint64(sizes[i]))
		}
		return out
	}
	unknown := []byte(strings.Repeat("\xa3\x06", depth) + strings.Repeat("\xa4\x06", depth))
	known := []byte(strings.Repeat("\x0b", depth) + strings.Repeat("\x0c", depth))
	for _, tc := range []struct {
		what    string
		payload []byte
		schema  []byte
		into    proto.Message
	}{
		{"unknown groups", unknown, testSchema(t, "t.M", allKinds), &timestamppb.Timestamp{}},
		{"known groups", known, groupSchema, nil},
		{"messages", nested(0x3a), testSchema(t, "t.M", allKinds), nil},
		{"nested types", nested(0x1a), must(Codec.(codec.Describer).Describe(reflect.TypeFor[descriptorpb.DescriptorProto]())), &descriptorpb.DescriptorProto{}},
		{"groups without end", known[:depth], groupSchema, &anypb.Any{}},
	} {
		if tc.into != nil {
			if err := Codec.Decode(tc.payload, tc.into); err == nil {
				t.Errorf("%s: decoded", tc.what)
			}
		}
		if _, err := Codec.(codec.Inspector).Inspect(tc.schema, tc.payload); err == nil {
			t.Errorf("%s: shown", tc.what)
		}
	}
	if _, err := Codec.(codec.Inspector).Inspect(append([]byte("\x03t.M"), nested(0x22)...), nil); err == nil {
		t.Error("a schema of messages in messages was taken")
	}
}
