package top

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/listing"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/mapfile"
)

// What the list says, without a terminal: rows, their order, and the sums above them.

// A Row is a slot in the list.
type Row struct {
	*listing.Slot
	Label string // of its file
	Name  string // in the list, exact: the slot's, with the label before it where there are several files
}

// Rows are the slots of a picture that match one of the patterns, all without patterns, in the order of
// labels and names.
func Rows(p *listing.Picture, match []string) []Row {
	n := 0
	for i := range p.Files {
		n += len(p.Files[i].Slots)
	}
	rows := make([]Row, 0, n)
	for i := range p.Files {
		f := &p.Files[i]
		for j := range f.Slots {
			slot := &f.Slots[j]
			if !matchesAny(match, slot.Name) {
				continue
			}
			name := slot.Name
			if len(p.Files) > 1 {
				name = f.Label + ":" + name
			}
			rows = append(rows, Row{slot, f.Label, name})
		}
	}
	return rows
}

// Sort sorts by one of listing.Keys, equal ones by name. Rates are those of now.
func Sort(rows []Row, key string, reverse bool) {
	order := func(a, b Row) int { return 0 }
	switch key {
	case "age":
		order = func(a, b Row) int {
			return cmp.Or(compareBool(a.Stamp.Version == 0, b.Stamp.Version == 0), cmp.Compare(a.Age, b.Age))
		}
	case "rate":
		order = func(a, b Row) int { return cmp.Compare(b.RateNow(), a.RateNow()) }
	case "size":
		order = func(a, b Row) int { return cmp.Compare(b.Length, a.Length) }
	}
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(order(a, b), cmp.Compare(a.Label, b.Label), cmp.Compare(a.Slot.Name, b.Slot.Name))
	})
	if reverse {
		slices.Reverse(rows)
	}
}

// compareBool orders false before true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// states are counted in this order.
var states = []mapfile.State{
	mapfile.StateLive, mapfile.StateStalled, mapfile.StateDead, mapfile.StateClosed, mapfile.StateSuperseded, mapfile.StateUnknown,
}

// Summary is the line above the list: how many files there are, how many slots in which state, and what
// is published a second.
func Summary(files int, rows []Row) string {
	counts := map[mapfile.State]int{}
	var rate, bytes float64
	for i := range rows {
		counts[rows[i].Producer.State]++
		rate += rows[i].RateNow()
		bytes += rows[i].BytesPerSecond()
	}
	parts := []string{show.Plural(files, "file")}
	for _, state := range states {
		if n := counts[state]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %v", n, state))
		}
	}
	parts = append(parts, ofThousand(rate, "")+" slots/s", ofThousand(bytes, " ")+"B/s")
	return strings.Join(parts, "  ")
}

// BytesText shows bytes a second in a few letters: 212, 96k, 1.2M; "-" for none.
func BytesText(perSecond float64) string {
	if perSecond == 0 {
		return "-"
	}
	return ofThousand(perSecond, "")
}

// ofThousand gives 212, 9.6k, 96k, 1.2M, with a gap before the unit.
func ofThousand(x float64, gap string) string {
	unit := ""
	for _, larger := range []string{"k", "M", "G", "T", "P", "E"} {
		if x < 999.5 {
			break
		}
		x, unit = x/1000, larger
	}
	if x < 9.95 && x > 0 {
		return strings.TrimSuffix(fmt.Sprintf("%.1f", x), ".0") + gap + unit
	}
	return fmt.Sprintf("%.0f%s%s", x, gap, unit)
}
