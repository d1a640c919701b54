package axis

import (
	"math"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/hist"
)

// Two dimensions are drawn as cells: a cell for each bin where there is room, or else as many of equal
// size as there is room for.

// A Run is the bins From to before To; none if both are the same.
type Run struct{ From, To int }

// Cells says for each of n cells of equal size along an axis which bins it shows: those with their
// centers in it, or else the one in which its own center lies.
func Cells(a hist.Axis, s Scale, n int) []Run {
	cells := make([]Run, n)
	for i := range a.Bins {
		lo, hi := s.At(a.Edge(i))*float64(n), s.At(a.Edge(i+1))*float64(n)
		if center := lo/2 + hi/2; center >= 0 && center < float64(n) {
			c := &cells[int(center)]
			if c.From == c.To {
				c.From = i
			}
			c.To = i + 1
		}
		for c := max(0, int(math.Ceil(lo-0.5))); c < n && float64(c)+0.5 < hi; c++ {
			if cells[c].From == cells[c].To {
				cells[c] = Run{i, i + 1}
			}
		}
	}
	return cells
}

// Largest is the content with the largest magnitude of some bins, so that no peak is lost; NaN for none.
func Largest(h *hist.Histogram, x, y Run) float64 {
	most := math.NaN()
	for iy := y.From; iy < y.To; iy++ {
		for ix := x.From; ix < x.To; ix++ {
			if v := h.Content[iy*h.X.Bins+ix]; v == v && !(math.Abs(v) <= math.Abs(most)) {
				most = v
			}
		}
	}
	return most
}

// Colour is the place of a content on the scale of colours. ok is false for cells that stay empty: those
// without content where none is negative, and what a logarithmic scale does not have.
func (f Frame) Colour(content float64) (at float64, ok bool) {
	if content != content || content == 0 && f.Z.Min >= 0 || f.Z.Log && content <= 0 {
		return 0, false
	}
	return max(0, min(f.Z.At(content), 1)), true
}
