package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// The watchers of waiters: a process with many, or with one.

func init() {
	roles["waiters.watchers"] = func(args []string) error {
		first, err1 := strconv.Atoi(args[2])
		n, err2 := strconv.Atoi(args[3])
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		board, err := os.OpenFile(args[1], os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		mf, err := mapfile.Open(args[0])
		if err != nil {
			return err
		}
		defer mf.Close()
		for range mf.Watch(context.Background(), waiterSlotName(0)) { // what the first one costs is not counted
			break
		}
		g := &gallery{rng: rand.New(rand.NewPCG(uint64(first), 7))}
		for row := first; row < first+n; row++ {
			g.watchers = append(g.watchers, &watcher{mf: mf, board: board, row: row, naive: args[4] == "true"})
		}
		say("ready")
		return g.obey()
	}
}

// gallery is all watchers of a process.
type gallery struct {
	rng      *rand.Rand
	watchers []*watcher
	ended    sync.WaitGroup
}

// obey does what the parent orders, and answers each order.
func (g *gallery) obey() error {
	for line := range parentLines {
		var order string
		var n int
		fmt.Sscan(line, &order, &n)
		switch order {
		case "start":
			for _, w := range g.watchers {
				g.ended.Go(w.run)
			}
			say("started")
		case "storm":
			g.storm(n)
			say("%d", n)
		case "count":
			h := heldNow()
			onBell := threadsOnBell()
			for range 20 { // who is on the bell is not there while he looks
				time.Sleep(time.Millisecond)
				onBell = max(onBell, threadsOnBell())
			}
			say("%d %d %d", h.Goroutines, h.Threads, onBell)
		case "stop":
			for _, w := range g.watchers {
				w.stop(true)
			}
			g.ended.Wait()
			say("stopped")
		default:
			return fmt.Errorf("no order %q", line)
		}
	}
	return nil
}

// storm cancels n loops, which begin anew: all at one blow, or some during the burst.
func (g *gallery) storm(n int) {
	for i := range n {
		if n == len(g.watchers) {
			g.watchers[i].stop(false)
			continue
		}
		if g.rng.IntN(8) == 0 {
			time.Sleep(time.Duration(g.rng.IntN(300)) * time.Microsecond)
		}
		g.watchers[g.rng.IntN(len(g.watchers))].stop(false)
	}
}

// watcher writes on its row of the board what it has seen.
type watcher struct {
	mf    *mapfile.MapFile
	board *os.File
	row   int
	naive bool
	seen  [waiterSlots]sighting

	mu     sync.Mutex
	cancel context.CancelFunc
	ended  bool
}

// run watches, and begins anew when it is cancelled.
func (w *watcher) run() {
	watch := w.watch
	if w.naive {
		watch = w.watchNaively
	}
	for ctx := w.begin(); ctx != nil; ctx = w.begin() {
		if err := watch(ctx, waiterPattern(w.row)); !errors.Is(err, context.Canceled) {
			say("wrong watcher %d: %v", w.row, err)
			return
		}
	}
}

// begin begins with a clean row; nil: no more.
func (w *watcher) begin() (ctx context.Context) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return nil
	}
	ctx, w.cancel = context.WithCancel(context.Background())
	w.seen = [waiterSlots]sighting{}
	w.show()
	return ctx
}

// stop ends the loop that runs, for good or to begin anew.
func (w *watcher) stop(forGood bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = w.ended || forGood
	if w.cancel != nil {
		w.cancel()
	}
}

// watch returns how the loop ended.
func (w *watcher) watch(ctx context.Context, pattern string) error {
	for ev, err := range w.mf.Watch(ctx, pattern) {
		switch {
		case err != nil && ev.Name == "":
			return err
		case err != nil:
			say("wrong watcher %d: %v", w.row, err)
		case ev.Kind == mapfile.EventPublished:
			w.seen[slotIndex(ev.Name)] = sightingOf(ev.Stamp.Version, ev.Length)
		case ev.Kind == mapfile.EventRemoved:
			w.seen[slotIndex(ev.Name)] = 0
		}
		if !ev.More {
			w.show()
		}
	}
	return errors.New("the loop has ended without an error")
}

// watchNaively looks, and then listens until there is something new: what was published between the look and the
// listening is not.
func (w *watcher) watchNaively(ctx context.Context, pattern string) error {
	rng := rand.New(rand.NewPCG(uint64(w.row), 8))
	for {
		w.seen = [waiterSlots]sighting{}
		for info, err := range w.mf.Slots(pattern) {
			if err != nil {
				return err
			}
			w.seen[slotIndex(info.Name)] = sightingOf(info.Stamp.Version, info.Length)
		}
		w.show()
		time.Sleep(time.Duration(rng.IntN(300)) * time.Microsecond)
		isNew := false
		for ev, err := range w.mf.Watch(ctx, pattern) {
			if err != nil {
				return err
			}
			if isNew {
				break
			}
			isNew = !ev.More
		}
	}
}

// show writes the row.
func (w *watcher) show() {
	var row [rowLen]byte
	for i, s := range w.seen {
		binary.LittleEndian.PutUint32(row[4*i:], uint32(s))
	}
	if _, err := w.board.WriteAt(row[:], int64(w.row*rowLen)); err != nil {
		say("wrong board: %v", err)
	}
}

// slotIndex is i of a waiterSlotName(i).
func slotIndex(name string) int {
	return (int(name[0]-'0')*waiterHands+int(name[2]-'0'))*handSlots + int(name[4]-'0')
}
