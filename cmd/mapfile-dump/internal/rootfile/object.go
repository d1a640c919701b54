package rootfile

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"strings"

	"go-hep.org/x/hep/groot/rbase"
	"go-hep.org/x/hep/groot/rbytes"
	"go-hep.org/x/hep/groot/rhist"
	"go-hep.org/x/hep/groot/root"
	"go-hep.org/x/hep/groot/rtypes"
	"go-hep.org/x/hep/hbook"
	"google.golang.org/protobuf/proto"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/hist"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/record"
	hbookcodec "github.com/gomapfile/mapfile/codec/hbook"
	mapfilepb "github.com/gomapfile/mapfile/proto"
)

// UnfitError is a value that a ROOT object cannot hold.
type UnfitError struct {
	Type string // of the value
	Err  error
}

func (e *UnfitError) Error() string { return fmt.Sprintf("no ROOT object for a %s: %v", e.Type, e.Err) }
func (e *UnfitError) Unwrap() error { return e.Err }

// Object makes a ROOT object of what Put takes. Of a histogram ROOT gets all that it has a place for:
// edges, contents, sums of squared weights, entries, underflow and overflow, the sums for mean and
// standard deviation. Where the two differ:
//
//   - The statistics are over all fills, as hbook has them, also those under- and overflowed; ROOT is told
//     so (fStatOverflows is kConsider), and shows the same mean and standard deviation.
//   - Gaps between bins become bins, which are empty.
//   - Outside of an H2D, hbook has one sum for each side and corner. That of a side goes into the cell that
//     the mean of its fills is in.
//   - fSumw2 and fBinSumw2 are always there.
//
// The title, or else the histogram's own, is split at semicolons into title and axis titles ("#;" is a
// semicolon); what the histogram says of an axis goes before that.
//
// The error is an *UnfitError.
func Object(name, title string, v any) (root.Object, error) {
	var message proto.Message
	switch v := v.(type) {
	case *hbook.H1D:
		message = new(mapfilepb.H1D)
	case *hbook.H2D:
		message = new(mapfilepb.H2D)
	case *hbook.P1D:
		message = new(mapfilepb.P1D)
	case *mapfilepb.H1D, *mapfilepb.H2D, *mapfilepb.P1D:
		return fromMessage(name, title, v)
	default:
		text, err := record.Line(v)
		if err == nil && len(text) > maxText {
			err = fmt.Errorf("its JSON has %d bytes, more than the %d that can be written", len(text), maxText)
		}
		if err != nil {
			return nil, &UnfitError{fmt.Sprintf("%T", v), err}
		}
		return rbase.NewObjString(string(text)), nil
	}
	payload, err := hbookcodec.Codec.Append(nil, v) // the only way to a profile's sums of y
	if err == nil {
		err = proto.Unmarshal(payload, message)
	}
	if err != nil {
		return nil, &UnfitError{fmt.Sprintf("%T", v), err}
	}
	return fromMessage(name, title, message)
}

func fromMessage(name, title string, v any) (obj root.Object, err error) {
	switch m := v.(type) {
	case *mapfilepb.H1D:
		obj, err = histogram1(name, title, m)
	case *mapfilepb.H2D:
		obj, err = histogram2(name, title, m)
	case *mapfilepb.P1D:
		obj, err = profile1(name, title, m)
	}
	if err != nil {
		return nil, &UnfitError{string(v.(proto.Message).ProtoReflect().Descriptor().FullName()), err}
	}
	return obj, nil
}

// members are the parts of a ROOT object, by ROOT's names: groot gives them to those who write JSON, as
// pointers. Most of them have no other door.
type members map[string]any

func membersOf(o any) members {
	m := members{}
	for _, member := range o.(rbytes.RSlicer).RMembers() {
		m[member.Name] = member.Value
	}
	return m
}

func set[T any](m members, name string, value T) { *m[name].(*T) = value }

func newObject[T root.Object](class string) T {
	return rtypes.Factory.Get(class)().Interface().(T)
}

func histogram1(name, title string, m *mapfilepb.H1D) (root.Object, error) {
	if m == nil {
		return nil, errNil
	}
	x, err := newAxis(m.X)
	if err != nil {
		return nil, err
	}
	w, w2, err := sums(m.SumW, m.SumW2, len(x.at))
	if err != nil {
		return nil, err
	}
	h := newObject[*rhist.H1D]("TH1D")
	o := membersOf(h)
	titles := splitTitle(title, m.Title)
	x.put(o["fXaxis"], cmp.Or(hist.WithUnit(m.X.Title, m.X.Unit), titles[1]))
	putTitle(o["fYaxis"], cmp.Or(hist.WithUnit(m.ValueTitle, m.ValueUnit), titles[2]))
	content := x.column(m.Underflow.GetSumW(), w, m.Overflow.GetSumW())
	put1(o, name, titles[0], m.Total, content, x.column(m.Underflow.GetSumW2(), w2, m.Overflow.GetSumW2()))
	return h, nil
}

func profile1(name, title string, m *mapfilepb.P1D) (root.Object, error) {
	if m == nil {
		return nil, errNil
	}
	x, err := newAxis(m.X)
	if err != nil {
		return nil, err
	}
	w, w2, err := sums(m.SumW, m.SumW2, len(x.at))
	if err != nil {
		return nil, err
	}
	if len(m.SumWy) != len(w) || len(m.SumWy2) != len(w) {
		return nil, errColumns
	}
	under, over := m.Underflow, m.Overflow
	h := newObject[*rhist.H1D]("TH1D")
	o := membersOf(h)
	titles := splitTitle(title, m.Title)
	x.put(o["fXaxis"], cmp.Or(hist.WithUnit(m.X.Title, m.X.Unit), titles[1]))
	putTitle(o["fYaxis"], cmp.Or(hist.WithUnit(m.ValueTitle, m.ValueUnit), titles[2]))
	put1(o, name, titles[0], m.Total,
		x.column(under.GetSumWy(), m.SumWy, over.GetSumWy()), x.column(under.GetSumWy2(), m.SumWy2, over.GetSumWy2()))
	p := &profile{H1D: h, sumWY: m.Total.GetSumWy(), sumWY2: m.Total.GetSumWy2()}
	p.binEntries.Data = x.column(under.GetSumW(), w, over.GetSumW())
	p.binSumW2.Data = x.column(under.GetSumW2(), w2, over.GetSumW2())
	return p, nil
}

func histogram2(name, title string, m *mapfilepb.H2D) (root.Object, error) {
	if m == nil {
		return nil, errNil
	}
	x, err := newAxis(m.X)
	if err != nil {
		return nil, err
	}
	y, err := newAxis(m.Y)
	if err != nil {
		return nil, err
	}
	nx, ny := len(x.at), len(y.at)
	if (x.bins+2)*(y.bins+2) > maxCells {
		return nil, errCells
	}
	w, w2, err := sums(m.SumW, m.SumW2, nx*ny)
	if err != nil {
		return nil, err
	}
	content, squares := make([]float64, (x.bins+2)*(y.bins+2)), make([]float64, (x.bins+2)*(y.bins+2))
	cell := func(ix, iy int) int { return iy*(x.bins+2) + ix }
	for iy := range ny {
		for ix := range nx {
			content[cell(x.at[ix], y.at[iy])], squares[cell(x.at[ix], y.at[iy])] = w[iy*nx+ix], w2[iy*nx+ix]
		}
	}
	for i, out := range m.Outflows[:min(len(m.Outflows), len(sides))] {
		ix, iy := x.bin(sides[i].x, out.GetSumWx(), out.GetSumW()), y.bin(sides[i].y, out.GetSumWy(), out.GetSumW())
		content[cell(ix, iy)], squares[cell(ix, iy)] = out.GetSumW(), out.GetSumW2()
	}
	h := newObject[*rhist.H2D]("TH2D")
	o := membersOf(h)
	titles := splitTitle(title, m.Title)
	x.put(o["fXaxis"], cmp.Or(hist.WithUnit(m.X.Title, m.X.Unit), titles[1]))
	y.put(o["fYaxis"], cmp.Or(hist.WithUnit(m.Y.Title, m.Y.Unit), titles[2]))
	putTitle(o["fZaxis"], cmp.Or(hist.WithUnit(m.ValueTitle, m.ValueUnit), titles[3]))
	put1(o, name, titles[0], m.Total, content, squares)
	set(o, "fScalefactor", 1.0)
	set(o, "fTsumwy", m.Total.GetSumWy())
	set(o, "fTsumwy2", m.Total.GetSumWy2())
	set(o, "fTsumwxy", m.Total.GetSumWxy())
	return h, nil
}

// sides are where the outflows of an H2D are, in their order.
var sides = [8]struct{ x, y side }{
	{below, above}, {inside, above}, {above, above}, {above, inside},
	{above, below}, {inside, below}, {below, below}, {below, inside},
}

type side int

const (
	below side = iota - 1
	inside
	above
)

// put1 sets what a TH1 is.
func put1(o members, name, title string, total *mapfilepb.Sums, content, sumW2 []float64) {
	set(o, "fName", name)
	set(o, "fTitle", title)
	set(o, "fNcells", len(content))
	set(o, "fArray", content)
	set(o, "fSumw2", sumW2)
	set(o, "fEntries", float64(total.GetEntries()))
	set(o, "fTsumw", total.GetSumW())
	set(o, "fTsumw2", total.GetSumW2())
	set(o, "fTsumwx", total.GetSumWx())
	set(o, "fTsumwx2", total.GetSumWx2())
	set(o, "fStatOverflows", int32(considerOverflows))
}

// considerOverflows is TH1::EStatOverflows::kConsider.
const considerOverflows = 1

// An axis is one of ROOT's: bin 0 is the underflow, bin bins+1 the overflow.
type axis struct {
	bins     int
	min, max float64
	edges    []float64 // nil: all of equal width
	at       []int     // where the histogram's bins are; a gap has a bin of its own
}

// ROOT reads objects of up to 1 GiB. A profile has four numbers for each cell.
const (
	maxCells = 1 << 24
	maxText  = 1 << 29
)

var (
	errNil     = errors.New("there is none")
	errAxis    = errors.New("its axis has no bins, or edges that are missing, infinite or do not ascend")
	errColumns = errors.New("its columns have not an element for each bin")
	errCells   = fmt.Errorf("it has more than %d bins", maxCells-2)
)

func newAxis(m *mapfilepb.Axis) (*axis, error) {
	n := int(m.GetBins())
	if n >= maxCells-1 {
		return nil, errCells
	}
	a := &axis{bins: n, min: m.GetMin(), max: m.GetMax(), at: make([]int, n)}
	for i := range a.at {
		a.at[i] = i + 1
	}
	low, high := m.GetEdges(), m.GetUpperEdges()
	switch {
	case n == 0 || len(high) == 0 && len(low) != 0 && len(low) != n+1:
		return nil, errAxis
	case len(high) == 0:
		a.edges = low
	case len(high) == n && len(low) == n:
		for i := range n {
			if i == 0 || low[i] != high[i-1] {
				a.edges = append(a.edges, low[i])
			}
			a.at[i] = len(a.edges)
			a.edges = append(a.edges, high[i])
		}
	default:
		return nil, errAxis
	}
	if len(a.edges) > 0 {
		a.bins = len(a.edges) - 1
		a.min, a.max = a.edges[0], a.edges[a.bins]
	}
	if width := (a.max - a.min) / float64(a.bins); !(width > 0 && width <= math.MaxFloat64) {
		return nil, errAxis
	}
	for i, edge := range a.edges {
		if i > 0 && !(edge > a.edges[i-1]) {
			return nil, errAxis
		}
	}
	return a, nil
}

// column is a column of the histogram as ROOT's array.
func (a *axis) column(under float64, bins []float64, over float64) []float64 {
	column := make([]float64, a.bins+2)
	column[0], column[a.bins+1] = under, over
	for i, v := range bins {
		column[a.at[i]] = v
	}
	return column
}

// bin is the one for an outflow on that side. Inside it is the one that the mean of its fills is in.
func (a *axis) bin(s side, wx, w float64) int {
	switch s {
	case below:
		return 0
	case above:
		return a.bins + 1
	}
	mean := wx / w
	for i, edge := range a.edges {
		if mean < edge {
			return min(max(i, 1), a.bins)
		}
	}
	if a.edges != nil {
		return a.bins
	}
	if at := (mean - a.min) / (a.max - a.min) * float64(a.bins); at > 0 {
		return 1 + int(min(at, float64(a.bins-1)))
	}
	return 1
}

// put makes a ROOT axis this one.
func (a *axis) put(rootAxis any, title string) {
	o := membersOf(rootAxis)
	set(o, "fNbins", a.bins)
	set(o, "fXmin", a.min)
	set(o, "fXmax", a.max)
	set(o, "fXbins", a.edges)
	set(o, "fTitle", title)
}

func putTitle(rootAxis any, title string) { set(membersOf(rootAxis), "fTitle", title) }

// sums fills in the squares that are left out.
func sums(w, w2 []float64, n int) (_, _ []float64, err error) {
	if len(w2) == 0 {
		w2 = w
	}
	if len(w) != n || len(w2) != n {
		err = errColumns
	}
	return w, w2, err
}

// splitTitle returns title and axis titles, from the first text that is not empty. They are in UTF-8, or
// Python could not have them from ROOT.
func splitTitle(texts ...string) (titles [4]string) {
	const semicolon = "\x00" // no title has it
	text := strings.ToValidUTF8(cmp.Or(texts...), "\ufffd")
	for i, part := range strings.SplitN(strings.ReplaceAll(text, "#;", semicolon), ";", len(titles)) {
		titles[i] = strings.ReplaceAll(part, semicolon, ";")
	}
	return titles
}
