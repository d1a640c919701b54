package hbookcodec_test

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/gomapfile/mapfile/codec"
	hbookcodec "github.com/gomapfile/mapfile/codec/hbook"
	mapfilepb "github.com/gomapfile/mapfile/proto"
	"go-hep.org/x/hep/hbook"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// Two witnesses that the bytes are the message: the generated code reads them without leaving
// anything unknown, and writes the very same again.
func TestBytesAreThoseOfTheGeneratedCode(t *testing.T) {
	for _, s := range samples() {
		for _, c := range []codec.Codec{hbookcodec.Codec, hbookcodec.Moments} {
			ours := encode(t, c, s.v)
			m := message(s.v)
			if err := proto.Unmarshal(ours, m); err != nil {
				t.Errorf("%s: %v", s.name, err)
				continue
			}
			if unknown := m.ProtoReflect().GetUnknown(); len(unknown) > 0 {
				t.Errorf("%s: unknown fields %x", s.name, unknown)
			}
			theirs, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
			if err != nil || !bytes.Equal(ours, theirs) {
				t.Errorf("%s: written otherwise (%v):\n%.200x\n%.200x", s.name, err, ours, theirs)
			}
		}
	}
}

func TestAnyFormOfTheMessageIsRead(t *testing.T) {
	for _, s := range samples() {
		payload := encode(t, hbookcodec.Moments, s.v)
		forms := map[string][]byte{
			"fields in another order": shuffled(payload),
			"columns in pieces":       inPieces(payload, 24),
			"columns not packed":      unpacked(payload),
			"messages in pieces":      messagesInPieces(t, payload),
			"with unknown fields":     withUnknownFields(payload),
			"twice":                   append(justHead(payload), payload...),
		}
		for name, form := range forms {
			got, m := zero(s.v), message(s.v)
			if err := proto.Unmarshal(form, m); err != nil {
				t.Fatalf("%s, %s: the test's bytes are wrong: %v", s.name, name, err)
			}
			decode(t, form, got)
			if !reflect.DeepEqual(got, s.v) {
				t.Errorf("%s, %s: came back as\n%s\nnot\n%s", s.name, name, short(got), short(s.v))
			}
		}
	}
}

type rawField struct {
	num   protowire.Number
	typ   protowire.Type
	whole []byte
	body  []byte
}

func fields(payload []byte) (fs []rawField) {
	for len(payload) > 0 {
		num, typ, tag := protowire.ConsumeTag(payload)
		n := protowire.ConsumeFieldValue(num, typ, payload[tag:])
		f := rawField{num: num, typ: typ, whole: payload[:tag+n]}
		if typ == protowire.BytesType {
			f.body, _ = protowire.ConsumeBytes(payload[tag:])
		}
		fs = append(fs, f)
		payload = payload[tag+n:]
	}
	return fs
}

// shuffled keeps the order of elements of one repeated field, as that has a meaning.
func shuffled(payload []byte) (out []byte) {
	byNum := map[protowire.Number][]byte{}
	var nums []protowire.Number
	for _, f := range fields(payload) {
		if byNum[f.num] == nil {
			nums = append(nums, f.num)
		}
		byNum[f.num] = append(byNum[f.num], f.whole...)
	}
	rand.New(rand.NewPCG(7, 8)).Shuffle(len(nums), func(i, j int) { nums[i], nums[j] = nums[j], nums[i] })
	for _, num := range nums {
		out = append(out, byNum[num]...)
	}
	return out
}

func inPieces(payload []byte, size int) (out []byte) {
	for _, f := range fields(payload) {
		if f.num < 16 {
			out = append(out, f.whole...)
			continue
		}
		for body := f.body; ; body = body[size:] {
			out = protowire.AppendTag(out, f.num, protowire.BytesType)
			out = protowire.AppendBytes(out, body[:min(size, len(body))])
			if len(body) <= size {
				break
			}
		}
	}
	return out
}

func unpacked(payload []byte) (out []byte) {
	for _, f := range fields(payload) {
		if f.num < 16 {
			out = append(out, f.whole...)
			continue
		}
		for body := f.body; len(body) > 0; body = body[8:] {
			out = protowire.AppendTag(out, f.num, protowire.Fixed64Type)
			out = append(out, body[:8]...)
		}
	}
	return out
}

// messagesInPieces gives each field of the axes and of the sums a message of its own.
func messagesInPieces(t *testing.T, payload []byte) (out []byte) {
	t.Helper()
	for _, f := range fields(payload) {
		if f.num != 3 && f.num != 4 && f.num != 7 {
			out = append(out, f.whole...)
			continue
		}
		for _, part := range fields(f.body) {
			out = protowire.AppendTag(out, f.num, protowire.BytesType)
			out = protowire.AppendBytes(out, part.whole)
		}
	}
	return out
}

func withUnknownFields(payload []byte) (out []byte) {
	add := func() {
		out = protowire.AppendString(protowire.AppendTag(out, 15, protowire.BytesType), "padding")
		out = protowire.AppendVarint(protowire.AppendTag(out, 1000, protowire.VarintType), 1<<63)
		out = protowire.AppendFixed32(protowire.AppendTag(out, 3, protowire.Fixed32Type), 1) // another type
		out = protowire.AppendVarint(protowire.AppendTag(out, 16, protowire.VarintType), 1)
		out = protowire.AppendTag(out, 12, protowire.StartGroupType)
		out = protowire.AppendVarint(protowire.AppendTag(out, 1, protowire.VarintType), 1)
		out = protowire.AppendTag(out, 12, protowire.EndGroupType)
	}
	add()
	for _, f := range fields(payload) {
		out = append(out, f.whole...)
		add()
	}
	return out
}

// justHead leaves out what would add up if it came twice. Later values replace the rest.
func justHead(payload []byte) (out []byte) {
	for _, f := range fields(payload) {
		if f.num != 3 && f.num != 4 && f.num < 10 {
			out = append(out, f.whole...)
		}
	}
	return out
}

// Payloads by producers that have no hbook, and what the rules of histogram.proto make of them.
func TestForeignProducers(t *testing.T) {
	m := &mapfilepb.H1D{
		Name: "n", X: &mapfilepb.Axis{Bins: 2, Min: 1, Max: 3, Title: "x", Unit: "mm"}, ValueUnit: "counts",
		SumW: []float64{3, 0}, SumWx: []float64{4.5, 0},
		Annotations: []*mapfilepb.Annotation{
			{Key: "b", Value: &mapfilepb.AnnotationValue{Kind: &mapfilepb.AnnotationValue_Integer{Integer: 7}}},
			{Key: "a"},
		},
	}
	payload, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var got hbook.H1D
	decode(t, payload, &got)
	want := hbook.NewH1D(2, 1, 3)
	want.Binning.Bins[0].Dist.Dist = hbook.Dist0D{N: 3, SumW: 3, SumW2: 3}
	want.Binning.Bins[0].Dist.Stats.SumWX = 4.5
	want.Ann = hbook.Annotation{"name": "n", "XLabel": "x", "XUnit": "mm", "YUnit": "counts", "b": 7, "a": nil}
	if !reflect.DeepEqual(&got, want) {
		t.Errorf("came as\n%+v\nnot\n%+v", &got, want)
	}
}

func TestHostilePayloadsAreErrors(t *testing.T) { // G12
	axis := func(bins uint32, min, max float64, edges ...float64) *mapfilepb.Axis {
		return &mapfilepb.Axis{Bins: bins, Min: min, Max: max, Edges: edges}
	}
	h1 := func(x *mapfilepb.Axis, sumW ...float64) *mapfilepb.H1D { return &mapfilepb.H1D{X: x, SumW: sumW} }
	value := func(v *mapfilepb.AnnotationValue) *mapfilepb.H1D {
		m := h1(axis(1, 0, 1), 1)
		m.Annotations = []*mapfilepb.Annotation{{Key: "k", Value: v}}
		return m
	}
	deep := &mapfilepb.AnnotationValue{}
	for range 20 {
		deep = &mapfilepb.AnnotationValue{Kind: &mapfilepb.AnnotationValue_List{
			List: &mapfilepb.AnnotationList{Items: []*mapfilepb.AnnotationValue{deep}}}}
	}
	gaps := axis(1, 0, 1, 0)
	gaps.UpperEdges = []float64{1}
	var outflows []*mapfilepb.Sums
	for range 9 {
		outflows = append(outflows, &mapfilepb.Sums{})
	}
	one := axis(1, 0, 1)
	for name, test := range map[string]struct {
		m    proto.Message
		into any
		says string
	}{
		"nothing":              {&mapfilepb.H1D{}, &hbook.H1D{}, "0 bins"},
		"no bins":              {h1(axis(0, 0, 1)), &hbook.H1D{}, "0 bins"},
		"no contents":          {h1(axis(1, 0, 1)), &hbook.H1D{}, "0 elements for 1"},
		"bins from nothing":    {h1(axis(1<<27, 0, 1), 1), &hbook.H1D{}, "1 elements for 134217728"},
		"too many bins":        {h1(axis(1<<32-1, 0, 1), 1), &hbook.H1D{}, "4294967295 bins"},
		"too few bins":         {h1(axis(1, 0, 1), 1, 2), &hbook.H1D{}, "2 elements for 1"},
		"columns differ":       {&mapfilepb.H1D{X: one, SumW: []float64{1}, SumW2: []float64{1, 2}}, &hbook.H1D{}, "field 17"},
		"NaN range":            {h1(axis(1, nan, 1), 1), &hbook.H1D{}, "from NaN"},
		"infinite range":       {h1(axis(1, 0, inf), 1), &hbook.H1D{}, "+Inf"},
		"empty range":          {h1(axis(1, 1, 1), 1), &hbook.H1D{}, "from 1 to 1"},
		"range upside down":    {h1(axis(1, 1, 0), 1), &hbook.H1D{}, "from 1 to 0"},
		"range too wide":       {h1(axis(1, -1.7e308, 1.7e308), 1), &hbook.H1D{}, "width"},
		"range too narrow":     {h1(axis(2, 0, 5e-324), 1, 1), &hbook.H1D{}, "width"},
		"NaN edge":             {h1(axis(2, 0, 1, 0, nan, 1), 1, 2), &hbook.H1D{}, "bin 0"},
		"infinite edge":        {h1(axis(2, 0, 1, -inf, 0, 1), 1, 2), &hbook.H1D{}, "bin 0"},
		"unsorted edges":       {h1(axis(3, 0, 1, 0, 2, 1, 3), 1, 2, 3), &hbook.H1D{}, "bin 1"},
		"equal edges":          {h1(axis(2, 0, 1, 0, 1, 1), 1, 2), &hbook.H1D{}, "bin 1"},
		"too few edges":        {h1(axis(2, 0, 1, 0, 1), 1, 2), &hbook.H1D{}, "2 edges"},
		"overlapping bins":     {&mapfilepb.H1D{X: &mapfilepb.Axis{Bins: 2, Max: 3, Edges: []float64{0, 1}, UpperEdges: []float64{2, 3}}, SumW: []float64{1, 1}}, &hbook.H1D{}, "bin 1"},
		"upper edges alone":    {&mapfilepb.H1D{X: &mapfilepb.Axis{Bins: 1, Max: 3, UpperEdges: []float64{2}}, SumW: []float64{1}}, &hbook.H1D{}, "1 upper"},
		"half an entry":        {h1(one, 0.5), &hbook.H1D{}, "no such numbers"},
		"NaN entries":          {h1(one, nan), &hbook.H1D{}, "no such numbers"},
		"negative entries":     {h1(one, -1), &hbook.H1D{}, "no such numbers"},
		"too many entries":     {h1(one, 1<<60), &hbook.H1D{}, "no such numbers"},
		"infinite entries":     {h1(one, inf), &hbook.H1D{}, "no such numbers"},
		"narrow int8":          {value(&mapfilepb.AnnotationValue{Bits: 8, Kind: &mapfilepb.AnnotationValue_Integer{Integer: 300}}), &hbook.H1D{}, "fit"}, // G11
		"narrow uint16":        {value(&mapfilepb.AnnotationValue{Bits: 16, Kind: &mapfilepb.AnnotationValue_Unsigned{Unsigned: 1 << 16}}), &hbook.H1D{}, "fit"},
		"narrow float32":       {value(&mapfilepb.AnnotationValue{Bits: 32, Kind: &mapfilepb.AnnotationValue_Real{Real: 0.1}}), &hbook.H1D{}, "fit"},
		"7 bits":               {value(&mapfilepb.AnnotationValue{Bits: 7, Kind: &mapfilepb.AnnotationValue_Integer{}}), &hbook.H1D{}, "fit"},
		"deep":                 {value(deep), &hbook.H1D{}, "deeper"}, // G06
		"H2D without y":        {&mapfilepb.H2D{X: one, SumW: []float64{1}}, &hbook.H2D{}, "0 bins"},
		"H2D overflow":         {&mapfilepb.H2D{X: axis(1<<27, 0, 1), Y: axis(1<<27, 0, 1), SumW: []float64{1}}, &hbook.H2D{}, "18014398509481984"},
		"H2D with gaps":        {&mapfilepb.H2D{X: gaps, Y: one, SumW: []float64{1}}, &hbook.H2D{}, "gaps"},
		"H2D ninth outflow":    {&mapfilepb.H2D{X: one, Y: one, SumW: []float64{1}, Outflows: outflows}, &hbook.H2D{}, "8 outflows"},
		"H2D half an entry":    {&mapfilepb.H2D{X: one, Y: one, SumW: []float64{1.5}}, &hbook.H2D{}, "no such numbers"},
		"P1D without y":        {&mapfilepb.P1D{X: one, SumW: []float64{1}, SumWy: []float64{1}}, &hbook.P1D{}, "sums of y"},
		"P1D half an entry":    {&mapfilepb.P1D{X: one, SumW: []float64{1.5}, SumWy: []float64{1}, SumWy2: []float64{1}}, &hbook.P1D{}, "no such numbers"},
		"P1D without contents": {&mapfilepb.P1D{X: one, SumWy: []float64{1}, SumWy2: []float64{1}}, &hbook.P1D{}, "0 elements"},
	} {
		payload, err := proto.Marshal(test.m)
		if err != nil {
			t.Fatal(name, err)
		}
		if err := hbookcodec.Codec.Decode(payload, test.into); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: error %v, want one with %q", name, err, test.says)
		}
	}
}

// What is no protocol buffer at all is refused as the generated code refuses it.
func TestMalformedBytesAreErrors(t *testing.T) { // G12
	good := encode(t, hbookcodec.Codec, hbook.NewH1D(2, 0, 1))
	for name, tail := range map[string]string{
		"field number 0":         "\x00\x01",
		"field number too large": "\xff\xff\xff\xff\x7f\x01",
		"field number of 2^29":   "\x80\x80\x80\x80\x10\x01",
		"tag cut short":          "\x80",
		"over-long varint":       "\x78\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
		"length beyond the end":  "\x0a\x05abc",
		"length of 2^63":         "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x",
		"half a double":          "\x82\x01\x04abcd",
		"fixed64 cut short":      "\x81\x01abcd",
		"name not UTF-8":         "\x0a\x01\xff",
		"end of no group":        "\x7c",
		"group without end":      "\x7b\x08\x01",
		"group with another end": "\x7b\x84\x01",
		"wire type 6":            "\x7e",
		"wire type 7":            "\x7f",
		"axis malformed":         "\x1a\x01\x80",
		"sums malformed":         "\x3a\x01\x80",
		"annotation malformed":   "\x5a\x01\x80",
		"value malformed":        "\x5a\x03\x12\x01\x80",
		"list malformed":         "\x5a\x05\x12\x03\x42\x01\x80",
		"map malformed":          "\x5a\x05\x12\x03\x4a\x01\x80",
		"texts malformed":        "\x5a\x06\x12\x04\x52\x02\x0a\x01",
		"text not UTF-8":         "\x5a\x05\x12\x03\x32\x01\xff",
		"reals malformed":        "\x5a\x06\x12\x04\x5a\x02\x0a\x01",
	} {
		payload := append(bytes.Clone(good), tail...)
		if proto.Unmarshal(payload, &mapfilepb.H1D{}) == nil {
			t.Errorf("%s: the generated code takes it", name)
		}
		if hbookcodec.Codec.Decode(payload, &hbook.H1D{}) == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
