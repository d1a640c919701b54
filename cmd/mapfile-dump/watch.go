package main

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/record"
	"github.com/gomapfile/mapfile/mapfile"
)

// The command watch: a line for each change, as the kernel wakes us.

type watchFlags struct {
	count          count
	interval       duration
	values, follow bool
	trustGob       bool
}

func newWatch(t *tool) *cobra.Command {
	var flags watchFlags
	cmd := &cobra.Command{
		Use:   "watch FILE [SLOT…]",
		Short: "a line for each change",
		Long: `Watch prints a line for each slot that has a value, and then one for each change. It shows the newest
value: versions that come faster than they can be printed are skipped. Each line is written at once,
also into a pipe. json and ndjson are the same here: one object a line, with the fields of ls.

It ends with exit code 4 when no producer lives any more, unless --follow. With --timeout it ends after
that time: with 0, or with 1 if --count was not reached.`,
		Example: `  mapfile-dump watch run1.map 'run1/*' --interval 1s
  mapfile-dump watch config.map --values -o ndjson --follow | jq -c .value
  mapfile-dump watch checkout --count 1 --wait 10s`,
		Annotations:       map[string]string{annotFormats: usualFormats[annotFormats], annotStays: ""},
		Args:              operands(1, -1, ""),
		ValidArgsFunction: t.completeFileAndSlots,
		RunE:              func(_ *cobra.Command, args []string) error { return t.watch(args[0], args[1:], &flags) },
	}
	f := cmd.Flags()
	f.VarP(&flags.count, "count", "n", "end after `N` changes")
	f.Var(&flags.interval, "interval", "at most one line a slot in `D`")
	f.BoolVar(&flags.values, "values", false, "with the decoded object")
	f.BoolVar(&flags.follow, "follow", false, "go on after death and Recreate")
	f.BoolVar(&flags.trustGob, "trust-gob", false, "with --values: decode gob, in a child process with a memory limit")
	return cmd
}

// A watcher is one run of watch.
type watcher struct {
	*tool
	flags   *watchFlags
	f       *target
	slots   map[string]*watched
	records *record.List
	printed count
}

// watched is what is known of a slot: to tell what changed, and for --interval.
type watched struct {
	typeName string
	capacity int64
	session  uint64
	last     time.Time
	held     *mapfile.Event // the newest one that --interval holds back
}

var errNotLive = errors.New("no producer is live")

func (t *tool) watch(operand string, slots []string, flags *watchFlags) error {
	var sel selection
	w := &watcher{tool: t, flags: flags, slots: map[string]*watched{}, records: record.NewList(t.out, true)}
	_, errs := withFile(t, operand, func(f *target) (struct{}, []error) {
		var errs []error
		w.f = nil
		sel, errs = t.selectSlots(f, slots)
		if wanted := len(slots) + len(t.flags.match); wanted == 0 || len(sel.patterns) > 0 {
			if t.flags.wait > 0 && len(errs) == 0 {
				errs = t.unpublished(f, sel)
			}
			f.keep, w.f = true, f
		}
		return struct{}{}, errs
	})
	if w.f == nil || flags.follow {
		if w.f != nil {
			w.f.mf.Close()
		}
		if w.f == nil {
			t.failAll(errs)
			return nil
		}
		mf, err := mapfile.Open(w.f.path, mapfile.WithFollow())
		if err != nil {
			return err
		}
		w.f = &target{mf: mf, path: w.f.path}
	}
	t.failAll(errs)
	defer w.f.mf.Close()
	return w.run(sel.patterns)
}

// unpublished is what --wait waits for before the first line: that each pattern has a value.
func (t *tool) unpublished(f *target, sel selection) (errs []error) {
	patterns := sel.patterns
	if len(patterns) == 0 {
		patterns = []string{"**"}
	}
	for _, pattern := range patterns {
		found := false
		for info, err := range f.mf.Slots(pattern) {
			found = found || err == nil && info.Stamp.Version != 0
		}
		if !found {
			errs = append(errs, &mapfile.Error{Op: "watch", Path: f.path, Slot: pattern, Err: mapfile.ErrNotPublished})
		}
	}
	return errs
}

// run prints events until there is a reason to end.
func (w *watcher) run(patterns []string) error {
	ctx, cancel := context.WithCancelCause(w.ctx)
	defer cancel(nil)
	if !w.flags.follow {
		if gone, err := w.producersGone(); err != nil {
			return err
		} else if gone {
			return w.last(patterns)
		}
		go w.minutes(ctx, cancel)
	}
	for ev, err := range w.changes(ctx, patterns) {
		if err == nil {
			err = w.event(ev)
		} else if concernsSlot(err) {
			w.fail(err)
			continue
		}
		switch {
		case errors.Is(err, errEnough):
			return w.out.Flush()
		case err != nil:
			return w.reason(ctx, err)
		}
		if err := w.out.Flush(); err != nil {
			return err
		}
	}
	return w.reason(ctx, ctx.Err())
}

// errEnough ends a watch that has printed its --count.
var errEnough = errors.New("count reached")

// reason turns the end of the loop into the end of the run.
func (w *watcher) reason(ctx context.Context, err error) error {
	if err == nil || !errors.Is(err, context.Canceled) {
		return err
	}
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errNotLive):
		return &exitError{exitNotLive, ""} // a line told it
	case errors.Is(cause, errGaveUp) && w.flags.count == 0:
		return &exitError{exitOK, ""}
	default:
		return cause
	}
}

// minutes looks once a second whether the producers have gone: one that died before Watch looked first
// makes no event.
func (w *watcher) minutes(ctx context.Context, cancel context.CancelCauseFunc) {
	const every = time.Second
	for quiet := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(every):
		}
		gone, err := w.producersGone()
		if err != nil || !gone {
			quiet = 0
			continue
		}
		if quiet++; quiet >= 2 { // its event had time to come
			cancel(errNotLive)
			return
		}
	}
}

// producersGone says whether nobody can publish any more.
func (w *watcher) producersGone() (bool, error) {
	info, err := w.f.mf.Stat()
	if err != nil {
		return false, err
	}
	return !isAlive(info), nil
}

// isAlive says whether somebody can still publish.
func isAlive(info mapfile.FileInfo) bool {
	return slices.ContainsFunc(info.Producers, canPublish)
}

// canPublish says whether a producer is there, or may come back.
func canPublish(p mapfile.Producer) bool {
	return p.State == mapfile.StateLive || p.State == mapfile.StateStalled
}

// last prints the values of a file whose producers have gone, and ends.
func (w *watcher) last(patterns []string) error {
	for info, err := range w.f.mf.Slots(patterns...) {
		if err != nil {
			w.fail(err)
			continue
		}
		if info.Stamp.Version == 0 {
			continue
		}
		if err := w.event(mapfile.Event{Kind: mapfile.EventPublished, SlotInfo: info}); err != nil {
			if errors.Is(err, errEnough) {
				return nil
			}
			return err
		}
	}
	return &exitError{exitNotLive, w.showPath(w.f.path) + ": no producer is live"}
}

// changes are the events of the file; with --interval also wake-ups for events held back, as zero
// events.
func (w *watcher) changes(ctx context.Context, patterns []string) func(yield func(mapfile.Event, error) bool) {
	watch := w.f.mf.Watch(ctx, patterns...)
	if w.flags.interval == 0 {
		return watch
	}
	type result struct {
		ev  mapfile.Event
		err error
	}
	return func(yield func(mapfile.Event, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		results := make(chan result)
		go func() {
			defer close(results)
			for ev, err := range watch {
				select {
				case results <- result{ev, err}:
				case <-ctx.Done():
					return
				}
			}
		}()
		tick := time.NewTicker(min(time.Duration(w.flags.interval), 100*time.Millisecond))
		defer tick.Stop()
		for {
			select {
			case r, more := <-results:
				if !more || !yield(r.ev, r.err) {
					return
				}
			case <-tick.C:
				if !yield(mapfile.Event{}, nil) {
					return
				}
			}
		}
	}
}

// event prints an event, or holds it back.
func (w *watcher) event(ev mapfile.Event) error {
	now := time.Now()
	switch ev.Kind {
	case 0:
		return w.release(now)
	case mapfile.EventPublished:
		s := w.slots[ev.Name]
		if s != nil && now.Sub(s.last) < time.Duration(w.flags.interval) {
			s.held = &ev
			return nil
		}
	case mapfile.EventState:
		if !w.goesOn() { // the last chance for what is held back
			if err := w.release(time.Time{}); err != nil {
				return err
			}
		}
	}
	return w.print(ev, now)
}

// goesOn says whether there is still somebody to wait for.
func (w *watcher) goesOn() bool {
	gone, err := w.producersGone()
	return w.flags.follow || err != nil || !gone
}

// release prints what --interval held back until now; all, for the zero time.
func (w *watcher) release(now time.Time) error {
	for _, name := range slices.Sorted(maps.Keys(w.slots)) {
		s := w.slots[name]
		if s.held == nil || !now.IsZero() && now.Sub(s.last) < time.Duration(w.flags.interval) {
			continue
		}
		ev := *s.held
		s.held = nil
		if err := w.print(ev, time.Now()); err != nil {
			return err
		}
	}
	return nil
}
