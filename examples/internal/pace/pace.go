// Package pace keeps a loop at a given rate.
package pace

import (
	"context"
	"time"
)

// A Pacer is for one goroutine.
type Pacer struct {
	every time.Duration // 0: full speed
	next  time.Time
}

// New returns a Pacer of hz turns a second; 0 means as many as possible.
func New(hz float64) *Pacer {
	if hz <= 0 {
		return &Pacer{}
	}
	return &Pacer{every: time.Duration(float64(time.Second) / hz), next: time.Now()}
}

// Wait returns when the next turn is due, or with ctx's error as soon as ctx has ended. Turns that are
// late are made up for, so that the rate is right although sleeps are not exact; but not those of a
// time in which the process was stopped.
func (p *Pacer) Wait(ctx context.Context) error {
	if p.every > 0 {
		now := time.Now()
		if now.Sub(p.next) > time.Second {
			p.next = now
		}
		if due := p.next.Sub(now); due > 0 {
			select {
			case <-ctx.Done():
			case <-time.After(due):
			}
		}
		p.next = p.next.Add(p.every)
	}
	return ctx.Err()
}
