package picture

import (
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/axis"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/hist"
)

// A box stands in an upper corner of the body: the statistics of one histogram, or the names of several.
// The y axis grows so that the box covers nothing, unless its range was given.
type box struct {
	rows          []boxRow
	left          bool
	width, height vg.Length
}

type boxRow struct {
	label, value string
	curve        int // its number; -1 for none
}

const (
	boxText   = 0.9
	boxLine   = 1.2 // of a line to the size of its text
	boxMost   = 0.5 // of the body, in width and height
	boxSwatch = 2.2 // widths of a letter
)

func (p *pad) boxOf(hs []*hist.Histogram) *box {
	b := &box{}
	if len(hs) == 1 {
		for _, part := range strings.Split(hs[0].Statistics(), "   ") {
			at := strings.LastIndexByte(part, ' ')
			b.rows = append(b.rows, boxRow{part[:at], part[at+1:], -1})
		}
		return b
	}
	title := axis.Common(hs, func(h *hist.Histogram) string { return h.Title })
	for i, h := range hs {
		name := h.Name
		switch {
		case name == "":
			name = h.Title
		case title == "" && h.Title != "" && h.Title != name:
			name += "  " + h.Title
		}
		if name == "" {
			name = fmt.Sprintf("#%d", i+1)
		}
		b.rows = append(b.rows, boxRow{name, "", i})
	}
	return b
}

func (p *pad) boxStyle(x text.XAlignment) text.Style { return p.text(boxText, black, x, text.YTop) }

// makeRoom measures the box, finds its corner, and lets the axis grow.
func (p *pad) makeRoom(b *box, body draw.Canvas) {
	sty, size := p.boxStyle(text.XLeft), body.Size()
	line := sty.Font.Size * boxLine
	if most := int((size.Y*boxMost - p.size) / line); len(b.rows) > max(0, most) {
		b.rows = b.rows[:max(0, most)] // the head of statistics; a small pad of many curves
	}
	if len(b.rows) == 0 || size.X < 18*p.size {
		b.rows = nil
		return
	}
	for i, r := range b.rows {
		width := p.size
		if r.curve >= 0 {
			width += p.size * boxSwatch
			b.rows[i].label = fit(sty, r.label, size.X*boxMost-width)
		}
		width += sty.Width(b.rows[i].label)
		if r.value != "" {
			width += p.size*1.2 + sty.Width(r.value)
		}
		b.width = max(b.width, width)
	}
	b.height = vg.Length(len(b.rows))*line + p.size*0.7
	gap := p.size * 0.6
	part := float64((b.width + 2*gap) / size.X)
	left, right := p.highest(0, part), p.highest(1-part, 1)
	b.left = left < right-1e-9
	top, free := min(left, right), 1-float64((b.height+2*gap)/size.Y)
	if p.o.Y == nil && top > free {
		p.frame.Y.Max = grown(p.frame.Y, top/free)
	}
}

// grown is the end of a scale that is so many times as long.
func grown(s axis.Scale, times float64) float64 {
	lo, hi := s.Min, s.Max
	if s.Log {
		lo, hi = math.Log(lo), math.Log(hi)
		return min(math.Exp(lo+(hi-lo)*times), math.MaxFloat64)
	}
	return max(hi, min(lo+(hi-lo)*times, math.MaxFloat64))
}

// highest is the highest place of anything between two places on the x axis.
func (p *pad) highest(from, to float64) float64 {
	top := 0.0
	for _, h := range p.hs {
		errors := axis.HasErrors(h)
		for i := range h.Content {
			if p.frame.X.At(h.X.Edge(i+1)) < from || p.frame.X.At(h.X.Edge(i)) > to {
				continue
			}
			v := h.Value(i)
			if e := h.Err(i); errors && e > 0 {
				v += e
			}
			if at := inside(p.frame.Y.At(v)); at > top {
				top = at
			}
		}
	}
	return top
}

func (b *box) draw(p *pad, body draw.Canvas) {
	if len(b.rows) == 0 {
		return
	}
	gap := p.size * 0.6
	at := vg.Point{X: body.Max.X - gap - b.width, Y: body.Max.Y - gap}
	if b.left {
		at.X = body.Min.X + gap
	}
	frame := draw.Canvas{Canvas: body.Canvas, Rectangle: vg.Rectangle{Min: vg.Point{X: at.X, Y: at.Y - b.height}, Max: vg.Point{X: at.X + b.width, Y: at.Y}}}
	fill(frame, white)
	frame.StrokeLines(draw.LineStyle{Color: light, Width: p.size * 0.07}, []vg.Point{
		frame.Min, {X: frame.Min.X, Y: frame.Max.Y}, frame.Max, {X: frame.Max.X, Y: frame.Min.Y}, frame.Min})
	left, right := p.boxStyle(text.XLeft), p.boxStyle(text.XRight)
	line := left.Font.Size * boxLine
	y := frame.Max.Y - p.size*0.35
	for _, r := range b.rows {
		x := frame.Min.X + p.size*0.5
		if r.curve >= 0 {
			middle := y - line*0.45
			if h := p.hs[r.curve]; h.Kind == hist.P1D {
				frame.DrawGlyphNoClip(draw.GlyphStyle{Color: p.lineOf(r.curve).Color, Radius: p.size * 0.25, Shape: shapes[r.curve%len(shapes)]},
					vg.Point{X: x + p.size*0.8, Y: middle})
			} else {
				frame.StrokeLine2(p.lineOf(r.curve), x, middle, x+p.size*1.6, middle)
			}
			x += p.size * boxSwatch
		}
		frame.FillText(left, vg.Point{X: x, Y: y}, r.label)
		frame.FillText(right, vg.Point{X: frame.Max.X - p.size*0.5, Y: y}, r.value)
		y -= line
	}
}
