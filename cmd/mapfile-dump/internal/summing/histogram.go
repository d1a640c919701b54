package summing

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/compare"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/hist"
	mapfilepb "github.com/gomapfile/mapfile/proto"
)

// columns shows what H1D, H2D and P1D have in common, by pointers into the message.
type columns struct {
	message proto.Message
	kind    hist.Kind
	bins    int
	x, y    *mapfilepb.Axis // y: H2D

	name, title, valueTitle, valueUnit *string
	annotations                        *[]*mapfilepb.Annotation

	sums     []**mapfilepb.Sums    // total, under- and overflow
	outflows *[]*mapfilepb.Sums    // H2D
	sumW     *[]float64            // always there
	sumW2    *[]float64            // absent: equals sumW
	entries  *[]int64              // absent: equals sumW
	needed   map[string]*[]float64 // always there
	moments  map[string]*[]float64 // absent: not recorded
}

func columnsOf(m proto.Message) *columns {
	c := &columns{message: m}
	switch h := m.(type) {
	case *mapfilepb.H1D:
		c.kind, c.x = hist.H1D, h.X
		c.name, c.title, c.valueTitle, c.valueUnit, c.annotations = &h.Name, &h.Title, &h.ValueTitle, &h.ValueUnit, &h.Annotations
		c.sums = []**mapfilepb.Sums{&h.Total, &h.Underflow, &h.Overflow}
		c.sumW, c.sumW2, c.entries = &h.SumW, &h.SumW2, &h.Entries
		c.moments = map[string]*[]float64{"sum_wx": &h.SumWx, "sum_wx2": &h.SumWx2}
	case *mapfilepb.H2D:
		c.kind, c.x, c.y = hist.H2D, h.X, h.Y
		c.name, c.title, c.valueTitle, c.valueUnit, c.annotations = &h.Name, &h.Title, &h.ValueTitle, &h.ValueUnit, &h.Annotations
		c.sums, c.outflows = []**mapfilepb.Sums{&h.Total}, &h.Outflows
		c.sumW, c.sumW2, c.entries = &h.SumW, &h.SumW2, &h.Entries
		c.moments = map[string]*[]float64{"sum_wx": &h.SumWx, "sum_wx2": &h.SumWx2, "sum_wy": &h.SumWy, "sum_wy2": &h.SumWy2, "sum_wxy": &h.SumWxy}
	case *mapfilepb.P1D:
		c.kind, c.x = hist.P1D, h.X
		c.name, c.title, c.valueTitle, c.valueUnit, c.annotations = &h.Name, &h.Title, &h.ValueTitle, &h.ValueUnit, &h.Annotations
		c.sums = []**mapfilepb.Sums{&h.Total, &h.Underflow, &h.Overflow}
		c.sumW, c.sumW2, c.entries = &h.SumW, &h.SumW2, &h.Entries
		c.needed = map[string]*[]float64{"sum_wy": &h.SumWy, "sum_wy2": &h.SumWy2}
		c.moments = map[string]*[]float64{"sum_wx": &h.SumWx, "sum_wx2": &h.SumWx2, "sum_wxy": &h.SumWxy}
	}
	return c
}

// newColumns checks a message, and fills in the columns that follow from the sums of weights.
func newColumns(m proto.Message) (*columns, error) {
	c := columnsOf(m)
	bins, err := checkAxis(c.x)
	if err != nil {
		return nil, err
	}
	if c.kind == hist.H2D {
		ny, err := checkAxis(c.y)
		if err != nil {
			return nil, err
		}
		bins *= ny
		if len(*c.outflows) > maxOutflows {
			return nil, fmt.Errorf("%d outflows, more than %d", len(*c.outflows), maxOutflows)
		}
	}
	if uint64(len(*c.sumW)) != bins {
		return nil, fmt.Errorf("sum_w has %d elements for %d bins", len(*c.sumW), bins)
	}
	c.bins = len(*c.sumW)
	for name, column := range c.needed {
		if len(*column) != c.bins {
			return nil, fmt.Errorf("%s has %d elements for %d bins", name, len(*column), c.bins)
		}
	}
	for name, column := range c.moments {
		if len(*column) != c.bins && len(*column) != 0 {
			return nil, fmt.Errorf("%s has %d elements for %d bins", name, len(*column), c.bins)
		}
	}
	switch len(*c.sumW2) {
	case c.bins:
	case 0:
		*c.sumW2 = *c.sumW // nobody writes to a Part
	default:
		return nil, fmt.Errorf("sum_w2 has %d elements for %d bins", len(*c.sumW2), c.bins)
	}
	switch len(*c.entries) {
	case c.bins:
	case 0:
		*c.entries = make([]int64, c.bins)
		for i, w := range *c.sumW {
			n := int64(w)
			if float64(n) != w || uint64(n) >= maxCount {
				return nil, errors.New("no numbers of entries, and sums of weights that are no such numbers")
			}
			(*c.entries)[i] = n
		}
	default:
		return nil, fmt.Errorf("entries has %d elements for %d bins", len(*c.entries), c.bins)
	}
	return c, nil
}

const (
	maxBins     = 1 << 27 // a column within what a protobuf message can hold
	maxCount    = 1 << 53 // beyond it float64 misses numbers, and numbers of entries have a column
	maxOutflows = 8
)

func checkAxis(a *mapfilepb.Axis) (bins uint64, err error) {
	n, edges, upper := int(a.GetBins()), len(a.GetEdges()), len(a.GetUpperEdges())
	switch {
	case n == 0 || n > maxBins:
		return 0, fmt.Errorf("an axis of %d bins", n)
	case edges == 0 && upper == 0, edges == n+1 && upper == 0, edges == n && upper == n:
		return uint64(n), nil
	}
	return 0, fmt.Errorf("an axis of %d bins with %d edges and %d upper edges", n, edges, upper)
}

// binning is the histogram's binning, for package compare.
func (c *columns) binning() *hist.Histogram {
	h := &hist.Histogram{Kind: c.kind, X: axisOf(c.x)}
	if c.kind == hist.H2D {
		h.Y = axisOf(c.y)
	}
	return h
}

func axisOf(a *mapfilepb.Axis) hist.Axis {
	x := hist.Axis{Bins: int(a.GetBins()), Min: a.GetMin(), Max: a.GetMax(), Edges: a.GetEdges()}
	if len(a.GetUpperEdges()) > 0 {
		x.Edges, x.Gaps = nil, true
	}
	return x
}

// sumOfHistograms adds histograms of one kind.
func sumOfHistograms(shares []Share) (proto.Message, error) {
	first := &shares[0]
	binning := first.hist.binning()
	for i := 1; i < len(shares); i++ {
		s := &shares[i]
		if mine, its := compare.Binnings(binning, s.hist.binning()); mine != "" {
			return nil, unlike("binnings", first, mine, s, its)
		}
		if binning.X.Gaps && !sameGaps(first.hist.x, s.hist.x) {
			text := compare.Binning(binning)
			return nil, unlike("binnings", first, text, s, text+" with other gaps")
		}
	}
	sum := columnsOf(proto.Clone(first.hist.message))
	sum.bins = first.hist.bins
	for i := 1; i < len(shares); i++ {
		if err := sum.add(shares[i].hist); err != nil {
			return nil, fmt.Errorf("%s: %w", shares[i].From, err)
		}
	}
	sum.leaveOut()
	return sum.message, nil
}

// sameGaps compares edges of axes with gaps between the bins, within the tolerance of compare.Binnings.
func sameGaps(a, b *mapfilepb.Axis) bool {
	between := func(x *mapfilepb.Axis) *hist.Histogram { // lower and upper edges as those of one axis
		edges := make([]float64, 0, 2*len(x.GetEdges()))
		for i, low := range x.GetEdges() {
			edges = append(edges, low, x.GetUpperEdges()[i])
		}
		return &hist.Histogram{Kind: hist.H1D, X: hist.Axis{Bins: len(edges) - 1, Edges: edges}}
	}
	text, _ := compare.Binnings(between(a), between(b))
	return text == ""
}

var errTooMany = errors.New("the numbers of entries are too large to be added")

// add adds o, of the same kind and binning.
func (c *columns) add(o *columns) error {
	c.addLabels(o)
	for i, sums := range c.sums {
		if err := addSums(sums, *o.sums[i]); err != nil {
			return err
		}
	}
	if c.outflows != nil {
		for i, other := range *o.outflows {
			if i == len(*c.outflows) {
				*c.outflows = append(*c.outflows, &mapfilepb.Sums{})
			}
			if err := addSums(&(*c.outflows)[i], other); err != nil {
				return err
			}
		}
	}
	for i, n := range *o.entries {
		var ok bool
		if (*c.entries)[i], ok = addCounts((*c.entries)[i], n); !ok {
			return errTooMany
		}
	}
	addColumn(*c.sumW, *o.sumW)
	addColumn(*c.sumW2, *o.sumW2)
	for name, column := range c.needed {
		addColumn(*column, *o.needed[name])
	}
	for name, column := range c.moments {
		if len(*o.moments[name]) == 0 { // not recorded for all fills
			*column = nil
		}
		if len(*column) > 0 {
			addColumn(*column, *o.moments[name])
		}
	}
	return nil
}

func addColumn(into, column []float64) {
	for i, x := range column {
		into[i] += x
	}
}

func addSums(into **mapfilepb.Sums, s *mapfilepb.Sums) error {
	if s == nil {
		return nil
	}
	if *into == nil {
		*into = &mapfilepb.Sums{}
	}
	t := *into
	n, ok := addCounts(t.Entries, s.Entries)
	if !ok {
		return errTooMany
	}
	t.Entries = n
	t.SumW += s.SumW
	t.SumW2 += s.SumW2
	t.SumWx += s.SumWx
	t.SumWx2 += s.SumWx2
	t.SumWy += s.SumWy
	t.SumWy2 += s.SumWy2
	t.SumWxy += s.SumWxy
	return nil
}

func addCounts(a, b int64) (sum int64, ok bool) {
	sum = a + b
	return sum, (sum >= a) == (b >= 0)
}

// addLabels takes the labels that are missing from o.
func (c *columns) addLabels(o *columns) {
	for i, text := range []*string{c.name, c.title, c.valueTitle, c.valueUnit, &c.x.Title, &c.x.Unit} {
		*text = cmp.Or(*text, *[]*string{o.name, o.title, o.valueTitle, o.valueUnit, &o.x.Title, &o.x.Unit}[i])
	}
	if c.y != nil {
		c.y.Title = cmp.Or(c.y.Title, o.y.Title)
		c.y.Unit = cmp.Or(c.y.Unit, o.y.Unit)
	}
	*c.annotations = withAnnotations(*c.annotations, *o.annotations)
}

// withAnnotations is a list and what another list has more, by ascending key.
func withAnnotations(list, others []*mapfilepb.Annotation) []*mapfilepb.Annotation {
	byKey := func(a, b *mapfilepb.Annotation) int { return cmp.Compare(a.GetKey(), b.GetKey()) }
	has := map[string]bool{}
	for _, a := range list {
		has[a.GetKey()] = true
	}
	for _, a := range others {
		if !has[a.GetKey()] {
			has[a.GetKey()] = true
			list = append(list, a)
		}
	}
	slices.SortStableFunc(list, byKey)
	return list
}

// leaveOut leaves out the columns that follow from the sums of weights, as all producers do.
func (c *columns) leaveOut() {
	counts, squares := true, true
	for i, w := range *c.sumW {
		n := (*c.entries)[i]
		counts = counts && math.Float64bits(w) == math.Float64bits(float64(n)) && uint64(n) < maxCount
		squares = squares && math.Float64bits(w) == math.Float64bits((*c.sumW2)[i])
	}
	if counts {
		*c.entries = nil
	}
	if squares {
		*c.sumW2 = nil
	}
}
