package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomapfile/mapfile/mapfile"
)

// snapshot: accounts between which a producer moves amounts, each transfer being one commit of two
// accounts or more. The producers are killed in the middle of it, one after the other, and go on from
// what they find. However one looks, by Snapshot or when Watch says that something is new, the sum is
// the same.
//
// The control gets the accounts one after the other instead of as a snapshot.

const (
	accounts  = 8
	eachHas   = 1000 // at first
	totalSum  = accounts * eachHas
	snapBound = 10 * time.Second // for one look
)

func accountName(i int) string { return fmt.Sprintf("account/%d", i) }

func newSnapshot() *cobra.Command {
	var n int64
	var readers int
	return newProof("snapshot", "Look for mixed commits in snapshots while producers die halfway", true,
		func(cmd *cobra.Command) {
			cmd.Flags().Int64VarP(&n, "n", "n", 1_000_000, "snapshots in all, without those of watchers")
			cmd.Flags().IntVar(&readers, "readers", 2, "processes that take them; each has a watcher beside it")
		},
		func(p *proof) error {
			for _, name := range []string{"mixed", "errors", "busy"} {
				p.Add(name, 0)
			}
			return p.snapshots(n, max(readers, 1))
		})
}

func (p *proof) snapshots(n int64, readers int) error {
	path := filepath.Join(p.dir, "snapshot.map")
	c, err := start("snapshot.producer", path, strconv.FormatUint(p.seed, 10), "first")
	if err != nil {
		return err
	}
	if _, err := c.Expect("ready", snapBound); err != nil {
		c.Kill()
		return err
	}
	ctx, cancel := context.WithCancel(p.ctx)
	var killing sync.WaitGroup
	var killErr error
	killing.Go(func() { killErr = p.killProducers(ctx, c, path) })
	var reading sync.WaitGroup
	errs := make([]error, readers)
	for i := range readers {
		reading.Go(func() {
			how := "snapshot"
			if p.control {
				how = "one by one"
			}
			c, err := start("snapshot.reader", path, strconv.FormatInt(n/int64(readers), 10), how)
			if err == nil {
				err = p.followReader(c, n)
				c.Kill()
			}
			errs[i] = err
		})
	}
	reading.Wait()
	cancel()
	killing.Wait()
	return errors.Join(append(errs, killErr)...)
}

// killProducers kills one producer after the other, and starts the next.
func (p *proof) killProducers(ctx context.Context, c *child, path string) error {
	rng := p.rand(1)
	for round := uint64(1); ; round++ {
		time.Sleep(time.Duration(rng.IntN(30_000)) * time.Microsecond)
		c.Kill()
		p.Add("kills", 1)
		if ctx.Err() != nil {
			return nil
		}
		var err error
		if c, err = start("snapshot.producer", path, strconv.FormatUint(p.seed+round, 10)); err != nil {
			return err
		}
		line, err := c.Line(snapBound)
		if err != nil {
			c.Kill()
			return err
		}
		if line != "ready" {
			p.Wrong("mixed", "the next producer: %s", line)
		}
	}
}

func init() {
	roles["snapshot.producer"] = moveAmounts
	roles["snapshot.reader"] = func(args []string) error {
		n, err := strconv.ParseInt(args[1], 10, 64)
		if err != nil {
			return err
		}
		mf, err := mapfile.Open(args[0])
		if err != nil {
			return err
		}
		defer mf.Close()
		l := &looker{mf: mf, counts: map[string]int64{}}
		ctx, cancel := context.WithCancel(context.Background())
		var watching sync.WaitGroup
		watching.Go(func() { l.watch(ctx) })
		for i := int64(1); i <= n; i++ {
			l.look("snapshots", args[2] == "one by one")
			if i%1000 == 0 || i == n {
				l.mu.Lock()
				say("reads %d", i-l.told)
				l.mu.Unlock()
				l.told = i
			}
		}
		cancel()
		watching.Wait()
		return (&fullSpeedReader{counts: l.counts}).done()
	}
}

// moveAmounts is the producer. It goes on from what the one before has left.
func moveAmounts(args []string) error {
	seed, err := strconv.ParseUint(args[1], 10, 64)
	if err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(seed, 3))
	mf, err := mapfile.OpenOrCreate(args[0])
	if err != nil {
		return err
	}
	defer mf.Close()
	var slots [accounts]*mapfile.Slot
	var raws [accounts]*mapfile.Raw
	var has [accounts]uint64
	sum := uint64(0)
	for i := range accounts {
		name := accountName(i)
		has[i] = eachHas
		if len(args) < 3 {
			if has[i], err = numberOf(mf, name); err != nil {
				return err
			}
		}
		sum += has[i]
		raws[i] = numbered(name, 100, has[i])
		if slots[i], err = mf.Add(name, raws[i]); err != nil {
			return err
		}
	}
	if sum != totalSum {
		say("after the death of another the sum is %d: %v", int64(sum), has)
	}
	if err := mf.Update(); err != nil {
		return err
	}
	say("ready")
	for n := 0; ; n++ {
		order := rng.Perm(accounts)[:2+rng.IntN(accounts-1)]
		commit := make([]*mapfile.Slot, 0, accounts)
		for j, i := range order {
			amount := uint64(rng.IntN(100)) // an account may be below zero: sums wrap around
			has[i] -= amount
			has[order[(j+1)%len(order)]] += amount
		}
		size := 50 + rng.IntN(3000)
		for _, i := range order {
			raws[i].Payload = makePayload(raws[i].Payload, size, stamp{Number: has[i], Slot: slotNumber(accountName(i))})
			commit = append(commit, slots[i])
		}
		if err := mf.UpdateSlots(commit...); err != nil {
			return err
		}
	}
}

// looker is a reader process: one goroutine takes snapshots at full speed, another one when Watch says
// that there is something new.
type looker struct {
	mf   *mapfile.MapFile
	told int64

	mu     sync.Mutex // guards counts, and that lines are whole
	counts map[string]int64
}

func (l *looker) count(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts[name]++
}

// look adds all accounts up.
func (l *looker) look(name string, oneByOne bool) {
	sum, has := uint64(0), [accounts]int64{}
	var from mapfile.Getter = l.mf
	if !oneByOne {
		snap, err := l.mf.Snapshot("account/*")
		if errors.Is(err, mapfile.ErrBusy) {
			l.count("busy")
			return
		}
		if err != nil {
			l.wrong("errors: %v", err)
			return
		}
		from = snap
	}
	for i := range accounts {
		amount, err := numberOf(from, accountName(i))
		if err != nil {
			l.wrong("errors: %v", err)
			return
		}
		sum += amount
		has[i] = int64(amount)
	}
	if sum != totalSum {
		l.wrong("mixed: the sum is %d: %v", int64(sum), has)
	}
	l.count(name)
}

func (l *looker) wrong(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	say("wrong "+format, args...)
}

// watch looks after each batch of events.
func (l *looker) watch(ctx context.Context) {
	last := map[string]uint64{}
	for ev, err := range l.mf.Watch(ctx, "account/*") {
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			l.wrong("errors: watch: %v", err)
			return
		}
		if ev.Kind == mapfile.EventPublished {
			l.count("events")
			if ev.Stamp.Version < last[ev.Name] {
				l.wrong("mixed: watch: version %d of %s after %d", ev.Stamp.Version, ev.Name, last[ev.Name])
			}
			last[ev.Name] = ev.Stamp.Version
		}
		if !ev.More {
			l.look("snapshots of watchers", false)
		}
	}
}
