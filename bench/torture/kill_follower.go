package main

import (
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// The reader of kill that is attached before the first death and after the last one.

// follower is the reader that is attached all along.
type follower struct {
	*proof
	mf    *mapfile.MapFile
	quit  chan struct{}
	ended sync.WaitGroup
	looks int64

	looking sync.Mutex // one look at a time: of two at once, the older may be noted last
	mu      sync.Mutex
	seen    map[string]uint64
}

// run reads all slots, again and again, whatever happens.
func (f *follower) run() {
	for {
		select {
		case <-f.quit:
			return
		default:
		}
		start := time.Now()
		if _, err := f.look(); err != nil {
			f.Wrong("torn", "attached reader: %v", err)
		}
		f.Most("ms longest look", time.Since(start).Milliseconds())
		f.looks++
		time.Sleep(100 * time.Microsecond)
	}
}

// look reads all slots and returns what is there.
func (f *follower) look() (map[string]uint64, error) {
	f.looking.Lock()
	defer f.looking.Unlock()
	now := map[string]uint64{}
	for info, err := range f.mf.Slots() {
		if errors.Is(err, mapfile.ErrSuperseded) {
			return now, nil // by the next look it follows
		}
		if err != nil {
			return now, err
		}
		number, err := numberOf(f.mf, info.Name)
		switch {
		case errors.Is(err, mapfile.ErrNoSlot), errors.Is(err, mapfile.ErrSuperseded):
			continue
		case err != nil:
			return now, err
		}
		now[info.Name] = number
		f.saw(info.Name, number)
	}
	return now, nil
}

// saw: no number goes back. (A slot that was added anew has none for a while.)
func (f *follower) saw(name string, number uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if number != 0 && number < f.seen[name] {
		f.Wrong("lost", "attached reader: %s: number %d after %d", name, number, f.seen[name])
	}
	f.seen[name] = max(f.seen[name], number)
}

func (f *follower) last() map[string]uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.seen)
}

// expect: within a second the attached reader sees what a fresh one does. It may need that long if a
// producer died after it had put a new file in the place of the old one.
func (f *follower) expect(fresh state, path string) {
	var now map[string]uint64
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		var err error
		if now, err = f.look(); err == nil && maps.Equal(now, fresh) {
			return
		}
		if time.Now().After(deadline) {
			f.Wrong("lost", "attached reader sees %v (%v), a fresh one %v", now, err, fresh)
			return
		}
	}
}

func (f *follower) close() int64 {
	close(f.quit)
	f.ended.Wait()
	f.mf.Close()
	return f.looks
}
