// Package compare says how unlike two values are: two histograms by statistical tests, any two decoded
// values by the leaves that differ.
package compare

import (
	"fmt"
	"math"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/hist"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
)

// Result is the outcome of comparing two histograms of the same kind and binning. Only what is in the
// bins counts, as in ROOT; under- and overflow do not.
type Result struct {
	Chi2       Chi2
	Kolmogorov *Kolmogorov // nil for profiles, which have no distribution of their own
	// Why the tests could not be made, in words, or "". Both P are then 1 if the bins of the two are
	// alike, and else 0.
	Trouble string
}

// Histograms compares two histograms. Call it only where Binnings says that they can be compared.
//
// Tests need contents to test with. Two empty histograms are alike (P is 1), an empty one is unlike one
// that is not. Where contents are not finite or their sum is not positive, equal bins decide, too.
func Histograms(a, b *hist.Histogram) Result {
	ta, tb := totalsOf(a), totalsOf(b)
	switch {
	case ta.empty && tb.empty:
		return undecided(a, "both are empty", true)
	case ta.empty || tb.empty:
		return undecided(a, "one is empty", false)
	case !ta.finite || !tb.finite:
		return undecided(a, "contents are not finite", alike(a, b))
	case a.Kind == hist.P1D:
		return Result{Chi2: chi2OfMeans(a, b)}
	case !(ta.w > 0 && tb.w > 0):
		return undecided(a, "the sum of weights is not positive", alike(a, b))
	}
	test := kolmogorov(a, b, ta, tb)
	return Result{Chi2: chi2OfContents(a, b, ta, tb), Kolmogorov: &test}
}

func undecided(a *hist.Histogram, trouble string, alike bool) Result {
	p := 0.0
	if alike {
		p = 1
	}
	r := Result{Chi2: Chi2{P: p}, Trouble: trouble}
	if a.Kind != hist.P1D {
		r.Kolmogorov = &Kolmogorov{Distance: 1 - p, P: p}
	}
	return r
}

// totals are sums over the bins.
type totals struct {
	w, w2         float64
	empty, finite bool
}

func totalsOf(h *hist.Histogram) totals {
	t := totals{empty: true}
	for i, w := range h.Content {
		t.w += w
		t.w2 += h.SumW2[i]
		t.empty = t.empty && w == 0 && h.SumW2[i] == 0
	}
	t.finite = finite(t.w) && finite(t.w2)
	return t
}

// effective is the number of fills of equal weights that would have as large an error.
func (t totals) effective() float64 { return t.w / t.w2 * t.w }

// alike says whether the bins of two histograms hold the same.
func alike(a, b *hist.Histogram) bool {
	for i := range a.Content {
		if !sameFloat(a.Content[i], b.Content[i]) || !sameFloat(a.SumW2[i], b.SumW2[i]) {
			return false
		}
	}
	for i := range a.Mean {
		if !sameFloat(a.Mean[i], b.Mean[i]) || !sameFloat(a.Spread[i], b.Spread[i]) {
			return false
		}
	}
	return true
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

func sameFloat(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

// Binnings says why two histograms cannot be compared or added, bin by bin: "" if they can, else what
// the binnings of the two are. Axes are the same if they have as many bins and the edges agree within
// a billionth of a bin: processors that round only once compute other last digits.
func Binnings(a, b *hist.Histogram) (textA, textB string) {
	where := -1 // of the first edges that differ
	if a.Kind == b.Kind && a.X.Bins == b.X.Bins && a.X.Gaps == b.X.Gaps && (a.Kind != hist.H2D || a.Y.Bins == b.Y.Bins) {
		name := "x"
		if where = firstUnlike(a.X, b.X); where < 0 && a.Kind == hist.H2D {
			name, where = "y", firstUnlike(a.Y, b.Y)
		}
		if where < 0 {
			return "", ""
		}
		axisA, axisB := a.X, b.X
		if name == "y" {
			axisA, axisB = a.Y, b.Y
		}
		textA, textB = Binning(a), Binning(b)
		if textA == textB {
			more := " with edge %d of " + name + " at %v"
			textA += fmt.Sprintf(more, where, axisA.Edge(where))
			textB += fmt.Sprintf(more, where, axisB.Edge(where))
		}
		return textA, textB
	}
	return Binning(a), Binning(b)
}

// firstUnlike is the first edge that differs between axes of as many bins; -1: none.
func firstUnlike(a, b hist.Axis) int {
	const tolerance = 1e-9 // of a bin
	if a.Gaps {
		a.Edges, b.Edges = nil, nil
	}
	for i := range a.Bins + 1 {
		ea, eb := a.Edge(i), b.Edge(i)
		width := a.Edge(min(i+1, a.Bins)) - a.Edge(max(i-1, 0))
		if !(sameFloat(ea, eb) || math.Abs(ea-eb) <= tolerance*width) {
			return i
		}
	}
	return -1
}

// Binning describes the bins of a histogram: "100 bins -4..4", "20x10 bins -4..4 x 0..1".
func Binning(h *hist.Histogram) string {
	if h.Kind == hist.H2D {
		return fmt.Sprintf("%dx%d bins %s x %s", h.X.Bins, h.Y.Bins, axisRange(h.X), axisRange(h.Y))
	}
	unequal := ""
	if h.X.Edges != nil || h.X.Gaps {
		unequal = "unequal "
	}
	return fmt.Sprintf("%d %sbins %s", h.X.Bins, unequal, axisRange(h.X))
}

func axisRange(a hist.Axis) string { return show.Number(a.Min) + ".." + show.Number(a.Max) }
