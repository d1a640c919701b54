package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/decode"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/record"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/mapfile"
)

// What watch prints: an event as a line or a JSON record, and how it differs from the slot's last one.

// print writes the line of an event.
func (w *watcher) print(ev mapfile.Event, now time.Time) error {
	changed := w.remember(ev, now)
	var err error
	if w.wantsJSON() {
		err = w.printRecord(ev, changed)
	} else {
		err = w.printLine(ev, changed, now)
	}
	if err != nil {
		return err
	}
	if w.printed++; w.flags.count > 0 && w.printed >= w.flags.count {
		return errEnough
	}
	if ev.Kind == mapfile.EventState && !w.goesOn() {
		return &exitError{exitNotLive, ""} // the line told it
	}
	return nil
}

// remember keeps what a slot is like and says what of it differs from before.
func (w *watcher) remember(ev mapfile.Event, now time.Time) (changed []string) {
	switch ev.Kind {
	case mapfile.EventRemoved:
		delete(w.slots, ev.Name)
	case mapfile.EventPublished:
		s := w.slots[ev.Name]
		if s == nil {
			s = &watched{typeName: ev.Type.Name, capacity: ev.Capacity, session: ev.Stamp.Session}
			w.slots[ev.Name] = s
		}
		if s.typeName != ev.Type.Name {
			changed = append(changed, "type")
		}
		if s.capacity != ev.Capacity {
			changed = append(changed, "capacity")
		}
		if s.session != ev.Stamp.Session {
			changed = append(changed, "session")
		}
		s.typeName, s.capacity, s.session, s.last = ev.Type.Name, ev.Capacity, ev.Stamp.Session, now
	}
	return changed
}

// printLine shows an event to people.
func (w *watcher) printLine(ev mapfile.Event, changed []string, now time.Time) error {
	at := now.Format("15:04:05.000")
	switch ev.Kind {
	case mapfile.EventRemoved:
		return w.out.printf("%s  %s  removed\n", at, show.Visible(ev.Name))
	case mapfile.EventState:
		state := ev.Producer.State.String()
		return w.out.printf("%s  producer %s is %s\n", at, show.Producer(ev.Producer), w.paint.text(cell{state, stateColor(state)}))
	case mapfile.EventReplaced:
		return w.out.printf("%s  the file was replaced\n", at)
	}
	line := fmt.Sprintf("%s  %-10s  v%d  %s  commit %d", at, show.Visible(ev.Name), ev.Stamp.Version, show.Size(ev.Length), ev.Stamp.Commit)
	for _, what := range changed {
		switch what {
		case "type":
			line += "  type is now " + show.Visible(ev.Type.Name)
		case "capacity":
			line += "  capacity is now " + show.Size(ev.Capacity)
		case "session":
			line += fmt.Sprintf("  session is now %d", ev.Stamp.Session)
		}
	}
	if err := w.out.printf("%s\n", line); err != nil || !w.flags.values {
		return err
	}
	r, err := readSlot(w.f.mf, ev.SlotInfo)
	if err != nil {
		w.fail(err)
		return nil
	}
	node, err := w.decode(w.f.path, r, w.flags.trustGob)
	if err != nil {
		return w.undecoded(err)
	}
	return w.out.tree(node, "  ")
}

// undecoded tells why there is no value; only a refusing codec is a failure.
func (w *watcher) undecoded(err error) error {
	var shown *decode.NotDecoded
	if errors.As(err, &shown) {
		w.note(err.Error())
	} else {
		w.fail(err)
	}
	return nil
}

// printRecord writes an event as JSON. With --values, stamp and value are of the same publish, perhaps
// a newer one than woke us.
func (w *watcher) printRecord(ev mapfile.Event, changed []string) error {
	if w.flags.values && ev.Kind == mapfile.EventPublished {
		r, err := readSlot(w.f.mf, ev.SlotInfo)
		if err != nil {
			w.fail(err)
			return nil
		}
		ev.SlotInfo = r.info
		rec := w.newRecord(ev, changed)
		node, err := w.decode(w.f.path, r, w.flags.trustGob)
		if err != nil {
			rec.Payload = r.payload
			w.undecoded(err)
		} else {
			rec.SetValue(node)
		}
		return w.records.Put(rec)
	}
	return w.records.Put(w.newRecord(ev, changed))
}

func (w *watcher) newRecord(ev mapfile.Event, changed []string) *record.Slot {
	rec := record.NewSlot("event", w.f.path, ev.SlotInfo)
	rec.Event, rec.Changed = ev.Kind.String(), changed
	return rec
}
