package exposition_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go-hep.org/x/hep/hbook"
	"google.golang.org/protobuf/proto"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/decode"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/exposition"
	"github.com/gomapfile/mapfile/codec"
	_ "github.com/gomapfile/mapfile/codec/hbook"
	"github.com/gomapfile/mapfile/codec/protobuf"
	"github.com/gomapfile/mapfile/mapfile"
	mapfilepb "github.com/gomapfile/mapfile/proto"
)

// A value is one that a test publishes. Values are published in a real file and read as the commands do.
type value struct {
	slot  string
	v     any
	title string
}

// published adds the values of a new file to an exposition.
func published(t *testing.T, e *exposition.Exposition, label string, values ...value) {
	t.Helper()
	mf, err := mapfile.Create(filepath.Join(t.TempDir(), label+".map"))
	if err != nil {
		t.Fatal(err)
	}
	defer mf.Close()
	for _, v := range values {
		if _, err := mf.Add(v.slot, v.v, mapfile.WithTitle(v.title)); err != nil {
			t.Fatal(err)
		}
	}
	if err := mf.Update(); err != nil {
		t.Fatal(err)
	}
	info, err := mf.Stat()
	if err != nil {
		t.Fatal(err)
	}
	e.AddFile(label, info)
	snapshot, err := mf.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for info := range snapshot.Slots() {
		var raw mapfile.Raw
		if err := snapshot.GetInto(info.Name, &raw); err != nil {
			t.Fatal(err)
		}
		s := exposition.Slot{SlotInfo: info, Payload: raw.Payload}
		s.Value, s.Err = decode.Payload(label, info.Name, raw.Type, raw.Payload)
		e.AddSlot(label, s)
	}
}

// scrape writes an exposition and reads it with Prometheus's parser. It checks what the parser does not: that
// each family is in one piece, with HELP and TYPE, and each series is there once.
func scrape(t *testing.T, e *exposition.Exposition) (string, map[string]*dto.MetricFamily) {
	t.Helper()
	var b bytes.Buffer
	if err := e.Write(&b); err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatalf("%v in\n%s", err, &b)
	}
	if !utf8.Valid(b.Bytes()) {
		t.Errorf("no UTF-8: %q", &b)
	}
	helps, types, series := map[string]int{}, map[string]int{}, map[string]bool{}
	current := ""
	for line := range strings.Lines(b.String()) {
		line = strings.TrimSuffix(line, "\n")
		fields := strings.SplitN(line, " ", 4)
		switch {
		case strings.HasPrefix(line, "# HELP "):
			helps[fields[2]]++
		case strings.HasPrefix(line, "# TYPE "):
			types[fields[2]]++
			current = fields[2]
		case strings.HasPrefix(line, "# mapfile: "):
		case !strings.HasPrefix(line, current):
			t.Errorf("%q does not belong to %s", line, current)
		default:
			id := line[:strings.LastIndexByte(line, ' ')]
			if series[id] {
				t.Errorf("%s: twice", id)
			}
			series[id] = true
		}
	}
	for name, n := range types {
		if n != 1 || helps[name] > 1 {
			t.Errorf("%s: %d TYPE, %d HELP", name, n, helps[name])
		}
	}
	return b.String(), families
}

// counted is the value of a metric about a file, with all of the labels given.
func counted(families map[string]*dto.MetricFamily, name string, labels ...string) (sum float64) {
	for _, m := range families[name].GetMetric() {
		has := map[string]string{}
		for _, l := range m.Label {
			has[l.GetName()] = l.GetValue()
		}
		ok := true
		for i := 0; i < len(labels); i += 2 {
			ok = ok && has[labels[i]] == labels[i+1]
		}
		if ok {
			sum += m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return sum
}

// service is what a service's registry gathers: one family of each type.
func service(t *testing.T) []*dto.MetricFamily {
	t.Helper()
	orders := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "orders_total", Help: "Orders\\accepted\n\"now\"."}, []string{"region"})
	orders.WithLabelValues("e\"u\\\n").Add(42)
	orders.WithLabelValues("us").Add(1)
	temperature := prometheus.NewGauge(prometheus.GaugeOpts{Name: "temperature", Help: "None yet."})
	temperature.Set(math.NaN())
	latency := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "latency_seconds", Help: "Latency.", Buckets: []float64{.1, 1}})
	latency.Observe(.5)
	size := prometheus.NewSummary(prometheus.SummaryOpts{Name: "size_bytes", Help: "Sizes.", Objectives: map[float64]float64{.5: .05}})
	size.Observe(math.Inf(1))
	r := prometheus.NewRegistry()
	r.MustRegister(orders, temperature, latency, size)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return families
}

func TestPublishedMetricFamiliesPassThroughAsTheyAre(t *testing.T) {
	var e exposition.Exposition
	var values []value
	var want bytes.Buffer
	for _, f := range service(t) {
		values = append(values, value{slot: "metrics/" + f.GetName(), v: f})
		if _, err := expfmt.MetricFamilyToText(&want, f); err != nil {
			t.Fatal(err)
		}
	}
	published(t, &e, "checkout", values...)
	text, families := scrape(t, &e)
	if !strings.HasPrefix(text, want.String()) {
		t.Errorf("got\n%s\nwant\n%s", text, &want)
	}
	if n := counted(families, "mapfile_slot_skipped") + counted(families, "mapfile_slot_decode_errors") + counted(families, "mapfile_slot_conflicts"); n != 0 {
		t.Errorf("%v slots not sent", n)
	}
}

// J09.
func TestHistogramsAreCumulativeWithUnderflowFirst(t *testing.T) {
	h := hbook.NewH1DFromEdges([]float64{0, 1, 10, 100})
	for _, x := range []float64{-5, -1, 0, .5, 3, 99, 100, 1000, 2000} {
		h.Fill(x, 1)
	}
	var e exposition.Exposition
	published(t, &e, "f", value{slot: "lat/ms", v: h, title: "Latency;ms;calls"})
	text, families := scrape(t, &e)
	f := families["lat_ms"]
	if f.GetType() != dto.MetricType_HISTOGRAM || f.GetHelp() != "Latency" || len(f.GetMetric()) != 1 {
		t.Fatal(text)
	}
	got := f.Metric[0].Histogram
	if got.GetSampleCount() != 9 || got.GetSampleSum() != -6+0+.5+3+99+100+1000+2000 {
		t.Errorf("count %d, sum %v", got.GetSampleCount(), got.GetSampleSum())
	}
	want := []struct {
		le float64
		n  uint64
	}{{0, 2}, {1, 4}, {10, 5}, {100, 6}, {math.Inf(1), 9}}
	if len(got.Bucket) != len(want) {
		t.Fatal(text)
	}
	for i, b := range got.Bucket {
		if b.GetUpperBound() != want[i].le || b.GetCumulativeCount() != want[i].n {
			t.Errorf("bucket %d: le %v, %d", i, b.GetUpperBound(), b.GetCumulativeCount())
		}
	}
	if !strings.Contains(text, `lat_ms_bucket{file="f",slot="lat/ms",le="+Inf"} 9`) {
		t.Error(text)
	}
}

func TestHistogramsThatAreNoCountsAreSkippedAndCounted(t *testing.T) {
	weighted, negative, two, profile, gaps := hbook.NewH1D(3, 0, 3), hbook.NewH1D(3, 0, 3), hbook.NewH2D(2, 0, 1, 2, 0, 1), hbook.NewP1D(2, 0, 1), hbook.NewH1DFromBins(hbook.Range{Min: 0, Max: 1}, hbook.Range{Min: 2, Max: 3})
	weighted.Fill(1, 2)
	negative.Fill(1, -1)
	under := hbook.NewH1D(3, 0, 3)
	under.Fill(-1, .5)
	chance := hbook.NewH1D(1, 0, 1) // whose weights sum up to the number of fills
	chance.Fill(.5, .5)
	chance.Fill(.5, 1.5)
	infinite := &mapfilepb.H1D{X: &mapfilepb.Axis{Bins: 2, Edges: []float64{0, 1, math.Inf(1)}}, SumW: []float64{1, 2}}
	backwards := &mapfilepb.H1D{X: &mapfilepb.Axis{Bins: 2, Edges: []float64{2, 1, 0}}, SumW: []float64{1, 2}}
	odd := &mapfilepb.H1D{X: &mapfilepb.Axis{Bins: 2, Min: math.NaN(), Max: 1}, SumW: []float64{1, 2}}
	var e exposition.Exposition
	published(t, &e, "f", value{slot: "weighted", v: weighted}, value{slot: "negative", v: negative}, value{slot: "under", v: under}, value{slot: "chance", v: chance}, value{slot: "two", v: two},
		value{slot: "profile", v: profile}, value{slot: "gaps", v: gaps}, value{slot: "infinite", v: infinite}, value{slot: "backwards", v: backwards}, value{slot: "odd", v: odd})
	text, families := scrape(t, &e)
	for reason, want := range map[string]float64{
		"a histogram with weights or negative contents": 4, "neither a number nor a one-dimensional histogram": 2,
		"a histogram with gaps, or with edges that are not finite and ascending": 4,
	} {
		if got := counted(families, "mapfile_slot_skipped", "file", "f", "reason", reason); got != want {
			t.Errorf("%v with %q, want %v:\n%s", got, reason, want, text)
		}
	}
	if strings.Contains(text, "_bucket{") || !strings.Contains(text, "# mapfile: not sent: f: slot weighted: a histogram with weights") {
		t.Error(text)
	}
}

func TestNumbersBecomeMetrics(t *testing.T) {
	counter := &mapfilepb.Value{Title: "Orders", Unit: "1", Kind: mapfilepb.Value_KIND_COUNTER, Number: &mapfilepb.Value_Unsigned{Unsigned: 7}}
	gauge := &mapfilepb.Value{Kind: mapfilepb.Value_KIND_GAUGE, Number: &mapfilepb.Value_Real{Real: math.Inf(-1)}}
	unknown := &mapfilepb.Value{Kind: mapfilepb.Value_KIND_GAUGE}
	n, x, yes, text := int64(-3), math.NaN(), true, "no number"
	var e exposition.Exposition
	published(t, &e, "f", value{slot: "a/counter", v: counter}, value{slot: "gauge", v: gauge}, value{slot: "unknown", v: unknown}, value{slot: "9n", v: &n, title: "N;x"},
		value{slot: "x", v: &x}, value{slot: "yes", v: &yes}, value{slot: "text", v: &text})
	out, families := scrape(t, &e)
	for _, want := range []string{
		"# HELP a_counter Orders [1]\n# TYPE a_counter counter\na_counter{file=\"f\",slot=\"a/counter\"} 7\n",
		"# TYPE gauge gauge\ngauge{file=\"f\",slot=\"gauge\"} -Inf\n",
		"# HELP _n N\n# TYPE _n untyped\n_n{file=\"f\",slot=\"9n\"} -3\n",
		"x{file=\"f\",slot=\"x\"} NaN\n", "yes{file=\"f\",slot=\"yes\"} 1\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if counted(families, "mapfile_slot_skipped", "reason", "no value yet") != 1 || counted(families, "mapfile_slot_skipped", "reason", "neither a number nor a one-dimensional histogram") != 1 {
		t.Error(out)
	}
}

// J08, J12: state and age of everything; what cannot be read is counted, and all else is sent.
func TestOneBadSlotIsCountedAndTheRestIsSent(t *testing.T) {
	n := int64(1)
	var e exposition.Exposition
	bad := func(ty, codec, payload string) *mapfile.Raw {
		return &mapfile.Raw{Type: mapfile.TypeInfo{Name: ty, Codec: codec}, Payload: []byte(payload)}
	}
	published(t, &e, "f", value{slot: "good", v: &n}, value{slot: "bad", v: bad("io.prometheus.client.MetricFamily", "protobuf", "\xff\xff")},
		value{slot: "damaged", v: bad("mapfile.v1.H1D", "protobuf", "\xff\xff")}, value{slot: "foreign", v: bad("their.Type", "their codec", "x")})
	e.AddSlot("f", exposition.Slot{SlotInfo: mapfile.SlotInfo{Name: "gone\n# TYPE x"}, Err: errors.New("damaged\nx 1\n")})
	text, families := scrape(t, &e)
	if got := counted(families, "mapfile_slot_decode_errors", "file", "f"); got != 3 {
		t.Errorf("%v decode errors:\n%s", got, text)
	}
	if got := counted(families, "mapfile_slot_skipped", "reason", "no codec"); got != 1 {
		t.Errorf("%v without codec:\n%s", got, text)
	}
	for _, want := range []string{
		`good{file="f",slot="good"} 1`, `mapfile_producer_up{file="f",session="1",state="LIVE"} 1`, `mapfile_producer_start_time_seconds{file="f",session="1"} `,
		`mapfile_slot_age_seconds{file="f",slot="bad"} `, `mapfile_slot_version_total{file="f",slot="good"} 1`, `mapfile_slot_session{file="f",slot="good"} 1`,
		`mapfile_slot_state{file="f",slot="damaged",state="LIVE"} 1`,
	} {
		if !strings.Contains(text, "\n"+want) && !strings.HasPrefix(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}

func TestNamesAreValidAndUnique(t *testing.T) {
	n, m := int64(1), int64(2)
	counter := &mapfilepb.Value{Kind: mapfilepb.Value_KIND_COUNTER, Number: &mapfilepb.Value_Integer{Integer: 3}}
	h := hbook.NewH1D(2, 0, 1)
	native := &dto.MetricFamily{Name: proto.String("native"), Type: dto.MetricType_GAUGE.Enum(), Metric: []*dto.Metric{{Gauge: &dto.Gauge{Value: proto.Float64(5)}}}}
	var e exposition.Exposition
	e.AddFamilies(service(t)[:1])
	published(t, &e, "a", value{slot: "x/y", v: &n}, value{slot: "x_y", v: &m}, value{slot: "x.y", v: counter}, value{slot: "h", v: h}, value{slot: "h_count", v: &n}, value{slot: "h_sum", v: &n},
		value{slot: "native", v: &n}, value{slot: "f1", v: native}, value{slot: "f2", v: native}, value{slot: "mapfile_slot_age_seconds", v: &n}, value{slot: "日本/\x1b\"\\\n", v: &n, title: "\x1b[31m\n# HELP x y\nx 1\n"},
		value{slot: "latency_seconds", v: &n})
	published(t, &e, "b", value{slot: "x/y", v: &n}, value{slot: "f1", v: native})
	text, families := scrape(t, &e)
	for _, want := range []string{
		`x_y{file="a",slot="x.y"} 3`, `x_y_untyped{file="a",slot="x/y"} 1`, `x_y_untyped{file="a",slot="x_y"} 2`, `x_y_untyped{file="b",slot="x/y"} 1`, "# TYPE native gauge\nnative 5", `native_untyped{file="a",slot="native"} 1`,
		`_______{file="a",slot="日本/` + "\x1b" + `\"\\\n"} 1`, `mapfile_slot_age_seconds_untyped{file="a",slot="mapfile_slot_age_seconds"} 1`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if got := counted(families, "mapfile_slot_conflicts"); got != 2 { // native in f2, and in b
		t.Errorf("%v conflicts:\n%s", got, text)
	}
}

func TestFilesOfTheSameServiceAreToldApart(t *testing.T) {
	e := exposition.Exposition{LabelNative: true}
	pair := func(name, v string) *dto.LabelPair { return &dto.LabelPair{Name: &name, Value: &v} }
	logs := &dto.MetricFamily{Name: proto.String("logs"), Help: proto.String("Logs."), Type: dto.MetricType_GAUGE.Enum(),
		Metric: []*dto.Metric{{Label: []*dto.LabelPair{pair("file", "x.log")}, Gauge: &dto.Gauge{Value: proto.Float64(5)}}}}
	other := proto.Clone(logs).(*dto.MetricFamily)
	other.Help = proto.String("Another text.")
	published(t, &e, "a", value{slot: "logs", v: logs})
	published(t, &e, "b", value{slot: "logs", v: other})
	text, _ := scrape(t, &e)
	if !strings.HasPrefix(text, "# HELP logs Logs.\n# TYPE logs gauge\nlogs{exported_file=\"x.log\",file=\"a\"} 5\nlogs{exported_file=\"x.log\",file=\"b\"} 5\n") {
		t.Error(text)
	}
}

// Families that anybody may have published cannot make the whole invalid.
func TestHostileFamiliesDoNotFailTheScrape(t *testing.T) {
	pair := func(name, v string) *dto.LabelPair { return &dto.LabelPair{Name: &name, Value: &v} }
	gauge := func(labels ...*dto.LabelPair) []*dto.Metric {
		return []*dto.Metric{{Label: labels, Gauge: &dto.Gauge{Value: proto.Float64(1)}}}
	}
	kind := dto.MetricType_GAUGE.Enum()
	name := proto.String
	hostile := []*dto.MetricFamily{
		{}, {Name: name("empty")}, {Name: name(""), Type: kind, Metric: gauge()},
		{Name: name("wrong"), Type: dto.MetricType_COUNTER.Enum(), Metric: gauge()},
		{Name: name("nohist"), Type: dto.MetricType_GAUGE_HISTOGRAM.Enum(), Metric: gauge()},
		{Name: name("mapfile_slot_age_seconds"), Type: kind, Metric: gauge()},
		{Name: name("a b\n1"), Type: kind, Metric: gauge()}, {Name: name("\xff"), Type: kind, Metric: gauge()},
		{Name: name("l1"), Type: kind, Metric: gauge(pair("a b", "x"))}, {Name: name("l2"), Type: kind, Metric: gauge(pair("a:b", "x"))},
		{Name: name("l3"), Type: kind, Metric: gauge(pair("", "x"))}, {Name: name("l4"), Type: kind, Metric: gauge(pair("x", "\xff"))},
		{Name: name("l5"), Type: kind, Metric: gauge(pair("x", "1"), pair("x", "2"))}, {Name: name("l6"), Type: kind, Metric: gauge(pair("y", "1"), pair("x", "2"), pair("y", "3"))},
		{Name: name("l7"), Type: kind, Metric: gauge(pair("__name__", "evil"))},
		{Name: name("l8"), Type: dto.MetricType_HISTOGRAM.Enum(), Metric: []*dto.Metric{{Label: []*dto.LabelPair{pair("le", "1")}, Histogram: &dto.Histogram{}}}},
		{Name: name("twice"), Type: kind, Metric: append(gauge(), gauge()...)},
		{Name: name("help"), Help: name("\xff\n# TYPE x y\r"), Type: kind, Metric: gauge()},
		{Name: name("orders"), Type: dto.MetricType_HISTOGRAM.Enum(), Metric: []*dto.Metric{{Histogram: &dto.Histogram{SampleCount: proto.Uint64(1)}}}},
		{Name: name("orders_count"), Type: kind, Metric: gauge()},
	}
	schema, err := protobuf.Codec.(codec.Describer).Describe(reflect.TypeFor[dto.MetricFamily]())
	if err != nil {
		t.Fatal(err)
	}
	var e exposition.Exposition
	n := int64(1)
	values := []value{{slot: "good", v: &n}}
	for i, f := range hostile {
		payload, err := proto.MarshalOptions{AllowPartial: true}.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		raw := &mapfile.Raw{Type: mapfile.TypeInfo{Name: "io.prometheus.client.MetricFamily", Codec: "protobuf", Schema: schema}, Payload: payload}
		values = append(values, value{slot: fmt.Sprintf("f%02d", i), v: raw})
	}
	published(t, &e, "f", values...)
	text, families := scrape(t, &e)
	if !strings.Contains(text, `good{file="f",slot="good"} 1`) || !strings.Contains(text, "\na_b_1 1\n") || !strings.Contains(text, `l1{a_b="x"} 1`) {
		t.Error(text)
	}
	errors, conflicts := counted(families, "mapfile_slot_decode_errors"), counted(families, "mapfile_slot_conflicts")
	if errors != 11 || conflicts != 2 { // conflicts: l6, orders_count
		t.Errorf("%v errors, %v conflicts:\n%s", errors, conflicts, text)
	}
}

func TestCommentsAreBounded(t *testing.T) {
	var e exposition.Exposition
	for i := range 5000 {
		e.AddSlot("f", exposition.Slot{SlotInfo: mapfile.SlotInfo{Name: fmt.Sprint(i)}, Err: errors.New(strings.Repeat("long ", 1000))})
	}
	text, _ := scrape(t, &e)
	if n := strings.Count(text, "# mapfile: "); n != 101 || !strings.Contains(text, "# mapfile: 4900 more not sent\n") {
		t.Errorf("%d comments", n)
	}
}
