package main

import (
	"math"
	"strings"

	"github.com/gomapfile/mapfile/codec"
)

// Histograms are recognised by their decoded form, the messages of proto/histogram.proto, whatever
// type name and codec wrapped them: so the tool draws them without knowing the Go types.

// A histogram is what pictures and statistics need of one.
type histogram struct {
	kind           byte // '1', '2' or 'p'
	title          string
	x, y           axis      // y: of two dimensions, or what a profile shows
	content        []float64 // by bin; of two dimensions x runs fastest; of profiles the sum of weights
	mean, spread   []float64 // of y by bin, in profiles
	total          sums
	under, over    sums
	outside        float64 // weight outside of a two-dimensional one
	outsideEntries int64
}

type axis struct {
	bins     int
	min, max float64
	edges    []float64 // none: bins of equal width
	title    string
}

type sums struct {
	entries                      int64
	w, w2, wx, wx2, wy, wy2, wxy float64
}

// histogramOf reads a histogram from a decoded value. Hostile ones that contradict themselves are
// none.
func histogramOf(typeName string, n codec.Node) (*histogram, bool) {
	h := &histogram{}
	switch name := typeName[strings.LastIndexByte(typeName, '.')+1:]; name {
	case "H1D":
		h.kind = '1'
	case "H2D":
		h.kind = '2'
	case "P1D":
		h.kind = 'p'
	default:
		return nil, false
	}
	h.title = textOf(n, "title")
	h.x = axisOf(field(n, "x"))
	h.y.title = textOf(n, "value_title")
	h.content = floatsOf(field(n, "sum_w"))
	h.total, h.under, h.over = sumsOf(field(n, "total")), sumsOf(field(n, "underflow")), sumsOf(field(n, "overflow"))
	want := h.x.bins
	switch h.kind {
	case '2':
		h.y = axisOf(field(n, "y"))
		if h.x.bins > 0 && h.y.bins > len(h.content)/h.x.bins {
			return nil, false
		}
		want *= h.y.bins
		for _, out := range field(n, "outflows").Children {
			s := sumsOf(out)
			h.outside += s.w
			h.outsideEntries += s.entries
		}
	case 'p':
		if !h.profile(n) {
			return nil, false
		}
	}
	ok := want > 0 && want == len(h.content) && (h.x.edges == nil || len(h.x.edges) == h.x.bins+1)
	return h, ok
}

// profile computes mean and spread of y in each bin.
func (h *histogram) profile(n codec.Node) bool {
	wy, wy2 := floatsOf(field(n, "sum_wy")), floatsOf(field(n, "sum_wy2"))
	if len(wy) != len(h.content) || len(wy2) != len(h.content) {
		return false
	}
	for i, w := range h.content {
		mean := wy[i] / w
		h.mean = append(h.mean, mean)
		h.spread = append(h.spread, math.Sqrt(max(0, wy2[i]/w-mean*mean)))
	}
	return true
}

// meanAndRMS are those of the whole histogram along x. The rms is the spread about the mean, as
// physicists' histogram tools have it.
func (s sums) meanAndRMS(w, w2 float64) (mean, rms float64) {
	mean = w / s.w
	return mean, math.Sqrt(max(0, w2/s.w-mean*mean))
}

func axisOf(n codec.Node) axis {
	a := axis{
		bins: int(min(numberOf(n, "bins"), 1<<30)), min: numberOf(n, "min"), max: numberOf(n, "max"),
		title: textOf(n, "title"), edges: floatsOf(field(n, "edges")),
	}
	if unit := textOf(n, "unit"); unit != "" {
		a.title = strings.TrimSpace(a.title + " [" + unit + "]")
	}
	if field(n, "upper_edges").Children != nil {
		a.edges = nil // with gaps: drawn bin beside bin
	}
	return a
}

func sumsOf(n codec.Node) sums {
	return sums{
		entries: int64(numberOf(n, "entries")),
		w:       numberOf(n, "sum_w"), w2: numberOf(n, "sum_w2"),
		wx: numberOf(n, "sum_wx"), wx2: numberOf(n, "sum_wx2"),
		wy: numberOf(n, "sum_wy"), wy2: numberOf(n, "sum_wy2"), wxy: numberOf(n, "sum_wxy"),
	}
}

// field is a part of a struct, or an empty node.
func field(n codec.Node, name string) codec.Node {
	for _, child := range n.Children {
		if child.Name == name {
			return child
		}
	}
	return codec.Node{}
}

func textOf(n codec.Node, name string) string {
	s, _ := field(n, name).Value.(string)
	return s
}

// numberOf is a field as a number; 0 if it is absent.
func numberOf(n codec.Node, name string) float64 { return asFloat(field(n, name).Value) }

func asFloat(v any) float64 {
	switch v := v.(type) {
	case float64:
		return v
	case int64:
		return float64(v)
	case uint64:
		return float64(v)
	}
	return 0
}

// floatsOf is a column; nil if it is absent.
func floatsOf(n codec.Node) []float64 {
	var column []float64
	for _, child := range n.Children {
		column = append(column, asFloat(child.Value))
	}
	return column
}
