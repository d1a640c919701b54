package termplot

import (
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/hist"
)

// One dimension and profiles. A cell has 2 x 4 braille dots.

// dots is a canvas of braille dots over the cells of a page. Dots count from the lower left.
type dots struct {
	p             *page
	width, height int
	colour        int
	pattern       []bool // which dots of a line are set, again and again; nil: all
	step          int
}

// The bits of the dots of a cell by column and row from the top, as Unicode has them.
var brailleBits = [2][4]rune{{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}}

const noDots = '\u2800'

func (d *dots) set(x, y int) {
	d.step++
	if d.pattern != nil && !d.pattern[d.step%len(d.pattern)] {
		return
	}
	if x < 0 || y < 0 || x >= d.width || y >= d.height {
		return
	}
	y = d.height - 1 - y
	cell := &d.p.body[y/4][x/2]
	if cell.mark < noDots || cell.mark > noDots+0xff {
		cell.mark = noDots
	}
	cell.mark |= brailleBits[x%2][y%4]
	cell.fg = d.colour
}

// rise sets the dots between two heights.
func (d *dots) rise(x, from, to int) {
	for y := min(from, to); y <= max(from, to); y++ {
		d.set(x, y)
	}
}

// level is the row of n rows of dots for a place on the y axis; outside -1 or n.
func level(at float64, n int) int {
	switch {
	case at < -1e-9:
		return -1
	case at > 1+1e-9:
		return n
	}
	return min(int(max(0, at)*float64(n-1)+0.5), n-1)
}

func (d *dots) level(at float64) int { return level(at, d.height) }

// bin gives the columns of dots of bin i, ok if there are any.
func (d *dots) bin(a hist.Axis, i int) (from, to int, ok bool) {
	x := d.p.frame.X
	lo, hi := x.At(a.Edge(i)), x.At(a.Edge(i+1))
	if hi <= 0 || lo >= 1 {
		return 0, 0, false
	}
	from, to = int(max(lo, 0)*float64(d.width)+0.5), int(min(hi, 1)*float64(d.width)+0.5)-1
	return min(from, d.width-1), max(to, min(from, d.width-1)), true
}

// The colours of curves, for eyes that tell some colours badly, on dark and light; and the patterns of
// lines where there is no colour.
var (
	colours  = []int{33, 208, 36, 175, 117, 166}
	patterns = [][]bool{nil, {true, false}, {true, true, true, true, false, false, false}, {true, false, false, false}}
	lines    = []string{"⠒⠒", "⠂⠂", "⠒⠂", "⠂ "}
	points   = []rune("•◦▪×+▫")
)

func curveColour(i int) int { return colours[i%len(colours)] }

// sample is what stands for a curve in texts.
func (p *page) sample(i int, h *hist.Histogram) string {
	mark := lines[i%len(lines)]
	switch {
	case h.Kind == hist.P1D:
		mark = string(points[i%len(points)])
	case p.o.Colour:
		mark = "⠒⠒"
	}
	return p.paint(mark, curveColour(i), 0)
}

// curves draws histograms over each other: one as bars, several as outlines.
func (p *page) curves(hs []*hist.Histogram) {
	for i, h := range hs {
		d := &dots{p: p, width: 2 * p.width, height: 4 * p.height, colour: curveColour(i)}
		switch {
		case h.Kind == hist.P1D:
			d.profile(h, points[i%len(points)])
		case len(hs) == 1:
			d.bars(h)
		default:
			if !p.o.Colour {
				d.pattern = patterns[i%len(patterns)]
			}
			d.outline(h)
		}
	}
}

// base is the row from which bars rise.
func (d *dots) base() int {
	return max(0, min(d.level(d.p.frame.Y.At(0)), d.height-1))
}

func (d *dots) bars(h *hist.Histogram) {
	base := d.base()
	for i, v := range h.Content {
		from, to, ok := d.bin(h.X, i)
		at := d.p.frame.Y.At(v)
		if !ok || v == 0 || at != at || d.p.frame.Y.Log && at < 0 {
			continue
		}
		for x := from; x <= to; x++ {
			d.rise(x, base, d.level(at))
		}
	}
}

func (d *dots) outline(h *hist.Histogram) {
	base := d.base()
	before, last := base, -1
	for i, v := range h.Content {
		from, to, ok := d.bin(h.X, i)
		at := d.p.frame.Y.At(v)
		if !ok || at != at {
			continue
		}
		level := d.level(at)
		if d.p.frame.Y.Log && at < 0 {
			level = base
		}
		if level != before {
			d.rise(from, before, level)
		}
		for x := from; x <= to; x++ {
			d.set(x, level)
		}
		before, last = level, to
	}
	if last >= 0 && before != base {
		d.rise(last, before, base)
	}
}

// profile draws points with error bars.
func (d *dots) profile(h *hist.Histogram, point rune) {
	y := d.p.frame.Y
	type place struct{ x, level int }
	var means []place
	for i, mean := range h.Mean {
		from, to, ok := d.bin(h.X, i)
		if !ok || mean != mean {
			continue
		}
		x := (from + to) / 2
		lo, hi := y.At(mean), y.At(mean)
		if e := h.Err(i); e > 0 {
			lo, hi = y.At(mean-e), y.At(mean+e)
		}
		d.rise(x, d.level(lo), d.level(hi))
		means = append(means, place{x, d.level(y.At(mean))})
	}
	for _, m := range means { // points over bars
		if m.level >= 0 && m.level < d.height {
			d.p.body[(d.height-1-m.level)/4][m.x/2] = glyph{mark: point, fg: d.colour}
		}
	}
}
