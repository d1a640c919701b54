package picture

import (
	"image/color"
	"strings"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/axis"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/hist"
)

// A pad is one picture with its own axes. gonum/plot lays out title and axes. To it both axes go from 0
// to 1; where values are is the business of package axis, which knows the ends of what numbers can be.
type pad struct {
	o     Options
	c     draw.Canvas
	size  vg.Length // of the usual text
	hs    []*hist.Histogram
	frame axis.Frame
}

var (
	white = color.Gray{255}
	black = color.Gray{0x20}
	grey  = color.Gray{0x60}
	light = color.Gray{0xe4}
	pale  = color.RGBA{0xd4, 0xe6, 0xf1, 0xff} // below a histogram
)

// curveColours are those of Okabe and Ito that can be seen on white: eyes that tell some colours badly
// tell these. After them they come again, dashed.
var curveColours = []color.Color{
	color.RGBA{0x00, 0x72, 0xb2, 0xff}, color.RGBA{0xd5, 0x5e, 0x00, 0xff}, color.RGBA{0x00, 0x9e, 0x73, 0xff},
	color.RGBA{0xcc, 0x79, 0xa7, 0xff}, color.RGBA{0x56, 0xb4, 0xe9, 0xff}, color.RGBA{0xe6, 0x9f, 0x00, 0xff},
}

func (p *pad) lineOf(i int) draw.LineStyle {
	style := draw.LineStyle{Color: curveColours[i%len(curveColours)], Width: p.size * 0.12}
	if i >= len(curveColours) {
		style.Dashes = []vg.Length{p.size * 0.5, p.size * 0.3}
	}
	return style
}

// newPad gives small pads smaller texts, but none that nobody can read.
func newPad(o Options, c draw.Canvas) *pad {
	scale := min(c.Size().X/600, c.Size().Y/450)
	return &pad{o: o, c: c, size: max(6, min(10.5*(0.45+0.55*scale), 24))}
}

func (p *pad) text(scale float64, colour color.Color, x text.XAlignment, y text.YAlignment) text.Style {
	return text.Style{
		Color: colour, Font: textFont(p.size * vg.Length(scale)),
		XAlign: x, YAlign: y, Handler: textWriter,
	}
}

func fill(c draw.Canvas, colour color.Color) {
	c.SetColor(colour)
	c.Fill(c.Rectangle.Path())
}

// draw draws the histograms over each other, or says why not.
func (p *pad) draw(hs []*hist.Histogram) {
	p.hs = hs
	margin := p.size * 0.8
	p.c = draw.Crop(p.c, margin, -margin, margin, -margin)
	p.header()
	var err error
	if p.frame, err = axis.FrameOf(p.o.Options, hs...); err != nil {
		p.reason(err)
		return
	}
	if hs[0].Kind == hist.H2D {
		p.heatMap(hs[0])
		return
	}
	box := p.boxOf(hs)
	p.makeRoom(box, p.layOut().body)
	l := p.layOut() // with the ticks of the final range
	p.gridLines(l)
	for i, h := range hs {
		if h.Kind == hist.P1D {
			p.profile(l.body, i, h)
		} else {
			p.steps(l.body, i, h, len(hs) == 1)
		}
	}
	l.draw(p)
	box.draw(p, l.body)
}

// header draws the title and, of two dimensions, the statistics above the axes.
func (p *pad) header() {
	var title string
	if len(p.hs) == 1 {
		title = heading(p.hs[0])
	} else {
		title = axis.Common(p.hs, func(h *hist.Histogram) string { return h.Title })
	}
	p.line(title, 1.2, black, true)
	if h := p.hs[0]; h.Kind == hist.H2D {
		p.line(h.Statistics(), 0.85, grey, false)
	}
	p.c.Max.Y -= p.size * 0.4
}

// line draws a centered line at the top and takes its room away.
func (p *pad) line(s string, scale float64, colour color.Color, bold bool) {
	if s == "" {
		return
	}
	sty := p.text(scale, colour, text.XCenter, text.YTop)
	if bold {
		sty.Font.Weight = xfont.WeightBold
	}
	s = fit(sty, s, p.c.Size().X)
	p.c.FillText(sty, vg.Point{X: p.c.Center().X, Y: p.c.Max.Y}, s)
	p.c.Max.Y -= sty.Height(s) * 1.15
}

// heading is what a picture says of its one histogram.
func heading(h *hist.Histogram) string {
	switch {
	case h.Name == "" || h.Name == h.Title:
		return h.Title
	case h.Title == "":
		return h.Name
	}
	return h.Title + "  (" + h.Name + ")"
}

// reason stands in place of the picture.
func (p *pad) reason(err error) {
	sty := p.text(1, grey, text.XCenter, text.YCenter)
	var lines []string
	for _, word := range strings.Fields(err.Error()) {
		if n := len(lines); n > 0 && sty.Width(lines[n-1]+" "+word) <= p.c.Size().X {
			lines[n-1] += " " + word
		} else {
			lines = append(lines, word)
		}
	}
	at := p.c.Center()
	at.Y += sty.Height("x") * vg.Length(len(lines)-1) / 2
	for _, line := range lines {
		p.c.FillText(sty, at, line)
		at.Y -= sty.Height("x")
	}
}
