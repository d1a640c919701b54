// Package examples_test runs the examples as their users do: as processes, which are killed, stopped
// and started again. Give -events 1000000 for the long form.
package examples_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"go-hep.org/x/hep/hbook"

	_ "github.com/gomapfile/mapfile/codec/hbook"
	"github.com/gomapfile/mapfile/mapfile"
)

var events = flag.Int64("events", 100_000, "that the producer produces")

// programs is the directory with the built examples and mapfile-dump.
var programs string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "mapfile-examples-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		build := exec.Command("go", "build", "-o", dir, "./producer", "./consumer", "./demo", "../cmd/mapfile-dump")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
			return 1
		}
		programs = dir
		return m.Run()
	}())
}

// process is one of the programs at work.
type process struct {
	*exec.Cmd
	t              *testing.T
	stdout, stderr bytes.Buffer // complete after end
}

// start starts a program, which the end of the test kills if it still runs.
func start(t *testing.T, program string, args ...string) *process {
	t.Helper()
	return startIn(t, nil, program, args...)
}

func startIn(t *testing.T, env []string, program string, args ...string) *process {
	t.Helper()
	ctx, kill := context.WithTimeout(context.Background(), 4*time.Minute)
	p := &process{t: t, Cmd: exec.CommandContext(ctx, filepath.Join(programs, program), args...)}
	p.Stdout, p.Stderr, p.Env = &p.stdout, &p.stderr, append(os.Environ(), env...)
	p.WaitDelay = 5 * time.Second
	if err := p.Start(); err != nil {
		kill()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		kill()
		if p.ProcessState == nil {
			p.Wait()
		}
	})
	return p
}

// end waits for the program's end and fails the test if its exit code is not want.
func (p *process) end(want int) {
	p.t.Helper()
	p.Wait()
	if got := p.ProcessState.ExitCode(); got != want {
		p.t.Fatalf("%s: %v, want exit code %d\n%s", strings.Join(p.Args, " "), p.ProcessState, want, &p.stderr)
	}
}

// run runs a program that must succeed, and returns what it printed.
func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	p := start(t, program, args...)
	p.end(0)
	return p.stdout.String()
}

// line is what consumer -json prints.
type line struct {
	Entries   [3]int64
	Mean, RMS float64
	Commit    uint64
}

// lines parses a consumer's output and checks again what the consumer itself has checked.
func (p *process) lines() []line {
	p.t.Helper()
	var all []line
	for text := range strings.Lines(p.stdout.String()) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			p.t.Fatalf("%q: %v", text, err)
		}
		e := l.Entries
		if e[0] != e[1] || e[0] != e[2] {
			p.t.Errorf("unequal counts: %s", text)
		}
		if len(all) > 0 && e[0] <= all[len(all)-1].Entries[0] {
			p.t.Errorf("counts do not go up: %s", text)
		}
		all = append(all, l)
	}
	if len(all) == 0 {
		p.t.Fatal("the consumer printed nothing")
	}
	return all
}

// mapPath is where a test's map file is: in memory where there is such a file system.
func mapPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "mapfile-examples-")
	if err != nil {
		return filepath.Join(t.TempDir(), "test.map")
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "test.map")
}

// entries reads one commit and fails the test if its three counts differ.
func entries(t *testing.T, path string) int64 {
	t.Helper()
	mf, err := mapfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer mf.Close()
	snap, err := mf.Snapshot("hpx", "hpxpy", "hprof")
	if err != nil {
		t.Fatal(err)
	}
	n := must(mapfile.Get[*hbook.H1D](snap, "hpx"))(t).Entries()
	n2 := must(mapfile.Get[*hbook.H2D](snap, "hpxpy"))(t).Entries()
	n3 := must(mapfile.Get[*hbook.P1D](snap, "hprof"))(t).Entries()
	if n2 != n || n3 != n {
		t.Fatalf("one commit has %d, %d and %d entries", n, n2, n3)
	}
	return n
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// waitFor waits until the file has n entries.
func waitFor(t *testing.T, path string, n int64) {
	t.Helper()
	run(t, "consumer", "-file", path, "-until", strconv.FormatInt(n, 10), "-timeout", "1m")
}

func TestDemoShowsEntriesGrowing(t *testing.T) {
	dir := t.TempDir()
	demo := startIn(t, []string{"TMPDIR=" + dir, "TMP=" + dir}, "demo", "-for", "3s", "-plain")
	demo.end(0)
	last, n := int64(0), 0
	for _, m := range regexp.MustCompile(`entries (\d+)`).FindAllStringSubmatch(demo.stdout.String(), -1) {
		entries := must(strconv.ParseInt(m[1], 10, 64))(t)
		if entries <= last {
			t.Errorf("entries do not grow: %d after %d", entries, last)
		}
		last, n = entries, n+1
	}
	if n < 3 {
		t.Errorf("%d lines in 3 s:\n%s", n, &demo.stdout)
	}
	if left := must(os.ReadDir(dir))(t); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestConsumersGetExactlyWhatWasProduced(t *testing.T) {
	path, n := mapPath(t), strconv.FormatInt(*events, 10)
	consumer := func() *process { return start(t, "consumer", "-file", path, "-until", n, "-timeout", "3m", "-json") }
	consumers := []*process{consumer()} // before there is a file
	time.Sleep(100 * time.Millisecond)
	producer := start(t, "producer", "-file", path, "-events", n)
	consumers = append(consumers, consumer(), consumer())
	producer.end(0)
	for i, c := range consumers {
		c.end(0)
		all := c.lines()
		if last := all[len(all)-1]; last.Entries[0] != *events {
			t.Errorf("consumer %d ended with %d entries", i, last.Entries[0])
		} else if last.Mean*last.Mean > 0.01 || last.RMS < 0.9 || last.RMS > 1.1 {
			t.Errorf("consumer %d: mean %v, RMS %v of Gaussian numbers", i, last.Mean, last.RMS)
		}
	}
	if lines := consumers[0].lines(); len(lines) < 3 {
		t.Errorf("the first consumer saw %d changes only", len(lines))
	}
}

func TestProducerGoesOnToATotal(t *testing.T) {
	path := mapPath(t)
	for _, total := range []string{"7", "12345", "12345", "20001"} { // the ends of no commit of ten
		run(t, "producer", "-file", path, "-events", total)
		if got := strconv.FormatInt(entries(t, path), 10); got != total {
			t.Fatalf("%s entries, want %s", got, total)
		}
	}
}

func TestProducerKeepsItsRate(t *testing.T) {
	begin := time.Now()
	run(t, "producer", "-file", mapPath(t), "-events", "1000", "-rate", "2000")
	if took := time.Since(begin); took < 450*time.Millisecond || took > 5*time.Second {
		t.Errorf("1000 events at 2000 Hz took %v", took)
	}
}

func TestRuntimeSourcePublishesThisProcess(t *testing.T) {
	path := mapPath(t)
	run(t, "producer", "-file", path, "-source", "runtime", "-events", "20", "-rate", "100")
	mf := must(mapfile.Open(path))(t)
	defer mf.Close()
	snap := must(mf.Snapshot())(t)
	h := must(mapfile.Get[*hbook.H1D](snap, "sched/latencies:seconds"))(t)
	sum := h.Binning.Outflows[0].SumW() + h.Binning.Outflows[1].SumW()
	for i := range h.Len() {
		sum += h.Value(i)
	}
	if h.Entries() == 0 || sum != float64(h.Entries()) || h.XMean() > 0 || h.XMean() < -9 {
		t.Errorf("%d waits, %v in the bins, 10^%v s on average", h.Entries(), sum, h.XMean())
	}
	must(mapfile.Get[*hbook.H1D](snap, "sched/pauses/total/gc:seconds"))(t)
	if n := must(mapfile.Get[uint64](snap, "gc/heap/allocs:bytes"))(t); n == 0 {
		t.Error("no bytes allocated")
	}
}

// The control of what the tests above rely on: a consumer that is shown a mistake reports it.
func TestConsumerReportsWhatMustNotBe(t *testing.T) {
	px, pxpy, prof := hbook.NewH1D(100, -4, 4), hbook.NewH2D(40, -4, 4, 40, -4, 4), hbook.NewP1D(100, -4, 4)
	fill := func() { px.Fill(0, 1); pxpy.Fill(0, 0, 1); prof.Fill(0, 0, 1) }
	cases := []struct {
		name    string
		mistake func(slot *mapfile.Slot) error
		want    string
	}{
		{"unequal counts", func(*mapfile.Slot) error { px.Fill(0, 1); return nil }, "mixes updates"},
		{"a count that goes down", func(slot *mapfile.Slot) error {
			*pxpy, *prof = *hbook.NewH2D(40, -4, 4, 40, -4, 4), *hbook.NewP1D(100, -4, 4)
			return slot.Set(hbook.NewH1D(100, -4, 4))
		}, "went back"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := mapPath(t)
			mf := must(mapfile.Create(path))(t)
			defer mf.Close()
			slot := must(mf.Add("hpx", px))(t)
			must(mf.Add("hpxpy", pxpy))(t)
			must(mf.Add("hprof", prof))(t)
			fill()
			consumer := start(t, "consumer", "-file", path, "-timeout", "1m")
			stop := time.Now().Add(500 * time.Millisecond)
			for time.Now().Before(stop) {
				fill()
				must(0, mf.Update())(t)
				time.Sleep(time.Millisecond)
			}
			must(0, c.mistake(slot))(t)
			must(0, mf.Update())(t)
			consumer.end(1)
			if !strings.Contains(consumer.stderr.String(), c.want) {
				t.Errorf("it said %q", &consumer.stderr)
			}
		})
		px, pxpy, prof = hbook.NewH1D(100, -4, 4), hbook.NewH2D(40, -4, 4, 40, -4, 4), hbook.NewP1D(100, -4, 4)
	}
}

func TestConsumerGivesUp(t *testing.T) {
	consumer := start(t, "consumer", "-file", mapPath(t), "-timeout", "200ms")
	consumer.end(1)
	if !strings.Contains(consumer.stderr.String(), "deadline") {
		t.Errorf("it said %q", &consumer.stderr)
	}
}

func TestHelpAndMistakesInFlags(t *testing.T) {
	for _, program := range []string{"producer", "consumer", "demo"} {
		help := start(t, program, "-h")
		help.end(0)
		if out := help.stderr.String(); !strings.Contains(out, "Usage: "+program) || !strings.Contains(out, "\n  -") {
			t.Errorf("%s -h says %q", program, out)
		}
		start(t, program, "operand").end(2)
		start(t, program, "-no-such-flag").end(2)
	}
}
