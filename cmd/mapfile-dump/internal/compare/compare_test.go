package compare

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/hist"
	"github.com/gomapfile/mapfile/codec"
)

// The constants were computed with ROOT 6.40 (package root 0.1a12 of PyPI): TH1::Chi2TestX with option "UU"
// or "WW", TH1::KolmogorovTest and TMath::KolmogorovProb, on TH1D and TH2D with these contents and errors.
// scipy 1.17 gives the same chi-squares (stats.chi2_contingency for UU; formula and stats.chi2.sf for WW).
func TestAgainstROOT(t *testing.T) {
	w := h1(1.5, 4.25, 9.5, 22.75, 30.5, 18.25, 7, 2.5)
	w.SumW2 = []float64{1.25, 3.5, 8.75, 24.5, 33, 16, 5.5, 2}
	v := h1(2, 6.5, 14, 30, 52.5, 30.25, 10, 1)
	v.SumW2 = []float64{3, 9, 20.5, 41, 80, 50, 12, 1}
	d := h1(0, 10, 2, 31, 80, 0, 25, 9)
	for _, c := range []struct {
		name        string
		a, b        *hist.Histogram
		chi2        float64
		ndf         int
		p           float64
		distance, q float64
	}{
		{"unit weights", h1(3, 8, 21, 45, 80, 103, 96, 77, 40, 19, 6, 2), h1(5, 10, 18, 52, 91, 120, 88, 60, 48, 22, 9, 1),
			7.24062334388223, 11, 0.779275951156886, 0.0448854961832061, 0.681148755793783},
		{"empty bins", h1(0, 1, 0, 4, 7, 0, 2, 1), d,
			0.644176866049624, 5, 0.985891362774809, 0.059447983014862, 0.999999999903634},
		{"weighted", w, v, 1.95822222745899, 7, 0.962116405384138, 0.0358308358308358, 0.999999967074061},
		{"mixed", w, d, 42.4952286212069, 7, 4.17423431490827e-07, 0.120919844486723, 0.340718453688065},
		{"two dimensions", h2(4, 3, 3, 8, 1, 0, 14, 22, 9, 2, 5, 11, 30, 4), h2(4, 3, 2, 12, 3, 1, 10, 25, 15, 1, 9, 8, 21, 7),
			9.60716996636149, 11, 0.566029603330726, 0.0820859488169966, 0.846965881365482},
	} {
		for _, swapped := range []bool{false, true} {
			a, b := c.a, c.b
			if swapped {
				a, b = b, a
			}
			got := Histograms(a, b)
			if !near(got.Chi2.Sum, c.chi2) || got.Chi2.NDF != c.ndf || !near(got.Chi2.P, c.p) {
				t.Errorf("%s: chi-square %+v, ROOT has %v, %d, %v", c.name, got.Chi2, c.chi2, c.ndf, c.p)
			}
			if !near(got.Kolmogorov.Distance, c.distance) || !near(got.Kolmogorov.P, c.q) {
				t.Errorf("%s: Kolmogorov %+v, ROOT has %v, %v", c.name, *got.Kolmogorov, c.distance, c.q)
			}
			if got.Trouble != "" {
				t.Errorf("%s: %s", c.name, got.Trouble)
			}
		}
	}
}

func TestKolmogorovTail(t *testing.T) {
	for _, c := range []struct{ z, want float64 }{ // scipy.special.kolmogorov
		{0, 1}, {0.1, 1}, {0.3, 0.9999906941986655}, {0.5, 0.9639452436648751}, {0.7, 0.7112351950296893},
		{0.755, 0.6187560849852216}, {0.8, 0.5441424115741981}, {1, 0.26999967167735456}, {1.36, 0.049485876755377876},
		{2, 0.0006709252557796953}, {3, 3.045995948942526e-08}, {7, 5.4975700158204295e-43}, {math.Inf(1), 0},
	} {
		if got := kolmogorovTail(c.z); math.Abs(got-c.want) > 1e-9 || got > 1 || got < 0 {
			t.Errorf("%v: %v, want %v", c.z, got, c.want)
		}
	}
}

func TestChi2Tail(t *testing.T) {
	for _, c := range []struct {
		sum  float64
		ndf  int
		want float64
	}{ // scipy.stats.chi2.sf
		{1, 1, 0.31731050786291404}, {10, 5, 0.07523524614651217}, {100, 80, 0.06457036892113288},
		{2000, 1000, 4.1436785914539184e-69}, {1e-3, 3, 0.9999915920809419}, {500, 3, 4.771672031912771e-108}, {0, 7, 1}, {1e300, 2, 0},
	} {
		got := (&Chi2{Sum: c.sum, NDF: c.ndf}).done()
		if !near(got.P, c.want) {
			t.Errorf("%v, %d: %v, want %v", c.sum, c.ndf, got.P, c.want)
		}
	}
}

func TestProfiles(t *testing.T) {
	nan := math.NaN()
	a := &hist.Histogram{Kind: hist.P1D, X: hist.Axis{Bins: 5, Max: 5}, Content: []float64{4, 4, 0, 1, 2}, SumW2: []float64{4, 4, 0, 1, 2},
		Mean: []float64{1, 2.5, nan, 7, 3}, MeanErr: []float64{0.3, 0.5, nan, 0, 1}, Spread: make([]float64, 5)}
	b := &hist.Histogram{Kind: hist.P1D, X: a.X, Content: []float64{4, 4, 3, 1, 2}, SumW2: []float64{4, 4, 3, 1, 2},
		Mean: []float64{2, 2, 5, 8, 3}, MeanErr: []float64{0.4, 0.5, 1, 0, 0}, Spread: make([]float64, 5)}
	got := Histograms(a, b)
	// 1/0.25 + 0.25/0.5 + 0: the third bin has no mean in a, the fourth no error.
	if !near(got.Chi2.Sum, 4.5) || got.Chi2.NDF != 3 || !near(got.Chi2.P, 0.2122902873601327) || got.Kolmogorov != nil {
		t.Errorf("%+v", got)
	}
}

// What there is nothing to test with has a defined answer.
func TestNothingToTestWith(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		name string
		a, b *hist.Histogram
		p    float64 // of both tests
	}{
		{"both empty", h1(0, 0), h1(0, 0), 1},
		{"one empty", h1(0, 0), h1(3, 4), 0},
		{"other empty", h1(3, 4), h1(0, 0), 0},
		{"NaN, alike", h1(1, nan), h1(1, nan), 1},
		{"NaN, unlike", h1(2, nan), h1(1, nan), 0},
		{"infinite", h1(1, 2), h1(1, inf), 0},
		{"infinite, alike", h1(1, -inf), h1(1, -inf), 1},
		{"overflowing sum", h1(math.MaxFloat64, math.MaxFloat64), h1(1, 2), 0},
		{"cancelling weights", h1(-1, 1), h1(1, 2), 0},
		{"negative, alike", h1(-1, -1), h1(-1, -1), 1},
		{"single bin", h1(1000), h1(3), 1}, // the number of entries is not tested
		{"huge, alike", h1(1e300, 1e300), h1(1e300, 1e300), 1},
		{"huge against small", h1(1e300, 1e300), h1(1, 1), 1},
		{"tiny", h1(1e-300, 1e-300), h1(2e-300, 2e-300), 1},
		{"empty profiles", p1(0, 0), p1(0, 0), 1},
		{"one empty profile", p1(0, 0), p1(1, 1), 0},
		{"profiles without errors", p1(1, 1), p1(1, 1), 1},
	} {
		got := Histograms(c.a, c.b)
		if got.Chi2.P != c.p || got.Kolmogorov != nil && got.Kolmogorov.P != c.p {
			t.Errorf("%s: %+v, %+v", c.name, got, got.Kolmogorov)
		}
	}
	noErrors := h1(1, 2)
	noErrors.SumW2 = []float64{0, 0}
	if got := Histograms(noErrors, noErrors); got.Chi2.P != 1 || got.Kolmogorov.P != 1 {
		t.Errorf("without errors, alike: %+v", got)
	}
	other := h1(2, 1)
	other.SumW2 = []float64{0, 0}
	if got := Histograms(noErrors, other); got.Chi2.P != 0 || !(got.Kolmogorov.P >= 0 && got.Kolmogorov.P <= 1) {
		t.Errorf("without errors, unlike: %+v", got)
	}
}

// No contents whatsoever give a p-value that is none.
func TestProbabilitiesAreProbabilities(t *testing.T) {
	odd := []float64{0, 1, -1, 2, 1e300, -1e300, 1e-300, 5e-324, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64}
	r := rand.New(rand.NewPCG(1, 2))
	column := func(n int) []float64 {
		list := make([]float64, n)
		for i := range list {
			list[i] = odd[r.IntN(len(odd))]
			if r.IntN(3) == 0 {
				list[i] = float64(r.IntN(50))
			}
		}
		return list
	}
	isProbability := func(p float64) bool { return p >= 0 && p <= 1 }
	for range 20000 {
		n := 1 + r.IntN(6)
		a, b := h1(column(n)...), h1(column(n)...)
		if r.IntN(2) == 0 {
			a.SumW2, b.SumW2 = column(n), column(n)
		}
		if r.IntN(3) == 0 {
			a.Kind, b.Kind = hist.P1D, hist.P1D
			a.Mean, b.Mean, a.MeanErr, b.MeanErr, a.Spread, b.Spread = column(n), column(n), column(n), column(n), column(n), column(n)
		}
		got := Histograms(a, b)
		if !isProbability(got.Chi2.P) || math.IsNaN(got.Chi2.Sum) || got.Chi2.NDF < 0 {
			t.Fatalf("%+v %+v: %+v", a, b, got.Chi2)
		}
		if k := got.Kolmogorov; k != nil && (!isProbability(k.P) || math.IsNaN(k.Distance)) {
			t.Fatalf("%+v %+v: %+v", a, b, *k)
		}
	}
}

// Samples of one distribution give p-values as often below any bound as the bound says.
func TestPValuesAreUniform(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	fill := func(shift float64) *hist.Histogram {
		h := h1(make([]float64, 20)...)
		for range 3000 {
			if i := int((r.NormFloat64()+shift)*3 + 10); i >= 0 && i < 20 {
				h.Content[i]++
			}
		}
		return h
	}
	const tries = 1000
	below, shifted := 0, 0
	for range tries {
		if Histograms(fill(0), fill(0)).Chi2.P < 0.1 {
			below++
		}
		if got := Histograms(fill(0), fill(0.2)); got.Chi2.P < 0.01 && got.Kolmogorov.P < 0.01 {
			shifted++
		}
	}
	if below < tries/10-50 || below > tries/10+50 {
		t.Errorf("%d of %d p-values are below 0.1", below, tries)
	}
	if shifted < tries*99/100 {
		t.Errorf("a shift was seen %d times of %d", shifted, tries)
	}
}

func TestBinnings(t *testing.T) {
	uniform := func(n int, min, max float64) *hist.Histogram {
		return &hist.Histogram{Kind: hist.H1D, X: hist.Axis{Bins: n, Min: min, Max: max}}
	}
	edges := func(edges ...float64) *hist.Histogram {
		h := uniform(len(edges)-1, edges[0], edges[len(edges)-1])
		h.X.Edges = edges
		return h
	}
	two := &hist.Histogram{Kind: hist.H2D, X: hist.Axis{Bins: 2, Max: 1}, Y: hist.Axis{Bins: 3, Min: -1, Max: 1}}
	other := &hist.Histogram{Kind: hist.H2D, X: two.X, Y: hist.Axis{Bins: 3, Min: -1, Max: 2}}
	for _, c := range []struct {
		a, b         *hist.Histogram
		textA, textB string
	}{
		{uniform(100, -4, 4), uniform(100, -4, 4), "", ""},
		{uniform(100, -4, 4), uniform(200, -4, 4), "100 bins -4..4", "200 bins -4..4"},
		{uniform(2, 0, 2), edges(0, 1, 2), "", ""},
		{uniform(2, 0, 2), edges(0, 1+1e-12, 2), "", ""}, // rounded by another processor
		{uniform(2, 0, 2), edges(0, 1.5, 2), "2 bins 0..2", "2 unequal bins 0..2"},
		{edges(0, 1, 2), edges(0, 1.5, 2), "2 unequal bins 0..2 with edge 1 of x at 1", "2 unequal bins 0..2 with edge 1 of x at 1.5"},
		{two, two, "", ""},
		{two, other, "2x3 bins 0..1 x -1..1", "2x3 bins 0..1 x -1..2"},
		{uniform(2, math.NaN(), 1), uniform(2, 0, 1), "2 bins NaN..1", "2 bins 0..1"},
	} {
		if textA, textB := Binnings(c.a, c.b); textA != c.textA || textB != c.textB {
			t.Errorf("%q and %q, want %q and %q", textA, textB, c.textA, c.textB)
		}
	}
}

func TestChanges(t *testing.T) {
	leaf := func(name string, v any) codec.Node { return codec.Node{Name: name, Value: v} }
	list := func(name string, vs ...any) codec.Node {
		n := codec.Node{Name: name, Type: "list"}
		for _, v := range vs {
			n.Children = append(n.Children, leaf("", v))
		}
		return n
	}
	object := func(name string, parts ...codec.Node) codec.Node { return codec.Node{Name: name, Children: parts} }
	text := func(list []Change, more int) string {
		var b strings.Builder
		for _, c := range list {
			b.WriteString(c.Path + ":")
			for _, n := range []*codec.Node{c.Old, c.New} {
				if n == nil {
					b.WriteString(" absent")
				} else {
					b.WriteString(" " + strings.TrimSpace(showValue(*n)))
				}
			}
			b.WriteString("; ")
		}
		if more > 0 {
			b.WriteString("more")
		}
		return b.String()
	}
	for _, c := range []struct {
		a, b codec.Node
		want string
	}{
		{leaf("", int64(1)), leaf("", int64(1)), ""},
		{leaf("", int64(1)), leaf("", int64(2)), ": 1 2; "},
		{leaf("", math.NaN()), leaf("", math.NaN()), ""},
		{leaf("", []byte{1}), leaf("", []byte{1}), ""},
		{leaf("", "1"), leaf("", int64(1)), ": 1 1; "},
		{object("", leaf("a", "x"), leaf("b", "y")), object("", leaf("b", "y"), leaf("a", "x")), ""},
		{object("", leaf("a", "x")), object("", leaf("b", "y")), "a: x absent; b: absent y; "},
		{object("", leaf("a", "x"), leaf("a", "y")), object("", leaf("a", "x"), leaf("a", "z")), "a: y z; "},
		{object("", object("in", list("l", int64(1), int64(2), int64(3)))), object("", object("in", list("l", int64(1), int64(5)))),
			"in.l[1]: 2 5; in.l[2]: 3 absent; "},
		{object("", list("l", int64(1), int64(2), int64(3), int64(4))), object("", list("l", int64(5), int64(6), int64(7), int64(8))),
			"l[0]: 1 5; l[1]: 2 6; l[2]: 3 7; more"},
		{object("", list("a", "x")), object("", leaf("a", "x")), "a: list x; "},
	} {
		if got := text(Changes(c.a, c.b, 3)); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func showValue(n codec.Node) string {
	switch v := n.Value.(type) {
	case int64:
		return string(rune('0' + v))
	case string:
		return v
	}
	return n.Type
}

func h1(content ...float64) *hist.Histogram {
	return &hist.Histogram{Kind: hist.H1D, X: hist.Axis{Bins: len(content), Max: float64(len(content))}, Content: content, SumW2: content}
}

func h2(nx, ny int, content ...float64) *hist.Histogram {
	return &hist.Histogram{Kind: hist.H2D, X: hist.Axis{Bins: nx, Max: 1}, Y: hist.Axis{Bins: ny, Max: 1}, Content: content, SumW2: content}
}

// p1 is a profile with so many entries a bin, all at y = 0.
func p1(content ...float64) *hist.Histogram {
	h := h1(content...)
	h.Kind = hist.P1D
	for _, w := range content {
		h.Mean, h.Spread, h.MeanErr = append(h.Mean, 0/w), append(h.Spread, 0/w), append(h.MeanErr, 0/w)
	}
	return h
}

func near(got, want float64) bool { return math.Abs(got-want) <= 1e-12+1e-9*math.Abs(want) }
