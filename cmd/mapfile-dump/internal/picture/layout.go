package picture

import (
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/axis"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/hist"
)

// A layout is the axes of a pad with their labels, and the body between them.
type layout struct {
	plot           *plot.Plot
	c, body        draw.Canvas // c holds all
	xPower, yPower string      // what the labels leave out
}

func (p *pad) layOut() layout {
	l := layout{plot: plot.New(), c: p.c}
	l.plot.BackgroundColor = nil
	for _, a := range []*plot.Axis{&l.plot.X, &l.plot.Y} {
		a.Min, a.Max, a.Padding = 0, 1, 0
		a.LineStyle = draw.LineStyle{Color: black, Width: p.size * 0.07}
		a.Tick.LineStyle, a.Tick.Length = a.LineStyle, p.size*0.5
		a.Label.TextStyle = p.text(1.05, black, text.XCenter, text.YBottom)
		a.Label.Padding = p.size * 0.3
	}
	size := p.c.Size()
	x, y := &l.plot.X, &l.plot.Y
	x.Tick.Label, y.Tick.Label = p.text(0.95, black, text.XCenter, text.YTop), p.text(0.95, black, text.XRight, text.YCenter)
	if size.X > 12*p.size && size.Y > 10*p.size {
		x.Label.Text = fit(x.Label.TextStyle, axis.Common(p.hs, func(h *hist.Histogram) string { return h.X.Title }), size.X*0.65)
		y.Label.Text = fit(y.Label.TextStyle, axis.Common(p.hs, func(h *hist.Histogram) string { return h.Y.Title }), size.Y*0.7)
	}
	ticks, power := p.frame.Y.Ticks(int(max(2, min(size.Y/p.size/4, 8))))
	y.Tick.Marker, l.yPower = marks(p.frame.Y, ticks), axis.PowerText(power)
	if power != 0 {
		l.c.Max.Y -= p.size * 0.9
	}
	for most := int(max(2, min(size.X/p.size/4, 12))); ; most-- {
		ticks, power := p.frame.X.Ticks(most)
		x.Tick.Marker, l.xPower = marks(p.frame.X, ticks), axis.PowerText(power)
		l.body = l.plot.DataCanvas(l.c)
		if most <= 1 || p.apart(ticks, x.Tick.Label, l.body.Size().X) {
			return l
		}
	}
}

// marks are ticks by their place.
func marks(s axis.Scale, ticks []axis.Tick) plot.ConstantTicks {
	var all plot.ConstantTicks
	for _, t := range ticks {
		if at := s.At(t.Value); at >= -1e-9 && at <= 1+1e-9 {
			all = append(all, plot.Tick{Value: max(0, min(at, 1)), Label: t.Label})
		}
	}
	return all
}

// apart says whether the labels of an x axis have room beside each other.
func (p *pad) apart(ticks []axis.Tick, sty text.Style, width vg.Length) bool {
	end := vg.Length(-1e9)
	for _, t := range ticks {
		if t.Label == "" {
			continue
		}
		at, half := vg.Length(p.frame.X.At(t.Value))*width, sty.Width(t.Label)/2
		if at-half < end+p.size {
			return false
		}
		end = at + half
	}
	return true
}

// gridLines are thin lines at the ticks with labels.
func (p *pad) gridLines(l layout) {
	style := draw.LineStyle{Color: light, Width: p.size * 0.06}
	b := l.body
	for _, t := range l.plot.X.Tick.Marker.Ticks(0, 1) {
		if x := b.X(t.Value); !t.IsMinor() {
			b.StrokeLine2(style, x, b.Min.Y, x, b.Max.Y)
		}
	}
	for _, t := range l.plot.Y.Tick.Marker.Ticks(0, 1) {
		if y := b.Y(t.Value); !t.IsMinor() {
			b.StrokeLine2(style, b.Min.X, y, b.Max.X, y)
		}
	}
}

// draw draws the axes, over what is in the body.
func (l layout) draw(p *pad) {
	l.plot.Draw(l.c)
	b := l.body
	b.StrokeLines(l.plot.X.LineStyle, []vg.Point{{X: b.Min.X, Y: b.Max.Y}, b.Max, {X: b.Max.X, Y: b.Min.Y}})
	p.c.FillText(p.text(0.95, black, text.XLeft, text.YBottom), vg.Point{X: b.Min.X, Y: b.Max.Y + p.size*0.45}, l.yPower)
	p.c.FillText(p.text(0.95, black, text.XRight, text.YBottom), vg.Point{X: p.c.Max.X, Y: p.c.Min.Y + p.size*0.2}, l.xPower)
}
