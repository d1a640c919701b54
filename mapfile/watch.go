package mapfile

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/mapfile/internal/shm"
)

// This chapter is Watch: what is new, as it comes.

// Watch yields an Event for each matching slot that has a value now, then one for each change, newest
// only: a slow body skips versions, nothing queues. An error with a slot's name concerns that slot and
// the loop goes on; one without (ErrClosed, ErrSuperseded, the context's, ErrName) is the last thing
// that the loop yields.
func (mf *MapFile) Watch(ctx context.Context, list ...string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		p, err := parsePatterns(list)
		if err == nil {
			err = ctx.Err()
		}
		for replaced := false; err == nil; {
			var f *file
			if f, err = mf.reader(); err != nil {
				break
			}
			w := &watch{mf: mf, f: f, patterns: p, slots: map[uint32]*watched{}, states: map[uint64]State{},
				producers: newProducerCache(f, producerTTL), yield: yield}
			if replaced && !yield(Event{Kind: EventReplaced}, nil) {
				return
			}
			if err = w.run(ctx); err == errStopped {
				return
			}
			replaced = mf.file.Load() != f
			if (errors.Is(err, ErrClosed) || errors.Is(err, ErrSuperseded)) && replaced && !mf.closed.Load() {
				err = nil // a Recreate, and this handle follows: on to the new file
			}
		}
		yield(Event{}, fail("watch", mf.Path(), "", err))
	}
}

var errStopped = errors.New("the body has ended the loop")

// watch is one loop over one file.
type watch struct {
	mf        *MapFile
	f         *file
	patterns  *patterns
	yield     func(Event, error) bool
	changes   uint64              // of the directory, when slots was made
	slots     map[uint32]*watched // by entry
	order     []*watched
	states    map[uint64]State // of producers, by session
	producers *producerCache
	checked   time.Time // when path and states were last looked at
}

// watched is a slot as the loop last saw it.
type watched struct {
	cursor      *cursor
	name, title string
	version     uint64 // last yielded
	seen        bool   // in the directory, at the last look
}

// run looks whenever the waiter says so, until the loop ends with an error.
func (w *watch) run(ctx context.Context) error {
	news, unsubscribe := w.f.subscribe()
	defer unsubscribe()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-news:
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := w.mf.reader(); err != nil {
			return err
		}
		if err := w.look(); err != nil {
			return err
		}
	}
}

// look yields what is new.
func (w *watch) look() error {
	if err := w.checkFile(); err != nil {
		return err
	}
	var events []pendingEvent
	if err := w.f.guard(func() error { return w.lookAtDirectory(&events) }); err != nil {
		return err
	}
	if err := w.f.guard(func() error { return w.lookAtSlots(&events) }); err != nil {
		return err
	}
	for i := range events {
		e := &events[i]
		e.event.More = i+1 < len(events)
		if !w.yield(e.event, e.err) {
			return errStopped
		}
		if w.mf.closed.Load() {
			return ErrClosed
		}
	}
	return nil
}

type pendingEvent struct {
	event Event
	err   error
}

// checkFile looks from time to time whether the path still names the file, and always at its mark.
func (w *watch) checkFile() error {
	if w.f.closed.Load() {
		return ErrClosed
	}
	err := w.f.guard(w.f.superseded)
	if err == nil && time.Since(w.checked) >= recheck {
		err = w.f.identity()
	}
	if !errors.Is(err, ErrSuperseded) || !w.mf.config.follow {
		return err
	}
	if w.mf.follow(w.f) {
		return err // there is a new file
	}
	return nil // not yet: the old one goes on being watched, and the next look comes soon
}

// lookAtDirectory finds slots that have come or gone, if the directory has changed.
func (w *watch) lookAtDirectory(events *[]pendingEvent) error {
	changes := w.f.view().Load(layout.ChangesOff)
	if changes == w.changes && changes&1 == 0 && w.order != nil {
		return nil
	}
	for _, s := range w.slots {
		s.seen = false
	}
	var l label
	for i := range w.f.numEntries() {
		ref, ext, ok := w.f.readEntry(i, &l)
		old := w.slots[i]
		if !ok && !ext.None() { // in the middle of a change: what was there before is not gone
			if old != nil {
				old.seen = true
			}
			changes |= 1 // look again
			continue
		}
		if !ok || !w.patterns.match(string(l.name)) {
			continue
		}
		if old != nil && old.cursor.ref == ref {
			old.seen, old.title = true, string(l.title)
			continue
		}
		if old != nil { // another slot has moved into the entry
			w.removed(old, events)
		}
		w.slots[i] = &watched{cursor: w.f.newCursor(ref, ext), name: string(l.name), title: string(l.title), seen: true}
	}
	for i, s := range w.slots {
		if !s.seen {
			w.removed(s, events)
			delete(w.slots, i)
		}
	}
	w.order = w.order[:0]
	for _, s := range w.slots {
		w.order = append(w.order, s)
	}
	slices.SortFunc(w.order, func(a, b *watched) int { return int(int64(a.cursor.ref.index) - int64(b.cursor.ref.index)) })
	if w.order == nil {
		w.order = []*watched{}
	}
	w.changes = changes
	return nil
}

func (w *watch) removed(s *watched, events *[]pendingEvent) {
	if s.version > 0 {
		*events = append(*events, pendingEvent{event: Event{Kind: EventRemoved, SlotInfo: SlotInfo{Name: s.name, Title: s.title, Stamp: Stamp{Version: s.version}}}})
	}
}

// lookAtSlots finds new versions, and from time to time new states of the producers.
func (w *watch) lookAtSlots(events *[]pendingEvent) error {
	if len(w.order) > 0 || time.Since(w.checked) >= recheck {
		defer w.lookAtProducers(events)
	}
	for _, s := range w.order {
		// With a mark the pending version may be the value already: its producer may have died between
		// the commit point and the publish word.
		pub := layout.PublishWord(shm.Load(s.cursor.pub))
		version := pub.Version()
		if (version == s.version || version == 0) && !pub.Marked() {
			continue
		}
		info := SlotInfo{Name: s.name, Title: s.title}
		err := s.cursor.describe(&info, w.producers)
		switch {
		case errors.Is(err, ErrNoSlot): // the next look at the directory will say so
			w.changes |= 1
			continue
		case errors.Is(err, ErrClosed), errors.Is(err, ErrSuperseded):
			return err
		}
		if info.Stamp.Version == s.version && err == nil || version == s.version && err != nil {
			continue // a commit that is not decided, or an error that was told
		}
		if s.version = info.Stamp.Version; err != nil {
			s.version = version // say it once
		}
		*events = append(*events, pendingEvent{Event{Kind: EventPublished, SlotInfo: info}, fail("watch", w.f.path, s.name, err)})
	}
	return nil
}

// lookAtProducers finds sessions whose state has changed: the dead ring no bell.
func (w *watch) lookAtProducers(events *[]pendingEvent) {
	if time.Since(w.checked) < recheck {
		return
	}
	w.checked = time.Now()
	owners := map[layout.OwnerWord]bool{}
	v := w.f.view()
	for _, s := range w.order {
		owners[layout.OwnerWord(v.Load(s.cursor.ref.off+layout.EntryOwnerOff))] = true
	}
	states := make(map[uint64]State, len(owners)) // those of now only: owner words may say anything
	for owner := range owners {
		state := w.f.ownerState(v, owner)
		old, known := w.states[owner.Number()]
		states[owner.Number()] = state
		if known && old != state {
			*events = append(*events, pendingEvent{event: Event{Kind: EventState, SlotInfo: SlotInfo{Producer: w.f.producer(v, owner, state)}}})
		}
	}
	w.states = states
}
