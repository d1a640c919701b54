package main

import (
	"fmt"
	"image/color"
	"math"
	"slices"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// This chapter draws a time over the size of a value, a line for each peer.

// A chart is a picture of one table.
type chart struct {
	file       string
	title      string
	experiment string
	situation  string // behind the size, in the case of the figures
	metric     string // in nanoseconds
}

var charts = []chart{
	{"publish.svg", "One publish, while a reader is flat out", "publish", "1 reader", "ns"},
	{"tails.svg", "Publish with four readers flat out: one of 1,000 takes longer than", "tails", "4 readers", "p99.9 ns"},
}

// hues tell the lines apart, with dashes and marks where they come again. Ours have the first two, and are thick.
var hues = []color.RGBA{
	{0xd6, 0x27, 0x28, 0xff}, {0xff, 0x7f, 0x0e, 0xff}, {0x33, 0x33, 0x33, 0xff}, {0x1f, 0x77, 0xb4, 0xff},
	{0x2c, 0xa0, 0x2c, 0xff}, {0x94, 0x67, 0xbd, 0xff}, {0x8c, 0x56, 0x4b, 0xff}, {0xe3, 0x77, 0xc2, 0xff},
	{0x17, 0xbe, 0xcf, 0xff}, {0xbc, 0xbd, 0x22, 0xff},
}

var dashes = [][]vg.Length{nil, {vg.Points(5), vg.Points(2)}, {vg.Points(1.5), vg.Points(1.5)}}

var marks = []draw.GlyphDrawer{draw.CircleGlyph{}, draw.SquareGlyph{}, draw.TriangleGlyph{}}

// write draws it into a file.
func (c chart) write(r *report, path string) error {
	p, err := c.plot(r)
	if err != nil {
		return err
	}
	return p.Save(8*vg.Inch, 6*vg.Inch, path)
}

// plot draws the medians of the figures.
func (c chart) plot(r *report) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = c.title
	p.X.Label.Text = "size of the value"
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.Legend.Top, p.Legend.Left = true, true
	p.Add(plotter.NewGrid())

	var ticks []plot.Tick
	lines := 0
	for i := range peers {
		var line plotter.XYs
		for _, size := range allSizes {
			f := r.figures[figureKey{c.experiment, sizeName(size) + ", " + c.situation, peers[i].name, c.metric}]
			if f == nil {
				continue
			}
			if median, _, _ := spread(f.Rounds); median > 0 {
				line = append(line, plotter.XY{X: float64(size), Y: median})
				if !slices.ContainsFunc(ticks, func(t plot.Tick) bool { return t.Value == float64(size) }) {
					ticks = append(ticks, plot.Tick{Value: float64(size), Label: sizeName(size)})
				}
			}
		}
		if line == nil {
			continue
		}
		drawn, points, err := plotter.NewLinePoints(line)
		if err != nil {
			return nil, err
		}
		hue, again := hues[lines%len(hues)], lines/len(hues)%len(dashes)
		lines++
		drawn.Color, points.Color = hue, hue
		drawn.Dashes, points.Shape = dashes[again], marks[again]
		drawn.Width, points.Radius = vg.Points(1), vg.Points(2)
		if _, mine := peers[i].store.(ours); mine {
			drawn.Width = vg.Points(2.5)
		}
		p.Add(drawn, points)
		p.Legend.Add(peers[i].name, drawn, points)
	}
	if ticks == nil {
		return nil, fmt.Errorf("nothing is to be drawn: no %s in %s, %s", c.metric, c.experiment, c.situation)
	}
	slices.SortFunc(ticks, func(a, b plot.Tick) int { return int(a.Value - b.Value) })
	p.X.Tick.Marker = plot.ConstantTicks(ticks)
	p.X.Min, p.X.Max = p.X.Min/4, p.X.Max*1.5 // the legend is on the left
	p.Y.Min = math.Pow(10, math.Floor(math.Log10(p.Y.Min)))
	p.Y.Max = math.Pow(10, math.Ceil(math.Log10(p.Y.Max)))

	p.Y.Tick.Marker = plot.ConstantTicks(times(p.Y.Min, p.Y.Max))
	return p, nil
}

// times are the powers of ten from one number of nanoseconds to another.
func times(from, to float64) (ticks []plot.Tick) {
	for ns := from; ns <= to*1.01; ns *= 10 {
		ticks = append(ticks, plot.Tick{Value: ns, Label: time.Duration(math.Round(ns)).String()})
	}
	return ticks
}
