package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomapfile/mapfile/mapfile/mapfiletest"
)

// failpoints: a process dies in front of each store of each operation that changes a file, one run
// for each, and its successor dies in front of each store of the recovery, again one run for each. Of
// such second deaths a few at random must do where they teach little: behind the recovery, in what the
// successor does then, and where one of the two deaths is at a store that is one of many alike, once
// for each slot or word of the free map.
// What is left must be a state before or after a step that the operation is promised to consist of,
// for a reader that was there all along and for one that comes then, and a successor must get
// everything in order. Payload and header of a buffer count as one store; subcommand kill dies
// within.
//
// The control leaves the recovery out and looks for what it would have mended.

// deathTimeout is for processes that must be done in milliseconds.
const deathTimeout = 30 * time.Second

func newFailpoints() *cobra.Command {
	var sample, rest float64
	var only string
	var workers int
	return newProof("failpoints", "Die in front of every store of every operation, and of its recovery", true,
		func(cmd *cobra.Command) {
			cmd.Flags().Float64Var(&sample, "sample", 1, "the part of all deaths to try, chosen by the seed")
			cmd.Flags().Float64Var(&rest, "rest", 0.02, "the part of second deaths that teach little: behind the recovery, or where a store is one of many alike")
			cmd.Flags().StringVar(&only, "only", "", "operations whose name contains this")
			cmd.Flags().IntVar(&workers, "workers", 4*runtime.NumCPU(), "runs at the same time; they sleep a lot")
		},
		func(p *proof) error {
			f := &failpoints{proof: p, sample: sample, rest: rest, workers: max(workers, 1)}
			for i, op := range operations {
				if p.done() || !strings.Contains(op.name, only) {
					continue
				}
				if err := f.try(op, p.rand(uint64(i))); err != nil {
					return fmt.Errorf("%s: %w", op.name, err)
				}
				f.Add("operations", 1)
			}
			return nil
		})
}

// failpoints is the run.
type failpoints struct {
	*proof
	sample  float64
	rest    float64
	workers int
}

// An operation changes a file in steps that are each visible at once.
type operation struct {
	name string
	// prepare makes the file. It is called once; the runs use copies. nil: there is none.
	prepare func(dir, path string) error
	// begin does in the process that will die what comes before, and returns what it dies in.
	begin func(path string) (func() error, error)
	// states are what there is before and after each step.
	states []state
}

// try runs an operation up to each of its stores, and past the last.
func (f *failpoints) try(op *operation, rng *rand.Rand) error {
	dir, err := os.MkdirTemp(f.dir, "template")
	if err != nil {
		return err
	}
	template := filepath.Join(dir, "template.map")
	if op.prepare != nil {
		if err := op.prepare(dir, template); err != nil {
			return err
		}
	}
	first, err := f.newRun(op, template)
	if err != nil {
		return err
	}
	steps, err := dieAt(op.name, first.path, 0)
	if err != nil {
		return err
	}
	f.Add("steps", int64(len(steps)))
	var wait sync.WaitGroup
	places := make(chan int)
	var mu sync.Mutex
	var failed error
	reached := make([]int, len(steps)+2) // the state that each death left
	for range f.workers {
		wait.Go(func() {
			for k := range places {
				index, err := f.dieTwice(op, template, steps, k, rand.New(rand.NewPCG(f.seed, uint64(k))))
				mu.Lock()
				reached[k] = index
				failed = errors.Join(failed, err)
				mu.Unlock()
			}
		})
	}
	for k := 1; k <= len(steps)+1 && !f.done(); k++ {
		if k <= len(steps) && rng.Float64() >= f.sample {
			continue
		}
		places <- k
		f.progress.set(f.Got("deaths")+f.Got("deaths in recovery"), 0, fmt.Sprintf("%s, step %d of %d", op.name, k, len(steps)))
	}
	close(places)
	wait.Wait()
	f.checkOrder(op, steps, reached)
	return errors.Join(failed, os.RemoveAll(dir), os.RemoveAll(first.dir))
}

// checkOrder: later deaths leave later states, and the last one has done all.
func (f *failpoints) checkOrder(op *operation, steps []string, reached []int) {
	highest := 0
	for k := 1; k < len(reached); k++ {
		if reached[k] < 0 {
			continue
		}
		if reached[k] != 0 && reached[k]-1 < highest {
			f.Wrong("order", "%s: a death at step %d leaves state %d, an earlier one left %d", op.name, k, reached[k]-1, highest)
		}
		highest = max(highest, reached[k]-1)
	}
	if last := reached[len(steps)+1]; last != 0 && last != len(op.states) && !f.done() {
		f.Wrong("order", "%s has returned and left state %d of %d", op.name, last-1, len(op.states)-1)
	}
}

// dieTwice is one death in the operation and those in the recovery from it. It returns 1 + the state
// that the first one left.
func (f *failpoints) dieTwice(op *operation, template string, steps []string, k int, rng *rand.Rand) (int, error) {
	r, err := f.newRun(op, template)
	if err != nil {
		return 0, err
	}
	defer r.close()
	where := op.name + ", after its end"
	r.ended = k > len(steps)
	if !r.ended {
		where = fmt.Sprintf("%s, step %d: %s", op.name, k, steps[k-1])
	}
	if _, err := dieAt(op.name, r.path, k); err != nil {
		return 0, err
	}
	f.Add("deaths", 1)
	index := f.check(r, where, op.states)
	if index < 0 {
		return 0, nil // said so
	}
	left := op.states[index]
	if f.control {
		f.checkNotMended(r, where)
		return index + 1, nil
	}
	dead := filepath.Join(r.dir, "dead")
	if err := copyFile(r.path, dead); err != nil {
		return 0, err
	}
	// Count the steps of the recovery; then die at each.
	mendSteps, recovery, err := mendSteps(r.path, left)
	if err != nil {
		f.Wrong("not recovered", "%s: %v", where, err)
		return index + 1, nil
	}
	f.checkMended(r, where, left)
	repeated, alike := areRepeated(mendSteps), k <= len(steps) && areRepeated(steps)[k-1]
	for j := 1; j <= len(mendSteps) && !f.done(); j++ {
		part, kind := f.sample, "deaths in recovery"
		if j > recovery {
			kind = "deaths after recovery"
		}
		if j > recovery || alike || repeated[j-1] {
			part *= f.rest
		}
		if rng.Float64() >= part {
			continue
		}
		f.Add(kind, 1)
		if err := f.dieInMend(op, dead, left, j, where+"; recovery, step "+strconv.Itoa(j)+": "+mendSteps[j-1]); err != nil {
			return 0, err
		}
	}
	return index + 1, nil
}

// dieInMend is one death in the recovery.
func (f *failpoints) dieInMend(op *operation, dead string, left state, j int, where string) error {
	r, err := f.newRun(op, dead)
	if err != nil {
		return err
	}
	defer r.close()
	if _, err := dieAt(mendName, r.path, j, left.String()); err != nil {
		return err
	}
	index := f.check(r, where, mendStates(left))
	if index < 0 {
		return nil
	}
	left = mendStates(left)[index]
	if err := mend(r.path, left, func() {}); err != nil {
		f.Wrong("not recovered", "%s: %v", where, err)
		return nil
	}
	f.checkMended(r, where, left)
	return nil
}

const (
	dieRole  = "failpoints.die"
	mendName = "recovery"
)

func init() {
	roles[dieRole] = func(args []string) error {
		name, path := args[0], args[1]
		k, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		begin := func(path string) (func() error, error) {
			return func() error { return mend(path, parseState(args[3]), func() { say("recovered") }) }, nil
		}
		for _, op := range operations {
			if op.name == name {
				begin = op.begin
			}
		}
		do, err := begin(path)
		if err != nil {
			return err
		}
		n := 0
		mapfiletest.OnStore(func() {
			if n++; n == k {
				die()
			}
			if k == 0 {
				say("step %s", caller())
			}
		})
		err = do()
		mapfiletest.OnStore(nil)
		if err != nil {
			return err
		}
		if k > n {
			die()
		}
		say("done")
		return nil
	}
}

// dieAt runs an operation in a process that dies in front of its k-th store, or after the last. With k
// = 0 it does not die, and tells where it stores, and when it has recovered.
func dieAt(name, path string, k int, args ...string) (steps []string, err error) {
	c, err := start(dieRole, append([]string{name, path, strconv.Itoa(k)}, args...)...)
	if err != nil {
		return nil, err
	}
	defer c.Kill()
	for {
		line, err := c.Line(deathTimeout)
		if err != nil && k > 0 && c.isGone() && c.Gone() {
			return nil, nil // as it should
		}
		if err != nil {
			return nil, err
		}
		if line == "recovered" && k > 0 {
			continue
		}
		if line == "done" {
			if k > 0 {
				return nil, fmt.Errorf("%s has fewer steps than %d", name, k)
			}
			return steps, c.Wait(deathTimeout)
		}
		steps = append(steps, strings.TrimPrefix(line, "step "))
	}
}

// mendSteps lists the stores of the successor, the first of which are the recovery.
func mendSteps(path string, left state) (steps []string, recovery int, err error) {
	lines, err := dieAt(mendName, path, 0, left.String())
	for _, line := range lines {
		if line == "recovered" {
			recovery = len(steps)
			continue
		}
		steps = append(steps, line)
	}
	return steps, recovery, err
}

// areRepeated tells which steps are more of the same: neither one of the first stores of a place in the
// code nor its last.
func areRepeated(steps []string) []bool {
	const first = 8
	repeated, seen, last := make([]bool, len(steps)), map[string]int{}, map[string]int{}
	for i, step := range steps {
		seen[step]++
		last[step] = i
		repeated[i] = seen[step] > first
	}
	for _, i := range last {
		repeated[i] = false
	}
	return repeated
}

// caller names the code that stores: the first that is not of the packages that do it for others.
func caller() string {
	var pcs [20]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		frame, more := frames.Next()
		if !strings.Contains(frame.Function, "/internal/") && strings.Contains(frame.Function, "/mapfile.") || !more {
			function := frame.Function[strings.LastIndexByte(frame.Function, '.')+1:]
			if strings.HasPrefix(function, "func") { // a closure: its file tells more
				function = ""
			}
			return fmt.Sprintf("%s:%d %s", filepath.Base(frame.File), frame.Line, function)
		}
	}
}
