package picture

import (
	"math"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/axis"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/hist"
)

// inside is a place on an axis, moved to its end where it is outside.
func inside(at float64) float64 { return max(0, min(at, 1)) }

// A step is what a histogram has over a part of x; places from 0 to 1. With more bins than can be seen,
// it is from the least to the largest of some.
type step struct{ from, to, lo, hi, last float64 }

// stepsOf are the steps in sight. Each list is without gaps; values that are no numbers make gaps.
func (p *pad) stepsOf(h *hist.Histogram, width vg.Length) [][]step {
	finest := float64(p.size / width / 30) // of what can be seen
	all := [][]step{nil}
	for i, v := range h.Content {
		from, to := p.frame.X.At(h.X.Edge(i)), p.frame.X.At(h.X.Edge(i+1))
		if to <= 0 || from >= 1 {
			continue
		}
		if v != v {
			all = append(all, nil)
			continue
		}
		at := inside(p.frame.Y.At(v))
		steps := &all[len(all)-1]
		if n := len(*steps); n > 0 && inside(to)-(*steps)[n-1].from < finest {
			s := &(*steps)[n-1]
			s.to, s.lo, s.hi, s.last = inside(to), min(s.lo, at), max(s.hi, at), at
			continue
		}
		*steps = append(*steps, step{inside(from), inside(to), at, at, at})
	}
	return all
}

// steps draws a histogram as a line of steps; over a pale ground where it is alone.
func (p *pad) steps(body draw.Canvas, i int, h *hist.Histogram, alone bool) {
	base := inside(p.frame.Y.At(0))
	style := p.lineOf(i)
	point := func(x, y float64) vg.Point { return vg.Point{X: body.X(x), Y: body.Y(y)} }
	for _, steps := range p.stepsOf(h, body.Size().X) {
		if len(steps) == 0 {
			continue
		}
		ground := []vg.Point{point(steps[0].from, base)}
		lines := [][]vg.Point{{ground[0]}}
		for _, s := range steps {
			line := &lines[len(lines)-1]
			if s.lo == base && s.hi == base { // no line where there is nothing
				*line = append(*line, point(s.from, base))
				lines = append(lines, []vg.Point{point(s.to, base)})
				ground = append(ground, point(s.from, base), point(s.to, base))
				continue
			}
			points := []vg.Point{point(s.from, s.last), point(s.to, s.last)}
			if s.lo < s.hi {
				points = append([]vg.Point{point(s.from, s.lo), point(s.from, s.hi)}, points...)
			}
			*line, ground = append(*line, points...), append(ground, points...)
		}
		end := point(steps[len(steps)-1].to, base)
		lines[len(lines)-1] = append(lines[len(lines)-1], end)
		if alone {
			body.FillPolygon(pale, append(ground, end))
		}
		body.StrokeLines(style, lines...)
	}
	if axis.HasErrors(h) {
		style.Dashes = nil
		p.errorBars(body, h, style, func(x, y vg.Length) {})
	}
}

// profile draws points with error bars.
func (p *pad) profile(body draw.Canvas, i int, h *hist.Histogram) {
	style := p.lineOf(i)
	glyph := draw.GlyphStyle{Color: style.Color, Radius: p.size * 0.25, Shape: shapes[i%len(shapes)]}
	p.errorBars(body, h, style, func(x, y vg.Length) { body.DrawGlyphNoClip(glyph, vg.Point{X: x, Y: y}) })
}

var shapes = []draw.GlyphDrawer{draw.CircleGlyph{}, draw.BoxGlyph{}, draw.TriangleGlyph{}, draw.PyramidGlyph{}, draw.RingGlyph{}, draw.SquareGlyph{}}

// errorBars draws a bar for the error of each bin, and calls point for values in sight. Where there are
// more bins than can be seen, it draws some.
func (p *pad) errorBars(body draw.Canvas, h *hist.Histogram, style draw.LineStyle, point func(x, y vg.Length)) {
	style.Width *= 0.8
	type place struct{ x, y int }
	drawn := make(map[place]bool)
	for i := range h.Content {
		from, to := p.frame.X.At(h.X.Edge(i)), p.frame.X.At(h.X.Edge(i+1))
		v, e := h.Value(i), h.Err(i)
		x := from/2 + to/2
		if to <= 0 || from >= 1 || x < 0 || x > 1 || math.IsNaN(v) || h.Kind == hist.H1D && h.Content[i] == 0 {
			continue
		}
		at := p.frame.Y.At(v)
		cell := place{int(x * 2000), int(at * 2000)}
		if drawn[cell] {
			continue
		}
		drawn[cell] = true
		if e > 0 {
			lo, hi := inside(p.frame.Y.At(v-e)), inside(p.frame.Y.At(v+e))
			if lo < hi {
				body.StrokeLine2(style, body.X(x), body.Y(lo), body.X(x), body.Y(hi))
			}
		}
		if at >= 0 && at <= 1 {
			point(body.X(x), body.Y(at))
		}
	}
}
