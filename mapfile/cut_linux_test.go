package mapfile_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
	"golang.org/x/sys/unix"
)

// Files that are cut, punched or removed under those who have them mapped.

func punch(path string, off, n int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n)
}

// E12
func TestWatcherOfAFileThatIsCut(t *testing.T) {
	for _, c := range []struct {
		name string
		cut  func(path string) error
		want []error // one of them ends the watch; none: it goes on or ends
	}{
		{"cut to nothing", func(path string) error { return os.Truncate(path, 0) }, []error{mapfile.ErrCorrupt}},
		{"cut to its header", func(path string) error { return os.Truncate(path, 4096) }, []error{mapfile.ErrCorrupt}},
		{"cut after the directory", func(path string) error { return os.Truncate(path, 40960) }, []error{mapfile.ErrCorrupt, nil}},
		{"punched", func(path string) error { return punch(path, 0, 1<<20) }, []error{mapfile.ErrCorrupt, nil}},
		{"removed", os.Remove, []error{mapfile.ErrSuperseded}},
		{"cut and removed", func(path string) error { return errors.Join(os.Truncate(path, 0), os.Remove(path)) }, []error{mapfile.ErrSuperseded, mapfile.ErrCorrupt}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(testDir(t), "a.map")
			c1 := start(t, "torture", "single", path, "1")
			c1.Expect("ready")
			awaitValues(t, path, singleSlots...)
			c1.Kill() // nobody produces, so nobody wakes the watcher
			r := openFile(t, path)
			w := watch(t, r, "s/*")
			w.next(t, 20*time.Second)
			time.Sleep(50 * time.Millisecond)
			if err := c.cut(path); err != nil {
				t.Fatal(err)
			}
			before, begin := cpuTime(), time.Now()
			var ended error
			over := false
			wait := 1100 * time.Millisecond
			if !slices.Contains(c.want, nil) {
				wait = 20 * time.Second // it must end; within half a second, if the machine has time
			}
			for time.Since(begin) < wait {
				select {
				case ended = <-w.end:
					over, w.end, wait = true, nil, time.Since(begin)+100*time.Millisecond
				case <-time.After(10 * time.Millisecond):
				}
			}
			if used := cpuTime() - before; used > time.Since(begin)/20+5*time.Millisecond && !raceEnabled {
				t.Errorf("%v of processor time in %v", used, time.Since(begin))
			}
			ok := false
			for _, want := range c.want {
				ok = ok || want == nil && !over || want != nil && errors.Is(ended, want)
			}
			if !ok {
				t.Errorf("the watch ended: %v, with %v", over, ended)
			}
			// Reads are errors, or values, and never a fault.
			for _, name := range singleSlots {
				var raw mapfile.Raw
				if err := r.GetInto(name, &raw); err == nil {
					if _, torn := payloadNumber(raw.Payload); torn != nil {
						t.Error(torn)
					}
				} else if !errors.Is(err, mapfile.ErrCorrupt) && !errors.Is(err, mapfile.ErrSuperseded) && !errors.Is(err, mapfile.ErrNoSlot) {
					t.Error(err)
				}
			}
			within(t, 20*time.Second, "Close", func() { r.Close() })
		})
	}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// H08: the goroutine's panic-on-fault setting is as before after every call, with and without faults.
func TestPanicOnFaultIsAsBefore(t *testing.T) {
	for _, setting := range []bool{false, true} {
		for _, cut := range []bool{false, true} {
			path := filepath.Join(testDir(t), "a.map")
			mf := createFile(t, path)
			r := openFile(t, path)
			x := int64(1)
			text := "text"
			slot := addSlot(t, mf, "x", &x)
			addSlot(t, mf, "text", &text)
			foreign := addSlot(t, mf, "f", &foreignNumber{})
			if err := mf.Update(); err != nil {
				t.Fatal(err)
			}
			reader := r.Reader("x")
			snap := must1(r.Snapshot())
			if cut {
				if err := os.Truncate(path, 0); err != nil {
					t.Fatal(err)
				}
			}
			faults := 0
			for name, call := range map[string]func() error{
				"Slot.Update":      slot.Update,
				"Slot.Update, big": func() error { text = string(make([]byte, 5000)); return mf.Update("text") },
				"foreign Update":   foreign.Update,
				"Update":           func() error { return mf.Update() },
				"Add":              func() error { _, err := mf.Add("new", &x); return err },
				"Remove":           func() error { return mf.Remove("new") },
				"Get":              func() error { _, err := r.Get("x"); return err },
				"GetInto":          func() error { var y int64; _, err := reader.GetInto(&y); return err },
				"raw":              func() error { var raw mapfile.Raw; _, err := reader.GetInto(&raw); return err },
				"Inspect":          func() error { _, _, err := reader.Inspect(); return err },
				"Reader.Stat":      func() error { _, err := reader.Stat(); return err },
				"Reader.Version":   func() error { reader.Version(); return nil },
				"Stat":             func() error { _, err := r.Stat(); return err },
				"Snapshot":         func() error { _, err := r.Snapshot(); return err },
				"Snapshot.Get":     func() error { _, err := snap.Get("x"); return err },
				"Sync":             mf.Sync,
				"Slots": func() (last error) {
					for _, err := range r.Slots() {
						last = err
						faultSetting(t, "in a Slots loop", setting)
					}
					return last
				},
				"Verify": func() (last error) {
					for _, err := range r.Verify() {
						last = err
						faultSetting(t, "in a Verify loop", setting)
					}
					return last
				},
				"Layout": func() (last error) {
					for _, err := range r.Layout() {
						last = err
						faultSetting(t, "in a Layout loop", setting)
					}
					return last
				},
				"Watch": func() error {
					for _, err := range r.Watch(t.Context()) {
						faultSetting(t, "in a Watch loop", setting)
						return err
					}
					return nil
				},
			} {
				done := make(chan struct{})
				go func() { // the setting is the goroutine's
					defer close(done)
					debug.SetPanicOnFault(setting)
					err := call()
					if errors.Is(err, mapfile.ErrCorrupt) {
						faults++
					}
					if !cut && err != nil && name != "Add" && !errors.Is(err, mapfile.ErrNoSlot) {
						t.Errorf("%s: %v", name, err)
					}
					faultSetting(t, fmt.Sprintf("after %s, cut %v", name, cut), setting)
				}()
				<-done
			}
			if cut && faults < 8 {
				t.Errorf("only %d calls met a fault", faults)
			}
		}
	}
}

func faultSetting(t *testing.T, when string, want bool) {
	t.Helper()
	now := debug.SetPanicOnFault(want)
	if now != want {
		t.Errorf("%s: panic-on-fault is %v, and was %v", when, now, want)
	}
}

// H08: a fault in memory of the caller's own is the caller's, not a damaged file. Encoding makes it an
// error, as it does with panics of codecs; reading leaves it a panic.
func TestFaultsOfTheCallersMemoryAreNotSwallowed(t *testing.T) {
	path := filepath.Join(testDir(t), "other")
	if err := os.WriteFile(path, make([]byte, 8192), 0o600); err != nil {
		t.Fatal(err)
	}
	f := must1(os.OpenFile(path, os.O_RDWR, 0))
	defer f.Close()
	mine, err := syscall.Mmap(int(f.Fd()), 0, 8192, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Munmap(mine)
	mf := createFile(t, filepath.Join(testDir(t), "a.map"))
	raw := &mapfile.Raw{Type: mapfile.TypeInfo{Name: "mine", Codec: "mine"}, Payload: mine}
	slot := addSlot(t, mf, "raw", raw)
	bytes := addSlot(t, mf, "bytes", &mine)
	if err := mf.Update(); err != nil { // from here on in place
		t.Fatal(err)
	}
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	for name, update := range map[string]func() error{"raw": slot.Update, "bytes": bytes.Update, "all": func() error { return mf.Update() }} {
		if err := update(); !errors.Is(err, mapfile.ErrEncode) || errors.Is(err, mapfile.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the fault of the memory that a read was to fill is swallowed")
			}
		}()
		small := []byte("small")
		addSlot(t, mf, "small", &small)
		if err := mf.Update("small"); err != nil {
			t.Error(err)
		}
		err := mf.GetInto("small", &mapfile.Raw{Payload: mine})
		t.Error(err)
	}()
	// And no mutex is left locked.
	fresh := []byte("fresh")
	raw.Payload = fresh
	within(t, 20*time.Second, "Update after a panic", func() {
		if err := errors.Join(bytes.Set(&fresh), slot.Update(), mf.Update()); err != nil {
			t.Error(err)
		}
	})
}

// Readers and watchers at work while the file is cut and restored, again and again.
func TestFileCutUnderReadersAtWork(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	raws, slots := addRaws(mf, names("c/", 10), 1)
	if err := mf.Update(); err != nil {
		t.Fatal(err)
	}
	image, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	mf.Close()
	_, _ = raws, slots
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		r := openFile(t, path)
		wg.Go(func() {
			var raw mapfile.Raw
			var snap mapfile.Snapshot
			for {
				select {
				case <-stop:
					return
				default:
				}
				for i := range 10 {
					if err := r.GetInto(fmt.Sprint("c/", i), &raw); err == nil {
						if _, torn := payloadNumber(raw.Payload); torn != nil {
							t.Error(torn)
						}
					}
				}
				r.SnapshotInto(&snap)
				for range r.Slots() {
				}
				r.Stat()
			}
		})
	}
	for i := range times(200, 5000) {
		if err := os.Truncate(path, int64(i%40)*4096); err != nil {
			t.Fatal(err)
		}
		f := must1(os.OpenFile(path, os.O_RDWR, 0))
		if _, err := f.WriteAt(image, 0); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	close(stop)
	wg.Wait()
}
