package termplot

import (
	"math"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/axis"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/hist"
)

// Two dimensions: a map of shades, or of colours with two cells above each other in a character.

var shades = []rune("░▒▓█")

// ramp is near to viridis in the 256 colours: each is brighter than the one before, for all eyes.
var ramp = []int{53, 54, 24, 31, 36, 78, 113, 148, 184, 220, 226}

// heatMap fills the body.
func (p *page) heatMap(h *hist.Histogram) {
	parts := 1
	if p.o.Colour {
		parts = 2
	}
	rows := p.height * parts
	columnBins, rowBins := axis.Cells(h.X, p.frame.X, p.width), axis.Cells(h.Y, p.frame.Y, rows)
	at := func(column, row int) float64 { // rows count from the top
		at, ok := p.frame.Colour(axis.Largest(h, columnBins[column], rowBins[rows-1-row]))
		if !ok {
			return math.NaN()
		}
		return at
	}
	for row, cells := range p.body {
		for column := range cells {
			cells[column] = p.shade(at(column, row*parts), at(column, row*parts+parts-1))
		}
	}
}

// shade is the glyph for two places on the scale of colours, above each other; without colours the
// upper one counts. NaN is empty.
func (p *page) shade(top, bottom float64) glyph {
	if !p.o.Colour {
		if top != top {
			return glyph{mark: ' '}
		}
		return glyph{mark: shades[pick(top, len(shades))]}
	}
	switch {
	case top != top && bottom != bottom:
		return glyph{mark: ' '}
	case bottom != bottom:
		return glyph{mark: '▀', fg: ramp[pick(top, len(ramp))]}
	case top != top:
		return glyph{mark: '▄', fg: ramp[pick(bottom, len(ramp))]}
	}
	return glyph{mark: '▀', fg: ramp[pick(top, len(ramp))], bg: ramp[pick(bottom, len(ramp))]}
}

func pick(at float64, n int) int { return max(0, min(int(at*float64(n)), n-1)) }
