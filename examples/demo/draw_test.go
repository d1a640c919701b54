package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"go-hep.org/x/hep/hbook"
)

func TestPictureFitsTheWindow(t *testing.T) {
	h := hbook.NewH1D(100, -4, 4)
	h.Fill(-3.99, 100)
	h.Fill(0.01, 50)
	for width := range 330 {
		for _, height := range []int{0, 1, 2, 3, 4, 24, 60} {
			lines := draw(h, width, height)
			if want := height; width > margin && height > 2 && len(lines) != want {
				t.Fatalf("%d×%d: %d lines", width, height, len(lines))
			}
			for _, line := range lines {
				if n := utf8.RuneCountInString(line); n > width && width > margin+20 {
					t.Fatalf("%d×%d: a line of %d characters: %q", width, height, n, line)
				}
			}
		}
	}
}

func TestBarsHaveTheirHeights(t *testing.T) {
	h := hbook.NewH1D(4, 0, 4)
	for bin, entries := range []float64{16, 8, 1, 0} {
		h.Fill(float64(bin)+0.5, entries)
	}
	lines := draw(h, margin+4, 4) // two rows of eighths: 16 entries are 16 eighths
	if got := lines[0] + "\n" + lines[1]; got != "      16 │█   \n         │██▁ " {
		t.Errorf("it is\n%s", strings.Join(lines, "\n"))
	}
}

func TestEmptyHistogramHasAPicture(t *testing.T) {
	if lines := draw(hbook.NewH1D(100, -4, 4), 80, 24); len(lines) != 24 {
		t.Errorf("%d lines", len(lines))
	}
}
