package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"go-hep.org/x/hep/hbook"
)

// margin is the room left of the bars, with the scale.
const margin = 10

// draw returns a picture of h in that many lines, none longer than width; nothing if there is no room.
func draw(h *hbook.H1D, width, height int) []string {
	rows := height - 2 // below are axis and numbers
	if width <= margin || rows < 1 {
		return nil
	}
	bars := columns(h, width-margin)
	top := max(slices.Max(bars), 1)
	var lines []string
	for row := rows - 1; row >= 0; row-- {
		label := ""
		if row == rows-1 {
			label = fmt.Sprintf("%.0f", top)
		}
		var line strings.Builder
		fmt.Fprintf(&line, "%*s │", margin-2, label)
		for _, bar := range bars {
			eighths := int(math.Round(bar/top*float64(8*rows))) - 8*row // of this row
			line.WriteRune([]rune(" ▁▂▃▄▅▆▇█")[min(max(eighths, 0), 8)])
		}
		lines = append(lines, line.String())
	}
	lines = append(lines, fmt.Sprintf("%*s └%s", margin-2, "0", strings.Repeat("─", len(bars))))
	low, high := fmt.Sprint(h.XMin()), fmt.Sprint(h.XMax())
	return append(lines, fmt.Sprintf("%*s%s%*s", margin, "", low, len(bars)-len(low), "px [GeV]  "+high))
}

// columns returns the heights of at most width bars. Where there is room, a bin has several bars; where
// there is not, a bar is the mean of several bins.
func columns(h *hbook.H1D, width int) []float64 {
	n := h.Len()
	each := max(width/n, 1)          // bars for a bin
	group := (n + width - 1) / width // bins for a bar
	var bars []float64
	for first := 0; first < n; first += group {
		last := min(first+group, n)
		sum := 0.0
		for i := first; i < last; i++ {
			sum += h.Value(i)
		}
		for range each {
			bars = append(bars, sum/float64(last-first))
		}
	}
	return bars
}

// cut shortens a line to width characters.
func cut(line string, width int) string {
	runes := []rune(line)
	return string(runes[:min(len(runes), width)])
}
