package mapfile_test

import (
	"maps"
	"slices"
	"strings"

	"github.com/gomapfile/mapfile/mapfile"
)

// This file is the model of TestHistoriesAreWhatTheModelSays: what is in a file, and what each order
// does to it, in the plainest way.

// world is what is in the file at the path, and who has sessions.
type world struct {
	slots    map[string]worldSlot
	sessions []worldSession // also those of files that were replaced
	next     uint64         // the number of the next session in the file at the path
	commit   uint64         // the highest in it
	file     int            // which file it is: how many there were before it
	broken   bool           // somebody died in it, at work, and nobody has repaired it yet
}

// worldSession is a producer's handle.
type worldSession struct {
	number, commit uint64
	file           int
	state          mapfile.State // live, dead or closed
	bound          map[string]worldValue
}

type worldValue struct {
	kind string
	v    someValue
}

type worldSlot struct {
	session  int    // index of its owner
	kind     string // of the last Add
	title    string
	has      bool // a value has been published
	value    worldValue
	stamp    mapfile.Stamp // its version is what a reader sees first; see seen
	seen     bool          // the version is known
	moreThan uint64        // and is more than that
}

func newWorld() *world { return &world{slots: map[string]worldSlot{}, next: 1} }

func (w *world) clone() *world {
	c := *w
	c.slots = maps.Clone(w.slots)
	c.sessions = slices.Clone(w.sessions)
	for i := range c.sessions {
		c.sessions[i].bound = maps.Clone(c.sessions[i].bound)
	}
	return &c
}

// apply does to the world what an order of session i does, and returns the sentinels of which the order
// may end with one; none: it must go well. An order that ends in an error changes nothing.
func (w *world) apply(i int, o order) (refusals []string) {
	var s *worldSession
	if i >= 0 {
		s = &w.sessions[i]
		for name, v := range o.Values {
			if b, ok := s.bound[name]; ok {
				s.bound[name] = worldValue{b.kind, v}
			}
		}
	}
	switch {
	case o.Do == "open" || o.Do == "recreate":
		w.begin(o.Do == "recreate")
		return nil
	case o.Do == "kill" || o.Do == "close":
		if s != nil && s.state == mapfile.StateLive {
			s.state = map[string]mapfile.State{"kill": mapfile.StateDead, "close": mapfile.StateClosed}[o.Do]
		}
		return nil
	case s == nil || s.state != mapfile.StateLive:
		return []string{"ErrClosed"}
	}
	replaced := s.file != w.file
	switch o.Do {
	case "add":
		return w.add(i, o, replaced)
	case "update":
		names := o.Names
		if len(names) == 0 {
			names = slices.Collect(maps.Keys(s.bound))
		}
		return w.update(i, names, true, replaced)
	case "update slots":
		return w.update(i, o.Names, true, replaced)
	case "update slot":
		return w.update(i, o.Names, false, replaced)
	case "update removed":
		return []string{"ErrNoSlot"}
	case "remove":
		return w.remove(i, o.Names[0], replaced)
	case "remove all":
		if len(s.bound) == 0 {
			return nil
		}
		if replaced {
			return []string{"ErrSuperseded"}
		}
		for name := range s.bound {
			delete(w.slots, name)
		}
		clear(s.bound)
		return nil
	case "sync":
		return nil
	case "add no pointer":
		return []string{"ErrType"}
	}
	panic("no such order: " + o.Do)
}

func (w *world) begin(recreate bool) {
	if recreate {
		w.slots, w.next, w.commit = map[string]worldSlot{}, 1, 0
		w.file++
	}
	w.broken = false // who takes the structure lock repairs what it finds
	w.sessions = append(w.sessions, worldSession{
		number: w.next, commit: w.commit, file: w.file, state: mapfile.StateLive, bound: map[string]worldValue{},
	})
	w.next++
}

// live tells whether a slot has an owner who would mind.
func (w *world) live(slot worldSlot) bool {
	return w.sessions[slot.session].state == mapfile.StateLive
}

func badName(name string) bool {
	return name == "" || name == "." || len(name) > 255 || strings.Contains(name, "..") || strings.HasPrefix(name, "/")
}

func (w *world) add(i int, o order, replaced bool) []string {
	s, name := &w.sessions[i], o.Names[0]
	slot, there := w.slots[name]
	switch _, mine := s.bound[name]; {
	case badName(name):
		return []string{"ErrName"}
	case mine:
		return []string{"ErrSlotExists"}
	case replaced:
		return []string{"ErrSuperseded"}
	case there && w.live(slot):
		return []string{"ErrOwned"}
	}
	if slot.session, slot.kind = i, o.Kind; !there || o.Title != "" {
		slot.title = o.Title
	}
	w.slots[name] = slot
	s.bound[name] = worldValue{o.Kind, o.Values[name]}
	return nil
}

func (w *world) update(i int, names []string, commit, replaced bool) []string {
	s := &w.sessions[i]
	var refusals []string
	for _, name := range names {
		if b, ok := s.bound[name]; !ok {
			return []string{"ErrNoSlot"}
		} else if b.kind == "picky" && b.v.N < 0 {
			refusals = []string{"ErrEncode"}
		}
	}
	if replaced && len(names) > 0 {
		refusals = append(refusals, "ErrSuperseded")
	}
	if len(refusals) > 0 || len(names) == 0 {
		return refusals
	}
	if commit {
		s.commit++
		w.commit = max(w.commit, s.commit)
	}
	for _, name := range names {
		slot := w.slots[name]
		slot.moreThan = max(slot.moreThan, slot.stamp.Version)
		slot.has, slot.value, slot.seen = true, s.bound[name], false
		slot.stamp = mapfile.Stamp{Commit: s.commit, Session: s.number}
		w.slots[name] = slot
	}
	return nil
}

func (w *world) remove(i int, name string, replaced bool) []string {
	s := &w.sessions[i]
	slot, there := w.slots[name]
	switch _, mine := s.bound[name]; {
	case badName(name):
		return []string{"ErrName"}
	case replaced:
		return []string{"ErrSuperseded"}
	case !there:
		return []string{"ErrNoSlot"}
	case !mine && w.live(slot):
		return []string{"ErrOwned"}
	}
	delete(w.slots, name)
	delete(s.bound, name)
	return nil
}
