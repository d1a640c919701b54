// Package picture draws histograms as PNG, SVG and PDF.
//
// The same histograms and options give the same bytes: there are no dates in the files. Control and
// other odd characters in texts are escaped; in SVG and PDF all text is outlines of letters.
package picture

import (
	"fmt"
	"image"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"codeberg.org/go-pdf/fpdf"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgpdf"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/axis"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/hist"
)

// Options say how a picture is made.
type Options struct {
	Format        string // one of Formats
	Width, Height int    // in pixels, of which vector formats have 96 to the inch
	Grid          bool   // a pad for each histogram, instead of all over each other
	axis.Options
}

// Formats are the kinds of files.
var Formats = []string{"png", "svg", "pdf"}

// FormatOf tells by the end of a file's name which format it is to have.
func FormatOf(path string) (format string, ok bool) {
	format = strings.ToLower(strings.TrimPrefix(filepath.Ext(path), "."))
	return format, slices.Contains(Formats, format)
}

// The bounds of a picture's width and height.
const (
	LeastPixels = 100
	MostPixels  = 5000
)

const (
	leastPad = 80 // pixels: a smaller pad shows nothing
	// MostCurves can be told apart when they are drawn over each other.
	MostCurves = 12
)

// DefaultSize is a size in which so many pads can be read.
func DefaultSize(pads int) (width, height int) {
	if pads <= 1 {
		return 800, 600
	}
	columns := int(math.Ceil(math.Sqrt(float64(pads))))
	rows := (pads + columns - 1) / columns
	return min(columns*440, MostPixels), min(rows*330, MostPixels)
}

// Draw writes a picture of histograms to w. In a grid, a pad says of a histogram that cannot be drawn
// why; else that is the error, an *axis.UndrawableError. A size out of bounds, or more histograms than
// have room, is an error as well.
func Draw(w io.Writer, o Options, hs ...*hist.Histogram) error {
	for _, pixels := range []int{o.Width, o.Height} {
		if pixels < LeastPixels || pixels > MostPixels {
			return fmt.Errorf("a picture of %dx%d pixels: want %d to %d for either", o.Width, o.Height, LeastPixels, MostPixels)
		}
	}
	if !o.Grid {
		if len(hs) > MostCurves {
			return fmt.Errorf("%d histograms over each other cannot be told apart; at most %d can", len(hs), MostCurves)
		}
		if _, err := axis.FrameOf(o.Options, hs...); err != nil {
			return err
		}
	}
	columns, rows := gridOf(len(hs), o.Width, o.Height)
	if o.Grid && (o.Width/columns < leastPad || o.Height/rows < leastPad) {
		return fmt.Errorf("%d histograms do not fit in %dx%d pixels", len(hs), o.Width, o.Height)
	}
	out, err := newCanvas(o)
	if err != nil {
		return err
	}
	all := draw.New(out)
	fill(all, white)
	if !o.Grid {
		newPad(o, all).draw(hs)
	} else {
		for i, h := range hs {
			newPad(o, padOf(all, i, columns, rows)).draw([]*hist.Histogram{h})
		}
	}
	_, err = out.WriteTo(w)
	return err
}

// gridOf finds the grid for n pads in which they are nearest to 4:3.
func gridOf(n, width, height int) (columns, rows int) {
	best := math.Inf(1)
	for c := 1; c <= max(n, 1); c++ {
		r := (max(n, 1) + c - 1) / c
		shape := math.Abs(math.Log(float64(width) / float64(c) / (float64(height) / float64(r)) * 3 / 4))
		empty := float64(c*r-n) / float64(max(n, 1)) // nicer without
		if shape+empty < best {
			best, columns, rows = shape+empty, c, r
		}
	}
	return columns, rows
}

func padOf(all draw.Canvas, i, columns, rows int) draw.Canvas {
	size := all.Size()
	w, h := size.X/vg.Length(columns), size.Y/vg.Length(rows)
	x, y := vg.Length(i%columns)*w, size.Y-vg.Length(i/columns+1)*h
	return draw.Canvas{Canvas: all.Canvas, Rectangle: vg.Rectangle{Min: vg.Point{X: x, Y: y}, Max: vg.Point{X: x + w, Y: y + h}}}
}

// A canvas is a file in the making.
type canvas interface {
	vg.CanvasSizer
	io.WriterTo
}

const dpi = 96

func newCanvas(o Options) (canvas, error) {
	width, height := vg.Length(o.Width)*vg.Inch/dpi, vg.Length(o.Height)*vg.Inch/dpi
	switch o.Format {
	case "png":
		img := image.NewRGBA(image.Rect(0, 0, o.Width, o.Height))
		return vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseImage(img), vgimg.UseDPI(dpi))}, nil
	case "svg":
		return outlined{vgsvg.New(width, height)}, nil
	case "pdf":
		return outlined{vgpdf.New(width, height)}, nil
	}
	return nil, fmt.Errorf("format %q: there are: %s", o.Format, strings.Join(Formats, ", "))
}

// outlined draws letters as outlines: so they look the same everywhere, whatever fonts and alphabets a
// viewer has, and a text is never anything but a drawing.
type outlined struct{ canvas }

func (c outlined) FillString(face font.Face, at vg.Point, s string) { c.Fill(outline(face, at, s)) }

func init() {
	epoch := time.Unix(0, 0).UTC() // the library's default is now
	fpdf.SetDefaultCreationDate(epoch)
	fpdf.SetDefaultModificationDate(epoch)
	fpdf.SetDefaultCatalogSort(true)
}
