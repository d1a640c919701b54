package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// merge --follow: the sum kept live.

// follow keeps the sum until it is told to end.
func (m *merger) follow() (err error) {
	defer func() {
		if m.made != nil {
			err = cmp.Or(err, m.made.Close())
		}
	}()
	resume := m.clock.pause() // --timeout counts from the first sum on
	defer func() { resume() }()
	for first := true; ; first = false {
		troubles := m.look()
		if i := slices.IndexFunc(troubles, func(err error) bool { return errors.Is(err, mapfile.ErrName) }); i >= 0 {
			return troubles[i] // a bad pattern
		}
		if first {
			if m.made, err = m.openOut(); err != nil {
				return err
			}
		}
		if err := m.made.SnapshotInto(&m.none, "*/no such slot"); err != nil {
			return err // somebody has replaced or removed the file
		}
		m.tellTroubles(troubles)
		if m.ctx.Err() == nil {
			names := m.sums()
			m.tellLeftOut(names)
			if err := m.publish(names); err != nil {
				return err
			}
			m.tellSlots(names)
		}
		if first && m.ctx.Err() == nil {
			if err := m.removeLeftovers(); err != nil {
				return err
			}
			if err := m.report(); err != nil {
				return err
			}
			resume()
			resume = func() {}
		}
		if !m.sleep(time.Duration(m.flags.every)) {
			if errors.Is(m.cause(m.ctx.Err()), errGaveUp) {
				return nil // --timeout: as long as that
			}
			return m.ctx.Err()
		}
	}
}

// openOut opens --out for --follow: a new file, or one that an earlier merge has left.
func (m *merger) openOut() (*mapfile.MapFile, error) {
	path, title := m.flags.out, mapfile.WithTitle(sumTitle)
	if m.flags.force {
		return mapfile.Recreate(path, title)
	}
	old, err := mapfile.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return mapfile.OpenOrCreate(path, title)
	}
	if err != nil {
		return nil, err
	}
	info, err := old.Stat()
	old.Close()
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(info.Producers, canPublish); i >= 0 {
		return nil, fmt.Errorf("%s: has a live producer, %v; --force replaces it", m.showPath(path), info.Producers[i])
	}
	if info.Title != sumTitle {
		return nil, fmt.Errorf("%s: was not made by merge; --force replaces it", m.showPath(path))
	}
	return mapfile.OpenOrCreate(path, title)
}

// removeLeftovers removes what an earlier merge left that no file has any more.
func (m *merger) removeLeftovers() error {
	for info, err := range m.made.Slots() {
		if err != nil {
			if concernsSlot(err) {
				continue
			}
			return err
		}
		if s := m.slots[info.Name]; s == nil || s.leftOut != "" {
			if err := m.made.Remove(info.Name); err != nil && !isNoSlot(err) {
				return err
			}
		}
	}
	return nil
}

// tellTroubles tells each trouble with files once, as long as it lasts.
func (m *merger) tellTroubles(troubles []error) {
	lasting := map[string]bool{}
	for _, err := range troubles {
		if errors.Is(err, mapfile.ErrBusy) || m.ctx.Err() != nil {
			continue // next time
		}
		text := "trouble " + m.describe(err)
		lasting[text] = true
		if !m.told[text] {
			m.note(m.describe(err))
		}
	}
	for text := range m.told {
		if strings.HasPrefix(text, "trouble ") && !lasting[text] {
			delete(m.told, text)
		}
	}
	maps.Copy(m.told, lasting)
}

// tellSlots tells which slots keep their last sum, and why, once.
func (m *merger) tellSlots(names []string) {
	for _, name := range names {
		s := m.slots[name]
		if s == nil {
			continue
		}
		if s.trouble == nil || isRefused(s.trouble) || m.told[s.trouble.Error()] {
			continue
		}
		m.told[s.trouble.Error()] = true
		m.note(s.trouble.Error() + "; it keeps its last sum")
	}
}
