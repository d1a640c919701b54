// Command viewer measures mapfile-dump as people use it: whole processes, real files with live producers
// in processes of their own, a pseudo-terminal, connections on loopback. It prints one table with the
// limits that the project has set itself, and exits with 1 if a figure is over its limit.
//
//	go run ./bench/viewer
//	go run ./bench/viewer -only ls,top -binary ./mapfile-dump
//	go run ./bench/viewer -o json | jq '.figures[] | select(.limit)'
//
// The figures say something on a machine that does nothing else. Where there is no pseudo-terminal or no
// process to ask for its CPU time, what needs them is skipped, and says so.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

func main() {
	if playRole() {
		return
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// parts are what can be measured, in order.
var parts = []struct {
	name    string
	measure func(*bench) error
}{
	{"ls", measureLs},
	{"dir", measureDir},
	{"top", measureTop},
	{"page", measurePage},
	{"fanout", measureFanout},
}

// A bench is one run.
type bench struct {
	ctx    context.Context
	binary string // mapfile-dump
	dir    string // empty at first, on a tmpfs where there is one
	log    io.Writer

	slots, files, runs, clients int
	period                      time.Duration // of each measurement of something that goes on

	figures []figure
	many    *child // the producer of manyPath
}

// A figure is a line of the table. Limit 0 is none; a figure is over it if it is greater.
type figure struct {
	Part   string  `json:"part"`
	What   string  `json:"what"`
	Value  float64 `json:"value"`
	Unit   string  `json:"unit"`
	Limit  float64 `json:"limit,omitempty"`
	OK     bool    `json:"ok"`
	Detail string  `json:"detail,omitempty"`
}

const (
	exitOK = iota
	exitOver
	exitUsage
	exitFailed
)

func run(args []string, stdout, stderr io.Writer) int {
	b := &bench{log: &lockedWriter{w: stderr}}
	flags := flag.NewFlagSet("viewer", flag.ContinueOnError)
	flags.SetOutput(stderr)
	var names []string
	for _, p := range parts {
		names = append(names, p.name)
	}
	only := flags.String("only", strings.Join(names, ","), "measure these `parts`")
	output := flags.String("o", "table", "`format`: table or json")
	flags.StringVar(&b.binary, "binary", "", "the mapfile-dump to measure (default: built anew)")
	flags.IntVar(&b.slots, "slots", 3000, "slots of the file that ls and top look at")
	flags.IntVar(&b.files, "files", 100, "files of the directory")
	flags.IntVar(&b.runs, "runs", 20, "runs of which the median is taken")
	flags.IntVar(&b.clients, "clients", 100, "browsers that look at one slot")
	flags.DurationVar(&b.period, "for", 10*time.Second, "how long to measure what goes on: top, and each round of fanout")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return exitOK
		}
		return exitUsage
	}
	wanted := strings.Split(*only, ",")
	for _, name := range wanted {
		if !slices.Contains(names, name) {
			fmt.Fprintf(stderr, "viewer: no part %q; there are %s\n", name, strings.Join(names, ", "))
			return exitUsage
		}
	}
	if flags.NArg() > 0 || *output != "table" && *output != "json" || min(b.slots, b.files, b.runs, b.clients) < 1 || b.period <= 0 {
		fmt.Fprintln(stderr, "viewer: takes flags only; counts and times are positive, the format is table or json")
		return exitUsage
	}
	var cancel context.CancelFunc
	b.ctx, cancel = signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	err := b.measure(wanted)
	if *output == "json" {
		err = errors.Join(err, b.printJSON(stdout))
	} else {
		err = errors.Join(err, b.printTable(stdout))
	}
	if err != nil {
		fmt.Fprintln(stderr, "viewer:", err)
		return exitFailed
	}
	if slices.ContainsFunc(b.figures, func(f figure) bool { return !f.OK }) {
		return exitOver
	}
	return exitOK
}

// measure makes the scene and measures the parts. One that fails does not keep the others from it.
func (b *bench) measure(wanted []string) error {
	dir := ""
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		dir = "/dev/shm"
	}
	dir, err := os.MkdirTemp(dir, "mapfile-viewer-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b.dir = dir
	defer b.endScene()
	if b.binary == "" {
		b.logf("building mapfile-dump")
		b.binary = filepath.Join(dir, "mapfile-dump")
		if runtime.GOOS == "windows" {
			b.binary += ".exe"
		}
		build := exec.CommandContext(b.ctx, "go", "build", "-o", b.binary, "github.com/gomapfile/mapfile/cmd/mapfile-dump")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("go build: %w\n%s", err, out)
		}
	}
	var errs []error
	for _, part := range parts {
		if !slices.Contains(wanted, part.name) || b.ctx.Err() != nil {
			continue
		}
		b.logf("measuring %s", part.name)
		err := part.measure(b)
		if skip := skipped(""); errors.As(err, &skip) {
			b.logf("SKIPPED: %s: %s", part.name, string(skip))
			continue
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", part.name, err))
		}
	}
	return errors.Join(append(errs, b.ctx.Err())...)
}

// skipped says why a part cannot be measured here.
type skipped string

func (s skipped) Error() string { return string(s) }

func (b *bench) logf(format string, args ...any) { fmt.Fprintf(b.log, "viewer: "+format+"\n", args...) }

// add adds a figure.
func (b *bench) add(part, what string, value float64, unit string, limit float64, detail string, args ...any) {
	b.figures = append(b.figures, figure{part, what, value, unit, limit, limit == 0 || value <= limit, fmt.Sprintf(detail, args...)})
}

func (b *bench) printJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		CPUs    int      `json:"cpus"`
		GOOS    string   `json:"goos"`
		GOARCH  string   `json:"goarch"`
		Go      string   `json:"go"`
		Figures []figure `json:"figures"`
	}{runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), b.figures})
}

func (b *bench) printTable(w io.Writer) error {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "PART\tWHAT\tFIGURE\tLIMIT\t\tDETAIL")
	for _, f := range b.figures {
		limit, verdict := "-", ""
		if f.Limit != 0 {
			limit, verdict = number(f.Limit)+" "+f.Unit, "ok"
			if !f.OK {
				verdict = "over"
			}
		}
		fmt.Fprintf(tab, "%s\t%s\t%s %s\t%s\t%s\t%s\n", f.Part, f.What, number(f.Value), f.Unit, limit, verdict, f.Detail)
	}
	return tab.Flush()
}

// number shows about three digits.
func number(x float64) string {
	switch {
	case x >= 99.95:
		return fmt.Sprintf("%.0f", x)
	case x >= 9.995:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2f", x)
}

// milliseconds of durations: the median, and what a detail says of the rest.
func milliseconds(durations []time.Duration) (median float64, rest string) {
	slices.Sort(durations)
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	n := len(durations)
	return ms(durations[n/2]), fmt.Sprintf("median of %d, %s to %s", n, number(ms(durations[0])), number(ms(durations[n-1])))
}
