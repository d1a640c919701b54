package summing

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"go-hep.org/x/hep/hbook"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/gomapfile/mapfile/codec"
	hbookcodec "github.com/gomapfile/mapfile/codec/hbook"
	"github.com/gomapfile/mapfile/codec/protobuf"
	zstdcodec "github.com/gomapfile/mapfile/codec/zstd"
	"github.com/gomapfile/mapfile/mapfile"
	mapfilepb "github.com/gomapfile/mapfile/proto"
)

// shape makes a histogram and fills it.
type shape struct {
	name string
	make func() any
	fill func(h any, x, y, w float64)
}

var (
	fill1 = func(h any, x, _, w float64) { h.(*hbook.H1D).Fill(x, w) }
	fill2 = func(h any, x, y, w float64) { h.(*hbook.H2D).Fill(x, y, w) }
	fillP = func(h any, x, y, w float64) { h.(*hbook.P1D).Fill(x, y, w) }
	edges = []float64{-3, -1, -0.5, 0, 0.25, 2}
)

var shapes = []shape{
	{"hbook.H1D", func() any { return hbook.NewH1D(20, -2, 2) }, fill1},
	{"hbook.H1D", func() any { return hbook.NewH1DFromEdges(edges) }, fill1},
	{"hbook.H1D", func() any {
		return hbook.NewH1DFromBins(hbook.Range{Min: -2, Max: -1}, hbook.Range{Min: 0, Max: 1}, hbook.Range{Min: 1, Max: 3})
	}, fill1},
	{"hbook.H2D", func() any { return hbook.NewH2D(6, -2, 2, 5, -1, 1) }, fill2},
	{"hbook.H2D", func() any { return hbook.NewH2DFromEdges(edges, edges[:4]) }, fill2},
	{"hbook.P1D", func() any { return hbook.NewP1D(10, -2, 2) }, fillP},
}

// A sum of parts among which fills were dealt out is the whole: exactly in numbers of entries and, for unit
// weights, in contents; within rounding elsewhere.
func TestPartsAddUpToTheWhole(t *testing.T) {
	weights := map[string]func(*rand.Rand) float64{
		"unit": func(*rand.Rand) float64 { return 1 }, "any": func(r *rand.Rand) float64 { return r.ExpFloat64() },
		"signed": func(r *rand.Rand) float64 { return r.NormFloat64() },
	}
	packed := zstdcodec.Wrap(hbookcodec.Codec)
	r := rand.New(rand.NewPCG(5, 6))
	for i := range shapes {
		s := &shapes[i]
		for name, weight := range weights {
			for _, c := range []codec.Codec{hbookcodec.Codec, hbookcodec.Moments, packed} {
				for range 10 {
					n := 1 + r.IntN(5)
					whole, parts := s.make(), make([]any, n)
					for i := range parts {
						parts[i] = s.make()
					}
					for range r.IntN(3000) {
						x, y, w := r.NormFloat64(), r.NormFloat64(), weight(r)
						s.fill(whole, x, y, w)
						s.fill(parts[r.IntN(n)], x, y, w)
					}
					var shares []Share
					for i, part := range parts {
						shares = append(shares, share(t, fmt.Sprint("file", i), s.name, c, part))
					}
					ty, payload, err := Sum(shares)
					if err != nil {
						t.Fatal(err)
					}
					if ty.Name != s.name || ty.Codec != "protobuf" || len(ty.Schema) == 0 {
						t.Fatalf("%+v", ty)
					}
					want := c
					if c == packed {
						want = hbookcodec.Codec
					}
					wholePayload, err := want.Append(nil, whole)
					if err != nil {
						t.Fatal(err)
					}
					sum, all := decoded(t, s.name, payload), decoded(t, s.name, wholePayload)
					sameMessage(t, fmt.Sprintf("%s, %s weights, %s, %d parts", s.name, name, c.Name(), n), sum, all, name == "unit")
					back := reflect.New(reflect.TypeOf(whole).Elem()).Interface()
					if err := hbookcodec.Codec.Decode(payload, back); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
}

// sameMessage compares by fields: texts and whole numbers exactly, floating-point numbers within rounding,
// but contents exactly where exact is set.
func sameMessage(t *testing.T, what string, a, b proto.Message, exact bool) {
	t.Helper()
	var walk func(path string, a, b protoreflect.Message)
	leaf := func(path string, f protoreflect.FieldDescriptor, a, b protoreflect.Value) {
		switch f.Kind() {
		case protoreflect.MessageKind:
			walk(path, a.Message(), b.Message())
		case protoreflect.DoubleKind:
			x, y := a.Float(), b.Float()
			tolerance := 1e-9 * (1 + math.Abs(x)) // of sums of some thousand numbers around 1
			if exact && (strings.HasPrefix(path, ".sum_w[") || strings.HasPrefix(path, ".sum_w2[") || strings.HasSuffix(path, ".sum_w")) {
				tolerance = 0
			}
			if !(math.Abs(x-y) <= tolerance) {
				t.Fatalf("%s: %s: %v, want %v", what, path, x, y)
			}
		default:
			if !a.Equal(b) {
				t.Fatalf("%s: %s: %v, want %v", what, path, a, b)
			}
		}
	}
	walk = func(path string, a, b protoreflect.Message) {
		fields := a.Descriptor().Fields()
		for i := range fields.Len() {
			f := fields.Get(i)
			name := path + "." + string(f.Name())
			if a.Has(f) != b.Has(f) && !(f.Kind() == protoreflect.DoubleKind && !f.IsList()) { // a sum that rounds to 0, or not
				t.Fatalf("%s: %s is there in one only", what, name)
			}
			if !f.IsList() {
				if a.Has(f) || b.Has(f) {
					leaf(name, f, a.Get(f), b.Get(f))
				}
				continue
			}
			la, lb := a.Get(f).List(), b.Get(f).List()
			if la.Len() != lb.Len() {
				t.Fatalf("%s: %s has %d elements, want %d", what, name, la.Len(), lb.Len())
			}
			for i := range la.Len() {
				leaf(fmt.Sprintf("%s[%d]", name, i), f, la.Get(i), lb.Get(i))
			}
		}
	}
	walk("", a.ProtoReflect(), b.ProtoReflect())
}

// Adding changes no part, whatever the order.
func TestPartsStayAsTheyAre(t *testing.T) {
	h := hbook.NewH1D(3, 0, 3)
	h.Fill(1, 2)
	h.Ann["b"], h.Ann["title"] = 1.5, "first"
	g := hbook.NewH1D(3, 0, 3)
	g.Fill(2, 1)
	g.Ann["a"], g.Ann["b"], g.Ann["XLabel"], g.Ann["title"] = "x", 2.5, "E", "second"
	a, b := share(t, "a", "hbook.H1D", hbookcodec.Moments, h), share(t, "b", "hbook.H1D", hbookcodec.Codec, g)
	before := proto.Clone(a.hist.message)
	_, once, err := Sum([]Share{a, b, b})
	if err != nil {
		t.Fatal(err)
	}
	_, again, err := Sum([]Share{a, b, b})
	if err != nil || string(once) != string(again) || !proto.Equal(before, a.hist.message) {
		t.Errorf("%v: a part has changed", err)
	}
	var sum hbook.H1D
	if err := hbookcodec.Codec.Decode(once, &sum); err != nil {
		t.Fatal(err)
	}
	want := hbook.Annotation{"title": "first", "XLabel": "E", "a": "x", "b": 1.5}
	if !reflect.DeepEqual(sum.Ann, want) || sum.Entries() != 3 || sum.Value(2) != 2 {
		t.Errorf("%v, %d entries, bins %v", sum.Ann, sum.Entries(), sum.Binning.Bins)
	}
	if m := decoded(t, "hbook.H1D", once).(*mapfilepb.H1D); len(m.SumWx) != 0 {
		t.Errorf("moments %v that one part does not have", m.SumWx)
	}
}

func TestCounters(t *testing.T) {
	counter := func(unit string, set func(*mapfilepb.Value)) *mapfilepb.Value {
		v := &mapfilepb.Value{Kind: mapfilepb.Value_KIND_COUNTER, Unit: unit}
		if set != nil {
			set(v)
		}
		return v
	}
	unsigned := func(n uint64) func(*mapfilepb.Value) {
		return func(v *mapfilepb.Value) { v.Number = &mapfilepb.Value_Unsigned{Unsigned: n} }
	}
	integer := func(n int64) func(*mapfilepb.Value) {
		return func(v *mapfilepb.Value) { v.Number = &mapfilepb.Value_Integer{Integer: n} }
	}
	real := func(x float64) func(*mapfilepb.Value) {
		return func(v *mapfilepb.Value) { v.Number = &mapfilepb.Value_Real{Real: x} }
	}
	for _, c := range []struct {
		values []*mapfilepb.Value
		want   string
	}{
		{[]*mapfilepb.Value{counter("B", unsigned(1<<53)), counter("B", unsigned(1)), counter("", unsigned(2))}, "9007199254740995 B"},
		{[]*mapfilepb.Value{counter("", nil), counter("", integer(-3)), counter("s", integer(5)), counter("", nil)}, "2 s"},
		{[]*mapfilepb.Value{counter("", real(0.5)), counter("", real(0.25))}, "0.75 "},
		{[]*mapfilepb.Value{counter("", nil), counter("", nil)}, "<nil> "},
		{[]*mapfilepb.Value{counter("", unsigned(math.MaxUint64)), counter("", unsigned(1))}, "file1: the sum is too large for a number of 64 bits"},
		{[]*mapfilepb.Value{counter("", integer(math.MinInt64)), counter("", integer(-1))}, "file1: the sum is too large for a number of 64 bits"},
		{[]*mapfilepb.Value{counter("", nil), counter("", integer(1)), counter("", real(1))}, "kinds of number differ: file1 integer, file2 real"},
		{[]*mapfilepb.Value{counter("", nil), counter("B", nil), counter("s", nil)}, `units differ: file1 "B", file2 "s"`},
	} {
		var shares []Share
		for i, v := range c.values {
			shares = append(shares, share(t, fmt.Sprint("file", i), "mapfile.v1.Value", protobuf.Codec, v))
		}
		_, payload, err := Sum(shares)
		got := fmt.Sprint(err)
		if err == nil {
			v := decoded(t, "mapfile.v1.Value", payload).(*mapfilepb.Value)
			number := any(nil)
			switch n := v.Number.(type) {
			case *mapfilepb.Value_Unsigned:
				number = n.Unsigned
			case *mapfilepb.Value_Integer:
				number = n.Integer
			case *mapfilepb.Value_Real:
				number = n.Real
			}
			got = fmt.Sprint(number, " ", v.Unit)
		}
		if got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestUnlikePartsAreNamed(t *testing.T) {
	h := share(t, "shard1.map", "hbook.H1D", hbookcodec.Codec, hbook.NewH1D(100, -4, 4))
	for _, c := range []struct {
		other Share
		want  string
	}{
		{share(t, "old.map", "hbook.H1D", hbookcodec.Codec, hbook.NewH1D(200, -4, 4)), "binnings differ: shard1.map 100 bins -4..4, old.map 200 bins -4..4"},
		{share(t, "p.map", "hbook.P1D", hbookcodec.Codec, hbook.NewP1D(100, -4, 4)), "types differ: shard1.map hbook.H1D, p.map hbook.P1D"},
		{share(t, "n.map", "mapfile.v1.Value", protobuf.Codec, &mapfilepb.Value{Kind: mapfilepb.Value_KIND_GAUGE}), "types differ: shard1.map hbook.H1D, n.map mapfile.v1.Value (gauge)"},
		{Share{"t.map", read(t, mapfile.TypeInfo{Name: "string", Codec: "basic"}, nil)}, "types differ: shard1.map hbook.H1D, t.map string"},
		{Share{"j.map", read(t, mapfile.TypeInfo{Name: "hbook.H1D", Codec: "json"}, nil)}, `types differ: shard1.map hbook.H1D, j.map hbook.H1D with codec "json"`},
	} {
		_, _, err := Sum([]Share{h, h, c.other})
		var unlike *Unlike
		if !errors.As(err, &unlike) || err.Error() != c.want {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
	gaps := func(end float64) Share {
		return share(t, fmt.Sprint(end), "hbook.H1D", hbookcodec.Codec, hbook.NewH1DFromBins(hbook.Range{Min: 0, Max: end}, hbook.Range{Min: 2, Max: 3}))
	}
	if _, _, err := Sum([]Share{gaps(1), gaps(1)}); err != nil {
		t.Error(err)
	}
	if _, _, err := Sum([]Share{gaps(1), gaps(1.5)}); err == nil {
		t.Error("other gaps were added")
	}
	// The two names of a message are one type; the first counts.
	message := h
	message.Part = read(t, mapfile.TypeInfo{Name: "mapfile.v1.H1D", Codec: "protobuf", Schema: h.Type.Schema}, payloadOf(t, hbookcodec.Codec, hbook.NewH1D(100, -4, 4)))
	if ty, _, err := Sum([]Share{h, message}); err != nil || ty.Name != "hbook.H1D" {
		t.Errorf("%+v, %v", ty, err)
	}
}

// Payloads that contradict themselves are errors, and whatever bytes there are, nothing panics.
func TestContradictionsAreErrors(t *testing.T) {
	good := &mapfilepb.H1D{X: &mapfilepb.Axis{Bins: 3, Max: 3}, SumW: []float64{1, 2, 3}}
	ty := share(t, "", "mapfile.v1.H1D", protobuf.Codec, good).Type
	for i, breakIt := range []func(h *mapfilepb.H1D){
		func(h *mapfilepb.H1D) { h.X = nil },
		func(h *mapfilepb.H1D) { h.X.Bins = 0 },
		func(h *mapfilepb.H1D) { h.X.Bins = math.MaxUint32 },
		func(h *mapfilepb.H1D) { h.X.Bins = 4 },
		func(h *mapfilepb.H1D) { h.X.Edges = []float64{1} },
		func(h *mapfilepb.H1D) { h.X.UpperEdges = []float64{1, 2, 3} },
		func(h *mapfilepb.H1D) { h.SumW = nil },
		func(h *mapfilepb.H1D) { h.SumW2 = []float64{1} },
		func(h *mapfilepb.H1D) { h.Entries = []int64{1} },
		func(h *mapfilepb.H1D) { h.SumWx = []float64{1} },
		func(h *mapfilepb.H1D) { h.SumW[1] = 0.5 }, // no number of entries
		func(h *mapfilepb.H1D) { h.SumW[1] = math.NaN() },
	} {
		bad := proto.Clone(good).(*mapfilepb.H1D)
		breakIt(bad)
		if p, err := Read(ty, payloadOf(t, protobuf.Codec, bad)); err == nil {
			t.Errorf("%d: %+v", i, p)
		}
	}
	if _, err := Read(mapfile.TypeInfo{Name: ty.Name, Codec: ty.Codec, Schema: []byte("no schema")}, nil); err == nil {
		t.Error("a schema that is none")
	}
	large := share(t, "large", "mapfile.v1.H1D", protobuf.Codec, &mapfilepb.H1D{X: good.X, SumW: good.SumW, Entries: []int64{math.MaxInt64, 0, 0}})
	if _, _, err := Sum([]Share{large, large}); err == nil || !strings.HasPrefix(err.Error(), "large: ") {
		t.Error("entries beyond 64 bits:", err)
	}

	r := rand.New(rand.NewPCG(7, 8))
	for i := range shapes {
		h := shapes[i].make()
		for range 50 {
			shapes[i].fill(h, r.NormFloat64(), 0, 1.5)
		}
		s := share(t, "", shapes[i].name, hbookcodec.Moments, h)
		payload := payloadOf(t, hbookcodec.Moments, h)
		for range 3000 {
			broken := append([]byte{}, payload...)
			for range 1 + r.IntN(4) {
				broken[r.IntN(len(broken))] = byte(r.Uint32())
			}
			broken = broken[:r.IntN(len(broken)+1)]
			if p, err := Read(s.Type, broken); err == nil {
				Sum([]Share{{"a", p}, {"b", p}, s})
			}
		}
	}
}

func share(t *testing.T, from, name string, c codec.Codec, v any) Share {
	t.Helper()
	schema, err := messages[name].schema()
	if err != nil {
		t.Fatal(err)
	}
	return Share{from, read(t, mapfile.TypeInfo{Name: name, Codec: c.Name(), Schema: schema}, payloadOf(t, c, v))}
}

func read(t *testing.T, ty mapfile.TypeInfo, payload []byte) *Part {
	t.Helper()
	p, err := Read(ty, payload)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func payloadOf(t *testing.T, c codec.Codec, v any) []byte {
	t.Helper()
	payload, err := c.Append(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

func decoded(t *testing.T, name string, payload []byte) proto.Message {
	t.Helper()
	m := reflect.New(messages[name].goType).Interface().(proto.Message)
	if err := proto.Unmarshal(payload, m); err != nil {
		t.Fatal(err)
	}
	return m
}
