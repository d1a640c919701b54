package mapfile_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// What is left when something ends: calls that Close meets, and goroutines.

// endings are the errors that a call may end with beside ErrClosed, and success, while its handle is
// closed and others add and remove the same slot. A method without a line fails the test.
var endings = map[string][]error{
	"MapFile.Add":          {mapfile.ErrSlotExists, mapfile.ErrReadOnly},
	"MapFile.Close":        nil,
	"MapFile.Get":          {mapfile.ErrNoSlot, mapfile.ErrNotPublished, mapfile.ErrBusy},
	"MapFile.GetInto":      {mapfile.ErrNoSlot, mapfile.ErrNotPublished, mapfile.ErrBusy},
	"MapFile.Layout":       nil,
	"MapFile.Path":         nil,
	"MapFile.Reader":       nil,
	"MapFile.Remove":       {mapfile.ErrNoSlot, mapfile.ErrReadOnly},
	"MapFile.RemoveAll":    {mapfile.ErrReadOnly},
	"MapFile.Slots":        nil,
	"MapFile.Snapshot":     {mapfile.ErrBusy},
	"MapFile.SnapshotInto": {mapfile.ErrBusy},
	"MapFile.Stat":         nil,
	"MapFile.Sync":         nil,
	"MapFile.Update":       {mapfile.ErrNoSlot, mapfile.ErrReadOnly}, // of a slot that is removed meanwhile
	"MapFile.UpdateSlots":  {mapfile.ErrReadOnly},
	"MapFile.Verify":       nil,
	"MapFile.Watch":        {context.DeadlineExceeded},
	"Slot.Name":            nil,
	"Slot.Set":             {mapfile.ErrNoSlot},
	"Slot.Update":          {mapfile.ErrNoSlot},
	"Slot.Version":         nil,
	"SlotReader.Get":       {mapfile.ErrNoSlot, mapfile.ErrNotPublished, mapfile.ErrBusy},
	"SlotReader.GetInto":   {mapfile.ErrNoSlot, mapfile.ErrNotPublished, mapfile.ErrBusy},
	"SlotReader.Inspect":   {mapfile.ErrNoSlot, mapfile.ErrNotPublished, mapfile.ErrBusy},
	"SlotReader.Stat":      {mapfile.ErrNoSlot, mapfile.ErrBusy},
	"SlotReader.Version":   nil,
}

// namedMethod is a method of a handle.
type namedMethod struct {
	name string
	call reflect.Value
}

// methodsOf lists the methods of handles. Each must have a line in endings.
func methodsOf(t *testing.T, handles ...any) (list []namedMethod) {
	t.Helper()
	for _, h := range handles {
		v := reflect.ValueOf(h)
		for i := range v.NumMethod() {
			name := v.Type().Elem().Name() + "." + v.Type().Method(i).Name
			if _, ok := endings[name]; !ok {
				t.Fatalf("%s has no line in the table of what it may end with", name)
			}
			list = append(list, namedMethod{name, v.Method(i)})
		}
	}
	return list
}

// H01 H02: Close against every method, itself too, from 32 goroutines: every call ends, with success, with
// ErrClosed, or with what its line says; and there is no fault.
func TestEveryCallBesideCloseEndsAsItsLineSays(t *testing.T) {
	dir := testDir(t)
	var closed, other atomic.Int64
	for round := range times(200, 5000) {
		path := filepath.Join(dir, fmt.Sprint(round))
		x := int64(1)
		mf, r := must1(mapfile.OpenOrCreate(path)), (*mapfile.MapFile)(nil)
		slot := must1(mf.Add("x", &x))
		must(mf.Update())
		r = must1(mapfile.Open(path))
		calls := methodsOf(t, mf, r, slot, mf.Reader("x"), r.Reader("x"))
		var next atomic.Int64
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
		call := func() error {
			m := calls[int(next.Add(1))%len(calls)]
			y := int64(2)
			err, _ := callMethod(ctx, m.call, &y)
			if err == nil || errors.Is(err, mapfile.ErrClosed) {
				return err
			}
			other.Add(1)
			for _, e := range endings[m.name] {
				if errors.Is(err, e) {
					return err
				}
			}
			t.Errorf("%s beside Close: %v", m.name, err)
			return err
		}
		var wg sync.WaitGroup
		for range 32 {
			wg.Go(func() {
				for range len(calls) {
					if errors.Is(call(), mapfile.ErrClosed) {
						closed.Add(1)
					}
				}
			})
		}
		within(t, time.Minute, "a call beside Close", wg.Wait) // Close is among the methods
		cancel()
		must(errors.Join(mf.Close(), r.Close(), os.Remove(path)))
	}
	if closed.Load() == 0 || other.Load() == 0 {
		t.Errorf("%d calls met Close, %d one another: this shows nothing", closed.Load(), other.Load())
	}
}

// openingsThatFail are all the ways to open, each of which ends in an error.
func openingsThatFail(t *testing.T, dir string) map[string]func() error {
	whole, junk := filepath.Join(dir, "whole.map"), filepath.Join(dir, "junk.map")
	x := int64(1)
	type unknown struct{ C chan int }
	mf := createFile(t, whole)
	addSlot(t, mf, "value", &x)
	mustUpdate(t, mf)
	must(os.WriteFile(junk, make([]byte, 10_000), 0o600))
	second := func(_ any, err error) error { return err }
	return map[string]func() error{
		"Create of what exists":         func() error { return second(mapfile.Create(whole)) },
		"Create past a limit":           func() error { return second(mapfile.Create(filepath.Join(dir, "new.map"), mapfile.WithMaxSize(1))) },
		"Open of nothing":               func() error { return second(mapfile.Open(filepath.Join(dir, "none.map"))) },
		"Open of a directory":           func() error { return second(mapfile.Open(dir)) },
		"Open of junk":                  func() error { return second(mapfile.Open(junk)) },
		"Open with a useless option":    func() error { return second(mapfile.Open(whole, mapfile.WithSize(1))) },
		"OpenOrCreate of junk":          func() error { return second(mapfile.OpenOrCreate(junk)) },
		"OpenOrCreate in no directory":  func() error { return second(mapfile.OpenOrCreate(filepath.Join(dir, "none", "a.map"))) },
		"Recreate of junk":              func() error { return second(mapfile.Recreate(junk)) },
		"Recreate past a limit":         func() error { return second(mapfile.Recreate(whole, mapfile.WithMaxSize(1))) },
		"Publish of an unknown type":    func() error { return second(mapfile.Publish(filepath.Join(dir, "p.map"), &unknown{})) },
		"Publish into a slot of others": func() error { return second(mapfile.Publish(whole, &x)) },
		"Attach as an unknown type":     func() error { return second(mapfile.Attach[unknown](whole)) },
		"Attach to junk":                func() error { return second(mapfile.Attach[int64](junk)) },
		"OpenDir of nothing":            func() error { return second(mapfile.OpenDir(filepath.Join(dir, "none"))) },
		"RemoveDead of the living":      func() error { return mapfile.RemoveDead(whole) },
		"RemoveDead of junk":            func() error { return mapfile.RemoveDead(junk) },
		"Wait for a bad name":           func() error { return mapfile.Wait(t.Context(), whole, "../x") },
		"Wait that is cut short": func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Millisecond)
			defer cancel()
			return mapfile.Wait(ctx, whole, "never")
		},
		"Wait for no file, cut short": func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Millisecond)
			defer cancel()
			return mapfile.Wait(ctx, filepath.Join(dir, "none.map"), "never")
		},
	}
}

// H07
func TestOpeningsThatFailLeaveNoGoroutine(t *testing.T) {
	openings := openingsThatFail(t, testDir(t))
	before := mapfileGoroutines()
	for what, open := range openings {
		for range 5 {
			if open() == nil {
				t.Fatalf("%s went well", what)
			}
		}
		noMoreGoroutines(t, before)
	}
}

// H07: the 129th producer of a file, and every one after it.
func TestProducerWithoutARecordLeavesNoGoroutine(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	all := mapfileGoroutines()
	var producers []*mapfile.MapFile
	for range 128 {
		producers = append(producers, must1(mapfile.OpenOrCreate(path)))
	}
	before := mapfileGoroutines()
	for range 3 {
		if _, err := mapfile.OpenOrCreate(path); !errors.Is(err, mapfile.ErrFull) {
			t.Fatal(err)
		}
	}
	noMoreGoroutines(t, before)
	for _, mf := range producers {
		must(mf.Close())
	}
	noMoreGoroutines(t, all)
}

// H07: watchers on a file that follows through Recreates, ended in each of the ways there are; handles
// that were killed, and producers that close in the middle of a burst.
func TestFollowersAndBurstsLeaveNoGoroutine(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	before := mapfileGoroutines()
	for round := range 8 {
		mf := must1(mapfile.Recreate(path))
		x := int64(round)
		slot := must1(mf.Add("x", &x))
		must(slot.Update())
		follower := must1(mapfile.Open(path, mapfile.WithFollow()))
		ctx, cancel := context.WithCancel(t.Context())
		var watchers sync.WaitGroup
		started := make(chan struct{}, 3)
		for end := range 3 { // by its context, by Close, by break
			watchers.Go(func() {
				watched := ctx
				if end == 1 {
					watched = t.Context()
				}
				first := true
				for range follower.Watch(watched) {
					if first {
						first = false
						started <- struct{}{}
					}
					if end == 2 {
						break
					}
				}
			})
		}
		for range 3 {
			<-started
		}
		next := must1(mapfile.Recreate(path))
		slot = must1(next.Add("x", &x))
		for range 100 {
			must(slot.Update())
		}
		if round%2 == 0 {
			get[int64](t, follower, "x") // it has followed
		}
		cancel()
		must(errors.Join(next.Close(), mf.Close(), follower.Close()))
		within(t, time.Minute, "a watcher after the end", watchers.Wait)
	}
	noMoreGoroutines(t, before)
}

// A slot that has ended says so, whatever its codec would say.
func TestEndedSlotAnswersBeforeItsCodec(t *testing.T) {
	mf := createFile(t, filepath.Join(testDir(t), "a.map"))
	bad := &pickyNumber{-1}
	slot := addSlot(t, mf, "removed", bad)
	if err := slot.Update(); !errors.Is(err, mapfile.ErrEncode) {
		t.Fatal(err)
	}
	must(mf.Remove("removed"))
	for what, err := range map[string]error{"Update": slot.Update(), "UpdateSlots": mf.UpdateSlots(slot)} {
		if !errors.Is(err, mapfile.ErrNoSlot) {
			t.Errorf("%s of a removed slot: %v", what, err)
		}
	}
	slot = addSlot(t, mf, "closed", bad)
	must(mf.Close())
	if err := slot.Update(); !errors.Is(err, mapfile.ErrClosed) {
		t.Errorf("Update after Close: %v", err)
	}
}
