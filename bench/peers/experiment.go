package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// This chapter is what all experiments have in common: rounds, workers, figures.

// A figure is what was measured of one peer in one situation, once a round.
type figure struct {
	Experiment string    `json:"experiment"` // a section of the report: "publish", "read", …
	Case       string    `json:"case"`       // a column, and after a comma which table: "4 KiB, 1 reader"
	Peer       string    `json:"peer"`       // a row
	Metric     string    `json:"metric"`     // "ns", "distinct/s", "p99.9 ns", "CPU s/s" …
	Rounds     []float64 `json:"rounds"`
}

// A figureKey names a figure.
type figureKey struct{ experiment, situation, peer, metric string }

// An experiment measures the chosen peers in some situations, and notes figures.
type experiment struct {
	name  string
	about string // for the report: what is done, and what the numbers are
	run   func(*harness) error

	front         []string // tables that are seen at once in the report; nil: all. The others are folded
	metricsAcross bool     // the report has a table for each case, with a column for each metric
}

// experiments are all of them, in the order of the report.
var experiments = []experiment{
	{name: "publish", about: aboutPublish, run: experimentPublish,
		front: []string{"nobody: ns", "1 reader: ns", "1 reader elsewhere: ns", "1 reader: ns/distinct", "3 readers: ns"}},
	{name: "read", about: aboutRead, run: experimentRead},
	{name: "two", about: aboutTwo, run: experimentTwo},
	{name: "tails", about: aboutTails, run: experimentTails,
		front: []string{"spinners: p99.9 ns", "4 readers: p99.9 ns", "spinners: worst ns", "4 readers: worst ns", "1 reader: p99.9 ns", "1 reader: worst ns"}},
	{name: "calm", about: aboutCalm, run: experimentCalm},
	{name: "trio", about: aboutTrio, run: experimentTrio},
	{name: "fills", about: aboutFills, run: experimentFills},
	{name: "decode", about: aboutDecode, run: experimentDecode},
	{name: "first", about: aboutFirst, run: experimentFirst, metricsAcross: true},
	{name: "fresh", about: aboutFresh, run: experimentFresh, metricsAcross: true},
	{name: "many", about: aboutMany, run: experimentMany, metricsAcross: true},
	{name: "scale", about: aboutScale, run: experimentScale},
}

// A harness runs experiments.
//
// An experiment has a loop over h.everyRound, and in each round measures every peer once in each case,
// in the order of h.turn, so that what changes on the machine meets all alike:
//
//	for range h.everyRound() {
//		for _, p := range h.turn(peers) {
//			… h.run(…) …
//			h.note("read", "4 KiB", p.name, "ns", ns)
//		}
//	}
//
// A peer that fails is left out from there on, and h.skip says why. Workers and directories are gone
// when the experiment returns, or at h.clear.
type harness struct {
	rounds  int
	length  time.Duration // of one measurement
	sizes   []int         // of single values
	readers []int         // how many, for the experiment publish
	peers   []*peer       // those chosen that are there
	round   int           // that is running

	figures   []*figure // in the order in which they were noted first
	byKey     map[figureKey]*figure
	skipped   []skipped
	measured  int // measurements of busy lock-free workers
	disturbed int // of these, that had less than 97 % of their processor in the end
	shown     func(string)

	mu      sync.Mutex // held while a worker or directory is made, and for good once interrupted
	scratch string     // parent of all directories
	workers []*process // of the experiment that runs
	dirs    int
}

// skipped says what was not measured.
type skipped struct {
	Peer       string `json:"peer"`
	Experiment string `json:"experiment,omitempty"` // "": all
	Reason     string `json:"reason"`
}

// everyRound counts the rounds, and lets h.round follow.
func (h *harness) everyRound() func(func(int) bool) {
	return func(yield func(int) bool) {
		for h.round = range h.rounds {
			if !yield(h.round) {
				return
			}
		}
	}
}

// turn is the order of the peers in this round.
func (h *harness) turn(peers []*peer) []*peer {
	if len(peers) == 0 {
		return nil
	}
	first := h.round % len(peers)
	return slices.Concat(peers[first:], peers[:first])
}

// chosen are the peers of the names, of those that are there.
func (h *harness) chosen(names ...string) (some []*peer) {
	for _, p := range h.peers {
		if slices.Contains(names, p.name) {
			some = append(some, p)
		}
	}
	return some
}

// note appends to the figure of a peer in a case. Figures that are compared round by round must be noted
// once a round; one that ends early is compared as far as it goes.
func (h *harness) note(experiment, situation, peer, metric string, value float64) {
	key := figureKey{experiment, situation, peer, metric}
	f := h.byKey[key]
	if f == nil {
		f = &figure{Experiment: experiment, Case: situation, Peer: peer, Metric: metric}
		h.figures = append(h.figures, f)
		if h.byKey == nil {
			h.byKey = map[figureKey]*figure{}
		}
		h.byKey[key] = f
	}
	f.Rounds = append(f.Rounds, value)
}

// skip says that a peer was not measured, or not to the end, and why. experiment may name the case, too.
func (h *harness) skip(peer, experiment, reason string) {
	h.skipped = append(h.skipped, skipped{peer, experiment, reason})
	h.progress("%s: %s: %s", experiment, peer, reason)
}

// progress tells the one who waits how far it is.
func (h *harness) progress(format string, args ...any) {
	if h.shown != nil {
		h.shown(fmt.Sprintf(format, args...))
	}
}

// dir makes a directory for a store, in memory if the system has such a place.
func (h *harness) dir() (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.scratch == "" {
		parent := "/dev/shm"
		if info, err := os.Stat(parent); err != nil || !info.IsDir() {
			parent = "" // the default of the system
		}
		scratch, err := os.MkdirTemp(parent, "mapfile-peers-")
		if err != nil {
			return "", err
		}
		h.scratch = scratch
	}
	dir := filepath.Join(h.scratch, fmt.Sprint(h.dirs))
	h.dirs++
	return dir, os.MkdirAll(dir, 0o700)
}

// start starts a worker of a peer, on some processors ("0", "0-1", "": all). sizes is as parseSizes reads
// it. It is stopped at the end of the experiment.
func (h *harness) start(p *peer, role, dir, sizes, processors string) (*process, error) {
	h.mu.Lock()
	w, err := launch(p, role, dir, sizes, processors)
	if err == nil {
		h.workers = append(h.workers, w)
	}
	h.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return w, w.ready()
}

// clear stops the workers, the last one first, and removes the directories.
func (h *harness) clear() {
	for _, w := range slices.Backward(h.workers) {
		w.stop()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.workers = nil
	if h.scratch != "" {
		os.RemoveAll(h.scratch)
		h.scratch, h.dirs = "", 0
	}
}

// interrupt ends everything; after it the program must end. Workers may have things to remove that nobody
// else finds, so they are asked first.
func (h *harness) interrupt() {
	h.mu.Lock() // and never unlocks it: nothing is started any more
	for _, w := range h.workers {
		w.stdin.Close()
	}
	if len(h.workers) > 0 {
		time.Sleep(time.Second)
	}
	for _, w := range h.workers {
		w.cmd.Process.Kill()
	}
	if h.scratch != "" {
		os.RemoveAll(h.scratch)
	}
}

// A job is what one worker does in a measurement.
type job struct {
	worker *process
	how    string
}

// lead is how long the other workers run before the first one begins.
const lead = time.Millisecond

// run has workers work at the same time for h.length, and returns what each did. The first is the one
// that is measured: the others begin a little before it, so that it meets them at work.
func (h *harness) run(jobs ...job) ([]result, error) { return h.runFor(h.length, jobs...) }

func (h *harness) runFor(length time.Duration, jobs ...job) ([]result, error) {
	if len(jobs) > 1 {
		for _, j := range jobs[1:] {
			if err := j.worker.begin(length+lead, j.how); err != nil {
				return nil, err
			}
		}
		time.Sleep(lead)
	}
	first := jobs[0].worker
	if err := first.begin(length, jobs[0].how); err != nil {
		return nil, err
	}
	results, errs := make([]result, len(jobs)), make([]error, len(jobs))
	results[0], errs[0] = first.end(length)
	for i, j := range jobs[1:] {
		if strings.HasPrefix(j.how, "watch") && errs[0] == nil {
			results[i+1], errs[i+1] = endOfWatch(j.worker, first, length)
		} else {
			results[i+1], errs[i+1] = j.worker.end(length)
		}
	}
	return results, errors.Join(errs...)
}

// endOfWatch is end for one who watches, and who may sleep when the publisher has ended: it is given
// news until it has seen that its time is over.
func endOfWatch(watcher, publisher *process, length time.Duration) (r result, err error) {
	ended := make(chan struct{})
	go func() {
		r, err = watcher.end(length)
		close(ended)
	}()
	for {
		select {
		case <-ended:
			return r, err
		case <-time.After(5 * time.Millisecond):
			if _, err := publisher.run(time.Millisecond, "every 1000000"); err != nil {
				<-ended
				return r, err
			}
		}
	}
}

// Workers that do not wait for anything should have a processor for themselves. When they did not, it is
// measured again, so often at most. One that used less than a third was not disturbed: it sleeps.
const (
	undisturbed = 0.97
	asleep      = 0.33
	again       = 3
)

// runBusy is run, for jobs of lock-free workers that never sleep: it is done again when somebody else
// took the processor.
func (h *harness) runBusy(jobs ...job) (results []result, err error) {
	h.measured++
	var best []result
	var bestShare float64
	tries := 1 + again
	if h.rounds < fewestRounds { // a trial run
		tries = 1
	}
	for range tries {
		if results, err = h.run(jobs...); err != nil {
			return nil, err
		}
		share := leastShare(jobs, results)
		if share > bestShare || best == nil {
			best, bestShare = results, share
		}
		if share >= undisturbed || share < asleep {
			return results, nil
		}
	}
	h.disturbed++
	return best, nil
}

// leastShare is how much of a processor the busy workers had, on that processor where they had least.
// Workers on the same processor share it.
func leastShare(jobs []job, results []result) float64 {
	type use struct{ cpu, nanos int64 }
	uses := map[string]use{}
	for i, j := range jobs {
		if busy := !strings.HasPrefix(j.how, "every") && !strings.HasPrefix(j.how, "watch"); !busy {
			continue
		}
		u := uses[j.worker.processors]
		u.cpu += results[i].CPU
		u.nanos = max(u.nanos, results[i].Nanos)
		uses[j.worker.processors] = u
	}
	least := 1.0
	for _, u := range uses {
		least = min(least, float64(u.cpu)/float64(max(u.nanos, 1)))
	}
	return least
}
