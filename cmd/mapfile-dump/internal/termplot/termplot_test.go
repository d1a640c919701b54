package termplot

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/axis/axistest"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/hist"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
)

var update = flag.Bool("update", false, "write the golden files anew")

// checkPage fails if lines do not fit, or could control a terminal.
func checkPage(t *testing.T, o Options, lines []string) {
	t.Helper()
	if len(lines) > max(0, o.Height) {
		t.Errorf("%+v: %d lines", o, len(lines))
	}
	for _, line := range lines {
		checkLine(t, o, line)
	}
}

func checkLine(t *testing.T, o Options, line string) {
	t.Helper()
	if n := columnsOf(line); n > o.Width {
		t.Errorf("%+v: %d columns: %q", o, n, line)
	}
	plain := line
	for o.Colour {
		before, rest, found := strings.Cut(plain, "\x1b[")
		if !found {
			break
		}
		code, after, _ := strings.Cut(rest, "m")
		if strings.Trim(code, "0123456789;") != "" {
			t.Errorf("%+v: %q has the code %q", o, line, code)
		}
		plain = before + after
	}
	if !utf8.ValidString(plain) || strings.ContainsFunc(plain, func(r rune) bool { return !show.Harmless(r) }) {
		t.Errorf("%+v: %q", o, line)
	}
}

// optionsOf are all combinations of logarithmic axes and colour, in some sizes.
func optionsOf() []Options {
	var all []Options
	for _, size := range [][2]int{{80, 24}, {20, 6}, {40, 12}, {130, 40}, {1, 1}, {3, 2}, {11, 5}, {36, 9}, {2, 14}, {-1, 4}, {7, 0}} {
		for bits := range 16 {
			all = append(all, Options{Width: size[0], Height: size[1], LogX: bits&1 != 0, LogY: bits&2 != 0,
				LogZ: bits&4 != 0, Colour: bits&8 != 0})
		}
	}
	return all
}

// J10: odd histograms give a picture or the reason why not, in all sizes, at once.
func TestOddHistogramsAreDrawnOrRefused(t *testing.T) {
	for _, odd := range axistest.Odd() {
		start := time.Now()
		for _, o := range optionsOf() {
			checkPage(t, o, Draw(o, odd.Histogram))
			for _, line := range Grid(o, odd.Histogram, odd.Histogram) {
				checkLine(t, o, line)
			}
			if odd.Kind != hist.H2D {
				checkPage(t, o, Draw(o, odd.Histogram, axistest.Gauss(30, 50, 0, 1), axistest.Wave(10)))
			}
		}
		if took := time.Since(start); took > time.Minute {
			t.Errorf("%s took %v", odd.Name, took)
		}
		for log, want := range map[bool]string{false: odd.Linear, true: odd.Log} {
			got := strings.Join(Draw(Options{Width: 200, Height: 24, LogX: log, LogY: log && odd.Kind != hist.H2D, LogZ: log}, odd.Histogram), "\n")
			if hasReason := strings.Contains(got, "cannot be drawn: "); hasReason != (want != "") || !strings.Contains(got, want) {
				t.Errorf("%s, log %v: want %q:\n%s", odd.Name, log, want, got)
			}
		}
	}
}

func TestRangesThatHoldNothingAreRefused(t *testing.T) {
	h := axistest.Gauss(10, 5, 0, 1)
	for _, o := range []Options{
		{X: &Range{Min: 1, Max: 1}}, {X: &Range{Min: 2, Max: 1}}, {X: &Range{Min: math.NaN(), Max: 1}}, {Y: &Range{Min: 0, Max: math.Inf(1)}},
		{LogX: true, X: &Range{Min: 0, Max: 1}}, {LogY: true, Y: &Range{Min: -1, Max: 1}},
	} {
		o.Width, o.Height = 80, 24
		if got := strings.Join(Draw(o, h), "\n"); !strings.Contains(got, "cannot be drawn: the range") {
			t.Errorf("%+v:\n%s", o, got)
		}
	}
	if got := Draw(Options{Width: 60, Height: 20, X: &Range{Min: 100, Max: 200}}, h); strings.Contains(strings.Join(got, ""), "cannot") {
		t.Error("an empty part of an axis is a picture") // where it is empty can be news
	}
	if got := strings.Join(Draw(Options{Width: 80, Height: 20}, h, axistest.Cloud(3, 3)), " "); !strings.Contains(got, "two dimensions") {
		t.Error(got)
	}
}

func TestPicturesLookAsBefore(t *testing.T) {
	gauss := axistest.Gauss(100, 100, 0, 1)
	unequal := axistest.Edges(axistest.H1D(0, 1, 4, 9, 16, 25, 9, 1), 1, 2, 5, 10, 50, 400, 1000)
	second := axistest.Named(axistest.Gauss(40, 60, 1.5, 0.7), "run1/second", "")
	usual := Options{Width: 80, Height: 20}
	with := func(change func(*Options)) Options { o := usual; change(&o); return o }
	for _, c := range []struct {
		name string
		o    Options
		hs   []*hist.Histogram
	}{
		{"h1d", usual, []*hist.Histogram{gauss}},
		{"h1d-logy", with(func(o *Options) { o.LogY = true }), []*hist.Histogram{gauss}},
		{"h1d-range", with(func(o *Options) { o.X, o.Y = &Range{Min: -1, Max: 2}, &Range{Min: 0, Max: 60} }), []*hist.Histogram{gauss}},
		{"h1d-tail", with(func(o *Options) { o.X = &Range{Min: 2, Max: 3} }), []*hist.Histogram{gauss}},
		{"h1d-small", Options{Width: 20, Height: 6}, []*hist.Histogram{gauss}},
		{"h1d-unequal-logx", with(func(o *Options) { o.LogX = true }), []*hist.Histogram{unequal}},
		{"h1d-unequal", usual, []*hist.Histogram{unequal}},
		{"negative", usual, []*hist.Histogram{axistest.H1D(-3e6, 3e6, -1e-5, 5e-5, -2e-5)}},
		{"overlaid", usual, []*hist.Histogram{gauss, second}},
		{"overlaid-colour", with(func(o *Options) { o.Colour = true }), []*hist.Histogram{gauss, second}},
		{"p1d", usual, []*hist.Histogram{axistest.Wave(40)}},
		{"h2d", usual, []*hist.Histogram{axistest.Cloud(40, 20)}},
		{"h2d-colour-logz", with(func(o *Options) { o.Colour, o.LogZ = true, true }), []*hist.Histogram{axistest.Cloud(40, 20)}},
	} {
		lines := Draw(c.o, c.hs...)
		checkPage(t, c.o, lines)
		golden(t, c.name, lines)
	}
	o := Options{Width: 100, Height: 30}
	lines := Grid(o, gauss, second, axistest.Wave(20), axistest.Cloud(20, 10), unequal)
	for _, line := range lines {
		checkLine(t, o, line)
	}
	golden(t, "grid", lines)
}

func golden(t *testing.T, name string, lines []string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	got := strings.Join(lines, "\n") + "\n"
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(path); err != nil || got != string(want) {
		t.Errorf("%s differs (%v):\n%s", path, err, got)
	}
}

// A bin is as wide as its part of the axis: half of it here, a tenth there.
func TestBinsOfUnequalWidthAreInTheirPlaces(t *testing.T) {
	h := axistest.Named(axistest.Edges(axistest.H1D(0, 1, 1, 0, 1), 0, 50, 90, 100), "", "")
	h.X.Title, h.Y.Title = "", ""
	lines := Draw(Options{Width: 103, Height: 8, Y: &Range{Min: 0, Max: 1}}, h)
	row := lines[1] // of 100 columns after "1 ┤"
	if want := "    │" + strings.Repeat("⣿", 49) + "⣿" + strings.Repeat(" ", 38); !strings.HasPrefix(row, want[:8]) {
		t.Errorf("%q", row)
	}
	body := []rune(row)[strings.IndexRune(row, '│')+1:]
	full := func(from, to int, mark rune) bool {
		for _, r := range body[from:to] {
			if r != mark {
				return false
			}
		}
		return true
	}
	n := len(body)
	if !full(0, n/2-1, '⣿') || !full(n/2+1, n*9/10-1, ' ') || !full(n*9/10+1, n, '⣿') {
		t.Errorf("%d columns: %q", n, row)
	}
}

func TestColumnsOfColouredLines(t *testing.T) {
	for line, want := range map[string]int{"": 0, "ab": 2, "\x1b[38;5;33mab\x1b[0mc": 3, "日\x1b[0m": 2, "\x1b[": 0} {
		if got := columnsOf(line); got != want {
			t.Errorf("columnsOf(%q) = %d, want %d", line, got, want)
		}
	}
}

func FuzzDraw(f *testing.F) {
	f.Add(uint8(80), uint8(24), uint8(0), 0.0, 1.0, 3.0, 4.0, 5.0, "title")
	f.Add(uint8(20), uint8(6), uint8(255), -1e308, 1e308, math.Inf(1), math.NaN(), math.Copysign(0, -1), axistest.Hostile)
	f.Fuzz(func(t *testing.T, width, height, bits uint8, a, b, c, d, e float64, text string) {
		o := Options{Width: int(width), Height: int(height), LogX: bits&1 != 0, LogY: bits&2 != 0, LogZ: bits&4 != 0, Colour: bits&8 != 0}
		if bits&16 != 0 {
			o.X = &Range{Min: c, Max: d}
		}
		if bits&32 != 0 {
			o.Y = &Range{Min: d, Max: e}
		}
		one := axistest.Named(axistest.Weighted(axistest.H1D(a, b, c, d, e), d), text, text)
		one.X.Title = text
		profile := axistest.P1D(a, b, []float64{c, d, e}, []float64{e, c, d})
		unequal := axistest.Edges(axistest.H1D(0, 1, c, d, e), a, b, c, d)
		i := 0
		plane := axistest.H2D(2, 3, func(_, _ float64) float64 { i++; return []float64{c, d, e, a, b, 0}[i%6] })
		plane.Y.Min, plane.Y.Max = a, b
		for _, hs := range [][]*hist.Histogram{{one}, {profile}, {unequal}, {plane}, {one, profile, unequal}} {
			checkPage(t, o, Draw(o, hs...))
		}
	})
}

func BenchmarkDraw(b *testing.B) {
	for _, h := range []*hist.Histogram{axistest.Gauss(1000, 1e4, 0, 1), axistest.Cloud(200, 200)} {
		b.Run(fmt.Sprint(h.Kind), func(b *testing.B) {
			for b.Loop() {
				Draw(Options{Width: 200, Height: 60, Colour: true}, h)
			}
		})
	}
}
