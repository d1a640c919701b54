// Package axistest has the histograms that drawings are tested with: usual ones, and those that no
// sound program makes.
package axistest

import (
	"math"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/hist"
)

// H1D is a histogram with these contents over a range.
func H1D(lo, hi float64, content ...float64) *hist.Histogram {
	h := &hist.Histogram{
		Kind: hist.H1D, Name: "run1/h", Title: "px", X: hist.Axis{Bins: len(content), Min: lo, Max: hi, Title: "p_{x} [GeV]"},
		Y: hist.Axis{Title: "entries / 10 MeV"}, Content: content, SumW2: content, Entries: content,
	}
	for i, w := range content {
		x := h.X.Center(i)
		h.Total.Entries += int64(w)
		h.Total.W, h.Total.W2 = h.Total.W+w, h.Total.W2+w
		h.Total.WX, h.Total.WX2 = h.Total.WX+w*x, h.Total.WX2+w*x*x
	}
	return h
}

// Edges gives a histogram bins between these edges.
func Edges(h *hist.Histogram, edges ...float64) *hist.Histogram {
	h.X.Edges, h.X.Min, h.X.Max = edges, edges[0], edges[len(edges)-1]
	return h
}

// Weighted gives a histogram errors that are not the roots of its contents.
func Weighted(h *hist.Histogram, weight float64) *hist.Histogram {
	h.SumW2 = nil
	for _, w := range h.Content {
		h.SumW2 = append(h.SumW2, w*weight)
	}
	return h
}

// Gauss is a peak of n bins from -4 to 4.
func Gauss(n int, height, mean, width float64) *hist.Histogram {
	content := make([]float64, n)
	for i := range content {
		x := ((float64(i)+0.5)/float64(n)*8 - 4 - mean) / width
		content[i] = math.Round(height * (math.Exp(-x*x/2) + 0.03*math.Sin(float64(7*i))*math.Exp(-x*x/4)))
		content[i] = max(0, content[i])
	}
	return H1D(-4, 4, content...)
}

// P1D is a profile of means with errors over a range. NaN is an empty bin.
func P1D(lo, hi float64, means, errors []float64) *hist.Histogram {
	h := H1D(lo, hi, make([]float64, len(means))...)
	h.Kind, h.Mean, h.MeanErr, h.Spread = hist.P1D, means, errors, errors
	for i, m := range means {
		if m == m {
			h.Content[i] = 1
		}
	}
	h.Y.Title = "charge [pC]"
	return h
}

// Wave is a profile of n bins.
func Wave(n int) *hist.Histogram {
	means, errors := make([]float64, n), make([]float64, n)
	for i := range means {
		means[i], errors[i] = math.Sin(float64(i)*6/float64(n)), 0.05+0.02*float64(i%4)
	}
	return P1D(0, 40, means, errors)
}

// H2D is a histogram of two dimensions, n x m bins, with these contents.
func H2D(n, m int, content func(x, y float64) float64) *hist.Histogram {
	h := &hist.Histogram{
		Kind: hist.H2D, Name: "run1/map", Title: "hits", X: hist.Axis{Bins: n, Min: -4, Max: 4, Title: "x [cm]"},
		Y: hist.Axis{Bins: m, Min: -3, Max: 3, Title: "y [cm]"},
	}
	for iy := range m {
		for ix := range n {
			h.Content = append(h.Content, content(h.X.Center(ix), h.Y.Center(iy)))
		}
	}
	h.SumW2, h.Entries = h.Content, h.Content
	return h
}

// Cloud is a peak in two dimensions.
func Cloud(n, m int) *hist.Histogram {
	return H2D(n, m, func(x, y float64) float64 { return math.Round(500 * math.Exp(-x*x/2-y*y/2+0.6*x*y)) })
}

// Named gives a histogram other texts.
func Named(h *hist.Histogram, name, title string) *hist.Histogram {
	h.Name, h.Title = name, title
	return h
}

// An OddOne is a histogram that a drawing must survive.
type OddOne struct {
	Name string
	*hist.Histogram
	Linear, Log string // part of the reason why there is no picture; "": there is one
}

// Hostile is a text that nobody should obey.
const Hostile = "\x1b[31m<script>alert(1)</script>]]>&\"'\n\u202eevil\xff=cmd() 日本 \U0001f600\u0301"

const (
	noNumber    = "none of its values is a finite number"
	nothingLog  = "nothing of it is above 0"
	oddEdge     = "has an edge that is no finite number"
	notAscend   = "do not ascend"
	nothingXLog = "nothing of its x axis is above 0"
)

// Odd are the histograms that a drawing must survive. Log is with all axes logarithmic.
func Odd() []OddOne {
	nan, inf, huge, tiny := math.NaN(), math.Inf(1), math.MaxFloat64, math.SmallestNonzeroFloat64
	zero := func(float64, float64) float64 { return 0 }
	return []OddOne{
		{"empty", H1D(0, 4, 0, 0, 0, 0), "", nothingLog},
		{"one bin", H1D(0, 1, 7), "", ""},
		{"all NaN", H1D(0, 3, nan, nan, nan), noNumber, noNumber},
		{"some NaN and Inf", H1D(0, 4, 1, nan, inf, -inf), "", ""},
		{"negative", H1D(0, 3, -1, -5, -2), "", nothingLog},
		{"mixed signs", H1D(-3, 3, -1, 5, -2), "", ""},
		{"infinite edges", Edges(H1D(0, 1, 1, 2, 3), -inf, 0, 1, inf), oddEdge, oddEdge},
		{"infinite range", H1D(-inf, inf, 1, 2), oddEdge, oddEdge},
		{"NaN range", H1D(nan, 1, 1, 2), oddEdge, oddEdge},
		{"descending", H1D(4, -4, 1, 2), notAscend, notAscend},
		{"descending edges", Edges(H1D(0, 1, 1, 2, 3), 0, 2, 1, 3), notAscend, notAscend},
		{"no width", H1D(1, 1, 1, 2), notAscend, notAscend},
		{"below 0", H1D(-4, -1, 1, 2), "", nothingXLog},
		{"widest", H1D(-huge, huge, 1, 2), oddEdge, oddEdge},
		{"wide", H1D(-huge/4, huge/4, 1, 2), "", ""},
		{"huge", H1D(0, 1, 1e308, huge, -huge), "", ""},
		{"tiny", H1D(0, 1e-320, tiny, 2*tiny), "", ""},
		{"narrow", H1D(1, math.Nextafter(1, 2), 3, 4, 5), "", ""},
		{"far away", H1D(1e16, 1e16+20, 1, 2, 3), "", ""},
		{"unequal", Edges(H1D(0, 1, 3, 9, 1), 0.1, 0.5, 30, 1000), "", ""},
		{"odd errors", Weighted(H1D(0, 3, 1, 2, 3), -huge), "", ""},
		{"gaps", func() *hist.Histogram { h := H1D(0, 9, 1, 2, 3); h.X.Gaps = true; return h }(), "", ""},
		{"hostile", func() *hist.Histogram {
			h := Named(H1D(0, 2, 1, 2), "name"+Hostile, Hostile)
			h.X.Title, h.Y.Title = Hostile, Hostile
			return h
		}(), "", ""},
		{"hostile and bad", Named(H1D(0, inf, 1, 2), "", Hostile), oddEdge, oddEdge},
		{"empty profile", P1D(0, 2, []float64{nan, nan}, []float64{nan, nan}), "", ""},
		{"profile of one", P1D(0, 2, []float64{nan, 5}, []float64{nan, 0}), "", ""},
		{"huge profile", P1D(0, 2, []float64{huge, -huge}, []float64{huge, inf}), "", ""},
		{"empty map", H2D(2, 2, zero), "", nothingLog},
		{"NaN map", H2D(2, 2, func(float64, float64) float64 { return nan }), noNumber, noNumber},
		{"negative map", H2D(3, 2, func(x, y float64) float64 { return -1 - x*x }), "", nothingLog},
		{"huge map", H2D(3, 2, func(x, y float64) float64 { return x * (huge / 4) }), "", ""},
		{"map of one", H2D(1, 1, func(float64, float64) float64 { return 1 }), "", ""},
		{"hostile map", func() *hist.Histogram {
			h := Named(Cloud(4, 3), Hostile, "")
			h.X.Title, h.Y.Title = Hostile, Hostile
			return h
		}(), "", ""},
	}
}
