package hist

import (
	"flag"
	"math"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gomapfile/mapfile/codec"
)

var update = flag.Bool("update", false, "write the golden files anew")

// numbers is a column as protobuf's Inspect gives it.
func numbers(name string, values ...float64) codec.Node {
	n := codec.Node{Name: name, Type: "repeated double"}
	for _, v := range values {
		n.Children = append(n.Children, codec.Node{Type: "double", Value: v})
	}
	return n
}

func record(name string, fields map[string]any) codec.Node {
	n := codec.Node{Name: name}
	for _, key := range []string{"bins", "min", "max", "title", "unit", "entries", "sum_w", "sum_wx", "sum_wx2", "sum_wy", "sum_wy2"} {
		if v, ok := fields[key]; ok {
			n.Children = append(n.Children, codec.Node{Name: key, Value: v})
		}
	}
	return n
}

func gauss(n int) []float64 {
	values := make([]float64, n)
	for i := range values {
		x := (float64(i)+0.5)/float64(n)*8 - 4
		values[i] = 100 * math.Exp(-x*x/2)
	}
	return values
}

func h1d(values []float64) codec.Node {
	return codec.Node{Children: []codec.Node{
		record("x", map[string]any{"bins": uint64(len(values)), "min": -4.0, "max": 4.0, "title": "p_{x}", "unit": "GeV"}),
		record("total", map[string]any{"entries": int64(1000), "sum_w": 1000.0, "sum_wx": 10.0, "sum_wx2": 1000.0}),
		record("overflow", map[string]any{"entries": int64(12), "sum_w": 12.0}),
		numbers("sum_w", values...),
	}}
}

func drawn(t *testing.T, typeName string, n codec.Node, width int) string {
	t.Helper()
	h, ok := Of(typeName, n)
	if !ok {
		t.Fatalf("%s is not recognised", typeName)
	}
	return strings.Join(h.Glance(width), "\n") + "\n"
}

func TestPicturesOfHistograms(t *testing.T) {
	grid := make([]float64, 0, 16*12)
	for iy := range 12 {
		for ix := range 16 {
			grid = append(grid, gauss(12)[iy]*gauss(16)[ix])
		}
	}
	h2d := codec.Node{Children: []codec.Node{
		record("x", map[string]any{"bins": uint64(16), "min": -4.0, "max": 4.0, "title": "x"}),
		record("y", map[string]any{"bins": uint64(12), "min": -3.0, "max": 3.0, "title": "y"}),
		record("total", map[string]any{"entries": int64(10), "sum_w": 10.0}),
		numbers("sum_w", grid...),
	}}
	var w, wy, wy2 []float64
	for i := range 20 {
		n := 10.0
		if i == 7 {
			n = 0
		}
		w, wy, wy2 = append(w, n), append(wy, n*float64(i*i)), append(wy2, n*float64(i*i*i*i)+n)
	}
	p1d := codec.Node{Children: []codec.Node{
		record("x", map[string]any{"bins": uint64(20), "min": 0.0, "max": 20.0, "title": "x"}),
		{Name: "value_title", Value: "y"},
		record("total", map[string]any{"entries": int64(200), "sum_w": 200.0}),
		numbers("sum_w", w...), numbers("sum_wy", wy...), numbers("sum_wy2", wy2...),
	}}
	got := "H1D\n" + drawn(t, "hbook.H1D", h1d(gauss(100)), 40) +
		"H1D, few bins\n" + drawn(t, "mapfile.v1.H1D", h1d(gauss(6)), 40) +
		"H2D\n" + drawn(t, "hbook.H2D", h2d, 40) +
		"P1D\n" + drawn(t, "hbook.P1D", p1d, 40)
	const golden = "testdata/pictures.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || got != string(want) {
		t.Errorf("pictures differ from %s (%v); got\n%s", golden, err, got)
	}
}

// J10: odd and hostile histograms give a picture, or are shown as a tree; never a panic or hang.
func TestOddHistogramsGiveSomePicture(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for name, values := range map[string][]float64{
		"one bin": {1}, "zeros": {0, 0, 0}, "NaN": {nan, nan}, "infinite": {inf, -inf, 1}, "negative": {-1, -2, 3},
		"huge": {math.MaxFloat64, -math.MaxFloat64}, "many": make([]float64, 5000),
	} {
		for _, width := range []int{0, 8, 33, 200} {
			got := drawn(t, "H1D", h1d(values), width)
			if !utf8.ValidString(got) || strings.Count(got, "\n") != 3 {
				t.Errorf("%s, width %d: %q", name, width, got)
			}
		}
	}
	edges := h1d([]float64{1, 2, 3})
	edges.Children[0].Children = append(edges.Children[0].Children, numbers("edges", 0, 1, 1, inf))
	drawn(t, "H1D", edges, 40)

	for name, n := range map[string]codec.Node{
		"nothing":         {},
		"too few columns": {Children: []codec.Node{record("x", map[string]any{"bins": uint64(10)}), numbers("sum_w", 1)}},
		"bins overflow":   {Children: []codec.Node{record("x", map[string]any{"bins": uint64(math.MaxUint64)}), numbers("sum_w", 1)}},
		"NaN bins":        {Children: []codec.Node{record("x", map[string]any{"bins": nan}), numbers("sum_w", 1)}},
	} {
		for _, typeName := range []string{"H1D", "hbook.H2D", "P1D"} {
			if _, ok := Of(typeName, n); ok {
				t.Errorf("%s is taken for a %s", name, typeName)
			}
		}
	}
}

// Bins of different widths stand where they are on the axis.
func TestUnevenBinsStandInTheirPlaces(t *testing.T) {
	values := fit([]float64{9, 1}, Axis{Bins: 2, Min: 0, Max: 10, Edges: []float64{0, 9, 10}}, 10)
	for i, v := range values {
		if math.Abs(v-1) > 1e-9 {
			t.Errorf("column %d: %v, want the same density everywhere", i, v)
		}
	}
}
