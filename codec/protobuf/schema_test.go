package protobuf

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/typepb"

	"github.com/gomapfile/mapfile/codec"
)

func TestSchemaIsTheNameAndTheFilesBehindTheirImports(t *testing.T) {
	schema := must(Codec.(codec.Describer).Describe(reflect.TypeFor[typepb.Type]()))
	name, n := protowire.ConsumeString(schema)
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(schema[n:], set); err != nil || name != "google.protobuf.Type" {
		t.Fatalf("%q, %v", name, err)
	}
	var files []string
	for _, f := range set.File {
		files = append(files, strings.TrimPrefix(f.GetName(), "google/protobuf/"))
	}
	if got := strings.Join(files, " "); got != "any.proto source_context.proto type.proto" {
		t.Errorf("files: %s", got)
	}
}

func TestCompatibleRefusesWhatWouldReadAsAnotherValue(t *testing.T) { // G11, G16
	field := func(kind, label string) string {
		return fmt.Sprintf(`name: "t.proto" package: "t" syntax: "proto3" message_type { name: "N" }
			enum_type { name: "E" value { name: "Z" number: 0 } }
			message_type { name: "M" field { name: "x" number: 1 label: LABEL_%s %s }
				nested_type { name: "XEntry" options { map_entry: true } field { name: "key" number: 1 type: TYPE_INT32 label: LABEL_OPTIONAL }
					field { name: "value" number: 2 type: TYPE_INT32 label: LABEL_OPTIONAL } } }`, label, kind)
	}
	scalar := func(kind string) string { return field("type: TYPE_"+strings.ToUpper(kind), "OPTIONAL") }
	list := func(kind string) string { return field("type: TYPE_"+strings.ToUpper(kind), "REPEATED") }
	enum := field(`type: TYPE_ENUM type_name: ".t.E"`, "OPTIONAL")
	msg := field(`type: TYPE_MESSAGE type_name: ".t.N"`, "OPTIONAL")
	msgs := field(`type: TYPE_MESSAGE type_name: ".t.N"`, "REPEATED")
	mapped := field(`type: TYPE_MESSAGE type_name: ".t.M.XEntry"`, "REPEATED")
	empty := `name: "t.proto" package: "t" message_type { name: "M" }`
	renamed := strings.Replace(scalar("int32"), `"x"`, `"y"`, 1)
	deep := func(kind string) string {
		return fmt.Sprintf(`name: "t.proto" package: "t" syntax: "proto3"
			message_type { name: "M" field { name: "next" number: 1 type: TYPE_MESSAGE type_name: ".t.M" label: LABEL_OPTIONAL }
				field { name: "in" number: 2 type: TYPE_MESSAGE type_name: ".t.In" label: LABEL_REPEATED } }
			message_type { name: "In" field { name: "count" number: 7 type: TYPE_%s label: LABEL_OPTIONAL } }`, strings.ToUpper(kind))
	}
	for _, tc := range []struct {
		written, mine string
		want          string
	}{
		{scalar("int32"), scalar("int64"), ""},
		{scalar("int64"), scalar("int32"), "1 of t.M: int64 x was written, here it is int32 x"},
		{scalar("uint32"), scalar("int64"), ""}, {scalar("uint32"), scalar("int32"), "uint32 x was written"},
		{scalar("int32"), scalar("uint64"), "int32 x"}, {scalar("uint64"), scalar("int64"), "uint64 x"}, {scalar("int64"), scalar("bool"), "int64 x"},
		{scalar("bool"), scalar("uint32"), ""}, {scalar("sint32"), scalar("sint64"), ""}, {scalar("sint64"), scalar("sint32"), "sint64 x"},
		{scalar("sint32"), scalar("int32"), "sint32 x"}, {scalar("fixed32"), scalar("float"), "fixed32 x"}, {scalar("double"), scalar("float"), "double x"},
		{scalar("fixed32"), scalar("sfixed32"), "fixed32 x"}, {scalar("fixed64"), scalar("double"), "fixed64 x"},
		{scalar("string"), scalar("bytes"), ""}, {scalar("bytes"), scalar("string"), ""}, {scalar("string"), scalar("int32"), "string x"},
		{enum, scalar("int32"), ""}, {scalar("int32"), enum, ""}, {scalar("int64"), enum, "int64 x"}, {enum, scalar("bool"), "enum x"},
		{scalar("int32"), list("int32"), ""}, {list("int32"), scalar("int32"), "repeated int32 x was written, here it is int32 x"},
		{msg, msgs, ""}, {msgs, msg, "repeated message x"}, {msg, scalar("bytes"), "t.N x was written, here it is bytes x"}, {scalar("bytes"), msg, "bytes x"},
		{mapped, msgs, ""}, {msgs, mapped, "repeated message x was written, here it is map x"},
		{scalar("int32"), empty, ""}, {empty, scalar("int32"), ""}, {scalar("int32"), renamed, ""},
		{deep("int32"), deep("int64"), ""}, {deep("int64"), deep("int32"), "7 of t.In: int64 count was written, here it is int32 count"},
	} {
		err := Codec.(codec.Describer).Compatible(testSchema(t, "t.M", tc.written), testSchema(t, "t.M", tc.mine))
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("written %s\nmine %s\n%v, want %q", tc.written, tc.mine, err, tc.want)
		}
	}
	mine := must(Codec.(codec.Describer).Describe(reflect.TypeFor[dto.MetricFamily]()))
	other := must(Codec.(codec.Describer).Describe(reflect.TypeFor[structpb.Value]()))
	if err := Codec.(codec.Describer).Compatible(mine, bytes.Clone(mine)); err != nil {
		t.Error(err)
	}
	if err := Codec.(codec.Describer).Compatible(mine, other); err == nil {
		t.Error("MetricFamily can be read as Value")
	}
}

func TestHostileSchemasAreErrorsInBoundedMemory(t *testing.T) { // G13
	good := testSchema(t, "t.M", allKinds)
	many := func(n int, part func(i int) string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(part(i))
		}
		return b.String()
	}
	var chain []string
	for i := range 2000 {
		chain = append(chain, fmt.Sprintf(`name: "f%d" dependency: "f%d" public_dependency: 0`, i, i+1))
	}
	chain = append(chain, `name: "f2000"`)
	for what, schema := range map[string][]byte{
		"empty":             {},
		"name only":         []byte("\x03t.M"),
		"name beyond end":   []byte("\xff\xff\xff\xff\x0ft.M"),
		"name of 11 bytes":  bytes.Repeat([]byte{0xff}, 11),
		"other name":        testSchema(t, "t.X", allKinds),
		"name of an enum":   testSchema(t, "t.E", allKinds),
		"no name":           testSchema(t, "", allKinds),
		"cut":               good[:len(good)-5],
		"too long":          append(bytes.Clone(good), make([]byte, maxSchema)...),
		"imports itself":    testSchema(t, "t.M", `name: "a" dependency: "a" package: "t" message_type { name: "M" }`),
		"import cycle":      testSchema(t, "t.M", `name: "a" dependency: "b" package: "t" message_type { name: "M" }`, `name: "b" dependency: "a"`),
		"import missing":    testSchema(t, "t.M", `name: "a" dependency: "b" package: "t" message_type { name: "M" }`),
		"file twice":        testSchema(t, "t.M", allKinds, allKinds),
		"chain of imports":  testSchema(t, "t.M", append([]string{allKinds}, chain...)...),
		"type not there":    testSchema(t, "M", `name: "a" message_type { name: "M" field { name: "x" number: 1 type: TYPE_MESSAGE type_name: ".N" label: LABEL_OPTIONAL } }`),
		"type not in full":  testSchema(t, "M", `name: "a" message_type { name: "M" field { name: "x" number: 1 type: TYPE_MESSAGE type_name: "M" label: LABEL_OPTIONAL } }`),
		"field number 0":    testSchema(t, "M", `name: "a" message_type { name: "M" field { name: "x" number: 0 type: TYPE_INT32 label: LABEL_OPTIONAL } }`),
		"oneof not there":   testSchema(t, "M", `name: "a" message_type { name: "M" field { name: "x" number: 1 type: TYPE_INT32 label: LABEL_OPTIONAL oneof_index: 3 } }`),
		"oneof negative":    testSchema(t, "M", `name: "a" message_type { name: "M" oneof_decl { name: "o" } field { name: "x" number: 1 type: TYPE_INT32 label: LABEL_OPTIONAL oneof_index: -1 } }`),
		"public import bad": testSchema(t, "M", `name: "a" public_dependency: 7 message_type { name: "M" }`),
		"names too long": testSchema(t, "M", `name: "a" package: "`+strings.Repeat("p", 1<<19)+`"`+
			many(10_000, func(i int) string { return fmt.Sprintf(` message_type { name: "M%d" }`, i) })),
		"wide oneof": testSchema(t, "M", `name: "a" message_type { name: "M" oneof_decl { name: "o" }`+many(2000, func(i int) string {
			return fmt.Sprintf(` field { name: "x%d" number: %d type: TYPE_INT32 label: LABEL_OPTIONAL oneof_index: 0 }`, i, i+1)
		})+`}`),
		"empty parts": append([]byte("\x03t.M"), bytes.Repeat([]byte{0x0a, 0}, 100_000)...),
	} {
		var err error
		used := allocated(func() { _, err = Codec.(codec.Inspector).Inspect(schema, nil) })
		if err == nil || used > uint64(1<<20+400*len(schema)) {
			t.Errorf("%s: %v, %d bytes allocated for %d", what, err, used, len(schema))
		}
		if err := Codec.(codec.Describer).Compatible(schema, good); err == nil {
			t.Errorf("%s: compatible", what)
		}
	}
}

func TestHostilePayloadsAreShownInBoundedMemory(t *testing.T) {
	schema := testSchema(t, "t.M", allKinds)
	for what, payload := range map[string][]byte{
		"empty submessages": bytes.Repeat([]byte{0x52, 0}, 100_000),
		"empty map entries": bytes.Repeat([]byte{0x6a, 0}, 100_000),
		"numbers":           append(protowire.AppendVarint([]byte{0x42}, 100_000), make([]byte, 100_000)...),
		"unknown fields":    bytes.Repeat([]byte{0xa0, 0x06, 0}, 100_000),
	} {
		var err error
		used := allocated(func() { _, err = Codec.(codec.Inspector).Inspect(schema, payload) })
		if err != nil || used > uint64(1<<20+400*len(payload)) {
			t.Errorf("%s: %v, %d bytes allocated for %d", what, err, used, len(payload))
		}
	}
}

func TestSchemaCacheIsBounded(t *testing.T) {
	for i := range 100 {
		pad := strings.Repeat("x", 100_000)
		schema := testSchema(t, "t.M", strings.Replace(allKinds, `"choice"`, fmt.Sprintf(`"c%d_%s"`, i, pad), 1))
		if _, err := schemaOf(schema); err != nil {
			t.Fatal(err)
		}
		first, second := must(schemaOf(schema)), must(schemaOf(bytes.Clone(schema)))
		if first != second {
			t.Fatal("compiled twice")
		}
	}
	compiled.mu.Lock()
	defer compiled.mu.Unlock()
	size := 0
	for b := range compiled.byBytes {
		size += len(b)
	}
	if size != compiled.size || size > maxCached {
		t.Errorf("%d bytes of schemas, counted %d", size, compiled.size)
	}
}

func FuzzInspect(f *testing.F) {
	schema := testSchema(f, "t.M", allKinds)
	f.Add(schema, []byte("\x08\x01\x2a\x01a"))
	f.Add(schema, []byte("\x6a\x05\x0a\x01a\x10\x02\xa3\x06\xa4\x06"))
	f.Add(must(Codec.(codec.Describer).Describe(reflect.TypeFor[structpb.Value]())), must(Codec.Append(nil, structpb.NewStringValue("x"))))
	f.Fuzz(func(t *testing.T, schema, payload []byte) {
		n, err := Codec.(codec.Inspector).Inspect(schema, payload)
		if err == nil && n.Type == "" {
			t.Error("a message without a name was shown")
		}
		_ = Codec.(codec.Describer).Compatible(schema, payload)
	})
}

func BenchmarkMetricFamily(b *testing.B) {
	m, buf := gathered(b)[2], make([]byte, 0, 4096)
	enc := must(Codec.Append(nil, m))
	schema := must(Codec.(codec.Describer).Describe(reflect.TypeFor[dto.MetricFamily]()))
	opts := proto.MarshalOptions{Deterministic: true}
	for name, f := range map[string]func(){
		"append":      func() { must(Codec.Append(buf, m)) },
		"append-bare": func() { must(opts.MarshalAppend(buf, m)) },
		"decode":      func() { must(0, Codec.Decode(enc, m)) },
		"decode-bare": func() { must(0, proto.Unmarshal(enc, m)) },
		"inspect":     func() { must(Codec.(codec.Inspector).Inspect(schema, enc)) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}
