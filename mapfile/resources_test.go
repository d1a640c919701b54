package mapfile_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
	mapfilepb "github.com/gomapfile/mapfile/proto"
)

// What calls cost: memory, goroutines, and files that are forgotten.

// In steady state the hot paths allocate nothing beyond what a codec must.
func TestHotPathsDoNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	r := openFile(t, path)
	raw := rawPayload(800, 1)
	columns := make([]float64, 500)
	number := int64(1)
	var lock sync.Mutex
	message := &mapfilepb.H1D{Total: &mapfilepb.Sums{Entries: 1}, SumW: make([]float64, 100)}
	slots := map[string]*mapfile.Slot{
		"raw":     addSlot(t, mf, "raw", raw),
		"columns": addSlot(t, mf, "columns", &columns),
		"number":  addSlot(t, mf, "number", &number),
		"locked":  addSlot(t, mf, "locked", &number, mapfile.WithLocker(&lock)),
		"message": addSlot(t, mf, "message", message),
	}
	list := []*mapfile.Slot{slots["raw"], slots["columns"], slots["number"]}
	for range 20 { // past the first values, which go by private memory
		if err := mf.Update(); err != nil {
			t.Fatal(err)
		}
	}
	zero := func(what string, most float64, call func() error) {
		t.Helper()
		if n := testing.AllocsPerRun(500, func() {
			if err := call(); err != nil {
				t.Fatal(what, err)
			}
		}); n > most {
			t.Errorf("%s: %v allocations, %v allowed", what, n, most)
		}
	}
	for name, slot := range slots {

		zero("Slot.Update of "+name, 0, slot.Update)
	}
	zero("UpdateSlots", 0, func() error { return mf.UpdateSlots(list...) })
	var into mapfile.Raw
	var gotColumns []float64
	var gotNumber int64
	rawReader, columnsReader, numberReader := r.Reader("raw"), r.Reader("columns"), r.Reader("number")
	zero("GetInto a Raw", 0, func() error { _, err := rawReader.GetInto(&into); return err })
	zero("GetInto columns", 0, func() error { _, err := columnsReader.GetInto(&gotColumns); return err })
	zero("GetInto a number", 0, func() error { _, err := numberReader.GetInto(&gotNumber); return err })
	zero("Reader.Version", 0, func() error {
		if numberReader.Version() == 0 {
			return errors.New("no version")
		}
		return nil
	})
	var snap mapfile.Snapshot
	zero("SnapshotInto", 0, func() error { return r.SnapshotInto(&snap) })
	zero("SnapshotInto by pattern", 0, func() error { return r.SnapshotInto(&snap, "r*", "number") })
	zero("Snapshot.GetInto a Raw", 0, func() error { return snap.GetInto("raw", &into) })
	zero("update, poll, read", 0, func() error {
		before := numberReader.Version()
		number++
		err := slots["number"].Update()
		if numberReader.Version() != before+1 {
			return errors.New("the version did not go up by one")
		}
		_, err2 := numberReader.GetInto(&gotNumber)
		return errors.Join(err, err2)
	})
	// A message into a used one: what decoding a message needs, and no more than a bare decode of it.
	messageReader, gotMessage := r.Reader("message"), &mapfilepb.H1D{}
	perMessage := testing.AllocsPerRun(100, func() {
		if _, err := messageReader.GetInto(gotMessage); err != nil {
			t.Fatal(err)
		}
	})
	if t.Log("GetInto a message:", perMessage, "allocations"); perMessage > 8 {
		t.Errorf("GetInto a message: %v allocations", perMessage)
	}
}

// H07: who leaves a loop early leaves nothing behind.
func TestLoopsThatAreLeftEarlyLeakNothing(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	addRaws(mf, names("x/", 10), 1)
	if err := mf.Update(); err != nil {
		t.Fatal(err)
	}
	r := openFile(t, path)
	before := mapfileGoroutines()
	leave := func() (err error) {
		defer func() {
			if p := recover(); p != nil && p != "out" {
				err = fmt.Errorf("%v", p)
			}
		}()
		for range r.Slots() {
			break
		}
		for range r.Watch(context.Background(), "x/*") {
			break
		}
		for range r.Verify() {
			break
		}
		for range r.Layout() {
			break
		}
		for range must1(r.Snapshot()).Slots() {
			break
		}
		for range r.Layout() {
			for range r.Watch(context.Background()) {
				panic("out")
			}
		}
		return nil
	}
	for range 50 {
		if err := leave(); err != nil {
			t.Fatal(err)
		}
	}
	noMoreGoroutines(t, before)
	// Nothing is held that others need: the producer goes on, and Close does not wait.
	within(t, 20*time.Second, "the producer", func() {
		if err := errors.Join(mf.Update(), mf.RemoveAll(), mf.Close(), r.Close()); err != nil {
			t.Error(err)
		}
	})
}

// Handles that are closed leave no goroutine, whatever they were used for.
func TestCloseEndsAllGoroutines(t *testing.T) {
	before := mapfileGoroutines()
	for range 10 {
		h := openHandles(t, filepath.Join(testDir(t), "a.map"))
		watches := []*watching{watch(t, h.all[0].(*mapfile.MapFile)), watch(t, h.all[1].(*mapfile.MapFile))}
		for _, w := range watches {
			w.next(t, 20*time.Second)
		}
		for _, c := range h.close {
			if err := c(); err != nil {
				t.Error(err)
			}
		}
		for _, w := range watches {
			select {
			case err := <-w.end:
				if !errors.Is(err, mapfile.ErrClosed) {
					t.Error(err)
				}
			case <-time.After(20 * time.Second):
				t.Fatal("a watch outlives Close")
			}
		}
	}
	noMoreGoroutines(t, before)
}

// H06: a file that is in use is not taken for forgotten, also when the call is the last use of it.
func TestForgottenFileIsNotUnmappedInUse(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	raws, _ := addRaws(mf, names("x/", 200), 1)
	raws[0].Payload = stampPayload(nil, 1<<20, 1)
	if err := mf.Update(); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var storm sync.WaitGroup
	storm.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				runtime.GC()
			}
		}
	})
	open := func() *mapfile.MapFile { return must1(mapfile.Open(path)) }
	n := 0
	produce := func(size int) *mapfile.MapFile {
		mf, err := mapfile.OpenOrCreate(path)
		for ; errors.Is(err, mapfile.ErrFull); mf, err = mapfile.OpenOrCreate(path) {
			time.Sleep(time.Millisecond) // of 128 producers some have not been collected yet
		}
		must(err)
		n++
		must1(mf.Add(fmt.Sprint("forgotten/", n), rawPayload(size, 1)))
		return mf
	}
	for name, call := range map[string]func() error{
		"Get": func() error {
			get := open().Reader("x/0").GetInto
			_, err := get(&mapfile.Raw{})
			return err
		},
		"GetInto":  func() error { return open().GetInto("x/0", &mapfile.Raw{}) },
		"Stat":     func() error { _, err := open().Stat(); return err },
		"Snapshot": func() error { _, err := open().Snapshot(); return err },
		"Version": func() error {
			if open().Reader("x/1").Version() == 0 {
				return errors.New("no version")
			}
			return nil
		},
		"Reader.Stat": func() error { _, err := open().Reader("x/1").Stat(); return err },
		"Slots": func() (last error) {
			for _, err := range open().Slots() {
				last = errors.Join(last, err)
			}
			return last
		},
		"Layout": func() (last error) {
			for _, err := range open().Layout("x/1") {
				last = errors.Join(last, err)
			}
			return last
		},
		"Verify": func() (last error) {
			for _, err := range open().Verify() {
				last = errors.Join(last, err)
			}
			return last
		},
		"Update":    func() error { return produce(1 << 20).Update() },
		"Sync":      func() error { return produce(1 << 20).Sync() },
		"RemoveAll": func() error { return produce(100).RemoveAll() },
		"Remove":    func() error { mf := produce(100); return mf.Remove(fmt.Sprint("forgotten/", n)) },
		"Add, Slot.Update": func() error {
			return must1(produce(100).Add(fmt.Sprint("again/", n), rawPayload(1<<20, 1))).Update()
		},
		"Watch": func() (last error) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
			defer cancel()
			for _, err := range open().Watch(ctx, "x/*") {
				last = err
			}
			if errors.Is(last, context.DeadlineExceeded) {
				return nil
			}
			return last
		},
	} {
		for range times(15, 200) {
			if err := call(); err != nil {
				t.Errorf("%s of a file whose handle is used no more: %v", name, err)
				break
			}
		}
	}
	close(stop)
	storm.Wait()
}

// H06: the collector runs while an Update encodes, and the handle is used no more after it.
func TestHandleIsNotForgottenDuringItsLastCall(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	whileEncoding(t, func() {
		for range 3 {
			runtime.GC()
			time.Sleep(2 * time.Millisecond) // for cleanups
		}
	})
	for name, call := range map[string]func(name string) error{
		"Update": func(name string) error {
			mf := must1(mapfile.OpenOrCreate(path))
			must1(mf.Add(name, &foreignNumber{}))
			return mf.Update()
		},
		"Update by name": func(name string) error {
			mf := must1(mapfile.OpenOrCreate(path))
			must1(mf.Add(name, &foreignNumber{}))
			return mf.Update(name)
		},
		"UpdateSlots": func(name string) error {
			mf := must1(mapfile.OpenOrCreate(path))
			return mf.UpdateSlots(must1(mf.Add(name, &foreignNumber{})))
		},
		"Slot.Update": func(name string) error {
			mf := must1(mapfile.OpenOrCreate(path))
			return must1(mf.Add(name, &foreignNumber{})).Update()
		},
		"Publish": func(string) error {
			_, err := mapfile.Publish(path+"2", &foreignNumber{})
			return err
		},
	} {
		if err := call(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
