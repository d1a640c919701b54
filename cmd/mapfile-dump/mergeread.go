package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/decode"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/listing"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/summing"
	"github.com/gomapfile/mapfile/mapfile"
)

// What merge reads: the inputs as they are now, and which of their slots have changed.

// lookPatiently looks once; with --wait until all files are there, and a slot.
func (m *merger) lookPatiently() (troubles []error, err error) {
	resume := func() {}
	if m.tool.flags.wait > 0 {
		resume = m.clock.pause()
	}
	defer func() { resume(); m.clock.progress() }()
	for start := time.Now(); ; {
		troubles = m.look()
		if m.ctx.Err() != nil {
			return nil, m.ctx.Err()
		}
		absent := len(m.slots) == 0 || slices.ContainsFunc(troubles, func(err error) bool { return errors.Is(err, fs.ErrNotExist) || isNoSlot(err) })
		if !absent || time.Since(start) >= time.Duration(m.tool.flags.wait) {
			return troubles, nil
		}
		if !m.sleep(retryPause) {
			return nil, m.ctx.Err()
		}
	}
}

// mostTroubles bounds the lines about slots that cannot be added.
const mostTroubles = 20

func (m *merger) failBounded(troubles []error) {
	for i, err := range troubles {
		if i < mostTroubles {
			m.fail(err)
		} else {
			m.keepCode(m.cause(err))
		}
	}
	if more := len(troubles) - mostTroubles; more > 0 {
		m.note(fmt.Sprintf("… %d more", more))
	}
}

// look reads what has changed in the inputs since the last look. The troubles are those with files and with
// slots that cannot be read; what such a file or slot brought before stays.
func (m *merger) look() (troubles []error) {
	picture := m.set.Look()
	unsure := map[string]bool{} // files, and slots of files as path, NUL, name
	for _, err := range picture.Faults {
		var e *mapfile.Error
		if errors.As(err, &e) {
			if m.isOut(e.Path) {
				continue
			}
			if e.Slot != "" {
				unsure[e.Path+"\x00"+e.Slot] = true
			} else if !errors.Is(err, fs.ErrNotExist) {
				unsure[e.Path] = true
			}
		}
		troubles = append(troubles, err)
	}
	present := map[string]bool{}
	matched := map[string]bool{} // patterns that match something
	var stats []os.FileInfo
	m.files = nil
	for _, f := range picture.Files {
		m.progress()
		if m.ctx.Err() != nil {
			return append(troubles, m.ctx.Err())
		}
		if m.isOut(f.Path) {
			continue
		}
		stat, err := os.Stat(f.Path)
		if errors.Is(err, fs.ErrNotExist) { // it is still open, but there no more
			troubles = append(troubles, gone(f.Path))
			continue
		}
		if err == nil {
			if slices.ContainsFunc(stats, func(other os.FileInfo) bool { return os.SameFile(stat, other) }) {
				continue // by another name
			}
			stats = append(stats, stat)
		}
		mf, ok := m.set.File(f.Label)
		if !ok {
			continue
		}
		m.files = append(m.files, f.Path)
		present[f.Path] = true
		troubles = append(troubles, m.readFile(mf, &f, unsure, matched)...)
	}
	for path := range m.parts {
		switch {
		case present[path]:
		case unsure[path]:
			m.files = append(m.files, path)
		default:
			troubles = append(troubles, gone(path))
			m.forget(path)
		}
	}
	slices.SortFunc(m.files, func(a, b string) int {
		return cmp.Or(cmp.Compare(m.rank[listing.Absolute(a)], m.rank[listing.Absolute(b)]), cmp.Compare(a, b))
	})
	for _, pattern := range m.tool.flags.match {
		if !matched[pattern] && len(present) > 0 {
			troubles = append(troubles, &exitError{exitNoSlot, "no slot matches " + show.Quote(pattern)})
		}
	}
	return troubles
}

// progress starts the clock of --timeout anew; with --follow that is for the whole time.
func (m *merger) progress() {
	if !m.flags.follow {
		m.clock.progress()
	}
}

// gone is the trouble with a file that was there.
func gone(path string) error { return &mapfile.Error{Op: "merge", Path: path, Err: fs.ErrNotExist} }

// forget takes away a file's parts.
func (m *merger) forget(path string) {
	if f := m.parts[path]; f != nil {
		for name := range f.slots {
			m.changed(name)
		}
		delete(m.parts, path)
	}
}

// readFile reads the slots of one input that have changed, as of one commit.
func (m *merger) readFile(mf *mapfile.MapFile, f *listing.LabelledFile, unsure, matched map[string]bool) (troubles []error) {
	known := m.parts[f.Path]
	if known == nil {
		known = &mergeFile{slots: map[string]*mergePart{}}
		m.parts[f.Path] = known
	}
	chosen, err := m.chosen(mf, matched)
	if err != nil {
		return []error{err}
	}
	wanted := map[string]mapfile.SlotInfo{}
	news := false
	for _, s := range f.Slots {
		dropped := m.flags.dropDead && s.Producer.State == mapfile.StateDead
		if s.Stamp.Version == 0 || dropped || chosen != nil && !chosen[s.Name] {
			continue
		}
		wanted[s.Name] = s.SlotInfo
		if p := known.slots[s.Name]; p == nil || p.id != f.Info.ID || p.stamp != s.Stamp {
			news = true
		}
	}
	for name := range known.slots {
		if _, ok := wanted[name]; !ok && !unsure[f.Path+"\x00"+name] {
			delete(known.slots, name)
			m.changed(name)
		}
	}
	if !news {
		return m.unread(known)
	}
	if err := mf.SnapshotInto(&known.snapshot); err != nil {
		return append(m.unread(known), err)
	}
	for info := range known.snapshot.Slots() {
		p := known.slots[info.Name]
		if _, ok := wanted[info.Name]; !ok || p != nil && p.id == f.Info.ID && p.stamp == info.Stamp {
			continue
		}
		r, err := readSlot(&known.snapshot, info)
		switch {
		case errors.Is(err, mapfile.ErrNotPublished):
			continue
		case err != nil:
			troubles = append(troubles, err)
			continue
		}
		p = &mergePart{id: f.Info.ID, stamp: r.info.Stamp, title: r.info.Title}
		if p.part, err = summing.Read(r.info.Type, r.payload); err != nil {
			p.err = decode.Refused(f.Path, info.Name, err)
		}
		known.slots[info.Name] = p
		m.changed(info.Name)
	}
	return append(troubles, m.unread(known)...)
}

// unread are the errors of parts that could not be decoded.
func (m *merger) unread(f *mergeFile) (errs []error) {
	for _, p := range f.slots {
		if p.err != nil {
			errs = append(errs, p.err)
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	return errs
}

// isRefused says whether a slot's trouble is a part that could not be decoded: one of those of look.
func isRefused(err error) bool { return errors.Is(err, mapfile.ErrDecode) }

// chosen are the names that --match chooses in a file; nil: all.
func (m *merger) chosen(mf *mapfile.MapFile, matched map[string]bool) (map[string]bool, error) {
	if len(m.tool.flags.match) == 0 {
		return nil, nil
	}
	chosen := map[string]bool{}
	for _, pattern := range m.tool.flags.match {
		for info, err := range mf.Slots(pattern) {
			switch {
			case isNoSlot(err):
			case err == nil, concernsSlot(err):
				chosen[info.Name], matched[pattern] = true, true
			default:
				matched[pattern] = true // nobody knows
				return nil, err
			}
		}
	}
	return chosen, nil
}
