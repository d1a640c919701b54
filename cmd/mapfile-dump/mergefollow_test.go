//go:build unix

package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go-hep.org/x/hep/hbook"

	"github.com/gomapfile/mapfile/mapfile"
	mapfilepb "github.com/gomapfile/mapfile/proto"
)

// Tests of merge --follow with real producers that are killed, restarted, replaced and removed.

// At quiet moments the sum is the sum of the parts, whatever happened to producers and merger.
func TestMergeFollowIsTheSumOfTheParts(t *testing.T) {
	dir := t.TempDir()
	sum := filepath.Join(t.TempDir(), "sum.map")
	path := func(i int) string { return filepath.Join(dir, fmt.Sprint("shard", i, ".map")) }
	fill := func(i, fills int, end string) *childProcess {
		return beginProcess(t, []string{fmt.Sprint("FILLS=", fills)}, "producer", "filling", path(i), end)
	}
	merge := beginProcess(t, nil, "mapfile-dump", "merge", dir, "--out", sum, "--follow", "--every", "20ms")
	producers := []*childProcess{fill(0, 3000, "stay"), fill(1, 4000, "stay"), fill(2, 1<<30, "stay")}
	untilEqual(t, dir, sum, false)

	producers[0].kill() // its part stays
	time.Sleep(100 * time.Millisecond)
	producers[1].kill()
	producers[1] = fill(1, 2500, "stay") // takes its slots over, from zero
	producers = append(producers, fill(3, 1000, "stay"))
	time.Sleep(100 * time.Millisecond)
	producers[2].kill()
	producers[2] = fill(2, 1500, "new") // in a new file
	if n := untilEqual(t, dir, sum, true); n < 2500+1500+1000 {
		t.Errorf("%d fills", n)
	}
	versions := versionsOf(t, sum)
	time.Sleep(200 * time.Millisecond)
	if now := versionsOf(t, sum); now != versions {
		t.Errorf("published although nothing has changed: %s, then %s", versions, now)
	}

	merge.kill() // kill -9: the file is readable, and the next one goes on with it
	if n := untilEqual(t, dir, sum, true); n < 2500+1500+1000 {
		t.Errorf("%d fills", n)
	}
	id := idOf(t, sum)
	if err := os.Remove(path(3)); err != nil {
		t.Fatal(err)
	}
	producers[3].kill()
	fill(4, 700, "stay")
	merge = beginProcess(t, nil, "mapfile-dump", "merge", dir, "--out", sum, "--follow", "--every", "20ms")
	if n := untilEqual(t, dir, sum, true); n < 2500+1500+700 {
		t.Errorf("%d fills", n)
	}
	if idOf(t, sum) != id {
		t.Error("it did not go on with the file")
	}
	if code := merge.end(syscall.SIGTERM); code != 0 {
		t.Errorf("SIGTERM: exit code %d, %s", code, merge.stderr.String())
	}
	if state := stateOf(t, sum); state != mapfile.StateClosed {
		t.Errorf("after SIGTERM: %v", state)
	}
	if text := merge.stderr.String(); text != "" {
		t.Errorf("stderr %q", text)
	}
}

// What a dead producer left leaves the sum with --drop-dead, and so does what a removed file had.
func TestMergeFollowDropsTheDead(t *testing.T) {
	dir := t.TempDir()
	sum := filepath.Join(dir, "sum.map") // among the inputs, and none of them
	merge := beginProcess(t, nil, "mapfile-dump", "merge", dir, "--out", sum, "--follow", "--every", "20ms", "--drop-dead")
	first := beginProcess(t, []string{"FILLS=300"}, "producer", "filling", filepath.Join(dir, "a.map"), "stay")
	second := beginProcess(t, []string{"FILLS=500"}, "producer", "filling", filepath.Join(dir, "b.map"), "stay")
	waitUntil(t, "both", func() bool { return ordersOf(sum) == 800 })
	first.kill()
	waitUntil(t, "without the dead one's part", func() bool { return ordersOf(sum) == 500 })
	beginProcess(t, []string{"FILLS=40"}, "producer", "filling", filepath.Join(dir, "c.map"), "stay")
	waitUntil(t, "with the new one's part", func() bool { return ordersOf(sum) == 540 })
	if err := os.Remove(filepath.Join(dir, "c.map")); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, "without the removed file's part", func() bool { return ordersOf(sum) == 500 })
	second.kill()
	waitUntil(t, "no slot", func() bool { return ordersOf(sum) == -1 })
	if code := merge.end(os.Interrupt); code != 130 {
		t.Errorf("Ctrl-C: exit code %d", code)
	}
	if state := stateOf(t, sum); state != mapfile.StateClosed {
		t.Errorf("after Ctrl-C: %v", state)
	}
}

// A slot whose binning comes to differ is told once and keeps its last sum; the others go on.
func TestMergeFollowTellsUnlikeBinnings(t *testing.T) {
	dir := t.TempDir()
	sum, a, b, c := filepath.Join(dir, "sum.map"), filepath.Join(dir, "a.map"), filepath.Join(dir, "b.map"), filepath.Join(dir, "c.map")
	beginProcess(t, []string{"BINS=100"}, "producer", "steady", a, "stay")
	old := beginProcess(t, []string{"BINS=100"}, "producer", "steady", b, "stay")
	merge := beginProcess(t, nil, "mapfile-dump", "merge", a, b, c, "--out", sum, "--follow", "--every", "20ms")
	waitUntil(t, "both", func() bool { return entriesOf(sum) == 200 })
	old.kill()
	other := beginProcess(t, []string{"BINS=50"}, "producer", "steady", b, "new")
	beginProcess(t, []string{"FILLS=100"}, "producer", "filling", c, "stay")
	waitUntil(t, "the other slots", func() bool { return ordersOf(sum) == 100 })
	waitUntil(t, "the message", func() bool { return strings.Contains(merge.stderr.String(), "binnings differ") })
	time.Sleep(200 * time.Millisecond)
	if n := entriesOf(sum); n != 200 && n != 300 { // c may have come before b changed
		t.Errorf("%d entries", n)
	}
	want := fmt.Sprintf("run1/hpx: binnings differ: %s 100 bins -4..4, %s 50 bins -4..4; it keeps its last sum\n", a, b)
	if text := merge.stderr.String(); strings.Count(text, want) != 1 || strings.Count(text, "differ") != 1 {
		t.Errorf("stderr %q, want once %q", text, want)
	}
	other.kill()
	beginProcess(t, []string{"BINS=100"}, "producer", "steady", b, "new")
	waitUntil(t, "all three again", func() bool { return entriesOf(sum) == 300 })
	if err := os.Remove(c); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, "without the removed file's part", func() bool { return entriesOf(sum) == 200 && ordersOf(sum) == -1 })
}

// untilEqual waits until the sum is that of the parts, and with quiet also stays so; it returns the number
// of fills.
func untilEqual(t *testing.T, dir, sum string, quiet bool) int64 {
	t.Helper()
	var why string
	streak := 0
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(30 * time.Millisecond) {
		before := totalOfDir(dir)
		if why = before.unlike(totalOf(sum)); why != "" || before.n == 0 {
			streak = 0
			continue
		}
		if streak++; streak == 10 || !quiet {
			return before.n
		}
	}
	t.Fatal("the sum is not that of the parts: ", why)
	return 0
}

// partTotals are added up here bin by bin, without the code that is tested.
type partTotals struct {
	h1     [100][3]float64 // entries, sum of weights, of squared weights
	means  [20]float64     // sums of weights of the profile
	n      int64           // entries of run1/hpx
	orders uint64
}

func (a *partTotals) unlike(b partTotals) string {
	if a.n != b.n || a.orders != b.orders {
		return fmt.Sprintf("%d and %d entries, %d and %d orders", a.n, b.n, a.orders, b.orders)
	}
	for i := range a.h1 {
		for k := range a.h1[i] {
			if math.Abs(a.h1[i][k]-b.h1[i][k]) > 1e-9*math.Abs(a.h1[i][k]) {
				return fmt.Sprintf("bin %d: %v and %v", i, a.h1[i], b.h1[i])
			}
		}
	}
	if a.means != b.means {
		return fmt.Sprintf("profiles %v and %v", a.means, b.means)
	}
	return ""
}

func totalOfDir(dir string) (sum partTotals) {
	paths, _ := filepath.Glob(filepath.Join(dir, "*.map"))
	for _, path := range paths {
		one := totalOf(path)
		for i := range one.h1 {
			for k := range one.h1[i] {
				sum.h1[i][k] += one.h1[i][k]
			}
		}
		for i := range one.means {
			sum.means[i] += one.means[i]
		}
		sum.n += one.n
		sum.orders += one.orders
	}
	return sum
}

func totalOf(path string) (sum partTotals) {
	mf, err := mapfile.Open(path)
	if err != nil {
		return sum
	}
	defer mf.Close()
	if h, err := mapfile.Get[*hbook.H1D](mf, "run1/hpx"); err == nil && len(h.Binning.Bins) == len(sum.h1) {
		sum.n = h.Entries()
		for i := range h.Binning.Bins {
			d := &h.Binning.Bins[i].Dist.Dist
			sum.h1[i] = [3]float64{float64(d.N), d.SumW, d.SumW2}
		}
	}
	if p, err := mapfile.Get[*hbook.P1D](mf, "run1/prof"); err == nil {
		for i, b := range p.Binning().Bins() {
			sum.means[i] = b.SumW()
		}
	}
	if v, err := mapfile.Get[*mapfilepb.Value](mf, "orders"); err == nil {
		sum.orders = v.GetUnsigned()
	}
	return sum
}

func ordersOf(path string) int64 {
	mf, err := mapfile.Open(path)
	if err != nil {
		return -2
	}
	defer mf.Close()
	v, err := mapfile.Get[*mapfilepb.Value](mf, "orders")
	if err != nil {
		return -1
	}
	return int64(v.GetUnsigned())
}

func entriesOf(path string) int64 {
	total := totalOf(path)
	return total.n
}

func versionsOf(t *testing.T, path string) (text string) {
	t.Helper()
	mf, err := mapfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer mf.Close()
	for info, err := range mf.Slots() {
		if err != nil {
			t.Fatal(err)
		}
		text += fmt.Sprintf("%s %d; ", info.Name, info.Stamp.Version)
	}
	return text
}

func fileInfo(t *testing.T, path string) mapfile.FileInfo {
	t.Helper()
	mf, err := mapfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer mf.Close()
	info, err := mf.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func idOf(t *testing.T, path string) [16]byte { return fileInfo(t, path).ID }

// stateOf is the state of the last producer.
func stateOf(t *testing.T, path string) mapfile.State {
	producers := fileInfo(t, path).Producers
	return producers[len(producers)-1].State
}

// A childProcess is a command in the background, killed at the end of the test.
type childProcess struct {
	cmd    *exec.Cmd
	stderr lockedBuffer
	ended  sync.Once
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func beginProcess(t *testing.T, env []string, name string, args ...string) *childProcess {
	t.Helper()
	p := &childProcess{cmd: exec.Command(name, args...)}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = io.Discard, &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s %q: %s", name, args, p.stderr.String())
		}
	})
	return p
}

func (p *childProcess) kill() { p.end(os.Kill) }

// end sends a signal and waits for the end.
func (p *childProcess) end(sig os.Signal) int {
	p.ended.Do(func() {
		p.cmd.Process.Signal(sig)
		p.cmd.Wait()
	})
	return p.cmd.ProcessState.ExitCode()
}
