package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// The processes of stop. Each does one thing at full speed and reports when it is asked.

func init() {
	roles["stop.writer"] = func(args []string) error { return stopWriter(newTimed(args), args[0], args[1]) }
	roles["stop.reader"] = func(args []string) error { return stopReader(newTimed(args), args[0]) }
	roles["stop.waiter"] = func(args []string) error { return stopWaiter(newTimed(args), args[0]) }
}

// timed measures calls; between two of them it answers the parent.
type timed struct {
	mu     sync.Mutex
	now    report
	locker locker // of the control; nil: none
}

// locker is the lock of the whole file.
type locker interface {
	lock(exclusive bool) (unlock func())
}

func newTimed(args []string) *timed {
	t := &timed{}
	if args[2] == "true" {
		t.locker = newFileLocker(args[0] + ".lock")
	}
	return t
}

// call measures a call that must not wait; change one that waits for the structure lock, which may be
// refused in time.
func (t *timed) call(exclusive bool, do func() error) { t.measure(exclusive, &t.now.longest, do) }

func (t *timed) change(do func() error) {
	t.measure(true, &t.now.structural, func() error {
		if err := do(); !errors.Is(err, mapfile.ErrLocked) {
			return err
		}
		return nil
	})
}

func (t *timed) measure(exclusive bool, longest *time.Duration, do func() error) {
	start := time.Now()
	unlock := func() {}
	if t.locker != nil {
		unlock = t.locker.lock(exclusive)
	}
	err := do()
	unlock()
	took := time.Since(start)
	t.mu.Lock()
	defer t.mu.Unlock()
	*longest = max(*longest, took)
	t.now.calls++
	switch {
	case errors.Is(err, mapfile.ErrSuperseded):
		say("superseded")
		os.Exit(0)
	case err != nil:
		say("wrong errors: %v", err)
	}
	select {
	case id := <-parentLines:
		t.tell(id)
	default:
	}
}

// tell sends the report of all since the last one; with mu held.
func (t *timed) tell(id string) {
	r := t.now
	say("%s %d %d %d %d", id, r.calls, r.longest, r.structural, r.number)
	t.now = report{number: r.number}
}

func stopWriter(t *timed, path, prefix string) error {
	mf, err := mapfile.OpenOrCreate(path, mapfile.WithLockTimeout(stopLockTimeout))
	if err != nil {
		return err
	}
	defer mf.Close()
	var slots []*writtenSlot
	sizes := []int{8, 1000, 20_000, 300_000}
	for _, size := range sizes {
		w := &writtenSlot{name: fmt.Sprintf("%s/%d", prefix, size), raw: rawOf(nil)}
		if w.slot, err = mf.Add(w.name, w.raw, mapfile.WithCapacity(size)); err != nil {
			return err
		}
		slots = append(slots, w)
	}
	coming := &writtenSlot{name: prefix + "/coming"}
	for n := 0; ; n++ {
		for i, w := range slots {
			if i < 3 || n%10 == 0 {
				t.call(true, func() error { return w.update(sizes[i]) })
			}
		}
		t.call(true, func() error { return mf.UpdateSlots(slots[0].slot, slots[1].slot, slots[2].slot) })
		if n == 0 {
			say("ready")
		}
		t.change(func() error {
			if coming.slot == nil {
				return coming.add(mf)
			}
			err := mf.Remove(coming.name)
			if err == nil {
				coming.slot = nil
			}
			return err
		})
	}
}

func stopReader(t *timed, path string) error {
	mf, err := mapfile.Open(path)
	if err != nil {
		return err
	}
	defer mf.Close()
	say("ready")
	last := map[string]uint64{}
	for {
		for _, prefix := range []string{"writer/0", "writer/1"} {
			for _, size := range []int{8, 1000, 20_000, 300_000} {
				name := fmt.Sprintf("%s/%d", prefix, size)
				t.call(false, func() error {
					number, err := numberOf(mf, name)
					if err == nil && number < last[name] {
						err = fmt.Errorf("%s: number %d after %d", name, number, last[name])
					}
					last[name] = max(last[name], number)
					return err
				})
			}
		}
		t.saw(last["writer/1/8"])
	}
}

func (t *timed) saw(number uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now.number = number
}

// stopWaiter looks when it is woken.
func stopWaiter(t *timed, path string) error {
	mf, err := mapfile.Open(path)
	if err != nil {
		return err
	}
	defer mf.Close()
	say("ready")
	var woken sync.WaitGroup
	woken.Go(func() {
		for _, err := range mf.Watch(context.Background(), "writer/1/8") {
			if err != nil {
				t.call(false, func() error { return err })
				return
			}
			t.call(false, func() error {
				number, err := numberOf(mf, "writer/1/8")
				t.saw(number)
				return err
			})
		}
	})
	for id := range parentLines { // nothing may be new for a while
		t.mu.Lock()
		t.tell(id)
		t.mu.Unlock()
	}
	woken.Wait()
	return nil
}
