package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/compare"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/decode"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/hist"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/record"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/codec"
	"github.com/gomapfile/mapfile/mapfile"
)

// The command diff: what differs between two files, or between one and itself later.

type diffFlags struct {
	after     duration
	later     bool // --after is given
	stat      *choice
	threshold probability
	quiet     bool
}

func newDiff(t *tool) *cobra.Command {
	var flags diffFlags
	cmd := &cobra.Command{
		Use:   "diff A [B] [SLOT…]",
		Short: "what differs between two files, or now and later",
		Long: `Diff compares the slots of two files, each as of one commit, and prints a line for each that differs. With
--after it compares A with itself that much later: then there is no B, and what follows A are slots.

Histograms of the same binning come with two statistical tests, as ROOT has them: chi-square per degree of freedom,
and Kolmogorov. A p-value is the probability that two samples of one distribution differ as much, or more; the
numbers of entries do not matter. With --threshold P histograms are equal if the p-value is above P (with
--stat both: both are). Of profiles the means are compared, by chi-square only. Of other values the parts that
differ are listed.

Versions, times and sessions are no difference; titles are, but for histograms with --threshold.
Exit code 0: the same, 1: different, 2: troubles with files, else as below.`,
		Example: `  mapfile-dump diff monday tuesday run1/hpx
  mapfile-dump diff monday tuesday --stat ks --threshold 0.01 -m 'run1/**'
  mapfile-dump diff hits --after 5s -q && echo "nothing happens"
  mapfile-dump diff config.map config.map.bak -o json | jq '.items[] | select(.same | not) | .changes'`,
		Annotations: usualFormats,
		Args: func(cmd *cobra.Command, args []string) error {
			flags.later = cmd.Flags().Changed("after")
			if len(args) == 1 && !flags.later {
				return usagef("diff: give B, or --after")
			}
			return operands(1, -1, "")(cmd, args)
		},
		ValidArgsFunction: t.completeDiff,
		RunE:              func(_ *cobra.Command, args []string) error { return t.diffTrouble(t.diff(args, &flags)) },
	}
	f := cmd.Flags()
	f.Var(&flags.after, "after", "compare A with itself `D` later")
	flags.stat = addChoice(cmd, "stat", "", "both", "`TEST`: chi2, ks or both", "chi2", "ks", "both")
	f.Var(&flags.threshold, "threshold", "histograms are equal if the p-value is above `P`")
	f.BoolVarP(&flags.quiet, "quiet", "q", false, "exit code only")
	return cmd
}

// completeDiff offers files for A and B, then slots of A.
func (t *tool) completeDiff(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	if len(args) < 2 && !cmd.Flags().Changed("after") {
		return t.completeFiles(cmd, args, prefix)
	}
	return t.completeFileAndSlots(cmd, args, prefix)
}

// probability is a flag's value: a number from 0 to 1.
type probability struct {
	p     float64
	given bool
}

func (p *probability) String() string {
	if !p.given {
		return ""
	}
	return strconv.FormatFloat(p.p, 'g', -1, 64)
}
func (*probability) Type() string { return "probability" }
func (p *probability) Set(text string) error {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= 0 && v <= 1) {
		return fmt.Errorf("want a probability from 0 to 1, such as 0.01")
	}
	p.p, p.given = v, true
	return nil
}

// exitDifferent is diff's own. So its I/O errors have the code above it, which elsewhere is that of usage.
const exitDifferent = 1

var errDiffIO = &exitError{code: 2}

func (t *tool) diffTrouble(err error) error {
	if err = t.cause(err); exitCode(err) == exitIO {
		return fmt.Errorf("%w%w", errDiffIO, err)
	}
	return err
}

// A diffSide is one of the two files that are compared, as it was read.
type diffSide struct {
	path  string
	where string // for people: "in monday.map", "before"
	read  bool
	slots map[string]reading
	none  map[string]bool  // slots that have no value yet
	bad   map[string]bool  // slots that could not be read
	miss  map[string]error // operands that mean nothing in this file
}

func (t *tool) diff(args []string, flags *diffFlags) error {
	fileA, fileB, slots := args[0], args[0], args[1:]
	if !flags.later {
		fileB, slots = args[1], args[2:]
	}
	if len(slots) > 0 && len(t.flags.match) > 0 {
		return usagef("give SLOT or --match, not both")
	}
	a := t.diffSide(fileA, slots)
	if flags.later && a.read {
		resume := t.clock.pause()
		slept := t.sleep(time.Duration(flags.after))
		resume()
		if !slept {
			return t.ctx.Err()
		}
	}
	if flags.later && !a.read {
		return nil // was told
	}
	b := t.diffSide(fileB, slots)
	if !a.read || !b.read {
		return nil
	}
	a.where, b.where = "in "+show.Visible(t.showPath(a.path)), "in "+show.Visible(t.showPath(b.path))
	if flags.later {
		a.where, b.where = "before", "after"
	}
	for _, operand := range append(slices.Clone(slots), t.flags.match...) {
		if a.miss[operand] != nil && b.miss[operand] != nil {
			t.fail(a.miss[operand])
		}
	}
	return t.diffSides(a, b, flags)
}

// diffSide reads one side. What is wrong was told, but for operands that mean nothing there.
func (t *tool) diffSide(file string, slots []string) *diffSide {
	side, errs := withFile(t, file, func(f *target) (*diffSide, []error) { return t.readDiffSide(f, slots) })
	if side == nil {
		side = &diffSide{}
	}
	for _, err := range errs {
		if !isMissing(err) || !side.read {
			t.fail(t.diffTrouble(err))
		}
	}
	return side
}

func isMissing(err error) bool {
	var missing *slotError
	return errors.As(err, &missing)
}

func (t *tool) readDiffSide(f *target, slots []string) (*diffSide, []error) {
	s := &diffSide{path: f.path, slots: map[string]reading{}, none: map[string]bool{}, bad: map[string]bool{}, miss: map[string]error{}}
	var patterns []string
	var errs []error
	readable := true
	wanted := func(operand, pattern string, err error) {
		switch {
		case err == nil:
			patterns = append(patterns, pattern)
			return
		case isMissing(err):
			s.miss[operand] = err
		default:
			readable = false
		}
		errs = append(errs, err)
	}
	for _, operand := range slots {
		sel, selErrs := t.selectSlots(f, []string{operand})
		wanted(operand, strings.Join(sel.patterns, ""), errors.Join(selErrs...))
	}
	for _, pattern := range t.flags.match {
		wanted(pattern, pattern, t.matchesAny(f, pattern))
	}
	if len(patterns) == 0 && len(slots)+len(t.flags.match) > 0 {
		s.read = readable
		return s, errs
	}
	snapshot, err := f.mf.Snapshot(patterns...)
	if err != nil {
		return s, append(errs, err)
	}
	s.read = true
	for info := range snapshot.Slots() {
		r, err := readSlot(snapshot, info)
		switch {
		case err == nil:
			s.slots[info.Name] = r
		case errors.Is(err, mapfile.ErrNotPublished):
			s.none[info.Name] = true
		default:
			s.bad[info.Name] = true
			errs = append(errs, err)
		}
	}
	return s, errs
}

// Reasons for which slots differ, in JSON.
const (
	onlyInA        = "only_in_a"
	onlyInB        = "only_in_b"
	titleDiffers   = "title"
	typeDiffers    = "type"
	binningDiffers = "binning"
	contentDiffers = "content" // of histograms: what was filled
	labelsDiffer   = "labels"  // of histograms: all the rest
)

// A difference is what comparing one slot found. Without reasons the slot is the same in both.
type difference struct {
	name    string
	a, b    *reading // nil: not there
	reasons []string

	binning [2]string
	entries [2]int64
	tests   *compare.Result // histograms of the same binning
	changes []compare.Change
	more    int // changes beyond these
	hidden  bool
}

// mostChanges bounds the list of changes in JSON, shownChanges that for people.
const (
	mostChanges  = 1000
	shownChanges = 20
)

func (t *tool) diffSides(a, b *diffSide, flags *diffFlags) error {
	names := map[string]bool{}
	for _, side := range []*diffSide{a, b} {
		for name := range side.slots {
			names[name] = true
		}
	}
	var records *record.List
	if t.wantsJSON() && !flags.quiet {
		records = t.newRecords(false)
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if t.ctx.Err() != nil {
			return t.ctx.Err()
		}
		if a.bad[name] || b.bad[name] {
			continue
		}
		d := t.difference(a, b, name, flags)
		t.clock.progress()
		if len(d.reasons) > 0 {
			t.keepCode(&exitError{code: exitDifferent})
		}
		var err error
		switch {
		case flags.quiet:
		case records != nil:
			err = records.Put(d.record(a.path, b.path))
		case len(d.reasons) > 0:
			err = t.printDifference(d, a, b, flags)
		}
		if err != nil {
			return err
		}
	}
	if records != nil {
		if err := records.End(); err != nil {
			return err
		}
	}
	return t.out.Flush()
}

// difference compares one slot.
func (t *tool) difference(a, b *diffSide, name string, flags *diffFlags) *difference {
	d := &difference{name: name}
	if r, ok := a.slots[name]; ok {
		d.a = &r
	}
	if r, ok := b.slots[name]; ok {
		d.b = &r
	}
	switch {
	case d.a == nil:
		d.reasons = []string{onlyInB}
		return d
	case d.b == nil:
		d.reasons = []string{onlyInA}
		return d
	}
	if d.a.info.Title != d.b.info.Title {
		d.because(titleDiffers)
	}
	ta, tb := d.a.info.Type, d.b.info.Type
	alike := string(d.a.payload) == string(d.b.payload)
	switch {
	case ta.Name != tb.Name:
		d.because(typeDiffers)
		return d
	case alike && ta.Codec == tb.Codec:
		return d
	}
	nodeA, errA := t.decode(a.path, *d.a, false)
	nodeB, errB := t.decode(b.path, *d.b, false)
	if errA != nil || errB != nil {
		for _, err := range []error{errA, errB} {
			var shown *decode.NotDecoded
			if !errors.As(err, &shown) && !alike {
				t.fail(t.diffTrouble(err))
			}
		}
		if !alike {
			d.hidden = true
			d.because(contentDiffers)
		}
		return d
	}
	histA, okA := hist.Of(ta.Name, nodeA)
	histB, okB := hist.Of(tb.Name, nodeB)
	if okA && okB {
		d.histograms(histA, histB, nodeA, nodeB, flags)
		return d
	}
	d.changes, d.more = compare.Changes(nodeA, nodeB, mostChanges)
	if len(d.changes) > 0 {
		d.because(contentDiffers)
	}
	return d
}

func (d *difference) because(reason string) { d.reasons = append(d.reasons, reason) }

// filled are the parts of a histogram's message that come from filling it.
var filled = []string{"total", "underflow", "overflow", "outflows", "entries",
	"sum_w", "sum_w2", "sum_wx", "sum_wx2", "sum_wy", "sum_wy2", "sum_wxy"}

// histograms compares histograms of one type.
func (d *difference) histograms(a, b *hist.Histogram, nodeA, nodeB codec.Node, flags *diffFlags) {
	d.entries = [2]int64{a.Total.Entries, b.Total.Entries}
	d.binning[0], d.binning[1] = compare.Binnings(a, b)
	if d.binning[0] == "" && a.X.Gaps && gapsDiffer(nodeA, nodeB) {
		d.binning = [2]string{compare.Binning(a), compare.Binning(b) + " with other gaps"}
	}
	if d.binning[0] != "" {
		d.because(binningDiffers)
		return
	}
	tests := compare.Histograms(a, b)
	d.tests = &tests
	if flags.threshold.given { // nothing else counts then
		if d.reasons = nil; !flags.alike(&tests) {
			d.because(contentDiffers)
		}
		return
	}
	all, more := compare.Changes(nodeA, nodeB, 0)
	d.changes, d.more = compare.Changes(compare.Without(nodeA, filled...), compare.Without(nodeB, filled...), mostChanges)
	labels := len(d.changes) + d.more
	if len(all)+more > labels {
		d.because(contentDiffers)
	}
	if labels > 0 {
		d.because(labelsDiffer)
	}
}

// gapsDiffer compares the edges of x axes with gaps, which a hist.Axis does not have.
func gapsDiffer(a, b codec.Node) bool {
	x := func(n codec.Node) codec.Node { return compare.Without(show.Field(n, "x"), "title", "unit") }
	list, more := compare.Changes(x(a), x(b), 0)
	return len(list)+more > 0
}

// alike says whether the chosen tests have p-values above the threshold.
func (f *diffFlags) alike(r *compare.Result) bool {
	chi2, ks := f.shows(r)
	return !(chi2 && !(r.Chi2.P > f.threshold.p)) && !(ks && !(r.Kolmogorov.P > f.threshold.p))
}

// shows says which tests --stat asks for. A profile has only the one.
func (f *diffFlags) shows(r *compare.Result) (chi2, ks bool) {
	ks = f.stat.value != "chi2" && r.Kolmogorov != nil
	return f.stat.value != "ks" || !ks, ks
}
