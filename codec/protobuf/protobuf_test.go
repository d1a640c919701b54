package protobuf

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/typepb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/gomapfile/mapfile/codec"
	"github.com/gomapfile/mapfile/registry"
)

var (
	_ codec.Reuser    = protobufCodec{}
	_ codec.Checker   = protobufCodec{}
	_ codec.Describer = protobufCodec{}
	_ codec.Inspector = protobufCodec{}
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func gathered(t testing.TB) []*dto.MetricFamily {
	reg := prometheus.NewRegistry()
	orders := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "orders_total", Help: "Orders accepted."}, []string{"shop"})
	load := prometheus.NewGauge(prometheus.GaugeOpts{Name: "load"})
	took := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "took_seconds", Buckets: []float64{1, 2}, NativeHistogramBucketFactor: 1.1})
	sizes := prometheus.NewSummary(prometheus.SummaryOpts{Name: "sizes", Objectives: map[float64]float64{0.5: 0.05}})
	reg.MustRegister(orders, load, took, sizes)
	orders.WithLabelValues("a").Add(3)
	orders.WithLabelValues("b").Add(90412)
	load.Set(math.Inf(1))
	took.Observe(1.5)
	sizes.Observe(7)
	families, err := reg.Gather()
	if err != nil || len(families) != 4 {
		t.Fatalf("%d families, %v", len(families), err)
	}
	return families
}

func messages(t testing.TB) []proto.Message {
	all := []proto.Message{
		timestamppb.New(time.Unix(1<<33, 7)), durationpb.New(-1500 * time.Millisecond), &emptypb.Empty{},
		must(structpb.NewStruct(map[string]any{"a": []any{1.5, "x", nil, true, map[string]any{"b": ""}}, "z": -1})),
		must(anypb.New(wrapperspb.String("inside"))), &fieldmaskpb.FieldMask{Paths: []string{"a.b", "c"}},
		wrapperspb.Double(math.Inf(-1)), wrapperspb.Float(0.1), wrapperspb.Int64(math.MinInt64), wrapperspb.UInt64(math.MaxUint64),
		wrapperspb.Int32(-1), wrapperspb.UInt32(1 << 31), wrapperspb.Bool(true), wrapperspb.String("ü"), wrapperspb.Bytes([]byte{0, 255}),
		&typepb.Type{Name: "T", Fields: []*typepb.Field{{Kind: typepb.Field_TYPE_INT32, Number: 3}}, Syntax: 77},
	}
	for _, f := range gathered(t) {
		all = append(all, f)
	}
	return all
}

func TestRoundTripOfLinkedInMessages(t *testing.T) {
	for _, m := range messages(t) {
		enc, err := Codec.Append([]byte("head"), m)
		if err != nil || string(enc[:4]) != "head" {
			t.Fatalf("%T: %v", m, err)
		}
		ty, ok := registry.Default.ByName(nameOf(m))
		if !ok || ty.Codec != Codec || ty.Go != reflect.TypeOf(m).Elem() {
			t.Fatalf("the resolver gives %v, %v for %T", ty, ok, m)
		}
		if back, ok := registry.Default.ByType(reflect.TypeOf(m)); !ok || back != ty {
			t.Errorf("ByType(%T) = %v, %v", m, back, ok)
		}
		got := reflect.New(ty.Go).Interface().(proto.Message)
		if err := Codec.Decode(enc[4:], got); err != nil || !proto.Equal(got, m) {
			t.Errorf("%T: got %v, %v, want %v", m, got, err, m)
		}
		again, _ := Codec.Append(nil, got)
		if !bytes.Equal(again, enc[4:]) {
			t.Errorf("%T: another encoding of the same value", m)
		}
		schema, err := Codec.(codec.Describer).Describe(ty.Go)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Codec.(codec.Inspector).Inspect(schema, enc[4:]); err != nil {
			t.Errorf("Inspect(%T): %v", m, err)
		}
	}
}

type embedsValue struct {
	timestamppb.Timestamp
	More int
}
type embedsPointer struct{ *timestamppb.Timestamp }
type bomb struct{ *timestamppb.Timestamp }

func (*bomb) ProtoReflect() (m interface{ Unknown() }) { panic("bomb") }

func TestRefusesWhatIsNoMessage(t *testing.T) {
	for _, typ := range []reflect.Type{nil, reflect.TypeFor[int](), reflect.TypeFor[struct{}](), reflect.TypeFor[dynamicpb.Message](), reflect.TypeFor[proto.Message](),
		reflect.TypeFor[embedsValue](), reflect.TypeFor[embedsPointer](), reflect.TypeFor[*timestamppb.Timestamp](), reflect.TypeFor[bomb]()} {
		if err := Codec.(codec.Checker).Check(typ); err == nil {
			t.Errorf("Check(%v): no error", typ)
		}
		if _, err := Codec.(codec.Describer).Describe(typ); err == nil {
			t.Errorf("Describe(%v): no error", typ)
		}
		if typ != nil {
			if ty, ok := (Resolver{}).ByType(typ); ok {
				t.Errorf("the resolver gives %v for %v", ty, typ)
			}
		}
	}
	var null *timestamppb.Timestamp
	for _, v := range []any{nil, 5, null, new(int), timestamppb.Timestamp{}.Seconds, &embedsValue{}, &embedsPointer{}, &dynamicpb.Message{}, &bomb{}} { // G04
		if _, err := Codec.Append(nil, v); err == nil {
			t.Errorf("Append(%T): no error", v)
		}
		if err := Codec.Decode(nil, v); err == nil {
			t.Errorf("Decode(%T): no error", v)
		}
	}
	if _, ok := (Resolver{}).ByName("no.such.Message"); ok {
		t.Error("the resolver knows what is not linked in")
	}
	if _, ok := (Resolver{}).ByName("google.protobuf.NullValue"); ok {
		t.Error("the resolver takes an enum for a message")
	}
}

func TestErrorsNameTheMessage(t *testing.T) { // G04, G25
	for _, tc := range []struct {
		m    proto.Message
		want string
	}{
		{wrapperspb.String("\xff"), "google.protobuf.StringValue: "},
		{&descriptorpb.UninterpretedOption{Name: []*descriptorpb.UninterpretedOption_NamePart{{}}}, "google.protobuf.UninterpretedOption: "},
	} {
		if _, err := Codec.Append(nil, tc.m); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("Append(%T) = %v, want %q", tc.m, err, tc.want)
		}
	}
	missing := []byte{0x12, 0} // a NamePart without its required fields
	if err := Codec.Decode(missing, &descriptorpb.UninterpretedOption{}); err == nil || !strings.Contains(err.Error(), "UninterpretedOption: ") {
		t.Errorf("missing required fields: %v", err)
	}
	defer func(old int) { maxSize = old }(maxSize)
	maxSize = 1000
	dst := make([]byte, 0, 10)
	out, err := Codec.Append(dst, wrapperspb.Bytes(make([]byte, 1001)))
	if err == nil || !strings.Contains(err.Error(), "google.protobuf.BytesValue: the encoding would have 1004 bytes; the limit is 1000") || cap(out) != 10 {
		t.Errorf("got %d bytes of room, %v", cap(out), err)
	}
}

func TestUsedMessageBecomesAsFresh(t *testing.T) { // G01, G02, G03
	families := gathered(t)
	used, kept := new(dto.MetricFamily), []*dto.Metric{}
	for i := range 100 {
		f := families[i%len(families)]
		src := must(Codec.Append(nil, f))
		src = append(src, 0xfa, 0x3f, 1, 'u') // an unknown field, which is kept
		if err := Codec.(codec.Reuser).DecodeReuse(src, used); err != nil {
			t.Fatal(err)
		}
		for j := range src {
			src[j] ^= 0xff
		}
		if string(used.ProtoReflect().GetUnknown()) != "\xfa\x3f\x01u" {
			t.Error("the unknown field points into src, or is lost")
		}
		used.ProtoReflect().SetUnknown(nil)
		if !proto.Equal(used, f) {
			t.Fatalf("got %v, want %v", used, f)
		}
		kept = append(kept, used.Metric[0])
	}
	for i, m := range kept {
		if !proto.Equal(m, families[i%len(families)].Metric[0]) {
			t.Fatalf("result %d became %v", i, m)
		}
	}
}

func TestWithoutNeedlessAllocations(t *testing.T) {
	f := gathered(t)[2]
	buf := make([]byte, 0, 4096)
	opts := proto.MarshalOptions{Deterministic: true}
	bare := testing.AllocsPerRun(100, func() { must(opts.MarshalAppend(buf, f)) })
	if n := testing.AllocsPerRun(100, func() { must(Codec.Append(buf, f)) }); n > bare {
		t.Errorf("Append: %v allocations, the library alone %v", n, bare)
	}
	src, used := must(Codec.Append(nil, f)), new(dto.MetricFamily)
	bare = testing.AllocsPerRun(100, func() { must(0, proto.Unmarshal(src, used)) })
	if n := testing.AllocsPerRun(100, func() { must(0, Codec.(codec.Reuser).DecodeReuse(src, used)) }); n > bare {
		t.Errorf("DecodeReuse: %v allocations, the library alone %v", n, bare)
	}
}

func TestInspectShowsMetricsWithoutTheirType(t *testing.T) {
	families := gathered(t)
	i := slices.IndexFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == "orders_total" })
	schema := must(Codec.(codec.Describer).Describe(reflect.TypeFor[dto.MetricFamily]()))
	n, err := Codec.(codec.Inspector).Inspect(schema, must(Codec.Append(nil, families[i])))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`io.prometheus.client.MetricFamily{`, `name string "orders_total"`, `help string "Orders accepted."`, `type enum "COUNTER"`,
		`metric repeated message{io.prometheus.client.Metric{label repeated message{io.prometheus.client.LabelPair{name string "shop", value string "a"}}`,
		`counter io.prometheus.client.Counter{value double 90412, created_timestamp google.protobuf.Timestamp time`,
	} {
		if !strings.Contains(show(n), want) {
			t.Errorf("%s\nlacks %s", show(n), want)
		}
	}
}

// show is a node as text.
func show(n codec.Node) string {
	text := strings.TrimSpace(n.Name + " " + n.Type)
	switch v := n.Value.(type) {
	case nil:
		var parts []string
		for _, c := range n.Children {
			parts = append(parts, show(c))
		}
		return text + "{" + strings.Join(parts, ", ") + "}"
	case time.Time:
		return text + " time " + v.Format(time.RFC3339Nano)
	case string, []byte:
		return text + fmt.Sprintf(" %q", v)
	default:
		return text + fmt.Sprintf(" %v", v)
	}
}

func TestWellKnownTypesAreReadable(t *testing.T) {
	for _, tc := range []struct {
		m    proto.Message
		want string
	}{
		{timestamppb.New(time.Date(2026, 11, 21, 1, 2, 3, 4, time.UTC)), "google.protobuf.Timestamp time 2026-11-21T01:02:03.000000004Z"},
		{&timestamppb.Timestamp{}, "google.protobuf.Timestamp time 1970-01-01T00:00:00Z"},
		{&timestamppb.Timestamp{Nanos: -1}, "google.protobuf.Timestamp{nanos int32 -1}"},
		{&timestamppb.Timestamp{Seconds: math.MaxInt64}, "google.protobuf.Timestamp{seconds int64 9223372036854775807}"},
		{durationpb.New(1500 * time.Millisecond), `google.protobuf.Duration "1.5s"`},
		{durationpb.New(-time.Nanosecond), `google.protobuf.Duration "-0.000000001s"`},
		{&durationpb.Duration{Seconds: 300_000_000_000}, `google.protobuf.Duration "300000000000s"`},
		{&durationpb.Duration{Seconds: 1, Nanos: -1}, "google.protobuf.Duration{seconds int64 1, nanos int32 -1}"},
		{wrapperspb.Float(0.1), "google.protobuf.FloatValue{value float 0.10000000149011612}"},
		{wrapperspb.UInt64(math.MaxUint64), "google.protobuf.UInt64Value{value uint64 18446744073709551615}"},
		{&typepb.Type{Syntax: 77}, "google.protobuf.Type{syntax enum 77}"},
		{must(structpb.NewStruct(map[string]any{"b": nil, "a": []any{true}})), "google.protobuf.Struct{fields map{a google.protobuf.Value{" +
			"list_value google.protobuf.ListValue{values repeated message{google.protobuf.Value{bool_value bool true}}}}, b google.protobuf.Value{null_value enum \"NULL_VALUE\"}}}"},
	} {
		schema := must(Codec.(codec.Describer).Describe(reflect.TypeOf(tc.m).Elem()))
		n, err := Codec.(codec.Inspector).Inspect(schema, must(Codec.Append(nil, tc.m)))
		if err != nil || show(n) != tc.want {
			t.Errorf("got  %s, %v\nwant %s", show(n), err, tc.want)
		}
	}
}

func TestFirstUseByManyGoroutines(t *testing.T) { // G28
	f := gathered(t)[0]
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			enc, err := Codec.Append(nil, f)
			if err != nil {
				t.Error(err)
				return
			}
			schema := must(Codec.(codec.Describer).Describe(reflect.TypeFor[dto.MetricFamily]()))
			_, err = Codec.(codec.Inspector).Inspect(schema, enc)
			var got dto.MetricFamily
			if err2 := Codec.Decode(enc, &got); err != nil || err2 != nil || !proto.Equal(&got, f) {
				t.Errorf("got %v, %v, %v", &got, err, err2)
			}
		})
	}
	wg.Wait()
}

// allocated is how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
