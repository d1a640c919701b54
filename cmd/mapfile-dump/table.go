package main

import (
	"os"
	"strings"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/mapfile"
)

// A table aligns its columns. On a terminal the last column is cut to the width, and there may be
// colours; into a pipe or file everything is written whole and plain.
type table struct {
	rows  [][]cell
	paint painter
	width int // of the terminal; 0: do not cut
}

type cell struct {
	text  string // already visible
	paint string // an SGR code; "" none
}

const columnGap = "  "

func (t *tool) newTable(titles ...string) *table {
	tab := &table{paint: t.paint, width: t.out.width}
	if len(titles) > 0 {
		var head []cell
		for _, title := range titles {
			head = append(head, cell{title, "1"})
		}
		tab.rows = append(tab.rows, head)
	}
	return tab
}

// add adds a row of texts from files: they are made visible here.
func (tab *table) add(texts ...string) {
	row := make([]cell, 0, len(texts))
	for _, text := range texts {
		row = append(row, cell{show.Visible(text), stateColor(text)})
	}
	tab.rows = append(tab.rows, row)
}

// writeTo writes the table.
func (tab *table) writeTo(o *output) error {
	var widths []int
	for _, row := range tab.rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			if i < len(row)-1 { // the last column of a row needs no room
				widths[i] = max(widths[i], show.Columns(c.text))
			}
		}
	}
	for _, row := range tab.rows {
		if err := o.printf("%s\n", tab.line(row, widths)); err != nil {
			return err
		}
	}
	return nil
}

func (tab *table) line(row []cell, widths []int) string {
	for len(row) > 0 && row[len(row)-1].text == "" {
		row = row[:len(row)-1]
	}
	var line strings.Builder
	used := 0
	for i, c := range row {
		if i == len(row)-1 {
			if room := tab.width - used; tab.width > 0 && room > 0 {
				c.text = show.Cut(c.text, room)
			}
			line.WriteString(tab.paint.text(c))
			break
		}
		pad := widths[i] - show.Columns(c.text)
		line.WriteString(tab.paint.text(c))
		line.WriteString(strings.Repeat(" ", pad) + columnGap)
		used += widths[i] + len(columnGap)
	}
	return line.String()
}

// A painter adds colours, or does not.
type painter bool

// newPainter decides by --color, NO_COLOR and what stdout is. NO_COLOR=0 and TERM=dumb count, too.
func newPainter(when string, o *output) painter {
	switch when {
	case "always":
		return true
	case "never":
		return false
	}
	no := os.Getenv("NO_COLOR")
	return painter(o.terminal && (no == "" || no == "0") && os.Getenv("TERM") != "dumb")
}

func (p painter) text(c cell) string {
	if !p || c.paint == "" || c.text == "" {
		return c.text
	}
	return "\x1b[" + c.paint + "m" + c.text + "\x1b[0m"
}

// stateColor is the colour of a state's word.
func stateColor(word string) string {
	switch word {
	case mapfile.StateLive.String():
		return "32"
	case mapfile.StateStalled.String():
		return "33"
	case mapfile.StateDead.String(), mapfile.StateSuperseded.String():
		return "31"
	}
	return ""
}
