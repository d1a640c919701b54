package picture

import (
	"math"
	"strings"

	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
)

// Texts. In titles p_{x} and 10^{3} are drawn as one reads them; in braces only, so that names of slots
// stay what they are. Everything that leaves no plain mark is shown escaped.

// A piece is a part of a text on one level: on the line, raised or lowered.
type piece struct {
	text  string
	level int // -1, 0, 1
}

const (
	smaller = 0.7  // size of raised and lowered pieces
	raised  = 0.38 // by which part of the size
	lowered = -0.18
)

// raisedRunes are in few fonts.
var raisedRunes = map[rune]string{'⁰': "0", '¹': "1", '²': "2", '³': "3", '⁴': "4", '⁵': "5", '⁶': "6", '⁷': "7", '⁸': "8", '⁹': "9", '⁻': "-"}

func piecesOf(s string) []piece {
	var pieces []piece
	add := func(text string, level int) {
		if n := len(pieces); n > 0 && pieces[n-1].level == level {
			pieces[n-1].text += text
		} else if text != "" {
			pieces = append(pieces, piece{text, level})
		}
	}
	for s != "" {
		if inner, rest, found := strings.Cut(s[min(2, len(s)):], "}"); found && s[1] == '{' && (s[0] == '_' || s[0] == '^') {
			level := 1
			if s[0] == '_' {
				level = -1
			}
			add(inner, level)
			s = rest
			continue
		}
		for i, r := range s {
			if i > 0 {
				s = s[i:]
				break
			}
			if small, ok := raisedRunes[r]; ok {
				add(small, 1)
			} else {
				add(string(r), 0)
			}
			if len(string(r)) == len(s) {
				s = ""
			}
		}
	}
	return pieces
}

// writer is a text.Handler of gonum/plot for such texts, in one line.
type writer struct{ fonts *font.Cache }

var textWriter = writer{plot.DefaultTextHandler.Cache()}

func textFont(size vg.Length) font.Font {
	return font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, size)
}

func (w writer) Cache() *font.Cache { return w.fonts }

func (w writer) Extents(fnt font.Font) font.Extents {
	face := w.fonts.Lookup(fnt, fnt.Size)
	return face.Extents()
}

func (w writer) Lines(txt string) []string { return []string{txt} }

func (w writer) Box(txt string, fnt font.Font) (width, height, depth vg.Length) {
	for _, p := range piecesOf(txt) {
		face, _ := w.face(fnt, p)
		width += face.Width(p.text)
	}
	ext := w.Extents(fnt)
	return width, ext.Ascent, ext.Descent
}

// face is the font of a piece, and how much above the line it stands.
func (w writer) face(fnt font.Font, p piece) (face font.Face, rise vg.Length) {
	switch size := fnt.Size; p.level {
	case 1:
		return w.fonts.Lookup(fnt, size*smaller), size * raised
	case -1:
		return w.fonts.Lookup(fnt, size*smaller), size * lowered
	}
	return w.fonts.Lookup(fnt, fnt.Size), 0
}

func (w writer) Draw(c vg.Canvas, txt string, sty text.Style, pt vg.Point) {
	if txt == "" {
		return
	}
	c.SetColor(sty.Color)
	if sty.Rotation != 0 {
		c.Push()
		defer c.Pop()
		c.Rotate(sty.Rotation)
	}
	sin64, cos64 := math.Sincos(sty.Rotation)
	sin, cos := vg.Length(sin64), vg.Length(cos64)
	pt = vg.Point{X: pt.Y*sin + pt.X*cos, Y: pt.Y*cos - pt.X*sin}
	ext := w.Extents(sty.Font)
	pt.X += vg.Length(sty.XAlign) * sty.Width(txt)
	pt.Y += sty.Height(txt)*vg.Length(sty.YAlign) - ext.Ascent + sty.Font.Size
	for _, p := range piecesOf(txt) {
		face, rise := w.face(sty.Font, p)
		c.FillString(face, pt.Add(vg.Point{Y: rise}), p.text)
		pt.X += face.Width(p.text)
	}
}

// fit is a text of a file, escaped, and cut to a width.
func fit(sty text.Style, s string, width vg.Length) string {
	const most = 500 // runes: nobody reads more
	s = show.Cut(show.Visible(s), most)
	for columns := show.Columns(s); sty.Width(s) > width && columns > 1; {
		columns = min(columns-1, int(float64(columns)*float64(width/sty.Width(s)))+1)
		s = show.Cut(strings.TrimSuffix(s, "…"), columns)
	}
	return s
}

// outline is a text as outlines of its letters, to be filled.
func outline(face font.Face, at vg.Point, s string) vg.Path {
	var buf sfnt.Buffer
	var path vg.Path
	const unitsPerSize = 2048
	unit := face.Font.Size / (64 * unitsPerSize)
	point := func(p fixed.Point26_6) vg.Point {
		return vg.Point{X: at.X + vg.Length(p.X)*unit, Y: at.Y - vg.Length(p.Y)*unit}
	}
	for _, r := range s {
		glyph, err := face.Face.GlyphIndex(&buf, r)
		if err != nil {
			continue
		}
		segments, err := face.Face.LoadGlyph(&buf, glyph, fixed.I(unitsPerSize), nil)
		if err != nil {
			continue
		}
		for i, s := range segments {
			switch s.Op {
			case sfnt.SegmentOpMoveTo:
				if i > 0 {
					path.Close()
				}
				path.Move(point(s.Args[0]))
			case sfnt.SegmentOpLineTo:
				path.Line(point(s.Args[0]))
			case sfnt.SegmentOpQuadTo:
				path.QuadTo(point(s.Args[0]), point(s.Args[1]))
			case sfnt.SegmentOpCubeTo:
				path.CubeTo(point(s.Args[0]), point(s.Args[1]), point(s.Args[2]))
			}
		}
		if len(segments) > 0 {
			path.Close()
		}
		at.X += face.Width(string(r))
	}
	return path
}
