package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// Those of soak that read: a reader, many watchers, and one that follows.

// soakReader reads by every verb.
type soakReader struct {
	*longLived
	mf      *mapfile.MapFile
	handles []*mapfile.SlotReader
	n       int
}

func beginReader(l *longLived) (longLife, error) {
	mf, err := mapfile.Open(mainPath(l.dir))
	if err != nil {
		return nil, err
	}
	r := &soakReader{longLived: l, mf: mf}
	for i := range soakSingles {
		r.handles = append(r.handles, mf.Reader(soakSingle(i)))
	}
	return r, nil
}

func (r *soakReader) step() error {
	for range 50 {
		i := r.rng.IntN(soakSingles)
		r.get(byHandle{r.handles[i]}, soakSingle(i))
	}
	for _, name := range append(joinNames(), growingName, comingName, "second") {
		r.get(r.mf, name)
	}
	r.oneCommit(r.mf, "group/")
	r.oneCommit(r.mf, "join/group/")
	if r.n++; r.n%20 == 0 {
		r.everything(r.mf)
		fresh, err := mapfile.Open(mainPath(r.dir))
		if err != nil {
			return err
		}
		r.everything(fresh)
		if err := fresh.Close(); err != nil {
			return err
		}
	}
	time.Sleep(3 * time.Millisecond)
	return nil
}

func (r *soakReader) close() error { return r.mf.Close() }

// byHandle reads a slot by its handle.
type byHandle struct{ *mapfile.SlotReader }

func (h byHandle) Get(string) (any, error) {
	v, _, err := h.SlotReader.Get()
	return v, err
}

func (h byHandle) GetInto(_ string, v any) error {
	_, err := h.SlotReader.GetInto(v)
	return err
}

// everything looks as mapfile-dump does.
func (l *longLived) everything(mf *mapfile.MapFile) {
	_, err := mf.Stat()
	l.judge("Stat", err)
	for _, err := range mf.Slots() {
		l.judge("Slots", err)
	}
	for _, err := range mf.Verify() {
		l.judge("Verify", err)
	}
	l.count("full looks", 1)
}

// judge: whoever reads while others write may have to try again, and is told of a replaced file.
func (l *longLived) judge(what string, err error) {
	switch {
	case errors.Is(err, mapfile.ErrBusy), errors.Is(err, mapfile.ErrSuperseded):
		l.count("busy", 1)
	case err != nil:
		l.wrong("errors", "%s: %v", what, err)
	}
}

// soakWatchers are so many goroutines that watch, and how many handles they share.
const (
	soakWatchers       = 24
	soakWatcherHandles = 3
)

// soakWatch is the process with many watchers, which are cancelled all the time.
type soakWatch struct {
	*longLived
	handles  []*mapfile.MapFile
	cancel   context.CancelFunc
	watching sync.WaitGroup
}

func beginWatchers(l *longLived) (longLife, error) {
	w := &soakWatch{longLived: l}
	for range soakWatcherHandles {
		mf, err := mapfile.Open(mainPath(l.dir))
		if err != nil {
			return nil, err
		}
		w.handles = append(w.handles, mf)
	}
	var ctx context.Context
	ctx, w.cancel = context.WithCancel(context.Background())
	patterns := []string{soakSingle(0), "single/*", "group/*", "join/**", "**"}
	for i := range soakWatchers {
		rng := rand.New(rand.NewPCG(l.rng.Uint64(), uint64(i)))
		w.watching.Go(func() {
			for ctx.Err() == nil {
				w.watchForAWhile(ctx, w.handles[i%len(w.handles)], patterns[i%len(patterns)], rng)
			}
		})
	}
	return w, nil
}

// watchForAWhile watches until it is cancelled, or has had enough.
func (w *soakWatch) watchForAWhile(parent context.Context, mf *mapfile.MapFile, pattern string, rng *rand.Rand) {
	limit := time.Duration(20+rng.IntN(500)) * time.Millisecond
	ctx, cancel := context.WithTimeout(parent, limit)
	defer cancel()
	alarm := time.AfterFunc(limit+hangs, func() { w.wrong("stuck", "a cancelled watcher of %s goes on", pattern) })
	defer alarm.Stop()
	enough := 1 + rng.IntN(500)
	for ev, err := range mf.Watch(ctx, pattern) {
		if err != nil {
			if ctx.Err() == nil {
				w.judge("Watch", err)
			}
			continue // the loop ends by itself where it must
		}
		if ev.Kind == mapfile.EventPublished {
			w.count("events", 1)
			w.get(mf, ev.Name)
		}
		if enough--; enough == 0 {
			return
		}
		if !ev.More {
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// step closes a handle under its watcher.
func (w *soakWatch) step() error {
	time.Sleep(20 * time.Millisecond)
	mf, err := mapfile.Open(mainPath(w.dir))
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() {
		var last error
		for _, err := range mf.Watch(context.Background(), "group/*") {
			last = err
		}
		ended <- last
	}()
	time.Sleep(time.Duration(w.rng.IntN(20)) * time.Millisecond)
	if err := mf.Close(); err != nil {
		return err
	}
	select {
	case err := <-ended:
		if !errors.Is(err, mapfile.ErrClosed) {
			w.wrong("errors", "Watch of a closed handle ends with %v", err)
		}
		w.count("closed under a watcher", 1)
	case <-time.After(hangs):
		w.wrong("stuck", "a watcher of a closed handle")
	}
	return nil
}

func (w *soakWatch) close() error {
	w.cancel()
	w.watching.Wait()
	var errs []error
	for _, mf := range w.handles {
		errs = append(errs, mf.Close())
	}
	return errors.Join(errs...)
}

// soakFollower follows the file that is replaced, and looks after the directory.
type soakFollower struct {
	*longLived
	mf       *mapfile.MapFile
	files    *mapfile.Dir
	view     *mapfile.Viewer[uint64]
	value    uint64
	n        int
	cancel   context.CancelFunc
	watching sync.WaitGroup
}

func beginFollower(l *longLived) (longLife, error) {
	f := &soakFollower{longLived: l}
	var err1, err2, err3 error
	f.mf, err1 = mapfile.Open(turnsPath(l.dir), mapfile.WithFollow())
	f.files, err2 = mapfile.OpenDir(l.dir)
	f.view, err3 = mapfile.Attach[uint64](viewPath(l.dir))
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	var ctx context.Context
	ctx, f.cancel = context.WithCancel(context.Background())
	f.watching.Go(func() { f.watch(ctx) })
	return f, nil
}

// watch lives as long as the process, over all the files.
func (f *soakFollower) watch(ctx context.Context) {
	for ev, err := range f.mf.Watch(ctx) {
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			f.judge("Watch", err)
		case ev.Kind == mapfile.EventReplaced:
			f.count("replacements followed", 1)
		case ev.Kind == mapfile.EventPublished:
			f.count("events", 1)
			f.get(f.mf, ev.Name)
		}
		if !ev.More {
			time.Sleep(time.Millisecond)
		}
	}
	if ctx.Err() == nil {
		f.wrong("errors", "the watcher that follows has ended")
	}
}

func (f *soakFollower) step() error {
	for _, name := range allNames() {
		f.get(f.mf, name)
	}
	f.oneCommit(f.mf, "group/")
	value, err := f.view.Get()
	switch {
	case err != nil:
		f.judge("Viewer", err)
	case *value < f.value:
		f.wrong("gone back", "Viewer: %d after %d", *value, f.value)
	default:
		f.value = *value
	}
	if f.n++; f.n%20 == 0 {
		// Each has a handle of its own, which need not see a replacement when the others do.
		for mf, err := range f.files.Files() {
			if err != nil {
				f.judge("Files", err)
				continue
			}
			f.oneCommit(mf, "group/")
			f.count("files of the directory", 1)
		}
	}
	time.Sleep(3 * time.Millisecond)
	return nil
}

func (f *soakFollower) close() error {
	f.cancel()
	f.watching.Wait()
	return errors.Join(f.view.Close(), f.files.Close(), f.mf.Close())
}
