package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// errNotOK: the proof has failed, and has said so in its last line.
var errNotOK = errors.New("not ok")

// A proof is one run of a subcommand: its flags, what it counts, and whether the promise held. Count,
// Add, Wrong and Logf may be called by several goroutines at once.
type proof struct {
	ctx      context.Context // ends at the first ^C
	seed     uint64
	control  bool   // run with the guard off
	dir      string // empty, on a tmpfs where there is one; goes away after the run
	progress *progress

	mu     sync.Mutex
	counts map[string]int64
	wrongs int64
	first  []string // the first few things that were wrong
	skip   string
}

// newProof makes a subcommand. define adds its own flags; hasControl gives it --control. body runs it:
// what breaks the promise is told to Wrong, an error says that the proof itself could not be done.
func newProof(use, short string, hasControl bool, define func(cmd *cobra.Command), body func(p *proof) error) *cobra.Command {
	p := &proof{counts: map[string]int64{}}
	cmd := &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs}
	flags := cmd.Flags()
	flags.Uint64Var(&p.seed, "seed", 1, "of everything that is random; 0: another one each time")
	flags.StringVar(&p.dir, "dir", "", "directory for the files (default: a tmpfs, where there is one)")
	if hasControl {
		flags.BoolVar(&p.control, "control", false, "run with the guard off, which must find errors")
	}
	define(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if p.seed == 0 {
			p.seed = rand.Uint64()
		}
		return p.run(cmd.Name(), body)
	}
	return cmd
}

// run does the proof and prints its last line.
func (p *proof) run(name string, body func(*proof) error) error {
	var cancel context.CancelFunc
	p.ctx, cancel = signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	dir, err := makeDir(p.dir)
	if err != nil {
		return err
	}
	p.dir = dir
	defer os.RemoveAll(dir)
	p.progress = startProgress(name)
	start := time.Now()
	err = body(p)
	p.progress.stop()
	if err == nil && p.ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	ok := err == nil && (p.wrongs > 0) == p.control || err == nil && p.skip != ""
	line, jsonErr := json.Marshal(struct {
		Proof   string           `json:"proof"`
		OK      bool             `json:"ok"`
		Control bool             `json:"control,omitempty"`
		Skipped string           `json:"skipped,omitempty"`
		Error   string           `json:"error,omitempty"`
		Seed    uint64           `json:"seed"`
		Seconds float64          `json:"seconds"`
		Counts  map[string]int64 `json:"counts"`
		Wrongs  int64            `json:"wrongs"`
		First   []string         `json:"first,omitempty"`
	}{name, ok, p.control, p.skip, errText(err), p.seed, float64(time.Since(start).Milliseconds()) / 1000, p.counts, p.wrongs, p.first})
	if jsonErr != nil {
		return jsonErr
	}
	fmt.Println(string(line))
	if !ok {
		return errNotOK
	}
	return nil
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// makeDir makes an empty directory below dir.
func makeDir(dir string) (string, error) {
	if dir == "" {
		if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
			dir = "/dev/shm"
		}
	}
	return os.MkdirTemp(dir, "mapfile-torture-")
}

// rand returns a source of random numbers that depends on the seed and n only: give each goroutine,
// child or round its own.
func (p *proof) rand(n uint64) *rand.Rand { return rand.New(rand.NewPCG(p.seed, n)) }

// done tells whether the run was interrupted.
func (p *proof) done() bool { return p.ctx.Err() != nil }

// Count sets a number of the last line.
func (p *proof) Count(name string, n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[name] = n
}

// Add adds to a number of the last line. Add(name, 0) shows a number that should be 0.
func (p *proof) Add(name string, n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[name] += n
}

// Most raises a number of the last line to n.
func (p *proof) Most(name string, n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[name] = max(p.counts[name], n)
}

// Got returns a number of the last line.
func (p *proof) Got(name string) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts[name]
}

// Wrong says that the promise was broken: it counts under name, and the first few are shown.
func (p *proof) Wrong(name, format string, args ...any) {
	p.mu.Lock()
	p.counts[name]++
	p.wrongs++
	text := name + ": " + fmt.Sprintf(format, args...)
	show := len(p.first) < 10
	if show {
		p.first = append(p.first, text)
	}
	p.mu.Unlock()
	if show && !p.control {
		p.Logf("%s", text)
	}
}

// Wrongs returns how often the promise was broken so far.
func (p *proof) Wrongs() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.wrongs
}

// Skip says loudly why the proof cannot be done here. It counts as ok.
func (p *proof) Skip(format string, args ...any) {
	p.mu.Lock()
	p.skip = fmt.Sprintf(format, args...)
	p.mu.Unlock()
	p.Logf("SKIPPED: %s", p.skip)
}

// Logf writes a line to standard error, above the progress.
func (p *proof) Logf(format string, args ...any) { p.progress.log(fmt.Sprintf(format, args...)) }

// Counts returns a copy of the numbers, for progress.
func (p *proof) Counts() map[string]int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.counts)
}
