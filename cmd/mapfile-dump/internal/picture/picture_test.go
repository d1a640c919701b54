package picture

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/axis"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/axis/axistest"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/hist"
)

var update = flag.Bool("update", false, "write the golden files anew")

func drawn(t *testing.T, o Options, hs ...*hist.Histogram) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := Draw(&buf, o, hs...); err != nil {
		t.Fatalf("%+v: %v", o, err)
	}
	return buf.Bytes()
}

// checkFile fails if a file is not a picture of its format with something in it.
func checkFile(t *testing.T, o Options, file []byte) {
	t.Helper()
	switch o.Format {
	case "png":
		img, err := png.Decode(bytes.NewReader(file))
		if err != nil || img.Bounds() != image.Rect(0, 0, o.Width, o.Height) {
			t.Fatalf("%+v: %v", o, err)
		}
		if n := inked(img); n < 30 {
			t.Errorf("%+v: %d pixels are not white", o, n)
		}
	case "svg":
		checkSVG(t, file)
	case "pdf":
		if !bytes.HasPrefix(file, []byte("%PDF-1.")) || !bytes.HasSuffix(bytes.TrimSpace(file), []byte("%%EOF")) {
			t.Errorf("%+v: %.20q", o, file)
		}
		objects := regexp.MustCompile(`(?s)\nstream\n.*?\nendstream`).ReplaceAll(file, nil)
		for _, word := range []string{"/JavaScript", "/JS", "/Launch", "/URI"} {
			if bytes.Contains(objects, []byte(word)) {
				t.Errorf("%+v has %s", o, word)
			}
		}
	}
}

func inked(img image.Image) int {
	n := 0
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			if r, g, b, _ := img.At(x, y).RGBA(); r+g+b < 3*0xffff {
				n++
			}
		}
	}
	return n
}

// checkSVG accepts XML of drawn paths, and nothing else.
func checkSVG(t *testing.T, file []byte) {
	t.Helper()
	paths := 0
	for d := xml.NewDecoder(bytes.NewReader(file)); ; {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%v in %.200q", err, file)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if !slices.Contains([]string{"svg", "g", "path"}, token.Name.Local) {
				t.Errorf("element %s", token.Name.Local)
			}
			if token.Name.Local == "path" {
				paths++
			}
			for _, a := range token.Attr {
				if !slices.Contains([]string{"d", "style", "transform", "width", "height", "viewBox", "xmlns", "xlink"}, a.Name.Local) {
					t.Errorf("attribute %s of %s", a.Name.Local, token.Name.Local)
				}
				if strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") {
					t.Errorf("%s=%.100q", a.Name.Local, a.Value)
				}
			}
		case xml.CharData:
			if strings.TrimSpace(string(token)) != "" {
				t.Errorf("text %q", token)
			}
		case xml.Directive:
			t.Errorf("directive %q", token)
		}
	}
	if paths < 3 {
		t.Errorf("%d paths", paths)
	}
}

func TestFilesArePicturesAndTheSameEachTime(t *testing.T) {
	gauss, second := axistest.Gauss(100, 100, 0, 1), axistest.Named(axistest.Gauss(40, 60, 1.5, 0.7), "run1/second", "")
	wave, cloud := axistest.Wave(20), axistest.Cloud(40, 30)
	for _, format := range Formats {
		for _, hs := range [][]*hist.Histogram{{gauss}, {wave}, {cloud}, {gauss, second, wave}} {
			o := Options{Format: format, Width: 400, Height: 300, Options: axis.Options{LogZ: true}}
			file := drawn(t, o, hs...)
			checkFile(t, o, file)
			if !bytes.Equal(file, drawn(t, o, hs...)) {
				t.Errorf("%s differs when drawn again", format)
			}
			if year := time.Now().UTC().Format("D:2006"); bytes.Contains(file, []byte(year)) {
				t.Errorf("%s has a date", format)
			}
		}
		o := Options{Format: format, Width: 900, Height: 600, Grid: true}
		checkFile(t, o, drawn(t, o, gauss, second, wave, cloud, axistest.H1D(0, math.Inf(1), 1)))
	}
}

// J10: odd histograms give a picture or the reason why not, in all formats, at once. Hostile texts are
// outlines of letters.
func TestOddHistogramsAreDrawnOrRefused(t *testing.T) {
	for _, odd := range axistest.Odd() {
		start := time.Now()
		for _, format := range Formats {
			for log, want := range map[bool]string{false: odd.Linear, true: odd.Log} {
				o := Options{Format: format, Width: 240, Height: 180}
				o.LogX, o.LogY, o.LogZ = log, log && odd.Kind != hist.H2D, log
				var buf bytes.Buffer
				err := Draw(&buf, o, odd.Histogram)
				var undrawable *axis.UndrawableError
				switch {
				case want == "" && err == nil:
					checkFile(t, o, buf.Bytes())
				case want == "" || !errors.As(err, &undrawable) || !strings.Contains(err.Error(), want) || buf.Len() > 0:
					t.Errorf("%s, log %v: %v with %d bytes, want %q", odd.Name, log, err, buf.Len(), want)
				}
				o.Grid = true // then the pad says it
				checkFile(t, o, drawn(t, o, odd.Histogram, odd.Histogram))
			}
		}
		if took := time.Since(start); took > 2*time.Minute {
			t.Errorf("%s took %v", odd.Name, took)
		}
	}
}

func TestSizesAndNumbersAreBounded(t *testing.T) {
	h := axistest.Gauss(10, 5, 0, 1)
	many := slices.Repeat([]*hist.Histogram{h}, 5000)
	for _, c := range []struct {
		o    Options
		hs   []*hist.Histogram
		want string
	}{
		{Options{Format: "png", Width: 100000, Height: 100000}, many[:1], "100000x100000 pixels"},
		{Options{Format: "png", Width: 800, Height: MostPixels + 1}, many[:1], "pixels"},
		{Options{Format: "svg", Width: 0, Height: -1}, many[:1], "pixels"},
		{Options{Format: "png", Width: 800, Height: 600}, many[:MostCurves+1], "cannot be told apart"},
		{Options{Format: "png", Width: 800, Height: 600, Grid: true}, many, "do not fit"},
		{Options{Format: "gif", Width: 800, Height: 600}, many[:1], "there are: png, svg, pdf"},
		{Options{Format: "png", Width: 800, Height: 600}, nil, "no histogram"},
		{Options{Format: "png", Width: 800, Height: 600}, []*hist.Histogram{h, axistest.Cloud(2, 2)}, "two dimensions"},
	} {
		if err := Draw(io.Discard, c.o, c.hs...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.o, err, c.want)
		}
	}
	for _, size := range [][2]int{{LeastPixels, LeastPixels}, {LeastPixels, 1000}, {1000, LeastPixels}} {
		for _, h := range []*hist.Histogram{h, axistest.Wave(10), axistest.Cloud(10, 10)} {
			o := Options{Format: "png", Width: size[0], Height: size[1]}
			checkFile(t, o, drawn(t, o, h))
		}
	}
}

// More bins than can be seen make no larger file.
func TestManyBinsAreDrawnSmall(t *testing.T) {
	many := axistest.Gauss(1<<20, 1e5, 0, 1)
	profile := axistest.Wave(1 << 18)
	wide := axistest.H2D(2000, 1500, func(x, y float64) float64 { return math.Abs(math.Sin(1e4*x) * math.Cos(1e4*y)) })
	for _, h := range []*hist.Histogram{many, profile, wide} {
		for _, format := range Formats {
			start := time.Now()
			o := Options{Format: format, Width: 800, Height: 600}
			file := drawn(t, o, h)
			checkFile(t, o, file)
			if len(file) > 10<<20 {
				t.Errorf("%s: %d bytes", format, len(file))
			}
			t.Logf("%d bins: %s %d bytes in %v", len(h.Content), format, len(file), time.Since(start))
		}
	}
}

// The peak of a spike in 2^20 bins is seen.
func TestNoPeakIsLost(t *testing.T) {
	content := make([]float64, 1<<20)
	content[1<<19] = 1
	o := Options{Format: "png", Width: 400, Height: 300}
	spike, err := png.Decode(bytes.NewReader(drawn(t, o, axistest.H1D(0, 1, content...))))
	if err != nil {
		t.Fatal(err)
	}
	high := 0
	for y := range 300 {
		for x := range 400 {
			if r, _, b, _ := spike.At(x, y).RGBA(); r < 0x8000 && b > 0x9000 {
				high++
				break
			}
		}
	}
	if high < 100 {
		t.Errorf("the spike is %d pixels high", high)
	}
}

// Bins are where their edges are: half of the axis here, a tenth there.
func TestBinsOfUnequalWidthAreInTheirPlaces(t *testing.T) {
	h := axistest.Named(axistest.H2D(3, 1, func(x, _ float64) float64 { return max(0, math.Round(x)+2) }), "", "")
	axistest.Edges(h, 0, 50, 90, 100)
	h.Content = []float64{1, 0, 2} // the middle one stays white
	o := Options{Format: "png", Width: 640, Height: 480}
	img, err := png.Decode(bytes.NewReader(drawn(t, o, h)))
	if err != nil {
		t.Fatal(err)
	}
	count := make(map[color.RGBA]int)
	for x := range 575 { // left of the scale of colours
		count[color.RGBAModel.Convert(img.At(x, 200)).(color.RGBA)]++
	}
	one, two := count[colourOf(0.5)], count[colourOf(1)]
	if one < 100 || math.Abs(float64(one)/float64(two)-5) > 0.3 {
		t.Errorf("%d and %d pixels, want five times as many: %v", one, two, count)
	}
}

func TestPicturesLookAsBefore(t *testing.T) {
	gauss := axistest.Gauss(50, 100, 0, 1)
	second := axistest.Named(axistest.Gauss(40, 60, 1.5, 0.7), "run1/second", "px")
	small := Options{Format: "png", Width: 400, Height: 300}
	with := func(change func(*Options)) Options { o := small; change(&o); return o }
	for _, c := range []struct {
		name string
		o    Options
		hs   []*hist.Histogram
	}{
		{"h1d", small, []*hist.Histogram{axistest.Weighted(gauss, 3)}},
		{"overlaid-logy", with(func(o *Options) { o.LogY = true }), []*hist.Histogram{axistest.Gauss(50, 100, 0, 1), second}},
		{"flat", small, []*hist.Histogram{axistest.H1D(0, 1, 5, 5, 5, 5)}}, // the box has room above
		{"p1d", small, []*hist.Histogram{axistest.Wave(30)}},
		{"h2d-logz", with(func(o *Options) { o.LogZ = true }), []*hist.Histogram{axistest.Cloud(40, 30)}},
		{"logx-range", with(func(o *Options) { o.LogX, o.Y = true, &axis.Range{Min: 0, Max: 2e7} }), []*hist.Histogram{
			axistest.Edges(axistest.H1D(0, 1, 4e6, 9e6, 16e6, 25e6, 9e6, 1e6), 1, 2, 5, 10, 50, 400, 1000)}},
	} {
		file := drawn(t, c.o, c.hs...)
		path := filepath.Join("testdata", c.name+".png")
		if *update {
			if err := os.WriteFile(path, file, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if n := unlike(t, file, want); n > 200 { // of 120,000; processors round differently
			got := filepath.Join(t.ArtifactDir(), c.name+".png")
			t.Errorf("%s: %d pixels differ; see %s (%v)", path, n, got, os.WriteFile(got, file, 0o666))
		}
	}
}

// unlike counts pixels that clearly differ.
func unlike(t *testing.T, a, b []byte) int {
	imgA, errA := png.Decode(bytes.NewReader(a))
	imgB, errB := png.Decode(bytes.NewReader(b))
	if errA != nil || errB != nil || imgA.Bounds() != imgB.Bounds() {
		t.Fatal(errA, errB, imgA.Bounds(), imgB.Bounds())
	}
	n := 0
	for y := range imgA.Bounds().Dy() {
		for x := range imgA.Bounds().Dx() {
			p, q := color.GrayModel.Convert(imgA.At(x, y)).(color.Gray), color.GrayModel.Convert(imgB.At(x, y)).(color.Gray)
			if max(p.Y, q.Y)-min(p.Y, q.Y) > 40 {
				n++
			}
		}
	}
	return n
}

func TestRaisedAndLoweredTexts(t *testing.T) {
	for in, want := range map[string][]piece{
		"":               nil,
		"plain run_1":    {{"plain run_1", 0}},
		"p_{x} [GeV]":    {{"p", 0}, {"x", -1}, {" [GeV]", 0}},
		"10⁻⁶ m²":        {{"10", 0}, {"-6", 1}, {" m", 0}, {"2", 1}},
		"x_{i}^{2}":      {{"x", 0}, {"i", -1}, {"2", 1}},
		"_{":             {{"_{", 0}},
		"^{}x":           {{"x", 0}},
		"a_{b":           {{"a_{b", 0}},
		"µ_{日}_":         {{"µ", 0}, {"日", -1}, {"_", 0}},
		"run_{1}/a_b^c}": {{"run", 0}, {"1", -1}, {"/a_b^c}", 0}},
	} {
		if got := piecesOf(in); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", in, got, want)
		}
	}
}

func TestLongTextsAreCut(t *testing.T) {
	sty := text.Style{Font: textFont(10), Handler: textWriter}
	for _, s := range []string{"short", strings.Repeat("long ", 100000), strings.Repeat("日", 300), axistest.Hostile, ""} {
		for _, width := range []vg.Length{1000, 100, 20} {
			got := fit(sty, s, width)
			if w := sty.Width(got); w > width {
				t.Errorf("%.20q: %.40q is %v wide, of %v", s, got, w, width)
			}
			if s == "short" && width > 20 && got != s {
				t.Errorf("%q became %q", s, got)
			}
		}
	}
}

func TestGridsAreFilled(t *testing.T) {
	for n, want := range map[int][2]int{0: {1, 1}, 1: {1, 1}, 2: {2, 1}, 4: {2, 2}, 6: {3, 2}, 9: {3, 3}, 10: {4, 3}, 12: {4, 3}, 3000: {55, 55}} {
		width, height := DefaultSize(n)
		if columns, rows := gridOf(n, width, height); columns*rows < n || n < 100 && [2]int{columns, rows} != want {
			t.Errorf("%d pads in %dx%d: %d x %d, want %v", n, width, height, columns, rows, want)
		}
	}
}

func TestFormatIsTheEndingOfTheName(t *testing.T) {
	for name, want := range map[string]string{"a.png": "png", "a.b/c.SVG": "svg", "x.pdf": "pdf", "png": "", "a.gif": "", "-": "", "a.png/": "", "": ""} {
		if got, ok := FormatOf(name); ok != (want != "") || ok && got != want {
			t.Errorf("FormatOf(%q) = %q, %v", name, got, ok)
		}
	}
}

func FuzzDraw(f *testing.F) {
	f.Add(uint8(0), 0.0, 1.0, 3.0, 4.0, 5.0, "title")
	f.Add(uint8(255), -1e308, 1e308, math.Inf(1), math.NaN(), math.Copysign(0, -1), axistest.Hostile)
	f.Fuzz(func(t *testing.T, bits uint8, a, b, c, d, e float64, text string) {
		start := time.Now()
		o := Options{Format: Formats[int(bits>>6)%len(Formats)], Width: 200, Height: 300, Grid: true}
		o.LogX, o.LogY, o.LogZ = bits&1 != 0, bits&2 != 0, bits&4 != 0
		if bits&16 != 0 {
			o.X = &axis.Range{Min: c, Max: d}
		}
		if bits&32 != 0 {
			o.Y = &axis.Range{Min: d, Max: e}
		}
		one := axistest.Named(axistest.Weighted(axistest.H1D(a, b, c, d, e), d), text, text)
		one.X.Title = text
		i := 0
		plane := axistest.H2D(2, 3, func(_, _ float64) float64 { i++; return []float64{c, d, e, a, b, 0}[i%6] })
		plane.Y.Min, plane.Y.Max = a, b
		checkFile(t, o, drawn(t, o, one, axistest.P1D(a, b, []float64{c, d, e}, []float64{e, c, d}), plane))
		if took := time.Since(start); took > time.Minute {
			t.Errorf("took %v", took)
		}
	})
}
