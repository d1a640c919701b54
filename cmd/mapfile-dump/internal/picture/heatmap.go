package picture

import (
	"image"
	"image/color"
	imagedraw "image/draw"
	"math"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/axis"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/hist"
)

// viridis: brighter is more, for all eyes and in grey.
var viridis = []color.RGBA{
	{0x44, 0x01, 0x54, 0xff}, {0x48, 0x18, 0x6a, 0xff}, {0x47, 0x2d, 0x7b, 0xff}, {0x42, 0x40, 0x86, 0xff},
	{0x3b, 0x52, 0x8b, 0xff}, {0x33, 0x63, 0x8d, 0xff}, {0x2c, 0x72, 0x8e, 0xff}, {0x26, 0x82, 0x8e, 0xff},
	{0x21, 0x91, 0x8c, 0xff}, {0x1f, 0xa0, 0x88, 0xff}, {0x28, 0xae, 0x80, 0xff}, {0x3f, 0xbc, 0x73, 0xff},
	{0x5e, 0xc9, 0x62, 0xff}, {0x84, 0xd4, 0x4b, 0xff}, {0xad, 0xdc, 0x30, 0xff}, {0xd8, 0xe2, 0x19, 0xff},
	{0xfd, 0xe7, 0x25, 0xff},
}

const shades = 128 // that are told apart

// colourOf is the colour of a place on the scale, from 0 to 1.
func colourOf(at float64) color.RGBA {
	at = math.Round(at*(shades-1)) / (shades - 1) * float64(len(viridis)-1)
	i := min(int(at), len(viridis)-2)
	mix := func(a, b uint8) uint8 { return uint8(float64(a) + (float64(b)-float64(a))*(at-float64(i)) + 0.5) }
	a, b := viridis[i], viridis[i+1]
	return color.RGBA{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 0xff}
}

// heatMap draws two dimensions, and the scale of colours at the right.
func (p *pad) heatMap(h *hist.Histogram) {
	whole := p.c
	label := p.text(0.95, black, text.XLeft, text.YCenter)
	ticks, power := p.frame.Z.Ticks(int(max(2, min(p.c.Size().Y/p.size/4, 8))))
	widest := label.Width(axis.PowerText(power))
	for _, t := range ticks {
		widest = max(widest, label.Width(t.Label))
	}
	bar, gap, tick := p.size*1.4, p.size*0.9, p.size*0.5
	room := gap + bar + tick + p.size*0.4 + widest
	hasScale := p.c.Size().X > 2*room+8*p.size
	if hasScale {
		p.c.Max.X -= room
		if power != 0 {
			p.c.Max.Y -= p.size * 0.9
		}
	}
	l := p.layOut()
	p.cells(l.body, h)
	l.draw(p)
	if !hasScale {
		return
	}
	b := draw.Canvas{Canvas: whole.Canvas, Rectangle: vg.Rectangle{
		Min: vg.Point{X: l.body.Max.X + gap, Y: l.body.Min.Y}, Max: vg.Point{X: l.body.Max.X + gap + bar, Y: l.body.Max.Y}}}
	for i := range shades {
		rectangle(b, 0, 1, float64(i)/shades, float64(i+1)/shades, colourOf(float64(i)/(shades-1)))
	}
	line := l.plot.X.LineStyle
	b.StrokeLines(line, []vg.Point{b.Min, {X: b.Min.X, Y: b.Max.Y}, b.Max, {X: b.Max.X, Y: b.Min.Y}, b.Min})
	for _, t := range marks(p.frame.Z, ticks) {
		y, length := b.Y(t.Value), tick
		if t.IsMinor() {
			length /= 2
		}
		b.StrokeLine2(line, b.Max.X, y, b.Max.X+length, y)
		if !t.IsMinor() {
			b.FillText(label, vg.Point{X: b.Max.X + tick + p.size*0.3, Y: y + label.FontExtents().Descent}, t.Label)
		}
	}
	b.FillText(p.text(0.95, black, text.XLeft, text.YBottom), vg.Point{X: b.Min.X, Y: b.Max.Y + p.size*0.45}, axis.PowerText(power))
}

// A cell is a part of an axis, by its places, and the bins that it shows.
type cell struct {
	from, to float64
	bins     axis.Run
}

// cellsOf are the bins in sight, or as many cells as can be seen.
func cellsOf(a hist.Axis, s axis.Scale, most int) []cell {
	var cells []cell
	for i := range a.Bins {
		if from, to := s.At(a.Edge(i)), s.At(a.Edge(i+1)); to > 0 && from < 1 && from < to {
			cells = append(cells, cell{inside(from), inside(to), axis.Run{From: i, To: i + 1}})
		}
	}
	if len(cells) <= most {
		return cells
	}
	cells = nil
	for i, bins := range axis.Cells(a, s, most) {
		cells = append(cells, cell{float64(i) / float64(most), float64(i+1) / float64(most), bins})
	}
	return cells
}

// cells draws the bins. In PNG they are pixels of an image; else rectangles, for neighbours of one colour
// together, and a little larger so that no light falls between them: what is drawn later covers that.
func (p *pad) cells(body draw.Canvas, h *hist.Histogram) {
	if p.o.Format == "png" {
		p.pixels(body, h)
		return
	}
	const most = 300 // each rectangle takes its part of the file
	columns := cellsOf(h.X, p.frame.X, most)
	for _, row := range cellsOf(h.Y, p.frame.Y, most) {
		var colour color.RGBA
		from, to, open := 0.0, 0.0, false
		for _, column := range columns {
			at, ok := p.frame.Colour(axis.Largest(h, column.bins, row.bins))
			if open && (!ok || colourOf(at) != colour) {
				rectangle(body, from, to, row.from, row.to, colour)
				open = false
			}
			if ok && !open {
				from, colour, open = column.from, colourOf(at), true
			}
			to = column.to
		}
		if open {
			rectangle(body, from, to, row.from, row.to, colour)
		}
	}
}

// rectangle fills a part of a canvas.
func rectangle(c draw.Canvas, x0, x1, y0, y1 float64, colour color.Color) {
	const overlap = 0.5
	fill(draw.Canvas{Canvas: c.Canvas, Rectangle: vg.Rectangle{
		Min: vg.Point{X: c.X(x0), Y: c.Y(y0)},
		Max: vg.Point{X: min(c.X(x1)+overlap, c.Max.X), Y: min(c.Y(y1)+overlap, c.Max.Y)},
	}}, colour)
}

// pixels draws the bins as an image whose pixels are those of the picture.
func (p *pad) pixels(body draw.Canvas, h *hist.Histogram) {
	const pixel = vg.Inch / dpi
	snap := func(l vg.Length) int { return int(math.Round(float64(l / pixel))) }
	x0, y0, x1, y1 := snap(body.Min.X), snap(body.Min.Y), snap(body.Max.X), snap(body.Max.Y)
	if x0 >= x1 || y0 >= y1 {
		return
	}
	img := image.NewRGBA(image.Rect(0, 0, x1-x0, y1-y0))
	place := func(at float64, n int) int { return int(math.Round(at * float64(n))) }
	columns := cellsOf(h.X, p.frame.X, x1-x0)
	for _, row := range cellsOf(h.Y, p.frame.Y, y1-y0) {
		for _, column := range columns {
			if at, ok := p.frame.Colour(axis.Largest(h, column.bins, row.bins)); ok {
				cell := image.Rect(place(column.from, x1-x0), y1-y0-place(row.to, y1-y0), place(column.to, x1-x0), y1-y0-place(row.from, y1-y0))
				imagedraw.Draw(img, cell, image.NewUniform(colourOf(at)), image.Point{}, imagedraw.Src)
			}
		}
	}
	body.DrawImage(vg.Rectangle{
		Min: vg.Point{X: vg.Length(x0) * pixel, Y: vg.Length(y0) * pixel},
		Max: vg.Point{X: vg.Length(x1) * pixel, Y: vg.Length(y1) * pixel},
	}, img)
}
