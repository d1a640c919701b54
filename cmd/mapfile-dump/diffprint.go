package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/compare"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/record"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/codec"
)

// What diff prints: a line for each slot that differs, or a JSON record.

// printDifference prints a line for a slot that differs, and lines for its parts.
func (t *tool) printDifference(d *difference, a, b *diffSide, flags *diffFlags) error {
	line := []string{show.Visible(d.name)}
	say := func(format string, args ...any) { line = append(line, fmt.Sprintf(format, args...)) }
	if r := d.tests; r != nil && slices.Contains(d.reasons, contentDiffers) {
		chi2, ks := flags.shows(r)
		say("entries %d -> %d", d.entries[0], d.entries[1])
		if chi2 {
			say("chi2/ndf %s (p %s)", perDegree(r.Chi2), probabilityText(r.Chi2.P))
		}
		if ks {
			say("KS p %s", probabilityText(r.Kolmogorov.P))
		}
		if r.Trouble != "" {
			say("%s", r.Trouble)
		}
	}
	for _, reason := range d.reasons {
		switch reason {
		case onlyInA:
			say("%s", onlyText(d.name, a, b))
		case onlyInB:
			say("%s", onlyText(d.name, b, a))
		case titleDiffers:
			say("title %s -> %s", show.Quote(d.a.info.Title), show.Quote(d.b.info.Title))
		case typeDiffers:
			say("types differ: %s -> %s", show.Visible(d.a.info.Type.Name), show.Visible(d.b.info.Type.Name))
		case binningDiffers:
			say("binnings differ: %s -> %s", d.binning[0], d.binning[1])
		case contentDiffers:
			say("content differs")
		case labelsDiffer:
			say("labels differ")
		}
	}
	if d.hidden {
		say("%s -> %s, not decoded", show.Size(int64(len(d.a.payload))), show.Size(int64(len(d.b.payload))))
	}
	if flags.later && d.a != nil && d.b != nil && d.a.info.Stamp.Session != d.b.info.Stamp.Session {
		say("session %d -> %d", d.a.info.Stamp.Session, d.b.info.Stamp.Session)
	}
	if err := t.out.printf("%s\n", strings.Join(line, columnGap)); err != nil {
		return err
	}
	for i, c := range d.changes {
		if i == shownChanges {
			return t.out.printf("  … %d more\n", len(d.changes)-i+d.more)
		}
		path := show.Visible(c.Path)
		if path != "" {
			path += ": "
		}
		if err := t.out.printf("  %s%s -> %s\n", path, changedText(c.Old), changedText(c.New)); err != nil {
			return err
		}
	}
	return nil
}

// onlyText says that a slot has a value on one side only.
func onlyText(name string, here, there *diffSide) string {
	if there.none[name] {
		return "no value " + there.where
	}
	return "only " + here.where
}

// changedText shows one side of a change, shortly.
func changedText(n *codec.Node) string {
	if n == nil {
		return "(absent)"
	}
	const most = 80
	if show.ShapeOf(*n) == show.Object && len(n.Children) > 0 {
		return "{…}"
	}
	return show.Cut(show.Inline(*n), most)
}

// perDegree is a chi-square per degree of freedom.
func perDegree(c compare.Chi2) string {
	switch x := c.Sum / float64(c.NDF); {
	case c.NDF == 0:
		return "-"
	case x < 10000:
		return fmt.Sprintf("%.2f", x)
	default:
		return fmt.Sprintf("%.3g", x)
	}
}

// probabilityText shows a p-value with two digits.
func probabilityText(p float64) string {
	switch {
	case p == 0:
		return "0"
	case p < 0.01:
		return fmt.Sprintf("%.1e", p)
	case p > 0.99 && p < 1:
		return "0.99"
	}
	return fmt.Sprintf("%.2f", p)
}

// diffRecord is a difference in JSON.
type diffRecord struct {
	record.Head
	Name      string           `json:"name"`
	Same      bool             `json:"same"`
	Reasons   []string         `json:"reasons"`
	A         *record.Slot     `json:"a"`
	B         *record.Slot     `json:"b"`
	Histogram *diffHistogram   `json:"histogram,omitempty"`
	Changes   []diffPartRecord `json:"changes,omitempty"`
	More      int              `json:"more_changes,omitempty"`
}

type diffHistogram struct {
	EntriesA   record.Whole `json:"entries_a"`
	EntriesB   record.Whole `json:"entries_b"`
	Chi2       record.Real  `json:"chi2"`
	NDF        int          `json:"ndf"`
	Chi2P      record.Real  `json:"chi2_p"`
	KSDistance *record.Real `json:"ks_distance"`
	KSP        *record.Real `json:"ks_p"`
	Trouble    string       `json:"trouble,omitempty"`
}

type diffPartRecord struct {
	Path string        `json:"path"`
	Old  *record.Value `json:"old,omitempty"`
	New  *record.Value `json:"new,omitempty"`
}

func (d *difference) record(pathA, pathB string) *diffRecord {
	r := &diffRecord{Head: record.HeadOf("difference"), Name: d.name, Same: len(d.reasons) == 0, Reasons: append([]string{}, d.reasons...), More: d.more}
	if d.a != nil {
		r.A = record.NewSlot("slot", pathA, d.a.info)
	}
	if d.b != nil {
		r.B = record.NewSlot("slot", pathB, d.b.info)
	}
	if tests := d.tests; tests != nil {
		r.Histogram = &diffHistogram{EntriesA: record.Whole(d.entries[0]), EntriesB: record.Whole(d.entries[1]),
			Chi2: record.Real(tests.Chi2.Sum), NDF: tests.Chi2.NDF, Chi2P: record.Real(tests.Chi2.P), Trouble: tests.Trouble}
		if k := tests.Kolmogorov; k != nil {
			r.Histogram.KSDistance, r.Histogram.KSP = (*record.Real)(&k.Distance), (*record.Real)(&k.P)
		}
	}
	for _, c := range d.changes {
		r.Changes = append(r.Changes, diffPartRecord{c.Path, (*record.Value)(c.Old), (*record.Value)(c.New)})
	}
	return r
}
