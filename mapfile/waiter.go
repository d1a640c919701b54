package mapfile

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomapfile/mapfile/mapfile/internal/futex"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/mapfile/internal/shm"
)

// waiter sleeps in the kernel on the bell of one mapping, for however many watchers: one thread. It
// reads the bell, then tells the watchers to look, then sleeps if the bell still is what it read; so
// what is published after a watcher has looked ends the sleep.
type waiter struct {
	f      *file
	cancel atomic.Uint32
	done   chan struct{}

	mu       sync.Mutex
	watchers map[chan struct{}]struct{}
}

// recheck is how often watchers look without having been woken: for producers that were killed
// between publish and ring, for states of producers, and for files that were replaced or cut. It is a
// safety net: no wake of a living producer waits for it.
const recheck = 250 * time.Millisecond

// subscribe returns a channel that gets a value whenever there may be something new. It starts with
// one. The first watcher of a mapping starts its waiter, the last one ends it.
func (f *file) subscribe() (news chan struct{}, unsubscribe func()) {
	news = make(chan struct{}, 1)
	news <- struct{}{}
	f.waiterMu.Lock()
	defer f.waiterMu.Unlock()
	w := f.waiter
	if w == nil {
		w = &waiter{f: f, done: make(chan struct{}), watchers: map[chan struct{}]struct{}{}}
		f.waiter = w
		go w.run()
	}
	w.mu.Lock()
	w.watchers[news] = struct{}{}
	w.mu.Unlock()
	return news, func() {
		f.waiterMu.Lock()
		defer f.waiterMu.Unlock()
		w.mu.Lock()
		delete(w.watchers, news)
		last := len(w.watchers) == 0
		w.mu.Unlock()
		if last && f.waiter == w {
			f.waiter = nil
			w.stop()
		}
	}
}

func (w *waiter) run() {
	defer close(w.done)
	for w.cancel.Load() == 0 {
		var bell *uint32
		var value uint32
		err := w.f.guard(func() error {
			bell = w.f.view().Word32(layout.BellOff)
			value = shm.Load32(bell)
			return nil
		})
		w.tell()
		runtime.Gosched() // let the watchers run before this thread goes to sleep with the processor
		if err == nil {
			err = futex.Wait2(bell, value, &w.cancel, 0, recheck)
		}
		if err != nil && err != futex.ErrTimeout && w.cancel.Load() == 0 {
			time.Sleep(recheck / 5) // the file was cut under the bell: watchers find out, nobody spins
		}
	}
	w.tell()
}

// tell makes every watcher look. A watcher that has not looked since the last time needs no more.
func (w *waiter) tell() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for news := range w.watchers {
		select {
		case news <- struct{}{}:
		default:
		}
	}
}

// stop ends the waiter and returns when its thread is out of the kernel.
func (w *waiter) stop() {
	w.cancel.Store(1)
	futex.WakePrivate(&w.cancel)
	<-w.done
}
