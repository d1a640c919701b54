// Package axis is what drawings of histograms have in common, in a picture or in a terminal: the ranges
// of their axes, the places of values on them, the ticks, and which histograms cannot be drawn.
package axis

import (
	"fmt"
	"math"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/hist"
)

// A Range is a part of an axis, from Min to Max, in the axis's units.
type Range struct{ Min, Max float64 }

// Options are wishes for the axes. Log and range of Z are for two dimensions.
type Options struct {
	LogX, LogY, LogZ bool
	X, Y             *Range // nil: as the histograms need
}

// An UndrawableError is a histogram, or are wishes, of which no picture can be made.
type UndrawableError struct{ Why string }

func (e *UndrawableError) Error() string { return "cannot be drawn: " + e.Why }

func undrawable(format string, args ...any) error {
	return &UndrawableError{fmt.Sprintf(format, args...)}
}

// A Frame is the axes of one picture. Z is the scale of colours, of two dimensions only.
type Frame struct{ X, Y, Z Scale }

// FrameOf finds the axes for histograms that are drawn over each other: all of one or two dimensions,
// or else a histogram of two dimensions alone. The error is an *UndrawableError.
func FrameOf(o Options, hs ...*hist.Histogram) (Frame, error) {
	if len(hs) == 0 {
		return Frame{}, undrawable("there is no histogram")
	}
	for _, h := range hs {
		if h.Kind == hist.H2D && len(hs) > 1 {
			return Frame{}, undrawable("histograms of two dimensions cannot be drawn over others")
		}
		if err := check(h); err != nil {
			return Frame{}, err
		}
	}
	f := Frame{X: Scale{Log: o.LogX}, Y: Scale{Log: o.LogY}, Z: Scale{Log: o.LogZ}}
	var x, y []hist.Axis
	for _, h := range hs {
		x = append(x, h.X)
		if h.Kind == hist.H2D {
			y = append(y, h.Y)
		}
	}
	var err error
	if f.X.Range, err = binRange("x", x, o.LogX, o.X); err != nil {
		return Frame{}, err
	}
	if y != nil {
		if f.Y.Range, err = binRange("y", y, o.LogY, o.Y); err == nil {
			f.Z.Range, err = f.contentRange(hs[0])
		}
		return f, err
	}
	f.Y.Range, err = f.valueRange(o, hs)
	return f, err
}

// check says why a histogram can never be drawn.
func check(h *hist.Histogram) error {
	if err := checkEdges("x", h.X); err != nil {
		return err
	}
	if h.Kind == hist.H2D {
		if err := checkEdges("y", h.Y); err != nil {
			return err
		}
	}
	for i, w := range h.Content {
		if v := h.Value(i); finite(v) || h.Kind == hist.P1D && w == 0 { // an empty profile has no mean
			return nil
		}
	}
	return undrawable("none of its values is a finite number")
}

func checkEdges(name string, a hist.Axis) error {
	for i := range a.Bins + 1 {
		switch e := a.Edge(i); {
		case !finite(e):
			return undrawable("its %s axis has an edge that is no finite number", name)
		case i > 0 && e < a.Edge(i-1), i == a.Bins && e <= a.Edge(0):
			return undrawable("the edges of its %s axis do not ascend", name)
		}
	}
	return nil
}

// binRange is the range of axes with bins.
func binRange(name string, axes []hist.Axis, log bool, fixed *Range) (Range, error) {
	if fixed != nil {
		return checkFixed(name, *fixed, log)
	}
	r := Range{math.Inf(1), math.Inf(-1)}
	for _, a := range axes {
		lo := a.Edge(0)
		for i := 1; log && lo <= 0 && i <= a.Bins; i++ {
			lo = a.Edge(i) / 2 // shows a part of the bin that ends at the first edge above 0
		}
		if hi := a.Edge(a.Bins); hi > lo && (lo > 0 || !log) {
			r = Range{min(r.Min, lo), max(r.Max, hi)}
		}
	}
	if r.Min >= r.Max {
		return r, undrawable("nothing of its %s axis is above 0, as a logarithmic axis needs", name)
	}
	return r, nil
}

func checkFixed(name string, r Range, log bool) (Range, error) {
	switch {
	case !finite(r.Min) || !finite(r.Max) || r.Min >= r.Max:
		return r, undrawable("the range %g:%g for %s is empty", r.Min, r.Max, name)
	case log && r.Min <= 0:
		return r, undrawable("the range %g:%g for %s is not above 0, as a logarithmic axis needs", r.Min, r.Max, name)
	}
	return r, nil
}

// valueRange is the range of y for one dimension and profiles: of the bins in sight, with their errors.
func (f Frame) valueRange(o Options, hs []*hist.Histogram) (Range, error) {
	if o.Y != nil {
		return checkFixed("y", *o.Y, o.LogY)
	}
	all := noSpan()
	contents := false
	for _, h := range hs {
		contents = contents || h.Kind == hist.H1D
		errors := HasErrors(h)
		for i := range h.Content {
			v, e := h.Value(i), 0.0
			if !f.X.sees(h.X.Edge(i), h.X.Edge(i+1)) {
				continue
			}
			if errors && finite(h.Err(i)) {
				e = h.Err(i)
			}
			all.add(v, o.LogY)
			all.add(v+e, o.LogY)
			if !o.LogY {
				all.add(v-e, false)
			}
		}
	}
	switch {
	case o.LogY && all.empty() && contents:
		return Range{}, undrawable("nothing of it is above 0, as a logarithmic axis needs")
	case o.LogY:
		return all.log(0.5, 2), nil
	case contents:
		all.add(0, false)
	}
	r := all.linear()
	room := r.Max/20 - r.Min/20
	if !contents || r.Min < 0 {
		r.Min = max(r.Min-room, -math.MaxFloat64)
	}
	r.Max = min(r.Max+room, math.MaxFloat64)
	return r, nil
}

// contentRange is the range of the colours: of the cells in sight.
func (f Frame) contentRange(h *hist.Histogram) (Range, error) {
	all := noSpan()
	for iy := range h.Y.Bins {
		if !f.Y.sees(h.Y.Edge(iy), h.Y.Edge(iy+1)) {
			continue
		}
		for ix := range h.X.Bins {
			if f.X.sees(h.X.Edge(ix), h.X.Edge(ix+1)) {
				all.add(h.Content[iy*h.X.Bins+ix], f.Z.Log)
			}
		}
	}
	if f.Z.Log {
		if all.empty() {
			return Range{}, undrawable("nothing of it is above 0, as a logarithmic axis needs")
		}
		return all.log(1, 1), nil
	}
	all.add(0, false)
	return all.linear(), nil
}

// HasErrors says whether the errors of a histogram are worth showing: where fills had weights, they are
// not just the root of the content.
func HasErrors(h *hist.Histogram) bool {
	if h.Kind == hist.P1D {
		return true
	}
	for i, w := range h.Content {
		if h.SumW2[i] != w {
			return h.Kind == hist.H1D
		}
	}
	return false
}

// Common is a text that all histograms have, as far as they have any; or "".
func Common(hs []*hist.Histogram, of func(*hist.Histogram) string) string {
	text := ""
	for _, h := range hs {
		switch own := of(h); {
		case text == "":
			text = own
		case own != "" && own != text:
			return ""
		}
	}
	return text
}

// A span grows with the finite values that it sees.
type span struct{ lo, hi float64 }

func noSpan() span { return span{math.Inf(1), math.Inf(-1)} }

func (s *span) add(v float64, positive bool) {
	if finite(v) && (v > 0 || !positive) {
		s.lo, s.hi = min(s.lo, v), max(s.hi, v)
	}
}

func (s *span) empty() bool { return s.lo > s.hi }

// linear is the span as a range that has a width.
func (s *span) linear() Range {
	switch {
	case s.empty() || s.lo == 0 && s.hi == 0:
		return Range{0, 1}
	case s.lo < s.hi:
		return Range{s.lo, s.hi}
	}
	room := max(math.Abs(s.lo)/2, 1e-300)
	return Range{max(s.lo-room, -math.MaxFloat64), min(s.hi+room, math.MaxFloat64)}
}

// log is the span as a range above 0 that has a width, with factors of room at its ends.
func (s *span) log(below, above float64) Range {
	if s.empty() {
		return Range{0.1, 10}
	}
	if s.lo == s.hi {
		below, above = 0.5, 2
	}
	return Range{max(s.lo*below, math.SmallestNonzeroFloat64), min(s.hi*above, math.MaxFloat64)}
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
