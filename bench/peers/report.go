package main

import (
	"bufio"
	_ "embed"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// This chapter writes what came out, for people: RESULTS.md.

// A report is a run and its outcome; as JSON it is what -o json prints.
type report struct {
	Date      string    `json:"date"`
	Machine   string    `json:"machine"`
	Command   string    `json:"command"`
	Rounds    int       `json:"rounds"`
	Length    string    `json:"length"`
	Took      string    `json:"took"`
	Figures   []*figure `json:"figures"`
	Targets   []verdict `json:"targets"`
	Skipped   []skipped `json:"skipped"`
	Measured  int       `json:"measured"`
	Disturbed int       `json:"disturbed"`

	figures     map[figureKey]*figure
	experiments []experiment
	peers       []*peer // that were measured
}

// remarks are written by hand: what is between our figures and the targets.
//
//go:embed remarks.md
var remarks string

func newReport(h *harness, p plan, args []string, start time.Time) *report {
	r := &report{
		Date:      start.Format(time.DateOnly),
		Machine:   machine(),
		Command:   strings.TrimSpace("go run . " + strings.Join(commandArgs(args), " ")),
		Rounds:    h.rounds,
		Length:    h.length.String(),
		Took:      time.Since(start).Round(time.Second).String(),
		Figures:   h.figures,
		Skipped:   h.skipped,
		Measured:  h.measured,
		Disturbed: h.disturbed,

		figures:     h.byKey,
		experiments: p.experiments,
		peers:       h.peers,
	}
	for _, t := range targets() {
		v := t.judge(h.byKey)
		if v.Result == notMeasured {
			v.Why = h.whyNot(v.lacks)
		}
		r.Targets = append(r.Targets, v)
	}
	return r
}

// whyNot says why figures are not there.
func (h *harness) whyNot(keys []figureKey) string {
	for _, key := range keys {
		for _, s := range h.skipped {
			if s.Peer != key.peer {
				continue
			}
			if size, _, _ := strings.Cut(key.situation, ", "); s.Experiment == "" || s.Experiment == key.experiment ||
				strings.HasPrefix(s.Experiment, key.experiment+", "+size) {
				return s.Peer + ": " + tidy(s.Reason)
			}
		}
	}
	return "not asked for"
}

// commandArgs are the arguments without those that only say where the outcome goes.
func commandArgs(args []string) (kept []string) {
	for i := 0; i < len(args); i++ {
		switch name, _, assigned := strings.Cut(strings.TrimLeft(args[i], "-"), "="); {
		case name == "out" || name == "o":
			if !assigned {
				i++
			}
		default:
			kept = append(kept, args[i])
		}
	}
	return kept
}

// machine tells in words where this runs, without names.
func machine() string {
	model := runtime.GOARCH
	if file, err := os.Open("/proc/cpuinfo"); err == nil {
		defer file.Close()
		virtual := false
		for lines := bufio.NewScanner(file); lines.Scan(); {
			switch name, value, _ := strings.Cut(lines.Text(), ":"); strings.TrimSpace(name) {
			case "model name":
				model = strings.TrimSpace(value)
			case "flags":
				virtual = slices.Contains(strings.Fields(value), "hypervisor")
			}
		}
		if virtual {
			model += " (virtual machine)"
		}
	}
	words := []string{model, fmt.Sprintf("%d processors", runtime.NumCPU())}
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		words = append(words, fmt.Sprintf("%.0f GiB of memory", float64(info.Totalram)*float64(info.Unit)/(1<<30)))
	}
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		release, _, _ := strings.Cut(unix.ByteSliceToString(name.Release[:]), "-")
		words = append(words, unix.ByteSliceToString(name.Sysname[:])+" "+release)
	}
	return strings.Join(append(words, strings.Replace(runtime.Version(), "go", "Go ", 1)), ", ")
}

// write makes RESULTS.md and the charts.
func (r *report) write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, c := range charts {
		if !r.has(c.experiment) {
			continue
		}
		if err := c.write(r, filepath.Join(dir, c.file)); err != nil {
			return fmt.Errorf("%s: %w", c.file, err)
		}
	}
	return os.WriteFile(filepath.Join(dir, "RESULTS.md"), []byte(r.text()), 0o644)
}

// has tells whether an experiment has figures.
func (r *report) has(experiment string) bool {
	return slices.ContainsFunc(r.Figures, func(f *figure) bool { return f.Experiment == experiment })
}

// text is all of RESULTS.md.
func (r *report) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# This library beside others, in one run

%s: %s.
Made by

    cd bench/peers
    ./setup.sh
    %s

in %s, with %d rounds of %s for each measurement. Each round measures every peer in every case, in an order that turns. Publishers
and readers are processes of their own, pinned to one processor each side; stores are in memory. Numbers are medians of the rounds, behind
them the least and the greatest. **×** is how many times the figure of *mapfile-off* it is: the median of the ratios within each round.
Only such ratios say something about another machine. *mapfile* has the checksum on, which is its default; no peer has one for reads, and
*mapfile-off* is without. *floor* is the least that any such store must do. %s

`, r.Date, r.Machine, r.Command, r.Took, r.Rounds, r.Length, r.disturbance())
	r.targetsText(&b)
	b.WriteString("<!-- remarks: from bench/peers/remarks.md -->\n\n")
	if text := strings.TrimSpace(remarks); text != "" {
		b.WriteString(text + "\n\n")
	}
	for _, e := range r.experiments {
		r.experimentText(&b, e)
	}
	r.peersText(&b)
	return b.String()
}

func (r *report) disturbance() string {
	if r.Measured == 0 {
		return ""
	}
	return fmt.Sprintf(`Of %d measurements of lock-free peers %d were disturbed
each time they were tried: a worker had less than 97 %% of its processor.`, r.Measured, r.Disturbed)
}

// targetsText is a table with a row for all targets that are alike but for the size.
func (r *report) targetsText(b *strings.Builder) {
	counts := map[string]int{}
	for _, v := range r.Targets {
		counts[v.Result]++
	}
	fmt.Fprintf(b, "## Targets\n\n%d are met, %d are not, %d were not measured; the others are shown beside. What is not met is **bold**.\n\n",
		counts[met], counts[notMet], counts[notMeasured])
	rows := [][]string{{"what", "check", "must be", "is", ""}}
	for rest := r.Targets; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].alike(rest[0].target) {
			n++
		}
		rows = append(rows, targetRow(rest[:n]))
		rest = rest[n:]
	}
	writeTable(b, rows)
}

func (t target) alike(other target) bool {
	return t.What == other.What && t.Check == other.Check && t.Unit == other.Unit && t.Limit == other.Limit
}

func targetRow(verdicts []verdict) []string {
	t := verdicts[0].target
	limit := t.Unit
	if t.Limit != none {
		limit = "≤ " + short(t.Limit) + " " + t.Unit
		if t.Least {
			limit = "≥ " + short(t.Limit) + " " + t.Unit
		}
	}
	var is, missed, unknown, why []string
	for _, v := range verdicts {
		at, number := "", short(v.Median)
		if v.At != "" {
			at = v.At + ": "
		}
		switch v.Result {
		case notMeasured:
			unknown = append(unknown, v.At)
			if !slices.Contains(why, v.Why) {
				why = append(why, v.Why)
			}
			continue
		case notMet:
			number = "**" + number + "**"
			missed = append(missed, at+v.by())
		}
		is = append(is, fmt.Sprintf("%s%s <sub>%s..%s</sub>", at, number, short(v.Min), short(v.Max)))
	}
	var results []string
	switch {
	case missed != nil:
		results = append(results, "**not met** by "+strings.Join(missed, ", "))
	case is != nil && t.Limit != none:
		results = append(results, met)
	}
	if unknown != nil {
		where := ""
		if is != nil {
			where = strings.Join(unknown, ", ") + " "
		}
		results = append(results, where+"not measured: "+strings.Join(why, "; "))
	}
	return []string{t.What, t.Check, limit, strings.Join(is, " · "), strings.Join(results, "; ")}
}

// by says how far the median is from the limit.
func (v verdict) by() string {
	if strings.HasPrefix(v.Unit, "×") {
		return fmt.Sprintf("%.0f %%", math.Abs(v.Median/v.Limit-1)*100)
	}
	return short(math.Abs(v.Median - v.Limit))
}

// experimentText has a table for each metric in each situation, with a column for each size. Those that
// the experiment does not have in front are folded.
func (r *report) experimentText(b *strings.Builder, e experiment) {
	if !r.has(e.name) {
		return
	}
	fmt.Fprintf(b, "## %s\n\n%s\n\n", e.name, e.about)
	for _, c := range charts {
		if c.experiment == e.name {
			fmt.Fprintf(b, "![%s](%s)\n\n", c.title, c.file)
		}
	}
	r.wrongText(b, e)
	tables := r.tables(e)
	var folded []resultTable
	for _, t := range tables {
		if len(e.front) > 0 && !slices.Contains(e.front, t.title) {
			folded = append(folded, t)
			continue
		}
		fmt.Fprintf(b, "**%s**\n\n", t.title)
		writeTable(b, t.rows)
	}
	if len(folded) == 0 {
		return
	}
	b.WriteString("<details><summary>More of it</summary>\n\n")
	for _, t := range folded {
		fmt.Fprintf(b, "**%s**\n\n", t.title)
		writeTable(b, t.rows)
	}
	b.WriteString("</details>\n\n")
}

// wrongText says what readers saw that should not be.
func (r *report) wrongText(b *strings.Builder, e experiment) {
	type seen struct{ torn, back float64 }
	wrongs, looked := map[string]seen{}, false
	var order []string
	for _, f := range r.Figures {
		if f.Experiment != e.name || f.Metric != "torn" && f.Metric != "back" {
			continue
		}
		looked = true
		for _, n := range f.Rounds {
			s := wrongs[f.Peer]
			if f.Metric == "torn" {
				s.torn += n
			} else {
				s.back += n
			}
			if n > 0 && !slices.Contains(order, f.Peer) {
				order = append(order, f.Peer)
			}
			wrongs[f.Peer] = s
		}
	}
	switch {
	case !looked:
	case len(order) == 0:
		b.WriteString("No torn value and none that was older than one before it was read.\n\n")
	default:
		var words []string
		for _, peer := range order {
			s := wrongs[peer]
			words = append(words, fmt.Sprintf("%s %s torn, %s older than one before", peer, short(s.torn), short(s.back)))
		}
		fmt.Fprintf(b, "Wrong values that were read: %s; none of the other peers.\n\n", strings.Join(words, "; "))
	}
}

type resultTable struct {
	title string
	rows  [][]string
}

// tables arranges the figures of an experiment: "4 KiB, 1 reader" with "ns" goes into the table "1
// reader: ns", column "4 KiB". Where there is only one column, the metrics are columns.
func (r *report) tables(e experiment) (tables []resultTable) {
	type place struct{ table, column, peer string }
	cells := map[place]*figure{}
	var titles, peerOrder []string
	columns := map[string][]string{}
	add := func(list []string, word string) []string {
		if slices.Contains(list, word) {
			return list
		}
		return append(list, word)
	}
	for _, f := range r.Figures {
		if f.Experiment != e.name || f.Metric == "torn" || f.Metric == "back" {
			continue
		}
		column, situation, split := strings.Cut(f.Case, ", ")
		title := f.Metric
		if split {
			title = situation + ": " + f.Metric
		}
		if e.metricsAcross {
			title, column = f.Case, f.Metric
		}
		cells[place{title, column, f.Peer}] = f
		titles = add(titles, title)
		columns[title] = add(columns[title], column)
		peerOrder = add(peerOrder, f.Peer)
	}
	slices.SortStableFunc(peerOrder, func(a, b string) int { return peerRank(a) - peerRank(b) })
	for _, title := range titles {
		rows := [][]string{append([]string{""}, columns[title]...)}
		for _, peer := range peerOrder {
			row, any := []string{peer}, false
			for _, column := range columns[title] {
				f := cells[place{title, column, peer}]
				if f == nil {
					row = append(row, "")
					continue
				}
				any = true
				row = append(row, cell(f, cells[place{title, column, off.peer}]))
			}
			if any {
				rows = append(rows, row)
			}
		}
		tables = append(tables, resultTable{title, rows})
	}
	return tables
}

// peerRank is where a peer stands in the tables; what is no peer, such as the checksum alone, is last.
func peerRank(name string) int {
	for i := range peers {
		if peers[i].name == name {
			return i
		}
	}
	return len(peers)
}

// cell is a figure in a table, with the ratio to another one.
func cell(f, over *figure) string {
	median, least, greatest := spread(f.Rounds)
	text := fmt.Sprintf("%s <sub>%s..%s", short(median), short(least), short(greatest))
	if over != nil && over != f {
		var ratios []float64
		for i := range min(len(f.Rounds), len(over.Rounds)) {
			if over.Rounds[i] != 0 {
				ratios = append(ratios, f.Rounds[i]/over.Rounds[i])
			}
		}
		if len(ratios) > 0 {
			times, _, _ := spread(ratios)
			text += " ×" + short(times)
		}
	}
	return text + "</sub>"
}

// short writes a number with about three digits.
func short(x float64) string {
	switch size := math.Abs(x); {
	case math.IsNaN(x) || math.IsInf(x, 0):
		return "–"
	case size >= 1e10:
		return thousands(x/1e9) + " G"
	case size >= 1e6:
		return fmt.Sprintf("%.3g M", x/1e6)
	case size >= 100:
		return thousands(x)
	case size < 5e-7:
		return "0"
	}
	text := fmt.Sprintf("%.3g", x)
	if strings.Contains(text, "e") {
		text = fmt.Sprintf("%.6f", x)
	}
	return text
}

// thousands writes 12345 as 12,345.
func thousands(x float64) string {
	text := fmt.Sprintf("%.0f", math.Abs(x))
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	if x < 0 {
		return "-" + text
	}
	return text
}

func (r *report) peersText(b *strings.Builder) {
	b.WriteString("## Who took part\n\n")
	rows := [][]string{{"peer", "what it is"}}
	for _, p := range r.peers {
		rows = append(rows, []string{p.name, p.about})
	}
	writeTable(b, rows)
	if len(r.Skipped) == 0 {
		b.WriteString("Nobody was skipped.\n")
		return
	}
	b.WriteString("Not measured, or not to the end:\n\n")
	rows = [][]string{{"peer", "experiment", "why"}}
	for _, s := range r.Skipped {
		where, why := s.Experiment, tidy(s.Reason)
		if where == "" {
			where = "all"
		}
		if i := slices.IndexFunc(rows, func(row []string) bool { return row[0] == s.Peer && row[2] == why }); i >= 0 {
			rows[i][1] += "; " + where
			continue
		}
		rows = append(rows, []string{s.Peer, where, why})
	}
	writeTable(b, rows)
}

// tidy makes a message fit into a cell of a table that others may read: one line, without this machine's
// directories.
func tidy(reason string) string {
	var kept []string
	for _, word := range strings.Fields(reason) {
		if i := strings.Index(word, "/"); i >= 0 && strings.Count(word, "/") > 1 {
			word = word[:i] + "…/" + filepath.Base(word)
		}
		kept = append(kept, strings.ReplaceAll(word, "|", "\\|"))
	}
	return strings.Join(kept, " ")
}

// writeTable writes a table; the first row is the head.
func writeTable(b *strings.Builder, rows [][]string) {
	for i, row := range rows {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			b.WriteString(strings.Repeat("|---", len(row)) + "|\n")
		}
	}
	b.WriteString("\n")
}
