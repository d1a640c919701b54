package axis_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/axis"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/axis/axistest"
)

const huge = math.MaxFloat64

// labelsOf shows ticks as people see them: labels, a dot for each minor tick, the power of ten.
func labelsOf(s axis.Scale, most int) string {
	var b strings.Builder
	ticks, power := s.Ticks(most)
	for _, t := range ticks {
		switch {
		case t.Label == "":
			b.WriteString(".")
		default:
			fmt.Fprintf(&b, " %s ", t.Label)
		}
	}
	return strings.TrimSpace(b.String() + axis.PowerText(power))
}

func TestTicksAreRoundNumbers(t *testing.T) {
	for _, c := range []struct {
		lo, hi float64
		log    bool
		most   int
		want   string
	}{
		{0, 1, false, 5, "0 ... 0.2 ... 0.4 ... 0.6 ... 0.8 ... 1.0"},
		{-4, 4, false, 4, "-4 ... -2 ... 0 ... 2 ... 4"},
		{0.5, 9.5, false, 2, ".. 2 ... 4 ... 6 ... 8 .."},
		{0, 1, false, 1, "0 .... 1"},
		{0, 3e6, false, 3, "0 .... 1 .... 2 .... 3 ×10⁶"},
		{0, 123456, false, 3, "0 .... 50 .... 100 ..×10³"},
		{-2e-7, 1e-7, false, 3, "-200 .... -100 .... 0 .... 100 ×10⁻⁹"},
		{1, 1000, true, 4, "1 ........ 10 ........ 100 ........ 1000"},
		{1e-6, 1e9, true, 4, ".. 10⁻⁴ ... 1 ... 10⁴ ... 10⁸ ."},
		{2, 30, true, 6, "2 .. 5 .... 10  20 ."},
		{2, 3, true, 5, "2.0 ... 2.2 ... 2.4 ... 2.6 ... 2.8 ... 3.0"},
		{-huge, huge, false, 4, "-100 .... 0 .... 100 ...×10³⁰⁶"},
	} {
		s := axis.Scale{Range: axis.Range{Min: c.lo, Max: c.hi}, Log: c.log}
		if got := labelsOf(s, c.most); got != c.want {
			t.Errorf("%g to %g, log %v, %d: %s\n  want %s", c.lo, c.hi, c.log, c.most, got, c.want)
		}
	}
}

// Whatever the range: few ticks, ascending, inside.
func FuzzTicks(f *testing.F) {
	f.Add(0.0, 1.0, uint8(5), false)
	f.Add(-huge, huge, uint8(1), false)
	f.Add(1e16, 1e16+4, uint8(200), false)
	f.Add(math.SmallestNonzeroFloat64, 1e-320, uint8(3), true)
	f.Add(math.SmallestNonzeroFloat64, huge, uint8(1), true)
	f.Add(1.0, math.Nextafter(1, 2), uint8(9), true)
	f.Fuzz(func(t *testing.T, lo, hi float64, most uint8, log bool) {
		if !(lo < hi) || math.IsInf(lo, 0) || math.IsInf(hi, 0) || log && lo <= 0 || hi-lo < 1e-300 { // there numbers have few digits
			t.Skip()
		}
		s := axis.Scale{Range: axis.Range{Min: lo, Max: hi}, Log: log}
		ticks, _ := s.Ticks(int(most))
		labels := 0
		for i, tick := range ticks {
			if tick.Label != "" {
				labels++
			}
			if i > 0 && tick.Value < ticks[i-1].Value {
				t.Errorf("%v: %v after %v", s, tick, ticks[i-1])
			}
			if at := s.At(tick.Value); !(at > -1e-2 && at < 1+1e-2) {
				t.Errorf("%v: %v is at %v", s, tick, at)
			}
			if len(tick.Label) > 30 {
				t.Errorf("%v: label %q", s, tick.Label)
			}
		}
		if labels > max(3*int(most), 25) || len(ticks) > 12*max(3*int(most), 25) {
			t.Errorf("%v: %d labels and %d ticks, %d asked for", s, labels, len(ticks), most)
		}
	})
}

func TestPlacesOnAScale(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		lo, hi   float64
		log      bool
		at, want float64
	}{
		{0, 4, false, 1, 0.25}, {0, 4, false, -100, -1}, {0, 4, false, 1e300, 2}, {0, 4, false, inf, 2}, {0, 4, false, -inf, -1},
		{-huge, huge, false, 0, 0.5}, {-huge, huge, false, huge, 1}, {1, 100, true, 10, 0.5}, {1, 100, true, 0, -1},
		{1, 100, true, -5, -1}, {1e16, 1e16 + 4, true, 1e16 + 2, 0.5}, {1, 100, true, inf, 2},
	} {
		s := axis.Scale{Range: axis.Range{Min: c.lo, Max: c.hi}, Log: c.log}
		if got := s.At(c.at); !(math.Abs(got-c.want) < 1e-12) {
			t.Errorf("%v: %v is at %v, want %v", s, c.at, got, c.want)
		}
	}
	if at := (axis.Scale{Range: axis.Range{Min: 0, Max: 1}}).At(math.NaN()); at == at {
		t.Error("NaN has a place:", at)
	}
}

func TestFramesHoldWhatThereIs(t *testing.T) {
	h := axistest.H1D(0, 4, 1, 10, 4, 0)
	p := axistest.P1D(-1, 2, []float64{3, math.NaN(), 5}, []float64{1, math.NaN(), 2})
	frame := func(o axis.Options) string {
		f, err := axis.FrameOf(o, h)
		return fmt.Sprint(f.X.Range, f.Y.Range, err)
	}
	for want, o := range map[string]axis.Options{
		"{0 4} {0 10.5} <nil>":   {},
		"{0.5 4} {0.5 20} <nil>": {LogX: true, LogY: true},
		"{2 3} {0 4.2} <nil>":    {X: &axis.Range{Min: 2, Max: 3}}, // only what is in sight
		"{0 4} {-3 7} <nil>":     {Y: &axis.Range{Min: -3, Max: 7}},
	} {
		if got := frame(o); got != want {
			t.Errorf("%+v: %s, want %s", o, got, want)
		}
	}
	f, err := axis.FrameOf(axis.Options{}, p)
	if got := fmt.Sprint(f.X.Range, f.Y.Range, err); got != "{-1 2} {1.75 7.25} <nil>" { // 2 to 7, with some room
		t.Error("profile:", got)
	}
	f, err = axis.FrameOf(axis.Options{}, p, h)
	if got := fmt.Sprint(f.X.Range, f.Y.Range, err); got != "{-1 4} {0 10.5} <nil>" {
		t.Error("both:", got)
	}
	f, err = axis.FrameOf(axis.Options{LogZ: true}, axistest.H2D(2, 2, func(x, y float64) float64 { return x + y }))
	if got := fmt.Sprint(f.X.Range, f.Y.Range, f.Z.Range, err); got != "{-4 4} {-3 3} {0.5 3.5} <nil>" {
		t.Error("two dimensions:", got)
	}
}

func TestCellsShowEachBinSomewhere(t *testing.T) {
	h := axistest.H1D(0, 1, make([]float64, 1000)...)
	unequal := axistest.Edges(axistest.H1D(0, 1, 1, 2, 3, 4), 0, 1, 2, 3, 100)
	s := func(hi float64) axis.Scale { return axis.Scale{Range: axis.Range{Min: 0, Max: hi}} }
	next := 0
	for i, run := range axis.Cells(h.X, s(1), 7) {
		if run.From != next || run.To <= run.From {
			t.Errorf("cell %d has %v, want from %d", i, run, next)
		}
		next = run.To
	}
	if next != 1000 {
		t.Errorf("%d of 1000 bins are shown", next)
	}
	if got := fmt.Sprint(axis.Cells(unequal.X, s(100), 4)); got != "[{0 3} {3 4} {3 4} {3 4}]" {
		t.Error(got)
	}
	if got := fmt.Sprint(axis.Cells(unequal.X, s(2), 4)); got != "[{0 1} {0 1} {1 2} {1 2}]" {
		t.Error(got)
	}
	if got := fmt.Sprint(axis.Cells(unequal.X, axis.Scale{Range: axis.Range{Min: -1, Max: 0}}, 2)); got != "[{0 0} {0 0}]" {
		t.Error(got)
	}
	contents := []float64{1, math.NaN(), -5, 3}
	plane := axistest.H2D(4, 1, func(x, _ float64) float64 { c := contents[0]; contents = contents[1:]; return c })
	row := axis.Run{From: 0, To: 1}
	if got := axis.Largest(plane, axis.Run{From: 0, To: 4}, row); got != -5 {
		t.Error(got)
	}
	if got := axis.Largest(plane, axis.Run{From: 1, To: 2}, row); got == got {
		t.Error(got)
	}
}
