// Package hist is histograms as viewers need them: numbers of bins, contents, errors, statistics, and a
// small picture in text.
package hist

import (
	"math"
	"strings"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/codec"
)

// Kind says what a histogram is.
type Kind int

// The kinds.
const (
	H1D Kind = iota + 1 // contents over x
	H2D                 // contents over x and y
	P1D                 // a profile: mean and spread of y over x
)

// A Histogram is a histogram or profile, decoded. Columns have an element for each bin; of two dimensions
// x runs fastest: bin (ix, iy) is element iy*X.Bins + ix.
type Histogram struct {
	Kind        Kind
	Name, Title string
	X           Axis
	Y           Axis // H2D: the second axis; else only the Title of what is shown over X

	Content []float64 // sum of weights
	SumW2   []float64 // sum of their squares
	Entries []float64 // number of fills
	Mean    []float64 // P1D: mean of y; NaN where there is none
	Spread  []float64 // P1D: standard deviation of y
	MeanErr []float64 // P1D: error of the mean, Spread over the root of the effective number of fills

	Total       Sums
	Under, Over Sums // H1D, P1D: outside of X
	Outside     Sums // H2D: all around
}

// An Axis divides a range into bins.
type Axis struct {
	Bins     int
	Min, Max float64
	Edges    []float64 // Bins+1 edges; nil: bins of equal width
	Gaps     bool      // there are gaps between the bins: they are drawn bin beside bin, as if of equal width
	Title    string    // with the unit in brackets
}

// Edge is the lower edge of bin i; Edge(Bins) is the upper one of the last.
func (a Axis) Edge(i int) float64 {
	if a.Edges != nil {
		return a.Edges[i]
	}
	if i == a.Bins {
		return a.Max
	}
	return a.Min + float64(i)*((a.Max-a.Min)/float64(a.Bins))
}

// Center is the middle of bin i.
func (a Axis) Center(i int) float64 { return a.Edge(i)/2 + a.Edge(i+1)/2 }

// Sums are sums over fills of weight w.
type Sums struct {
	Entries                      int64
	W, W2, WX, WX2, WY, WY2, WXY float64
}

// MeanX, MeanY, RMSX and RMSY are those of all fills. The rms is the spread about the mean, as
// physicists' histogram tools have it. They are NaN where there is nothing.
func (s Sums) MeanX() float64 { return s.WX / s.W }

// MeanY is described at MeanX.
func (s Sums) MeanY() float64 { return s.WY / s.W }

// RMSX is described at MeanX.
func (s Sums) RMSX() float64 { return rms(s.W, s.WX, s.WX2) }

// RMSY is described at MeanX.
func (s Sums) RMSY() float64 { return rms(s.W, s.WY, s.WY2) }

func rms(w, wx, wx2 float64) float64 {
	mean := wx / w
	return math.Sqrt(max(0, wx2/w-mean*mean))
}

// Err is the statistical error of bin i: of its content, or of a profile's mean.
func (h *Histogram) Err(i int) float64 {
	if h.Kind == P1D {
		return h.MeanErr[i]
	}
	return math.Sqrt(h.SumW2[i])
}

// Value is what a picture shows of bin i: the content, or the mean of a profile.
func (h *Histogram) Value(i int) float64 {
	if h.Kind == P1D {
		return h.Mean[i]
	}
	return h.Content[i]
}

// kinds tells by the last part of a type's name what it is.
var kinds = map[string]Kind{"H1D": H1D, "H2D": H2D, "P1D": P1D}

// IsNamed says whether a type's name is that of a histogram; Of may still find that the value is none.
func IsNamed(typeName string) bool {
	return kinds[typeName[strings.LastIndexByte(typeName, '.')+1:]] != 0
}

// Of reads a histogram from a decoded value. It is recognised by the last part of its type's name and by
// the fields of the messages of proto/histogram.proto, whatever codec wrapped them: so histograms are
// shown without knowing the Go types. Hostile ones that contradict themselves are none.
func Of(typeName string, n codec.Node) (*Histogram, bool) {
	h := &Histogram{Kind: kinds[typeName[strings.LastIndexByte(typeName, '.')+1:]]}
	if h.Kind == 0 {
		return nil, false
	}
	h.Name, h.Title = show.TextOf(n, "name"), show.TextOf(n, "title")
	h.X = axisOf(show.Field(n, "x"))
	h.Y.Title = WithUnit(show.TextOf(n, "value_title"), show.TextOf(n, "value_unit"))
	h.Content, h.SumW2, h.Entries = floatsOf(n, "sum_w"), floatsOf(n, "sum_w2"), floatsOf(n, "entries")
	h.Total, h.Under, h.Over = SumsOf(show.Field(n, "total")), SumsOf(show.Field(n, "underflow")), SumsOf(show.Field(n, "overflow"))
	if !h.X.valid() {
		return nil, false
	}
	want := h.X.Bins
	if h.Kind == H2D {
		h.Y = axisOf(show.Field(n, "y"))
		if !h.Y.valid() || h.Y.Bins > len(h.Content)/h.X.Bins {
			return nil, false
		}
		want *= h.Y.Bins
		for _, out := range show.Field(n, "outflows").Children {
			h.Outside.add(SumsOf(out))
		}
	}
	if len(h.Content) != want {
		return nil, false
	}
	if h.SumW2 == nil { // both are left out where they follow from the content
		h.SumW2 = h.Content
	}
	if h.Entries == nil {
		h.Entries = h.Content
	}
	if len(h.SumW2) != want || len(h.Entries) != want {
		return nil, false
	}
	return h, h.Kind != P1D || h.profile(n)
}

// profile computes mean, spread and error of y in each bin.
func (h *Histogram) profile(n codec.Node) bool {
	wy, wy2 := floatsOf(n, "sum_wy"), floatsOf(n, "sum_wy2")
	if len(wy) != len(h.Content) || len(wy2) != len(h.Content) {
		return false
	}
	for i, w := range h.Content {
		mean, spread := wy[i]/w, rms(w, wy[i], wy2[i])
		h.Mean = append(h.Mean, mean)
		h.Spread = append(h.Spread, spread)
		h.MeanErr = append(h.MeanErr, spread/math.Sqrt(w*w/h.SumW2[i]))
	}
	return true
}

func (s *Sums) add(o Sums) {
	s.Entries += o.Entries
	s.W, s.W2 = s.W+o.W, s.W2+o.W2
	s.WX, s.WX2, s.WY, s.WY2, s.WXY = s.WX+o.WX, s.WX2+o.WX2, s.WY+o.WY, s.WY2+o.WY2, s.WXY+o.WXY
}

func axisOf(n codec.Node) Axis {
	a := Axis{
		Bins: int(min(numberOf(n, "bins"), 1<<30)), Min: numberOf(n, "min"), Max: numberOf(n, "max"),
		Title: WithUnit(show.TextOf(n, "title"), show.TextOf(n, "unit")), Edges: floatsOf(n, "edges"),
	}
	if show.Field(n, "upper_edges").Children != nil {
		a.Edges, a.Gaps = nil, true
	}
	return a
}

// valid says whether the axis agrees with itself. Its numbers may still be odd: infinite, not ascending.
func (a Axis) valid() bool { return a.Bins > 0 && (a.Edges == nil || len(a.Edges) == a.Bins+1) }

// WithUnit is the title of an axis with its unit in brackets.
func WithUnit(title, unit string) string {
	if unit == "" {
		return title
	}
	return strings.TrimSpace(title + " [" + unit + "]")
}

// SumsOf reads one message Sums, such as an outflow of a histogram of two dimensions.
func SumsOf(n codec.Node) Sums {
	return Sums{
		Entries: int64(numberOf(n, "entries")),
		W:       numberOf(n, "sum_w"), W2: numberOf(n, "sum_w2"),
		WX: numberOf(n, "sum_wx"), WX2: numberOf(n, "sum_wx2"),
		WY: numberOf(n, "sum_wy"), WY2: numberOf(n, "sum_wy2"), WXY: numberOf(n, "sum_wxy"),
	}
}

// TitledBy fills in the titles that the histogram has not itself from the title of its slot: "title;x
// axis;y axis", as physicists' tools have it.
func (h *Histogram) TitledBy(slotTitle string) {
	parts := append(strings.SplitN(slotTitle, ";", 3), "", "")
	for i, title := range []*string{&h.Title, &h.X.Title, &h.Y.Title} {
		if *title == "" {
			*title = strings.TrimSpace(parts[i])
		}
	}
}

// numberOf is a field as a number; 0 if it is absent.
func numberOf(n codec.Node, name string) float64 { return asFloat(show.Field(n, name).Value) }

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
func floatsOf(n codec.Node, name string) []float64 {
	list := show.Field(n, name).Children
	if len(list) == 0 {
		return nil
	}
	column := make([]float64, len(list))
	for i, child := range list {
		column[i] = asFloat(child.Value)
	}
	return column
}
