package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomapfile/mapfile/mapfile"
)

// This proof cuts a file again and again under a process in which many goroutines read and write it while the
// garbage collector runs, so that their loads and stores fault (SIGBUS). Every fault must become an error; one that
// does not ends the process.
//
// The control touches the same memory without the library's guard, which must end the process.

func newFaults() *cobra.Command {
	var faults, goroutines int
	return newProof("faults", "Fault in mapped memory, under garbage collection and many goroutines", true, func(cmd *cobra.Command) {
		cmd.Flags().IntVarP(&faults, "faults", "n", 100_000, "how many faults")
		cmd.Flags().IntVar(&goroutines, "goroutines", 32, "how many goroutines fault")
	}, func(p *proof) error { return runFaults(p, faults, goroutines) })
}

func init() { roles["faults.victim"] = faultsVictim }

func runFaults(p *proof, faults, goroutines int) error {
	path := filepath.Join(p.dir, "cut.map")
	mode := "guarded"
	if p.control {
		mode = "unguarded"
	}
	victim, err := start("faults.victim", path, strconv.Itoa(faults), strconv.Itoa(goroutines), strconv.FormatUint(p.seed, 10), mode)
	if err != nil {
		return err
	}
	defer victim.Kill()
	stop := endWith(p, victim)
	defer stop()
	for {
		line, err := victim.Line(30 * time.Second)
		if err != nil {
			p.Wrong("deaths", "%v", err)
			return nil
		}
		var kind string
		var a, b, c int64
		if n, _ := fmt.Sscan(line, &kind, &a, &b, &c); n != 4 {
			p.Wrong("strange errors", "%s", line)
			continue
		}
		p.Count("faults", a)
		p.Count("calls", b)
		p.Count("collections", c)
		p.progress.set(a, int64(faults), fmt.Sprintf("%d calls, %d collections", b, c))
		if kind == "done" {
			return victim.Wait(10 * time.Second)
		}
	}
}

// endWith ends the child when the run is interrupted.
func endWith(p *proof, c *child) (stop func()) {
	ended := make(chan struct{})
	go func() {
		select {
		case <-p.ctx.Done():
			c.cmd.Process.Kill()
		case <-ended:
		}
	}()
	return sync.OnceFunc(func() { close(ended) })
}

// faultsVictim makes a file, and cuts and mends it itself, while its goroutines use it.
func faultsVictim(args []string) error {
	path := args[0]
	faults, _ := strconv.ParseInt(args[1], 10, 64)
	goroutines, _ := strconv.Atoi(args[2])
	seed, _ := strconv.ParseUint(args[3], 10, 64)
	v := &faultVictim{want: faults}
	var err error
	if v.writer, err = mapfile.Create(path); err != nil {
		return err
	}
	for i, n := range []int{100, 4000, 60_000, 200_000} {
		slot, err := v.writer.Add(fmt.Sprint("slot", i), rawOf(makePayload(nil, n, stamp{1, 1, uint64(i)})), mapfile.WithBuffers(4))
		if err == nil {
			err = slot.Update()
		}
		if err != nil {
			return err
		}
		v.slots = append(v.slots, slot)
	}
	if v.reader, err = mapfile.Open(path); err != nil {
		return err
	}
	if args[4] == "unguarded" {
		return touchBeyond(path)
	}
	return v.run(path, goroutines, seed)
}

type faultVictim struct {
	writer, reader *mapfile.MapFile
	slots          []*mapfile.Slot
	want           int64
	faults, calls  atomic.Int64
	over           atomic.Bool
}

func (v *faultVictim) run(path string, goroutines int, seed uint64) error {
	var all, cutter sync.WaitGroup
	for i := range goroutines {
		all.Go(func() { v.fault(rand.New(rand.NewPCG(seed, uint64(i)))) })
	}
	cutter.Go(func() {
		whole, err := os.ReadFile(path)
		for r := rand.New(rand.NewPCG(seed, 1000)); err == nil && !v.over.Load(); {
			err = os.Truncate(path, []int64{0, 4096, 36864, 65536, 1 << 18}[r.IntN(5)])
			time.Sleep(time.Duration(20+r.IntN(200)) * time.Millisecond)
			if err == nil {
				err = restore(path, whole)
			}
			time.Sleep(2 * time.Millisecond)
		}
		if err != nil {
			say("cutting: %v", err)
		}
	})
	collected := func() int64 {
		var stats debug.GCStats
		debug.ReadGCStats(&stats)
		return stats.NumGC
	}
	for last := time.Now(); v.faults.Load() < v.want; {
		garbage := make([][]byte, 100)
		for i := range garbage {
			garbage[i] = make([]byte, 1000)
		}
		runtime.GC()
		if time.Since(last) > 500*time.Millisecond {
			last = time.Now()
			say("progress %d %d %d", v.faults.Load(), v.calls.Load(), collected())
		}
	}
	v.over.Store(true)
	all.Wait()
	cutter.Wait()
	v.reader.Close()
	v.writer.Close()
	say("done %d %d %d", v.faults.Load(), v.calls.Load(), collected())
	return nil
}

func restore(path string, whole []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(whole, 0)
	return errors.Join(err, f.Close())
}

// fault calls everything that touches the mapping.
func (v *faultVictim) fault(r *rand.Rand) {
	var raw mapfile.Raw
	snap := &mapfile.Snapshot{}
	readers := make([]*mapfile.SlotReader, len(v.slots))
	for i, slot := range v.slots {
		readers[i] = v.reader.Reader(slot.Name())
	}
	for !v.over.Load() && v.faults.Load() < v.want {
		slot := r.IntN(len(v.slots))
		var err error
		switch r.IntN(12) {
		case 0:
			err = v.reader.SnapshotInto(snap)
		case 1:
			err = v.slots[slot].Update()
		case 2:
			err = v.writer.Update()
		case 3:
			for _, e := range v.reader.Slots() {
				err = errors.Join(err, e)
			}
		case 4:
			_, err = v.reader.Stat()
		case 5:
			err = v.reader.GetInto(v.slots[slot].Name(), &raw)
		case 6:
			_, err = v.reader.Get(v.slots[slot].Name())
			if errors.Is(err, mapfile.ErrUnregistered) {
				err = nil
			}
		default:
			_, err = readers[slot].GetInto(&raw)
		}
		v.calls.Add(1)
		switch {
		case errors.Is(err, mapfile.ErrCorrupt) && strings.Contains(err.Error(), "cannot be reached"):
			v.faults.Add(1) // else it was told by the lengths, or is of the moment in which the bytes came back
		case err != nil && !isTyped(err):
			say("an error of no kind: %v", err)
		}
	}
}
