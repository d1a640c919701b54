package main

import (
	"fmt"
	"os"
	"sync"
	"time"
)

// progress shows how far a proof is: on a terminal one line that is written anew, elsewhere a line
// every half minute.
type progress struct {
	name     string
	start    time.Time
	terminal bool
	every    time.Duration
	ended    chan struct{}
	stopped  sync.WaitGroup

	mu       sync.Mutex
	n, total int64
	note     string
}

func startProgress(name string) *progress {
	g := &progress{name: name, start: time.Now(), every: 30 * time.Second, ended: make(chan struct{})}
	if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		g.terminal, g.every = true, 200*time.Millisecond
	}
	g.stopped.Go(func() {
		tick := time.NewTicker(g.every)
		defer tick.Stop()
		for {
			select {
			case <-g.ended:
				return
			case <-tick.C:
				g.mu.Lock()
				g.show()
				g.mu.Unlock()
			}
		}
	})
	return g
}

// set says that n of total is done (0: total is not known), and what else is worth a word.
func (g *progress) set(n, total int64, note string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.n, g.total, g.note = n, total, note
}

// show writes the line; with mu held.
func (g *progress) show() {
	line := fmt.Sprintf("%s  %d", g.name, g.n)
	if g.total > 0 {
		line += fmt.Sprintf(" of %d", g.total)
	}
	line += fmt.Sprintf("  %v  %s", time.Since(g.start).Round(time.Second), g.note)
	if g.terminal {
		fmt.Fprintf(os.Stderr, "\r\x1b[K%s", line)
	} else {
		fmt.Fprintln(os.Stderr, line)
	}
}

// log writes a line that stays.
func (g *progress) log(text string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.terminal {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
	fmt.Fprintf(os.Stderr, "%s: %s\n", g.name, text)
}

func (g *progress) stop() {
	close(g.ended)
	g.stopped.Wait()
	if g.terminal {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
}
