package main

import (
	"fmt"
	"time"
)

// What a crowd of watchers costs its process.

// spareThreads are what the Go runtime may make for itself meanwhile, and keep, on a machine that is busy.
const spareThreads = 100

// waiterCount counts goroutines and threads of a crowd.
type waiterCount struct {
	w              *waiters
	c              *cast
	before, during crowdHeld
}

// crowdHeld is what a watcher's process says of itself: threads that sleep on the bell are -1 if it cannot tell.
type crowdHeld struct{ goroutines, threads, onBell int64 }

// newCount counts before the watchers begin. Only of a crowd: others have nothing to count.
func (w *waiters) newCount(c *cast) (n *waiterCount, err error) {
	n = &waiterCount{w: w, c: c}
	if n.isCrowd() {
		n.before, err = n.until(func(h crowdHeld) bool { return h.onBell <= 0 })
		n.left(n.before, n.before.goroutines)
	}
	return n, err
}

func (n *waiterCount) isCrowd() bool { return canCountHeld && n.c.processes == 1 }

func (n *waiterCount) ask() (h crowdHeld, err error) {
	line, err := n.w.ask(n.c.members[0], "count")
	if err == nil {
		_, err = fmt.Sscan(line, &h.goroutines, &h.threads, &h.onBell)
	}
	return h, err
}

// until asks until the answer is good, for a while.
func (n *waiterCount) until(good func(h crowdHeld) bool) (h crowdHeld, err error) {
	for deadline := time.Now().Add(hangs); ; time.Sleep(10 * time.Millisecond) {
		if h, err = n.ask(); err != nil || good(h) || time.Now().After(deadline) {
			return h, err
		}
	}
}

// asleep counts when all watchers sleep: one thread sleeps on the bell for all of them. The second time, after the
// storms, they must cost what they did the first time.
func (n *waiterCount) asleep() error {
	if !n.isCrowd() {
		return nil
	}
	h, err := n.until(func(h crowdHeld) bool {
		return h.onBell != 0 && (n.during.goroutines == 0 || h.goroutines == n.during.goroutines)
	})
	if err != nil {
		return err
	}
	n.judge(h)
	if n.during.goroutines != 0 && h.goroutines != n.during.goroutines {
		n.w.Wrong("goroutines left", "%d with all asleep, %d before the storms", h.goroutines, n.during.goroutines)
	}
	n.during = h
	return nil
}

// stopped counts when all watchers have ended: nothing of them is left.
func (n *waiterCount) stopped() error {
	if !n.isCrowd() {
		return nil
	}
	h, err := n.until(func(h crowdHeld) bool { return h.onBell <= 0 && h.goroutines <= n.before.goroutines })
	if err != nil {
		return err
	}
	n.left(h, n.before.goroutines)
	return nil
}

// left judges what is left when nobody watches.
func (n *waiterCount) left(h crowdHeld, before int64) {
	if h.goroutines > before || h.onBell > 0 {
		n.w.Wrong("goroutines left", "nobody watches: %d, %d before, and %d threads on the bell",
			h.goroutines, before, h.onBell)
	}
}

func (n *waiterCount) judge(h crowdHeld) {
	extra := h.threads - n.before.threads
	n.w.Most(n.c.name+": threads more when asleep, at most", extra)
	n.w.Most(n.c.name+": threads on the bell when asleep, at most", h.onBell)
	switch {
	case h.onBell > 1 || extra > 1+spareThreads:
		n.w.Wrong("threads too many", "%d on the bell, %d more than before", h.onBell, extra)
	case h.onBell == 0:
		n.w.Wrong("lost wakes", "%d watchers, and nobody waits for the bell", n.c.each)
	case h.onBell < 0:
		n.w.Logf("SKIPPED: this system does not tell on what threads sleep")
	}
}
