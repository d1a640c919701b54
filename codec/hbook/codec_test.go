package hbookcodec_test

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/gomapfile/mapfile/codec"
	hbookcodec "github.com/gomapfile/mapfile/codec/hbook"
	"github.com/gomapfile/mapfile/codec/protobuf"
	"github.com/gomapfile/mapfile/internal/inplace"
	mapfilepb "github.com/gomapfile/mapfile/proto"
	"github.com/gomapfile/mapfile/registry"
	"go-hep.org/x/hep/hbook"
	"google.golang.org/protobuf/proto"
)

func TestMomentsKeepsEverything(t *testing.T) {
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) {
			got := zero(s.v)
			decode(t, encode(t, hbookcodec.Moments, s.v), got)
			if !reflect.DeepEqual(got, s.v) {
				t.Errorf("came back as\n%s\nnot\n%s", short(got), short(s.v))
			}
		})
	}
}

func TestDefaultKeepsAllButMomentsOfBins(t *testing.T) {
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) {
			got := zero(s.v)
			decode(t, encode(t, hbookcodec.Codec, s.v), got)
			if p, ok := s.v.(*hbook.P1D); ok {
				sameProfile(t, got.(*hbook.P1D), p)
				return
			}
			if want := withoutMoments(s.v); !reflect.DeepEqual(got, want) {
				t.Errorf("came back as\n%s\nnot\n%s", short(got), short(want))
			}
		})
	}
}

// sameProfile compares all that profiles show, and by their full encoding what they hide.
func sameProfile(t *testing.T, got, want *hbook.P1D) {
	t.Helper()
	gotBins, wantBins := got.Binning().Bins(), want.Binning().Bins()
	if len(gotBins) != len(wantBins) || !reflect.DeepEqual(got.Annotation(), want.Annotation()) {
		t.Fatalf("%d bins, annotations %v, not %d, %v", len(gotBins), got.Annotation(), len(wantBins), want.Annotation())
	}
	var g, w mapfilepb.P1D
	for p, m := range map[*hbook.P1D]*mapfilepb.P1D{got: &g, want: &w} {
		if err := proto.Unmarshal(encode(t, hbookcodec.Moments, p), m); err != nil {
			t.Fatal(err)
		}
	}
	for _, column := range [][]float64{g.SumWx, g.SumWx2, g.SumWxy} {
		if len(column) != len(wantBins) || slicesMax(column) != 0 {
			t.Errorf("moments of bins came through: %v", column)
		}
	}
	g.SumWx, g.SumWx2, g.SumWxy = nil, nil, nil
	w.SumWx, w.SumWx2, w.SumWxy = nil, nil, nil
	if !proto.Equal(&g, &w) {
		t.Errorf("came back as\n%v\nnot\n%v", &g, &w)
	}
}

func slicesMax(xs []float64) (m float64) {
	for _, x := range xs {
		m = max(m, math.Abs(x))
	}
	return m
}

// The profile's sums of y are read by reflection; hbook's own encoding is the witness.
func TestProfilesAreWhatHbookSaysTheyAre(t *testing.T) {
	for _, s := range samples() {
		p, ok := s.v.(*hbook.P1D)
		if !ok {
			continue
		}
		got := new(hbook.P1D)
		decode(t, encode(t, hbookcodec.Moments, p), got)
		gotBytes, err1 := got.Binning().MarshalBinary()
		wantBytes, err2 := p.Binning().MarshalBinary()
		if err1 != nil || err2 != nil || !bytes.Equal(gotBytes, wantBytes) {
			t.Errorf("%s: hbook encodes the copy otherwise (%v, %v)", s.name, err1, err2)
		}
		got.Fill(0.5, 1, 1) // a copy is as good as the original
	}
}

// A profile made by hand, so that sums of y are known without hbook.
func TestProfileSums(t *testing.T) {
	p := hbook.NewP1D(2, 0, 2)
	p.Fill(0.5, 3, 1)
	p.Fill(0.25, 4, 2)
	p.Fill(1.5, -1, 1)
	p.Fill(-1, 7, 1)
	p.Fill(2, 8, 0.5)
	var m mapfilepb.P1D
	if err := proto.Unmarshal(encode(t, hbookcodec.Codec, p), &m); err != nil {
		t.Fatal(err)
	}
	want := &mapfilepb.P1D{
		X:         &mapfilepb.Axis{Bins: 2, Max: 2},
		Total:     &mapfilepb.Sums{Entries: 5, SumW: 5.5, SumW2: 7.25, SumWx: 2.5, SumWx2: 5.625, SumWy: 21, SumWy2: 123, SumWxy: 3},
		Underflow: &mapfilepb.Sums{Entries: 1, SumW: 1, SumW2: 1, SumWx: -1, SumWx2: 1, SumWy: 7, SumWy2: 49, SumWxy: -7},
		Overflow:  &mapfilepb.Sums{Entries: 1, SumW: 0.5, SumW2: 0.25, SumWx: 1, SumWx2: 2, SumWy: 4, SumWy2: 32, SumWxy: 8},
		SumW:      []float64{3, 1}, SumW2: []float64{5, 1}, Entries: []int64{2, 1},
		SumWy: []float64{11, -1}, SumWy2: []float64{41, 1},
	}
	if !proto.Equal(&m, want) {
		t.Errorf("encoded as\n%v\nnot\n%v", &m, want)
	}
}

func TestColumnsThatFollowAreLeftOut(t *testing.T) {
	fills := map[string][]float64{"unit": {1, 1}, "halves": {0.5, 0.5}, "nothing": nil}
	want := map[string]string{"unit": "", "halves": "sum_w2 entries", "nothing": ""}
	for name, weights := range fills {
		h1, h2 := hbook.NewH1D(2, 0, 1), hbook.NewH2D(1, 0, 1, 2, 0, 1)
		for _, w := range weights {
			h1.Fill(0.1, w)
			h2.Fill(0.1, 0.1, w)
		}
		for _, v := range []any{h1, h2} {
			m := message(v)
			if err := proto.Unmarshal(encode(t, hbookcodec.Codec, v), m); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, field := range []string{"sum_w2", "entries", "sum_wx", "sum_wy"} {
				if fd := m.ProtoReflect().Descriptor().Fields().ByTextName(field); fd != nil && m.ProtoReflect().Has(fd) {
					got = append(got, field)
				}
			}
			if strings.Join(got, " ") != want[name] {
				t.Errorf("%T filled with %s: columns %q, want %q", v, name, got, want[name])
			}
		}
	}
}

// One bin decides which columns are needed, wherever it is, and one edge whether the axis is uniform.
func TestOneOddBinIsEnough(t *testing.T) {
	negativeZero := math.Copysign(0, -1)
	odd := map[string]hbook.Dist0D{
		"squares differ":       {N: 3, SumW: 3, SumW2: 9},
		"counts differ":        {N: 2, SumW: 3, SumW2: 3},
		"both differ":          {N: 1, SumW: 3, SumW2: 9},
		"too many to count":    {N: 1<<53 + 1, SumW: 1 << 53, SumW2: 1 << 53},
		"negative count":       {N: -3, SumW: -3, SumW2: -3},
		"negative zeros":       {SumW: negativeZero, SumW2: negativeZero},
		"squares are minus 0":  {SumW2: negativeZero},
		"a sum that is no sum": {N: 1, SumW: nan, SumW2: nan},
	}
	const n = 150 // two blocks and a rest
	for name, dist := range odd {
		for _, i := range []int{0, 1, 63, 64, 127, 128, n - 1} {
			h1, h2 := hbook.NewH1D(n, 0, 1), hbook.NewH2D(n/3, 0, 1, 3, 0, 1)
			for j := range n {
				h1.Binning.Bins[j].Dist.Dist = hbook.Dist0D{N: int64(j), SumW: float64(j), SumW2: float64(j)}
				h2.Binning.Bins[j].Dist.X.Dist = h1.Binning.Bins[j].Dist.Dist
			}
			h1.Binning.Bins[i].Dist.Dist = dist
			h2.Binning.Bins[i].Dist.X.Dist = dist
			var got1 hbook.H1D
			var got2 hbook.H2D
			decode(t, encode(t, hbookcodec.Codec, h1), &got1)
			decode(t, encode(t, hbookcodec.Codec, h2), &got2)
			for j := range n {
				want := fmt.Sprint(h1.Binning.Bins[j].Dist.Dist) // tells 0 from -0, and NaN is NaN
				for _, got := range []hbook.Dist0D{got1.Binning.Bins[j].Dist.Dist, got2.Binning.Bins[j].Dist.X.Dist, got2.Binning.Bins[j].Dist.Y.Dist} {
					if fmt.Sprint(got) != want {
						t.Fatalf("%s in bin %d: bin %d came back as %v, not %v", name, i, j, got, want)
					}
				}
			}
		}
	}
	for _, i := range []int{0, 64, n - 1} {
		for name, move := range map[string]func(*hbook.Range){
			"low":  func(r *hbook.Range) { r.Min = math.Nextafter(r.Min, 1) },
			"high": func(r *hbook.Range) { r.Max = math.Nextafter(r.Max, -1) },
		} {
			h1, h2x, h2y := hbook.NewH1D(n, -0.5, 1), hbook.NewH2D(n, -0.5, 1, 2, 0, 1), hbook.NewH2D(2, 0, 1, n, -0.5, 1)
			move(&h1.Binning.Bins[i].Range)
			move(&h2x.Binning.Bins[i].XRange)
			move(&h2y.Binning.Bins[2*i].YRange)
			var got hbook.H1D
			decode(t, encode(t, hbookcodec.Codec, h1), &got)
			if !reflect.DeepEqual(&got, h1) {
				t.Errorf("the %s edge of bin %d was lost", name, i)
			}
			for _, h := range []*hbook.H2D{h2x, h2y} {
				last := i == n-1 && name == "high"
				first := i == 0 && name == "low"
				if _, err := hbookcodec.Codec.Append(nil, h); (err == nil) != (first || last) {
					t.Errorf("the %s edge of bin %d of an H2D moved: error %v", name, i, err)
				}
			}
		}
	}
}

func TestLabelsAreFieldsForViewers(t *testing.T) {
	h := hbook.NewH2D(1, 0, 1, 1, 0, 1)
	labels := []string{"name", "title", "XLabel", "XUnit", "YLabel", "YUnit", "ZLabel", "ZUnit"}
	for _, key := range labels {
		h.Ann[key] = "the " + key
	}
	var m mapfilepb.H2D
	if err := proto.Unmarshal(encode(t, hbookcodec.Codec, h), &m); err != nil {
		t.Fatal(err)
	}
	for i, got := range []string{m.Name, m.Title, m.X.Title, m.X.Unit, m.Y.Title, m.Y.Unit, m.ValueTitle, m.ValueUnit} {
		if got != "the "+labels[i] {
			t.Errorf("the field for %q says %q", labels[i], got)
		}
	}
	if len(m.Annotations) != 0 {
		t.Errorf("they are annotations too: %v", m.Annotations)
	}
}

func TestUnencodableIsAnErrorThatNamesIt(t *testing.T) { // G04
	cyclic := map[string]any{}
	cyclic["again"] = cyclic
	withAnnotation := func(key string, v any) *hbook.H1D {
		h := hbook.NewH1D(1, 0, 1)
		h.Ann[key] = v
		return h
	}
	bins := func(b ...hbook.Range) *hbook.H1D {
		h := hbook.NewH1D(len(b), 0, 1)
		for i := range b {
			h.Binning.Bins[i].Range = b[i]
		}
		return h
	}
	inf, nan := math.Inf(1), math.NaN()
	noRows := hbook.NewH2D(2, 0, 1, 2, 0, 1)
	noRows.Binning.Ny = 3
	torn := hbook.NewH2D(2, 0, 1, 1, 0, 1)
	torn.Binning.Bins[0].XRange.Max = 0.25
	for name, test := range map[string]struct {
		v    any
		says string
	}{
		"another type":       {new(int), "*int"},
		"not a pointer":      {hbook.H1D{}, "hbook.H1D"},
		"nil":                {nil, "nil"},
		"nil H1D":            {(*hbook.H1D)(nil), "nil *hbook.H1D"},
		"nil P1D":            {(*hbook.P1D)(nil), "nil *hbook.P1D"},
		"zero H1D":           {&hbook.H1D{}, "0 bins"},
		"zero H2D":           {&hbook.H2D{}, "0 times 0"},
		"zero P1D":           {&hbook.P1D{}, "0 bins"},
		"infinite edge":      {hbook.NewH1DFromEdges([]float64{0, 1, inf}), "Inf"},
		"all edges infinite": {hbook.NewH1D(3, -inf, inf), "Inf"},
		"NaN range":          {hbook.NewH1D(3, nan, nan), "NaN"},
		"range too wide":     {hbook.NewH1D(3, -math.MaxFloat64, math.MaxFloat64), "bin 0"},
		"NaN edge":           {bins(hbook.Range{Min: 0, Max: nan}), "bin 0"},
		"overlap":            {bins(hbook.Range{Min: 0, Max: 2}, hbook.Range{Min: 1, Max: 3}), "bin 1"},
		"empty bin":          {bins(hbook.Range{Min: 0, Max: 0}), "bin 0"},
		"rows missing":       {noRows, "2 times 3 bins that has 4"},
		"gaps in 2-D":        {torn, "gaps"},
		"channel":            {withAnnotation("bad", make(chan int)), `"bad": cannot encode a chan int`},
		"deep in a list":     {withAnnotation("bad", []any{1, []any{struct{}{}}}), `"bad": [1]: [0]: cannot encode a struct {}`},
		"cyclic":             {withAnnotation("bad", cyclic), "nest deeper"},
		"not UTF-8":          {withAnnotation("bad", "\xff"), "UTF-8"},
		"name not UTF-8":     {withAnnotation("name", "\xff"), "UTF-8"},
		"key not UTF-8":      {withAnnotation("\xff", 1), "UTF-8"},
	} {
		for _, c := range []codec.Codec{hbookcodec.Codec, hbookcodec.Moments} {
			if _, err := c.Append(nil, test.v); err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%s: error %v, want one with %q", name, err, test.says)
			}
		}
	}
}

func TestAppendAppends(t *testing.T) {
	for _, s := range samples() {
		want := encode(t, hbookcodec.Moments, s.v)
		// Just room enough is enough: dst may be a slot's buffer.
		buf := append(make([]byte, 0, 5+len(want)), "slot:"...)
		got, err := hbookcodec.Moments.Append(buf, s.v)
		if err != nil || string(got[:5]) != "slot:" || !bytes.Equal(got[5:], want) {
			t.Errorf("%s: not appended (%v)", s.name, err)
		}
		if &got[0] != &buf[:1][0] {
			t.Errorf("%s: did not use the room that was there", s.name)
		}
	}
}

func TestResolverBringsTheTypes(t *testing.T) {
	for name, v := range map[string]any{"hbook.H1D": &hbook.H1D{}, "hbook.H2D": &hbook.H2D{}, "hbook.P1D": &hbook.P1D{}} {
		byName, ok1 := registry.Default.ByName(name)
		byType, ok2 := registry.Default.ByType(reflect.TypeOf(v))
		if !ok1 || !ok2 || byName != byType || byName.Go != reflect.TypeOf(v).Elem() || byName.Codec != hbookcodec.Codec {
			t.Errorf("%s: %+v, %+v", name, byName, byType)
		}
	}
	if _, ok := (hbookcodec.Resolver{}).ByName("hbook.S2D"); ok {
		t.Error("a type that is none of ours")
	}
	if _, ok := (hbookcodec.Resolver{}).ByType(reflect.TypeFor[int]()); ok {
		t.Error("a type that is none of ours")
	}
	if _, ok := hbookcodec.Codec.(inplace.Codec); !ok {
		t.Error("does not encode in place")
	}
}

// A program without hbook takes the payload for the message, by the same codec name and schema.
func TestFilesSayProtobuf(t *testing.T) {
	describer := hbookcodec.Codec.(codec.Describer)
	messages := protobuf.Codec.(codec.Describer)
	for _, v := range []any{&hbook.H1D{}, &hbook.H2D{}, &hbook.P1D{}} {
		ours, err1 := describer.Describe(reflect.TypeOf(v).Elem())
		theirs, err2 := messages.Describe(reflect.TypeOf(message(v)).Elem())
		if err1 != nil || err2 != nil || len(ours) == 0 || !bytes.Equal(ours, theirs) {
			t.Errorf("%T: schemas differ (%v, %v)", v, err1, err2)
		}
		if err := describer.Compatible(theirs, ours); err != nil {
			t.Errorf("%T: %v", v, err)
		}
	}
	if name := hbookcodec.Moments.Name(); name != "protobuf" {
		t.Errorf("Name() = %q", name)
	}
	checker := hbookcodec.Codec.(codec.Checker)
	if err := checker.Check(reflect.TypeFor[hbook.P1D]()); err != nil {
		t.Error(err)
	}
	for _, wrong := range []reflect.Type{nil, reflect.TypeFor[int](), reflect.TypeFor[hbook.S2D]()} {
		if checker.Check(wrong) == nil {
			t.Errorf("Check(%v) says nothing", wrong)
		}
		if _, err := describer.Describe(wrong); err == nil {
			t.Errorf("Describe(%v) says nothing", wrong)
		}
	}
}
