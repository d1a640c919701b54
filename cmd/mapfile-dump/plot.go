package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/axis"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/hist"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/picture"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/record"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/termplot"
)

// The command plot: pictures of histograms, in files or in the terminal.

type plotFlags struct {
	out              string
	format           string // of the picture at out
	terminal, grid   bool
	logX, logY, logZ bool
	xRange, yRange   axisRange
	size             area
}

func newPlot(t *tool) *cobra.Command {
	var flags plotFlags
	cmd := &cobra.Command{
		Use:   "plot FILE SLOT…",
		Short: "pictures of histograms",
		Long: `Plot draws histograms and profiles, as they were at one commit: over each other, or with --grid each in a pad of
its own. Histograms of two dimensions are drawn as maps, alone or in a grid. Titles of axes and units come from the
histograms, or from the title of the slot where that is "title;x axis;y axis". Errors are shown where fills had weights.

--out writes a file, as its ending says, and replaces what is there: whole, or not at all. --terminal draws here with
braille dots and blocks, which is also what happens without either flag if stdout is a terminal. The unit of --size is
pixels, 96 to the inch, or columns and lines with --terminal.

Slots that are no histograms, or that cannot be drawn, are named and left out; the exit code says so, too.`,
		Example: `  mapfile-dump plot hits crate00/ch017/adc
  mapfile-dump plot hits 'crate00/ch01*/adc' --grid --logy --out crate00.png
  mapfile-dump plot run1.map run1/hpx run1/hpy --out both.svg
  mapfile-dump plot hits crate00/ch017/adc --terminal --xrange 1500:1900`,
		Annotations:       usualFormats,
		Args:              operands(1, -1, ""),
		ValidArgsFunction: t.completeFileAndSlots,
		RunE:              func(_ *cobra.Command, args []string) error { return t.plot(args[0], args[1:], &flags) },
	}
	f := cmd.Flags()
	f.StringVar(&flags.out, "out", "", "write to `FILE`: .png, .svg or .pdf")
	f.BoolVar(&flags.terminal, "terminal", false, "draw here")
	f.BoolVar(&flags.grid, "grid", false, "one pad each instead of overlaid")
	f.BoolVar(&flags.logX, "logx", false, "logarithmic x axis")
	f.BoolVar(&flags.logY, "logy", false, "logarithmic y axis")
	f.BoolVar(&flags.logZ, "logz", false, "logarithmic scale of colours, of two dimensions")
	f.Var(&flags.xRange, "xrange", "from `A:B` on the x axis (default: all)")
	f.Var(&flags.yRange, "yrange", "from `A:B` on the y axis (default: what there is)")
	f.Var(&flags.size, "size", "pixels, or columns and lines, as `WxH` (default 800x600 for one pad, or what the terminal has)")
	return cmd
}

// check completes the flags, or says which do not go together.
func (flags *plotFlags) check(t *tool) error {
	if flags.out == "" && !flags.terminal {
		if !t.out.terminal {
			return usagef("plot: give --out FILE.png, .svg or .pdf; or --terminal to draw here")
		}
		flags.terminal = true
	}
	width, height := flags.size.width, flags.size.height
	switch {
	case flags.out != "" && flags.terminal:
		return usagef("plot: give --out or --terminal, not both")
	case flags.terminal && t.wantsJSON():
		return usagef("plot: --terminal draws for people; -o %s goes with --out", t.flags.output)
	case flags.logX && flags.xRange.given && flags.xRange.Min <= 0, flags.logY && flags.yRange.given && flags.yRange.Min <= 0:
		return usagef("plot: a logarithmic axis needs a range above 0")
	case flags.terminal && (width > termplot.MostColumns || height > termplot.MostLines):
		return usagef("plot: --size %s is too large for a terminal; at most %dx%d", &flags.size, termplot.MostColumns, termplot.MostLines)
	case flags.terminal:
		return nil
	}
	format, ok := picture.FormatOf(flags.out)
	if !ok {
		return usagef("plot: --out %s: want a name that ends in .png, .svg or .pdf", show.Quote(flags.out))
	}
	flags.format = format
	if least, most := picture.LeastPixels, picture.MostPixels; width > 0 && (min(width, height) < least || max(width, height) > most) {
		return usagef("plot: --size %s: want %dx%d to %dx%d pixels", &flags.size, least, least, most, most)
	}
	return nil
}

func (t *tool) plot(operand string, slots []string, flags *plotFlags) error {
	if len(slots) == 0 && len(t.flags.match) == 0 {
		return usagef("plot: which slots? usage: mapfile-dump plot FILE SLOT…")
	}
	if err := flags.check(t); err != nil {
		return err
	}
	var path string
	found, errs := withFile(t, operand, func(f *target) (readings, []error) {
		path = f.path
		return t.read(f, slots)
	})
	t.failAll(errs)
	if flags.out != "" && sameFile(path, flags.out) {
		return usagef("plot: --out %s is the file that is drawn", show.Quote(flags.out))
	}
	hs, err := t.histograms(path, found, flags)
	switch {
	case err != nil:
		return err
	case len(hs) == 0:
		return nil // why was told
	case flags.terminal:
		return t.plotHere(hs, flags)
	}
	return t.plotOut(path, hs, flags)
}

// histograms decodes what can be drawn, and names the rest.
func (t *tool) histograms(path string, found readings, flags *plotFlags) ([]*hist.Histogram, error) {
	var hs []*hist.Histogram
	for i, r := range found.list {
		t.clock.progress()
		if t.ctx.Err() != nil {
			return nil, t.ctx.Err()
		}
		node, err := t.decode(path, r, false)
		if err != nil {
			t.fail(err)
			continue
		}
		found.list[i].payload = nil
		h, ok := hist.Of(r.info.Type.Name, node)
		if !ok {
			t.fail(fmt.Errorf("%s: slot %s: %s is no histogram", t.showPath(path), r.info.Name, r.info.Type.Name))
			continue
		}
		h.TitledBy(r.info.Title)
		h.Name = r.info.Name
		if _, err := axis.FrameOf(flags.axes(), h); err != nil {
			t.fail(fmt.Errorf("%s: slot %s %w", t.showPath(path), h.Name, err))
			continue
		}
		hs = append(hs, h)
	}
	if flags.grid {
		return hs, nil
	}
	for _, h := range hs {
		if h.Kind == hist.H2D && len(hs) > 1 {
			return nil, usagef("plot: %s has two dimensions and cannot be drawn over others; give --grid", h.Name)
		}
	}
	if most := picture.MostCurves; len(hs) > most {
		return nil, usagef("plot: %d histograms over each other; at most %d can be told apart: give --grid, or fewer slots", len(hs), most)
	}
	return hs, nil
}

func (flags *plotFlags) axes() axis.Options {
	o := axis.Options{LogX: flags.logX, LogY: flags.logY, LogZ: flags.logZ}
	if flags.xRange.given {
		o.X = &flags.xRange.Range
	}
	if flags.yRange.given {
		o.Y = &flags.yRange.Range
	}
	return o
}

// plotHere draws with characters.
func (t *tool) plotHere(hs []*hist.Histogram, flags *plotFlags) error {
	width, height := flags.size.width, flags.size.height
	if width == 0 {
		width, height = t.terminalSize()
	}
	axes := flags.axes()
	o := termplot.Options{Width: width, Height: height, LogX: axes.LogX, LogY: axes.LogY, LogZ: axes.LogZ, X: axes.X, Y: axes.Y, Colour: bool(t.paint)}
	if flags.grid && len(hs) > 1 {
		return t.out.lines(termplot.Grid(o, hs...))
	}
	return t.out.lines(termplot.Draw(o, hs...))
}

// terminalSize is a size for a picture: all columns, and lines in a good shape, with room for the prompt.
func (t *tool) terminalSize() (width, height int) {
	width, height = 80, 24
	if t.out.terminal {
		if w, h, err := term.GetSize(int(t.out.file.Fd())); err == nil && w > 0 && h > 0 {
			width, height = w, min(h-2, max(w*3/8, 20))
		}
	}
	return max(width, 20), max(height, 6)
}

// plotRecord has the kind "plot".
type plotRecord struct {
	record.Head
	File       string   `json:"file"`
	Out        string   `json:"out"`
	Format     string   `json:"format"`
	Histograms []string `json:"histograms"` // names of the slots that were drawn
}

// plotOut draws a file. The picture is made in memory first: a run that gives up leaves nothing behind.
func (t *tool) plotOut(path string, hs []*hist.Histogram, flags *plotFlags) error {
	o := picture.Options{Format: flags.format, Width: flags.size.width, Height: flags.size.height, Grid: flags.grid, Options: flags.axes()}
	if o.Width == 0 {
		o.Width, o.Height = picture.DefaultSize(1)
		if o.Grid {
			o.Width, o.Height = picture.DefaultSize(len(hs))
		}
	}
	var drawn bytes.Buffer
	if err := picture.Draw(&drawn, o, hs...); err != nil {
		return usagef("plot: %v", err) // what can be wrong with histograms was found before
	}
	const replaces = true
	err := t.writeOut(flags.out, replaces, func(w io.Writer) error { _, err := drawn.WriteTo(w); return err })
	if err != nil {
		return err
	}
	if t.wantsJSON() {
		rec := plotRecord{Head: record.HeadOf("plot"), File: path, Out: flags.out, Format: o.Format, Histograms: []string{}}
		for _, h := range hs {
			rec.Histograms = append(rec.Histograms, h.Name)
		}
		return t.newRecords(true).Put(rec)
	}
	return t.out.printf("%s  %s\n", show.Visible(flags.out), show.Plural(len(hs), "histogram"))
}

// sameFile says whether two paths are of one file.
func sameFile(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// axisRange is a flag's value: A:B.
type axisRange struct {
	axis.Range
	given bool
}

func (r *axisRange) String() string {
	if !r.given {
		return ""
	}
	return fmt.Sprintf("%g:%g", r.Min, r.Max)
}
func (*axisRange) Type() string { return "range" }
func (r *axisRange) Set(text string) error {
	a, b, _ := strings.Cut(text, ":")
	from, errA := strconv.ParseFloat(a, 64)
	to, errB := strconv.ParseFloat(b, 64)
	if errA != nil || errB != nil || !(from < to) || math.IsInf(from, 0) || math.IsInf(to, 0) {
		return fmt.Errorf("want two numbers A:B, the first one less, such as 1500:1900")
	}
	*r = axisRange{axis.Range{Min: from, Max: to}, true}
	return nil
}

// area is a flag's value: WxH.
type area struct{ width, height int }

func (s *area) String() string {
	if s.width == 0 {
		return ""
	}
	return fmt.Sprintf("%dx%d", s.width, s.height)
}
func (*area) Type() string { return "size" }
func (s *area) Set(text string) error {
	w, h, _ := strings.Cut(text, "x")
	width, errW := strconv.Atoi(w)
	height, errH := strconv.Atoi(h)
	if errW != nil || errH != nil || width < 1 || height < 1 {
		return fmt.Errorf("want width and height, such as 800x600")
	}
	*s = area{width, height}
	return nil
}
