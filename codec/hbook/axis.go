package hbookcodec

import (
	"errors"
	"fmt"
	"math"

	"go-hep.org/x/hep/hbook"
	"google.golang.org/protobuf/encoding/protowire"
)

// maxBins keeps a column within what a protobuf message can hold, 2 GiB.
const maxBins = 1 << 27

// Fields of mapfile.v1.Axis.
const (
	axisBins  = 1
	axisMin   = 2
	axisMax   = 3
	axisEdges = 4
	axisUpper = 5
	axisTitle = 6
	axisUnit  = 7
)

// axis is a decoded mapfile.v1.Axis. It aliases the payload.
type axis struct {
	bins         uint32
	min, max     float64
	edges, upper pieces
	title, unit  []byte

	width float64 // of the bins, if edges is empty; set by check
}

func (a *axis) parse(src []byte) error {
	for len(src) > 0 {
		f, rest, err := nextField(src)
		if err != nil {
			return err
		}
		switch src = rest; f.num {
		case axisBins:
			if f.typ == protowire.VarintType {
				a.bins = uint32(f.bits)
			}
		case axisMin:
			setFloat(&a.min, f)
		case axisMax:
			setFloat(&a.max, f)
		case axisEdges:
			err = a.edges.addColumn(f)
		case axisUpper:
			err = a.upper.addColumn(f)
		case axisTitle:
			err = setText(&a.title, f)
		case axisUnit:
			err = setText(&a.unit, f)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// check must have said yes before at is called.
func (a *axis) check() error {
	n := int(a.bins)
	if n == 0 || a.bins > maxBins {
		return fmt.Errorf("hbook: an axis of %d bins", a.bins)
	}
	if err := checkRange(a.min, a.max); err != nil {
		return err
	}
	switch {
	case a.edges.len() == 0 && a.upper.len() == 0:
		a.width = binWidth(n, a.min, a.max)
		if !(a.width > 0 && a.width <= math.MaxFloat64) {
			return fmt.Errorf("hbook: %d bins from %g to %g have no width that can be computed", n, a.min, a.max)
		}
		return nil
	case a.upper.len() == 0 && a.edges.len() == n+1, a.upper.len() == n && a.edges.len() == n:
		return checkEdges(n, a.at)
	}
	return fmt.Errorf("hbook: an axis of %d bins with %d edges and %d upper edges", n, a.edges.len(), a.upper.len())
}

// at returns the edges of bin i.
func (a *axis) at(i int) hbook.Range {
	switch {
	case a.edges.len() == 0:
		return uniformBin(i, a.min, a.width)
	case a.upper.len() == 0:
		return hbook.Range{Min: a.edges.float(i), Max: a.edges.float(i + 1)}
	}
	return hbook.Range{Min: a.edges.float(i), Max: a.upper.float(i)}
}

// setEdges makes the edges of bins those of a.
func (a *axis) setEdges(bins []hbook.Bin1D) {
	if a.edges.len() > 0 {
		for i := range bins {
			bins[i].Range = a.at(i)
		}
		return
	}
	low := uniformEdge(0, a.min, a.width)
	for i := range bins {
		high := uniformEdge(i+1, a.min, a.width)
		bins[i].Range.Min, bins[i].Range.Max = low, high
		low = high
	}
}

func binWidth(n int, min, max float64) float64 { return (max - min) / float64(n) }

// uniformEdge is the formula of hbook and of Axis. The conversion keeps compilers from rounding only
// once, as some processors can: the result is the same everywhere. Where hbook's own edges were
// rounded so, they are stored one by one.
func uniformEdge(i int, min, width float64) float64 { return min + float64(float64(i)*width) }

func uniformBin(i int, min, width float64) hbook.Range {
	return hbook.Range{Min: uniformEdge(i, min, width), Max: uniformEdge(i+1, min, width)}
}

func checkRange(min, max float64) error {
	if !(min < max && min >= -math.MaxFloat64 && max <= math.MaxFloat64) {
		return fmt.Errorf("hbook: an axis from %g to %g", min, max)
	}
	return nil
}

var errGaps = errors.New("hbook: gaps between the bins of a two-dimensional histogram")

// binEdges finds the edges of bins along an axis, in whichever of hbook's structs they are.
type binEdges struct {
	n    int
	in1D []hbook.Bin1D
	in2D []hbook.Bin2D // y edges are those of each nx-th bin if nx is not 0, x edges those of the first n
	nx   int
	inP  []hbook.BinP1D
}

// at returns the edges of bin i.
func (e *binEdges) at(i int) hbook.Range {
	switch {
	case e.in1D != nil:
		return e.in1D[i].Range
	case e.inP != nil:
		return e.inP[i].XEdges()
	case e.nx != 0:
		return e.in2D[i*e.nx].YRange
	}
	return e.in2D[i].XRange
}

// isUniform says whether the edges follow from the range r. Each encoding asks for all bins, hence a
// loop for each struct.
func (e *binEdges) isUniform(r hbook.Range) bool {
	width := binWidth(e.n, r.Min, r.Max)
	if !(width > 0 && width <= math.MaxFloat64) {
		return false
	}
	next := grid{min: r.Min, width: width, edge: uniformEdge(0, r.Min, width)}
	switch {
	case e.in1D != nil:
		for i := range e.in1D {
			if !next.has(i, e.in1D[i].Range) {
				return false
			}
		}
	case e.inP != nil:
		for i := range e.inP {
			if !next.has(i, e.inP[i].XEdges()) {
				return false
			}
		}
	case e.nx != 0:
		for i := range e.n {
			if !next.has(i, e.in2D[i*e.nx].YRange) {
				return false
			}
		}
	default:
		for i := range e.n {
			if !next.has(i, e.in2D[i].XRange) {
				return false
			}
		}
	}
	return true
}

// grid walks along a uniform axis.
type grid struct{ min, width, edge float64 }

// has says whether r is bin i, the one after the bin asked for before.
func (g *grid) has(i int, r hbook.Range) bool {
	low, high := g.edge, uniformEdge(i+1, g.min, g.width)
	g.edge = high
	return sameFloat(r.Min, low) && sameFloat(r.Max, high)
}

// checkEdges refuses bins that are empty, overlap, do not ascend, or have no finite edges.
func checkEdges(n int, at func(int) hbook.Range) error {
	below := -math.MaxFloat64
	for i := range n {
		r := at(i)
		if !(below <= r.Min && r.Min < r.Max && r.Max <= math.MaxFloat64) {
			return fmt.Errorf("hbook: bin %d of an axis, from %g to %g: edges must be finite and ascend", i, r.Min, r.Max)
		}
		below = r.Max
	}
	return nil
}

// appendAxis appends an axis with the edges e over the range r.
func appendAxis(dst []byte, num protowire.Number, e *binEdges, r hbook.Range, title, unit string) ([]byte, error) {
	if e.n == 0 || e.n > maxBins {
		return nil, fmt.Errorf("hbook: cannot encode an axis of %d bins", e.n)
	}
	uniform := e.isUniform(r)
	if !uniform && e.in2D != nil && hasGaps(e.n, e.at) {
		return nil, errGaps
	}
	if err := checkRange(r.Min, r.Max); err != nil {
		return nil, err
	}
	dst, start := openMessage(dst, num)
	dst = appendInt(dst, axisBins, uint64(e.n))
	dst = appendFloat(dst, axisMin, r.Min)
	dst = appendFloat(dst, axisMax, r.Max)
	if !uniform {
		if err := checkEdges(e.n, e.at); err != nil {
			return nil, err
		}
		dst = appendEdges(dst, e.n, e.at)
	}
	dst = appendText(dst, axisTitle, title)
	dst = appendText(dst, axisUnit, unit)
	return closeMessage(dst, start), nil
}

// appendEdges appends n+1 edges, or lower and upper ones where a bin does not begin at the end of the
// one before.
func appendEdges(dst []byte, n int, at func(int) hbook.Range) []byte {
	if hasGaps(n, at) {
		var lower, upper []byte
		dst, lower = appendColumn(dst, axisEdges, n)
		for i := range n {
			putFloat(lower, i, at(i).Min)
		}
		dst, upper = appendColumn(dst, axisUpper, n)
		for i := range n {
			putFloat(upper, i, at(i).Max)
		}
		return dst
	}
	dst, edges := appendColumn(dst, axisEdges, n+1)
	for i := range n {
		putFloat(edges, i, at(i).Min)
	}
	putFloat(edges, n, at(n-1).Max)
	return dst
}

func hasGaps(n int, at func(int) hbook.Range) bool {
	for i := range n - 1 {
		if !sameFloat(at(i).Max, at(i+1).Min) {
			return true
		}
	}
	return false
}
