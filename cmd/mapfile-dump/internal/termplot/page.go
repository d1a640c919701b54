package termplot

import (
	"fmt"
	"strings"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/axis"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/hist"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
)

// A page is a picture in the making. From top to bottom: the head, the body with the y axis at its left
// and the scale of colours at its right, the x axis, its labels and title, the foot with the statistics.
type page struct {
	o     Options
	frame axis.Frame

	head, foot    []string
	xTitle        string
	hasAxes       bool
	left          int         // columns at the left of the body: labels and the axis
	width, height int         // of the body
	body          [][]glyph   // height rows of width cells
	scale         []string    // a text at the right of each row of the body, or nil
	yTicks        []axis.Tick // with labels only
	xTicks        []axis.Tick
}

// A glyph is a cell of the body: a mark with colours.
type glyph struct {
	mark   rune
	fg, bg int // of the 256; 0: that of the terminal
}

const (
	leastBody    = 3  // lines: with less, titles and axes go
	leastColumns = 10 // of a body beside labels
)

// newPage decides what has room.
func newPage(o Options, frame axis.Frame, hs []*hist.Histogram) *page {
	p := &page{o: o, frame: frame}
	room := o.Height - leastBody
	if room >= 2 && o.Width >= leastColumns {
		p.hasAxes = true
		room -= 2
	}
	take := func(lines []string, most int) []string {
		n := max(0, min(len(lines), most, room))
		room -= n
		return lines[:n]
	}
	first := hs[0]
	if len(hs) == 1 {
		p.foot = take(wrap(parts(first.Statistics()), gap, o.Width), max(1, room/2))
		if text := heading(first); text != "" {
			p.head = take([]string{show.Cut(text, o.Width)}, 1)
		}
	} else {
		p.head = take(wrap(p.legend(hs), gap, o.Width), max(1, room/2))
		if stats := p.statistics(hs); len(stats) <= room/2 {
			p.foot = take(stats, len(stats))
		}
	}
	if text := show.Visible(axis.Common(hs, func(h *hist.Histogram) string { return h.X.Title })); text != "" && p.hasAxes && o.Height > 8 {
		p.xTitle = strings.Join(take([]string{show.Cut(text, o.Width)}, 1), "")
	}
	if text := show.Visible(axis.Common(hs, func(h *hist.Histogram) string { return h.Y.Title })); text != "" && p.hasAxes && o.Height > 13 {
		p.head = append(p.head, take([]string{show.Cut("↑ "+text, o.Width)}, 1)...)
	}
	p.width, p.height = o.Width, leastBody+room
	if p.hasAxes {
		p.layOutY()
		if first.Kind == hist.H2D && o.Width >= 36 {
			p.layOutZ()
		}
		p.layOutX()
	}
	p.body = make([][]glyph, p.height)
	for i := range p.body {
		p.body[i] = make([]glyph, p.width)
	}
	return p
}

const gap = "   " // between parts of a line

func parts(line string) []string { return strings.Split(line, gap) }

// legend names histograms that are drawn over each other.
func (p *page) legend(hs []*hist.Histogram) []string {
	var names []string
	for i, h := range hs {
		name := heading(h)
		if name == "" {
			name = fmt.Sprintf("#%d", i+1)
		}
		names = append(names, p.sample(i, h)+" "+show.Cut(name, max(1, p.o.Width-3)))
	}
	return names
}

// statistics has a line for each of several histograms.
func (p *page) statistics(hs []*hist.Histogram) []string {
	var lines []string
	for i, h := range hs {
		lines = append(lines, p.sample(i, h)+" "+show.Cut(h.Statistics(), max(1, p.o.Width-3)))
	}
	return lines
}

// layOutY puts labels at the left, where they have room.
func (p *page) layOutY() {
	p.yTicks = labelled(p.frame.Y.Ticks(max(2, p.height/4)))
	widest := 0
	for _, t := range p.yTicks {
		widest = max(widest, show.Columns(t.Label))
	}
	if p.left = widest + 2; p.o.Width-p.left < leastColumns {
		p.left, p.yTicks = 1, nil
	}
	p.width = p.o.Width - p.left
}

// layOutZ draws the scale of colours at the right.
func (p *page) layOutZ() {
	ticks := labelled(p.frame.Z.Ticks(max(2, p.height/4)))
	labels, widest := make([]string, p.height), 0
	for _, t := range ticks {
		if row := rowOf(p.frame.Z.At(t.Value), p.height); row >= 0 {
			labels[row] = t.Label
			widest = max(widest, show.Columns(t.Label))
		}
	}
	if p.width-widest-4 < leastColumns {
		return
	}
	p.width -= widest + 4
	p.scale = make([]string, p.height)
	for row, label := range labels {
		top, bottom := 1-(float64(row)+0.25)/float64(p.height), 1-(float64(row)+0.75)/float64(p.height)
		g := p.shade(top, bottom)
		p.scale[row] = " " + p.paint(string(g.mark), g.fg, g.bg)
		if label != "" {
			p.scale[row] += " " + label
		}
	}
}

// layOutX finds labels that have room beside each other.
func (p *page) layOutX() {
	for most := max(2, p.width/6); ; most-- {
		p.xTicks = labelled(p.frame.X.Ticks(most))
		if _, all := p.labelLine(); all || most <= 1 {
			return
		}
	}
}

// labelled are the ticks with labels, complete with their power of ten.
func labelled(ticks []axis.Tick, power int) []axis.Tick {
	var some []axis.Tick
	for _, t := range ticks {
		if t.Label == "" {
			continue
		}
		if power != 0 && t.Label != "0" {
			t.Label += fmt.Sprintf("e%d", power)
		}
		some = append(some, t)
	}
	return some
}

// labelLine is the line of labels below the x axis, and whether all labels are in it.
func (p *page) labelLine() (line string, all bool) {
	all = true
	for _, t := range p.xTicks {
		column := cellOf(p.frame.X.At(t.Value), p.width)
		if column < 0 {
			continue
		}
		width := show.Columns(t.Label)
		at := p.left + column - (width-1)/2
		at = max(0, min(at, p.o.Width-width))
		if used := show.Columns(line); used > 0 && at < used+1 || width > p.o.Width {
			all = false
			continue
		}
		line += strings.Repeat(" ", at-show.Columns(line)) + t.Label
	}
	return line, all
}

// lines puts the page together.
func (p *page) lines() []string {
	lines := append([]string{}, p.head...)
	marks := make(map[int]string)
	for _, t := range p.yTicks {
		if row := rowOf(p.frame.Y.At(t.Value), p.height); row >= 0 {
			marks[row] = t.Label
		}
	}
	for row, cells := range p.body {
		line := ""
		if p.hasAxes {
			label, tick := marks[row]
			end := "│"
			if tick {
				end = "┤"
			}
			if p.left > 1 {
				line = strings.Repeat(" ", p.left-2-show.Columns(label)) + label + " "
			}
			line += end
		}
		line += p.row(cells)
		if p.scale != nil {
			line += p.scale[row]
		}
		lines = append(lines, strings.TrimRight(line, " "))
	}
	if p.hasAxes {
		ruler := []rune(strings.Repeat("─", p.width))
		for _, t := range p.xTicks {
			if column := cellOf(p.frame.X.At(t.Value), p.width); column >= 0 {
				ruler[column] = '┬'
			}
		}
		labels, _ := p.labelLine()
		lines = append(lines, strings.Repeat(" ", p.left-1)+"└"+string(ruler), labels)
	}
	if p.xTitle != "" {
		at := max(0, p.left+p.width-show.Columns(p.xTitle))
		lines = append(lines, strings.Repeat(" ", at)+p.xTitle)
	}
	lines = append(lines, p.foot...)
	for i, line := range lines {
		if columnsOf(line) > p.o.Width { // a few columns are too few for anything
			lines[i] = ""
		}
	}
	return lines[:min(len(lines), p.o.Height)]
}

// row writes cells, with as few codes for colours as possible.
func (p *page) row(cells []glyph) string {
	var line strings.Builder
	var now glyph
	for _, g := range cells {
		if g.mark == 0 {
			g = glyph{mark: ' '}
		}
		if !p.o.Colour {
			g.fg, g.bg = 0, 0
		}
		if g.fg != now.fg || g.bg != now.bg {
			line.WriteString(sgr(g.fg, g.bg, now.fg != 0 || now.bg != 0))
		}
		line.WriteRune(g.mark)
		now = g
	}
	if now.fg != 0 || now.bg != 0 {
		line.WriteString("\x1b[0m")
	}
	return line.String()
}

// paint is one text in colours, if there are any.
func (p *page) paint(text string, fg, bg int) string {
	if !p.o.Colour || fg == 0 && bg == 0 {
		return text
	}
	return sgr(fg, bg, false) + text + "\x1b[0m"
}

// sgr is the code for colours. reset: others were set.
func sgr(fg, bg int, reset bool) string {
	var codes []string
	if reset {
		codes = append(codes, "0")
	}
	if fg != 0 {
		codes = append(codes, fmt.Sprintf("38;5;%d", fg))
	}
	if bg != 0 {
		codes = append(codes, fmt.Sprintf("48;5;%d", bg))
	}
	return "\x1b[" + strings.Join(codes, ";") + "m"
}

// cellOf is the cell of n in which a place on an axis lies; -1 for none.
func cellOf(at float64, n int) int {
	if !(at >= -1e-9 && at <= 1+1e-9) {
		return -1
	}
	return max(0, min(int(at*float64(n)), n-1))
}

// rowOf is the row from the top, of n, in which the dots of that place on the y axis are; -1 for none.
func rowOf(at float64, n int) int {
	if cellOf(at, n) < 0 {
		return -1
	}
	return n - 1 - level(at, 4*n)/4
}
