// Package termplot draws histograms in a terminal: bars and outlines of braille dots for one dimension,
// points with error bars for profiles, a map of colours or shades for two dimensions.
package termplot

import (
	"strings"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/axis"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/hist"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
)

// Options say how large a picture is, in columns and lines, and how its axes are.
type Options struct {
	Width, Height    int
	LogX, LogY, LogZ bool
	X, Y             *Range // nil: what the histograms need
	Colour           bool   // SGR codes of 256 colours
}

// A Range is a part of an axis.
type Range = axis.Range

// A picture is never larger, whatever is asked for.
const (
	MostColumns = 1000
	MostLines   = 400
)

// Draw draws histograms over each other: at most Height lines of at most Width columns. What cannot be
// drawn gives lines that say why. A histogram of two dimensions is drawn alone. Nothing that the
// histograms hold reaches the terminal unescaped.
func Draw(o Options, hs ...*hist.Histogram) []string {
	o.Width, o.Height = min(o.Width, MostColumns), min(o.Height, MostLines)
	if o.Width <= 0 || o.Height <= 0 {
		return nil
	}
	frame, err := axis.FrameOf(axis.Options{LogX: o.LogX, LogY: o.LogY, LogZ: o.LogZ, X: o.X, Y: o.Y}, hs...)
	if err != nil {
		return reason(o, err, hs)
	}
	p := newPage(o, frame, hs)
	if hs[0].Kind == hist.H2D {
		p.heatMap(hs[0])
	} else {
		p.curves(hs)
	}
	return p.lines()
}

const (
	padWidth  = 40 // columns that a pad of a grid has at least, if there are so many
	padHeight = 14
	padGap    = 2
)

// Grid draws each histogram in a pad of its own, as many side by side as there is room for. There may be
// more lines than Height.
func Grid(o Options, hs ...*hist.Histogram) []string {
	if o.Width <= 0 || len(hs) == 0 {
		return nil
	}
	columns := max(1, min(len(hs), (min(o.Width, MostColumns)+padGap)/(padWidth+padGap)))
	rows := (len(hs) + columns - 1) / columns
	o.Width = (o.Width - (columns-1)*padGap) / columns
	o.Height = max(min(o.Height, padHeight), (o.Height-rows+1)/rows)
	var lines []string
	for len(hs) > 0 {
		if lines != nil {
			lines = append(lines, "")
		}
		n := min(columns, len(hs))
		var pads [][]string
		height := 0
		for _, h := range hs[:n] {
			pads = append(pads, Draw(o, h))
			height = max(height, len(pads[len(pads)-1]))
		}
		for row := range height {
			line := ""
			for i, pad := range pads {
				if row < len(pad) {
					at := i * (o.Width + padGap)
					line += strings.Repeat(" ", at-columnsOf(line)) + pad[row]
				}
			}
			lines = append(lines, line)
		}
		hs = hs[n:]
	}
	return lines
}

// columnsOf is the number of columns of a line that may have colours.
func columnsOf(line string) int {
	n := 0
	for line != "" {
		text, rest, found := strings.Cut(line, "\x1b[")
		n += show.Columns(text)
		if !found {
			break
		}
		_, line, _ = strings.Cut(rest, "m")
	}
	return n
}

// heading is what a picture says of its histogram.
func heading(h *hist.Histogram) string {
	switch {
	case h.Name == "" || h.Name == h.Title:
		return show.Visible(h.Title)
	case h.Title == "":
		return show.Visible(h.Name)
	}
	return show.Visible(h.Name) + "  " + show.Visible(h.Title)
}

// reason is a text in place of a picture.
func reason(o Options, err error, hs []*hist.Histogram) []string {
	var lines []string
	for _, h := range hs {
		if text := heading(h); text != "" && len(lines) < o.Height-1 {
			lines = append(lines, show.Cut(text, o.Width))
		}
	}
	lines = append(lines, wrap(strings.Fields(err.Error()), " ", o.Width)...)
	return lines[:min(len(lines), o.Height)]
}

// wrap puts parts in lines of at most so many columns. Parts with colours are short enough.
func wrap(parts []string, between string, width int) []string {
	var lines []string
	line := ""
	for _, part := range parts {
		if columnsOf(part) == show.Columns(part) {
			part = show.Cut(part, width)
		}
		switch {
		case line == "":
			line = part
		case columnsOf(line)+len(between)+columnsOf(part) <= width:
			line += between + part
		default:
			lines = append(lines, line)
			line = part
		}
	}
	return append(lines, line)
}
