package futex

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// The tests of this file hold on every system, whether it waits in the kernel or polls.

func TestWaitEndsAtOnceIfTheWordHasChanged(t *testing.T) {
	word, cancel := new(uint32), new(atomic.Uint32)
	start := time.Now()
	if err := Wait(word, 1, time.Minute); err != nil {
		t.Error(err)
	}
	if err := Wait2(word, 1, cancel, 0, time.Minute); err != nil {
		t.Error(err)
	}
	cancel.Store(1)
	if err := Wait2(word, 0, cancel, 0, time.Minute); err != nil {
		t.Error(err)
	}
	if d := time.Since(start); d > 20*time.Second { // each could have taken a minute
		t.Errorf("took %v", d)
	}
}

func TestWaitTimesOut(t *testing.T) {
	word, cancel := new(uint32), new(atomic.Uint32)
	for _, d := range []time.Duration{-time.Hour, 0, time.Millisecond, 60 * time.Millisecond} {
		for name, wait := range map[string]func() error{
			"Wait":  func() error { return Wait(word, 0, d) },
			"Wait2": func() error { return Wait2(word, 0, cancel, 0, d) },
		} {
			start := time.Now()
			if err := until(d, wait); err != ErrTimeout {
				t.Errorf("%s(%v): %v", name, d, err)
			}
			if took := time.Since(start); took < d || took > max(d, 0)+20*time.Second {
				t.Errorf("%s(%v) took %v", name, d, took)
			}
		}
	}
}

// until repeats a wait that ended early for no reason, as every caller does.
func until(d time.Duration, wait func() error) error {
	for end := time.Now().Add(d); ; {
		if err := wait(); err != nil || time.Now().After(end) {
			return err
		}
	}
}

func TestChangeAndWakeEndTheWait(t *testing.T) {
	word, cancel := new(uint32), new(atomic.Uint32)
	for name, wait := range map[string]func(val uint32) error{
		"Wait":  func(val uint32) error { return Wait(word, val, 10*time.Second) },
		"Wait2": func(val uint32) error { return Wait2(word, val, cancel, 0, 10*time.Second) },
	} {
		took := soonest(50*time.Millisecond, func() time.Duration {
			now := atomic.LoadUint32(word)
			changed := func() bool { return atomic.LoadUint32(word) != now }
			return wokenAfter(t, changed, func() error { return wait(now) }, func() {
				atomic.AddUint32(word, 1)
				Wake(word)
			})
		})
		if took > 50*time.Millisecond {
			t.Errorf("%s woke after %v", name, took)
		}
	}
}

func TestCancelEndsTheWait(t *testing.T) { // E06
	word, cancel := new(uint32), new(atomic.Uint32)
	cancelled := func() bool { return cancel.Load() != 0 }
	took := soonest(50*time.Millisecond, func() time.Duration {
		cancel.Store(0)
		return wokenAfter(t, cancelled, func() error { return Wait2(word, 0, cancel, 0, 10*time.Second) }, func() {
			cancel.Store(1)
			WakePrivate(cancel)
		})
	})
	if took > 50*time.Millisecond {
		t.Errorf("cancelled after %v", took)
	}
}

// soonest is the best of some tries: on a busy machine any one of them may take long.
func soonest(limit time.Duration, try func() time.Duration) time.Duration {
	took := try()
	for range 9 {
		if took <= limit {
			break
		}
		took = min(took, try())
	}
	return took
}

// wokenAfter tells how long after wake a waiter was through that looks again until it is changed.
func wokenAfter(t *testing.T, changed func() bool, wait func() error, wake func()) time.Duration {
	t.Helper()
	done := make(chan error)
	go func() {
		err := wait()
		for err == nil && !changed() {
			err = wait()
		}
		done <- err
	}()
	select {
	case err := <-done:
		t.Fatalf("ended before the wake: %v", err)
	case <-time.After(60 * time.Millisecond):
	}
	start := time.Now()
	wake()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return time.Since(start)
}

func TestWaitLetsOtherGoroutinesRun(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	word, cancel := new(uint32), new(atomic.Uint32)
	go func() {
		time.Sleep(20 * time.Millisecond)
		cancel.Store(1)
		WakePrivate(cancel)
	}()
	start := time.Now()
	if err := Wait2(word, 0, cancel, 0, time.Minute); err != nil || time.Since(start) > 20*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
}

// The cancel word is memory of Go: its address must stay good while the kernel has it.
func TestCancelWordSurvivesStackGrowthAndCollection(t *testing.T) {
	for range 20 {
		done := make(chan error)
		words := make(chan *atomic.Uint32)
		go func() {
			var cancel atomic.Uint32
			var word uint32
			words <- &cancel
			deep(200)
			done <- Wait2(&word, 0, &cancel, 0, time.Minute)
		}()
		cancel := <-words
		time.Sleep(2 * time.Millisecond)
		runtime.GC()
		cancel.Store(1)
		WakePrivate(cancel)
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("not cancelled")
		}
	}
}

func deep(n int) byte {
	var page [1024]byte
	if n == 0 {
		return page[0]
	}
	page[n] = deep(n - 1)
	return page[n/2]
}

func BenchmarkWakeNobody(b *testing.B) {
	word := new(uint32)
	for b.Loop() {
		Wake(word)
	}
}

func BenchmarkBarrier(b *testing.B) {
	for b.Loop() {
		Barrier()
	}
}
