package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/summing"
	"github.com/gomapfile/mapfile/mapfile"
)

// The sums of merge, and how they come into its file.

// changed notes that a slot has to be summed anew.
func (m *merger) changed(name string) {
	if m.slots[name] == nil {
		m.slots[name] = &mergeSlot{}
	}
	m.slots[name].changed = true
}

// sums adds up the slots that have changed, and returns their names.
func (m *merger) sums() (names []string) {
	for name, s := range m.slots {
		if s.changed {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		m.progress()
		s := m.slots[name]
		s.changed, s.leftOut, s.trouble = false, "", nil
		var shares []summing.Share
		addable := false
		title := ""
		for _, path := range m.files {
			p := m.parts[path].slots[name]
			if p == nil {
				continue
			}
			if p.err != nil {
				s.trouble = p.err
				continue
			}
			addable = addable || p.part.Addable()
			title = cmp.Or(title, p.title)
			shares = append(shares, summing.Share{From: m.showPath(path), Part: p.part})
		}
		switch {
		case s.trouble != nil || len(shares) == 0:
			continue
		case !addable:
			s.leftOut = shares[0].What
			continue
		}
		ty, payload, err := summing.Sum(shares)
		if err != nil {
			s.trouble = &exitError{exitIO, name + ": " + err.Error()}
			continue
		}
		s.title, s.sum.Payload = title, payload
		if s.sum.Type.Name != ty.Name {
			s.sum.Type = ty
		}
	}
	return names
}

// summed is the number of sums.
func (m *merger) summed() (n int) {
	for _, s := range m.slots {
		if s.sum.Type.Name != "" {
			n++
		}
	}
	return n
}

// tellLeftOut names slots that cannot be added.
func (m *merger) tellLeftOut(names []string) {
	var list []string
	for _, name := range names {
		if what := m.slots[name].leftOut; what != "" && !m.told["left out "+name] {
			m.told["left out "+name] = true
			list = append(list, name+": "+what)
		}
	}
	if more := len(list) - mostTroubles; more > 0 {
		list = append(list[:mostTroubles], fmt.Sprintf("… %d more", more))
	}
	if len(list) > 0 {
		m.note("left out, neither histograms nor counters: " + strings.Join(list, ", "))
	}
}

// sumTitle is the title of the files that merge makes, by which it knows them again.
const sumTitle = "sum by mapfile-dump merge"

// write makes --out with all sums in one commit. If that fails, it leaves no file behind.
func (m *merger) write(names []string) error {
	size := int64(0) // at once, so that a full disk is found before anything is replaced
	for _, s := range m.slots {
		size += 2*int64(len(s.sum.Payload)) + 2048
	}
	create := mapfile.Create
	if m.flags.force {
		create = mapfile.Recreate
	}
	out, err := create(m.flags.out, mapfile.WithSize(size), mapfile.WithBuffers(2), mapfile.WithTitle(sumTitle))
	if errors.Is(err, fs.ErrExist) {
		return mayReplace(m.flags.out, false)
	}
	if err != nil {
		return err
	}
	m.made = out
	err = m.publish(names)
	if err = cmp.Or(err, out.Close()); err != nil {
		mapfile.RemoveDead(m.flags.out)
	}
	return err
}

// publish publishes the sums of these slots in one commit. Slots that no file has any more are removed.
func (m *merger) publish(names []string) error {
	var list []*mapfile.Slot
	for _, name := range names {
		s := m.slots[name]
		if !m.hasParts(name) {
			delete(m.slots, name)
			if s.slot != nil {
				if err := m.made.Remove(name); err != nil {
					return err
				}
			}
			continue
		}
		if s.trouble != nil || s.leftOut != "" {
			continue
		}
		if err := m.add(name, s); err != nil {
			return err
		}
		list = append(list, s.slot)
	}
	if len(list) == 0 {
		return nil
	}
	return m.made.UpdateSlots(list...)
}

func (m *merger) hasParts(name string) bool {
	for _, f := range m.parts {
		if f.slots[name] != nil {
			return true
		}
	}
	return false
}

// add makes the slot in --out, anew if it is of another type by now.
func (m *merger) add(name string, s *mergeSlot) error {
	if s.slot != nil {
		if s.added == s.sum.Type.Name {
			return nil
		}
		if err := m.made.Remove(name); err != nil {
			return err
		}
	}
	var err error
	s.added = s.sum.Type.Name
	s.slot, err = m.made.Add(name, &s.sum, mapfile.WithTitle(s.title), mapfile.WithCapacity(len(s.sum.Payload)))
	return err
}
