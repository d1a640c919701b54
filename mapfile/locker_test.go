package mapfile_test

import (
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/codec"
	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/registry"
)

// C12: the caller's Locker is held while its object is encoded, and never while the library waits.

// spyLocker counts how often it is locked and whether two of a group are ever held together.
type spyLocker struct {
	mu    sync.Mutex
	held  *atomic.Int32 // of the whole group
	most  *atomic.Int32
	locks atomic.Int32
}

func (l *spyLocker) Lock() {
	l.mu.Lock()
	l.locks.Add(1)
	if n := l.held.Add(1); n > l.most.Load() {
		l.most.Store(n)
	}
}

func (l *spyLocker) Unlock() {
	l.held.Add(-1)
	l.mu.Unlock()
}

// lockFuncs is a Locker that cannot be compared.
type lockFuncs struct{ lock, unlock func() }

func (l lockFuncs) Lock()   { l.lock() }
func (l lockFuncs) Unlock() { l.unlock() }

// foreignNumber is a type whose codec is not of this module, so that it is encoded into private memory.
type foreignNumber struct{ N int64 }

var onForeignAppend atomic.Pointer[func()]

func init() {
	registry.Register[foreignNumber]("test.ForeignNumber", codec.Func("test-foreign",
		func(dst []byte, v *foreignNumber) ([]byte, error) {
			if f := onForeignAppend.Load(); f != nil {
				(*f)()
			}
			return codec.Basic.Append(dst, &v.N)
		},
		func(src []byte, v *foreignNumber) error { return codec.Basic.Decode(src, &v.N) }))
}

// whileEncoding calls f whenever a foreignNumber is encoded, for the rest of the test.
func whileEncoding(t *testing.T, f func()) {
	onForeignAppend.Store(&f)
	t.Cleanup(func() { onForeignAppend.Store(nil) })
}

func within(t *testing.T, d time.Duration, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(d):
		panic(what + " hangs") // with the stacks of all goroutines; the test cannot clean up either
	}
}

func TestSlotsOfOneLockerAreEncodedUnderOneHold(t *testing.T) {
	var held, most atomic.Int32
	a := &spyLocker{held: &held, most: &most}
	b := &spyLocker{held: &held, most: &most}
	mf := createFile(t, filepath.Join(testDir(t), "a.map"))
	var numbers [6]int64
	var foreign foreignNumber
	var slots []*mapfile.Slot
	for i, l := range []*spyLocker{a, b, a, nil, b, a} {
		if l == nil {
			addSlot(t, mf, "none", &numbers[i])
		} else {
			slots = append(slots, addSlot(t, mf, string(rune('p'+i)), &numbers[i], mapfile.WithLocker(l)))
		}
	}
	for round := range 3 { // in private memory, in place, and mixed
		if round == 2 {
			addSlot(t, mf, "foreign", &foreign, mapfile.WithLocker(a))
		}
		before := [2]int32{a.locks.Load(), b.locks.Load()}
		if err := mf.Update(); err != nil {
			t.Fatal(err)
		}
		if na, nb := a.locks.Load()-before[0], b.locks.Load()-before[1]; na != 1 || nb != 1 {
			t.Errorf("round %d: Lockers were held %d and %d times in one commit", round, na, nb)
		}
	}
	for name, slot := range map[string]*mapfile.Slot{"in place": slots[0], "in private memory": addSlot(t, mf, "new", &foreign, mapfile.WithLocker(a))} {
		before := a.locks.Load()
		if err := slot.Update(); err != nil || a.locks.Load() != before+1 {
			t.Errorf("Slot.Update %s locked %d times, %v", name, a.locks.Load()-before, err)
		}
	}
	if most.Load() != 1 {
		t.Error("two Lockers were held together")
	}
	if held.Load() != 0 {
		t.Error("a Locker is still held")
	}
}

// A commit of slots with one Locker is a consistent cut of what the Locker guards, also when other
// goroutines update the slots one by one or all.
func TestOneLockerMakesAConsistentCut(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	r := openFile(t, path)
	var l sync.Mutex
	var x, y int64 // y = -x
	var f foreignNumber
	addSlot(t, mf, "x", &x, mapfile.WithLocker(&l))
	addSlot(t, mf, "y", &y, mapfile.WithLocker(&l))
	addSlot(t, mf, "f", &f, mapfile.WithLocker(&l))
	if err := mf.Update(); err != nil {
		t.Fatal(err)
	}
	loop, stop := background(t)
	loop(func() error { l.Lock(); x++; y, f.N = -x, x; l.Unlock(); return nil })
	loop(func() error { return mf.Update() })
	loop(func() error { return mf.Update("y", "x", "f") })
	last := int64(0)
	deadline := time.Now().Add(20 * time.Second)
	for n := times(3000, 300000); n > 0 || last == 0 && time.Now().Before(deadline); n-- {
		snap := must1(r.Snapshot())
		gx, gy := must1(mapfile.Get[int64](snap, "x")), must1(mapfile.Get[int64](snap, "y"))
		gf := must1(mapfile.Get[foreignNumber](snap, "f"))
		if gx != -gy || gf.N != gx || gx < last {
			t.Errorf("x = %d, y = %d, f = %d after %d", gx, gy, gf.N, last)
			break
		}
		last = gx
	}
	stop()
	if last == 0 {
		t.Error("nothing was updated")
	}
}

// Who holds the Locker may call everything but Update and what encodes: nothing of the library waits
// for the Locker with a lock of its own held.
func TestHolderOfTheLockerIsNeverLockedOut(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	for _, kind := range []string{"in place", "in private memory"} {
		for _, update := range []string{"slot", "all"} {
			mf := createFile(t, path)
			var l sync.Mutex
			var x, y int64
			var f foreignNumber
			var slot *mapfile.Slot
			if kind == "in place" {
				slot = addSlot(t, mf, "x", &x, mapfile.WithLocker(&l))
			} else {
				slot = addSlot(t, mf, "x"+"f", &f, mapfile.WithLocker(&l))
			}
			other := addSlot(t, mf, "y", &y)
			if err := mf.Update(); err != nil { // from here on in place
				t.Fatal(err)
			}
			l.Lock()
			updating := make(chan error, 1)
			go func() {
				if update == "slot" {
					updating <- slot.Update()
				} else {
					updating <- mf.Update()
				}
			}()
			time.Sleep(20 * time.Millisecond) // it waits for the Locker by now
			what := kind + ", " + update + ": "
			within(t, 20*time.Second, what+"Version", func() { slot.Version() })
			within(t, 20*time.Second, what+"Update of another slot", func() {
				if err := other.Update(); err != nil {
					t.Error(err)
				}
			})
			within(t, 20*time.Second, what+"UpdateSlots of another slot", func() {
				if err := mf.UpdateSlots(other); err != nil {
					t.Error(err)
				}
			})
			within(t, 20*time.Second, what+"Sync", func() { mf.Sync() })
			within(t, 20*time.Second, what+"Slots", func() {
				for range mf.Slots() {
				}
			})
			within(t, 20*time.Second, what+"Remove of another slot", func() {
				if err := mf.Remove("y"); err != nil {
					t.Error(err)
				}
			})
			within(t, 20*time.Second, what+"Close", func() { mf.Close() })
			l.Unlock()
			within(t, 20*time.Second, what+"the Update", func() { <-updating })
		}
	}
}

// A Locker that cannot be compared is refused at once: it could not be told whether two slots share it.
func TestLockerThatCannotBeCompared(t *testing.T) {
	mf := createFile(t, filepath.Join(testDir(t), "a.map"))
	x := int64(1)
	for _, l := range []sync.Locker{nil, lockFuncs{func() {}, func() {}}} {
		if _, err := mf.Add("x", &x, mapfile.WithLocker(l)); err == nil {
			t.Errorf("WithLocker(%T) is no error", l)
		}
	}
	if err := mf.Update(); err != nil {
		t.Fatal(err)
	}
}

// The Locker is free while an Update that must grow waits for the structure lock of another process.
func TestLockerIsFreeWhileUpdateWaitsForAFileLock(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path, mapfile.WithLockTimeout(time.Minute))
	var l sync.Mutex
	x := []byte("x")
	slot := addSlot(t, mf, "x", &x, mapfile.WithLocker(&l))
	y := int64(1)
	addSlot(t, mf, "y", &y, mapfile.WithLocker(&l))
	if err := mf.Update(); err != nil {
		t.Fatal(err)
	}
	for i, update := range []func() error{slot.Update, func() error { return mf.Update() }} {
		holder := start(t, "hold-structure-lock", path)
		holder.Expect("held")
		l.Lock()
		x = make([]byte, 100000*(i+1)*(i+1))
		l.Unlock()
		done := make(chan error, 1)
		go func() { done <- update() }()
		var worst time.Duration
		for begin := time.Now(); time.Since(begin) < 500*time.Millisecond; time.Sleep(time.Millisecond) {
			before := time.Now()
			l.Lock()
			worst = max(worst, time.Since(before))
			l.Unlock()
		}
		if worst > 20*time.Second { // if the Update held it: a minute
			t.Errorf("update %d: Lock took %v while the Update waited for a file lock", i, worst)
		}
		select {
		case err := <-done:
			t.Errorf("update %d: did not wait for the structure lock: %v", i, err)
		default:
		}
		holder.Kill()
		within(t, 20*time.Second, "Update", func() {
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

func init() {
	roles["hold-structure-lock"] = func(args []string) { holdStructureLock(args[0]) }
}

// background runs each of the functions again and again, in goroutines of their own, until stop is called,
// which waits for them. One that fails ends.
func background(t *testing.T) (loop func(func() error), stop func()) {
	stopped := make(chan struct{})
	var wg sync.WaitGroup
	loop = func(f func() error) {
		wg.Go(func() {
			for {
				select {
				case <-stopped:
					return
				default:
				}
				if err := f(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	return loop, func() { close(stopped); wg.Wait() }
}
