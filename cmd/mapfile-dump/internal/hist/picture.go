package hist

import (
	"fmt"
	"math"
	"strings"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
)

// Small pictures of histograms in a few lines of text: bars for one dimension, shades for two, points
// for profiles. They are for a glance: bins are put together where there is no room for all.

const (
	leastWidth = 8
	plotHeight = 10
)

var (
	barMarks   = []rune("▁▂▃▄▅▆▇█")
	shadeMarks = []rune(" ░▒▓█")
)

// Glance is statistics and a small picture, at most width columns of bars wide, as lines.
func (h *Histogram) Glance(width int) []string {
	width = max(width, leastWidth)
	lines := []string{h.Statistics()}
	switch h.Kind {
	case H1D:
		lines = append(lines, bars(h, width)...)
	case H2D:
		lines = append(lines, shades(h, width)...)
	case P1D:
		lines = append(lines, points(h, width)...)
	}
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return lines
}

// Statistics is one line of numbers.
func (h *Histogram) Statistics() string {
	parts := []string{fmt.Sprintf("entries %d", h.Total.Entries)}
	add := func(label string, x float64) { parts = append(parts, label+" "+show.Number(x)) }
	add("mean", h.Total.MeanX())
	add("rms", h.Total.RMSX())
	if h.Kind != H1D {
		add("mean y", h.Total.MeanY())
		add("rms y", h.Total.RMSY())
	}
	if h.Kind == H2D {
		add("outside", h.Outside.W)
	} else {
		add("under", h.Under.W)
		add("over", h.Over.W)
	}
	return strings.Join(parts, "   ")
}

// bars draws one dimension: a row of bars, and the range below.
func bars(h *Histogram, width int) []string {
	values := fit(h.Content, h.X, width)
	lo, hi := span(append([]float64{0}, values...))
	var row strings.Builder
	row.WriteString("  ")
	for _, v := range values {
		row.WriteRune(mark(barMarks, v, lo, hi))
	}
	return []string{row.String(), "  " + h.X.ruler(len(values), h.Title)}
}

// ruler is the line below a picture: the range and what it is.
func (a Axis) ruler(width int, title string) string {
	if a.Title != "" {
		title = a.Title
	}
	left, right := show.Number(a.Min), show.Number(a.Max)
	gap := max(1, width-len(left))
	return left + strings.Repeat(" ", gap) + right + "  " + show.Visible(title)
}

// shades draws two dimensions: a grid of shades, y upwards.
func shades(h *Histogram, width int) []string {
	nx, ny := h.X.Bins, h.Y.Bins
	columns, rows := min(nx, width), min(ny, max(2, width/4))
	grid := make([]float64, columns*rows)
	for iy := range ny {
		for ix := range nx {
			grid[iy*rows/ny*columns+ix*columns/nx] += h.Content[iy*nx+ix]
		}
	}
	lo, hi := span(append([]float64{0}, grid...))
	top, bottom := show.Number(h.Y.Max), show.Number(h.Y.Min)
	margin := max(len(top), len(bottom))
	var lines []string
	for r := rows - 1; r >= 0; r-- {
		var row strings.Builder
		label := ""
		switch r {
		case rows - 1:
			label = top
		case 0:
			label = bottom
		}
		fmt.Fprintf(&row, "  %*s │", margin, label)
		for _, v := range grid[r*columns : (r+1)*columns] {
			m := mark(shadeMarks, v, lo, hi)
			if m == ' ' && v > lo {
				m = shadeMarks[1] // what is not empty shows
			}
			row.WriteRune(m)
		}
		row.WriteString("│")
		if r == rows-1 {
			row.WriteString(" " + show.Visible(h.Y.Title))
		}
		lines = append(lines, row.String())
	}
	return append(lines, strings.Repeat(" ", margin+4)+h.X.ruler(columns, h.Title))
}

// points draws a profile: the mean of y over x.
func points(h *Histogram, width int) []string {
	n := min(len(h.Mean), width)
	means := make([]float64, n)
	for c := range means {
		from, to := c*len(h.Mean)/n, (c+1)*len(h.Mean)/n
		var w, wy float64
		for i := from; i < to; i++ {
			if h.Content[i] != 0 {
				w, wy = w+h.Content[i], wy+h.Content[i]*h.Mean[i]
			}
		}
		means[c] = wy / w // NaN where there is nothing
	}
	lo, hi := span(means)
	top, bottom := show.Number(hi), show.Number(lo)
	margin := max(len(top), len(bottom))
	var lines []string
	for r := plotHeight - 1; r >= 0; r-- {
		label := ""
		switch r {
		case plotHeight - 1:
			label = top
		case 0:
			label = bottom
		}
		row := []rune(fmt.Sprintf("  %*s │", margin, label))
		for _, m := range means {
			if level(m, lo, hi, plotHeight) == r {
				row = append(row, '•')
			} else {
				row = append(row, ' ')
			}
		}
		line := string(row)
		if r == plotHeight-1 {
			line += " " + show.Visible(h.Y.Title)
		}
		lines = append(lines, line)
	}
	return append(lines, strings.Repeat(" ", margin+4)+h.X.ruler(n, h.Title))
}

// fit spreads the contents over at most width columns, by the place of the bins on the axis where the
// edges allow it.
func fit(content []float64, a Axis, width int) []float64 {
	n := len(content)
	if n <= width && a.Edges == nil {
		return widen(content, width/n)
	}
	edge := func(i int) float64 { return float64(i) }
	if a.Edges != nil && finiteAscending(a.Edges) {
		edge = func(i int) float64 { return a.Edges[i] }
	}
	values := make([]float64, width)
	first, last := edge(0), edge(n)
	step := (last - first) / float64(width)
	for i, c := 0, 0; i < n && c < width; {
		left, right := first+float64(c)*step, first+float64(c+1)*step
		from, to := max(edge(i), left), min(edge(i+1), right)
		if to > from {
			values[c] += content[i] * (to - from) / (edge(i+1) - edge(i))
		}
		if edge(i+1) <= right {
			i++
		} else {
			c++
		}
	}
	return values
}

// widen repeats each bin, so that few bins give no tiny picture.
func widen(content []float64, times int) []float64 {
	var values []float64
	for _, v := range content {
		for range times {
			values = append(values, v)
		}
	}
	return values
}

func finiteAscending(edges []float64) bool {
	for i, e := range edges {
		if math.IsNaN(e) || math.IsInf(e, 0) || i > 0 && e <= edges[i-1] {
			return false
		}
	}
	return !math.IsInf(edges[len(edges)-1]-edges[0], 0)
}

// span is the range of the finite values.
func span(values []float64) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	if lo > hi {
		return 0, 0
	}
	return lo, hi
}

// level is the step from 0 to n-1 on which a value stands; -1 for none.
func level(v, lo, hi float64, n int) int {
	if math.IsNaN(v) {
		return -1
	}
	if hi <= lo {
		return 0
	}
	f := (v/2 - lo/2) / (hi/2 - lo/2) // halves: hi-lo may overflow
	return int(math.Round(min(1, max(0, f)) * float64(n-1)))
}

func mark(marks []rune, v, lo, hi float64) rune {
	l := level(v, lo, hi, len(marks))
	if l < 0 {
		return '?'
	}
	return marks[l]
}
