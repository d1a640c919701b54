package main

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/listing"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/record"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
)

// What ls prints: files and slots, chosen and sorted, as tables, names or JSON.

// only keeps the slots whose producer is in the state of --state.
func (flags *lsFlags) only(slots []listing.Slot) []listing.Slot {
	if flags.state.value == "" {
		return slots
	}
	return slices.DeleteFunc(slots, func(s listing.Slot) bool {
		return s.Producer.State.String() != flags.state.value
	})
}

func (t *tool) printFiles(files []listing.File) error {
	if len(files) == 0 {
		t.note("no map files")
		return nil
	}
	tab := t.newTable("FILE", "STATE", "PRODUCER", "SLOTS", "SIZE", "LAST", "TITLE")
	for _, f := range files {
		producer := show.Producer(f.Producer)
		if more := len(f.Info.Producers) - 1; more > 0 {
			producer += fmt.Sprintf(" +%d", more)
		}
		last, state := "-", f.State.String()
		if f.Published {
			last = show.Age(f.Last)
		}
		if f.Producer.Session == 0 {
			state = "-"
		}
		tab.add(filepath.Base(f.Path), state, producer, fmt.Sprint(f.Info.NumSlots), show.Size(f.Info.Size), last, f.Info.Title)
	}
	return tab.writeTo(t.out)
}

func (t *tool) printSlots(slots []listing.Slot, withFile bool) error {
	if len(slots) == 0 {
		return t.nothing()
	}
	titles := []string{"NAME", "TYPE", "CODEC", "LEN/CAP", "VERSION", "AGE", "RATE", "STATE", "TITLE"}
	if withFile {
		titles = append([]string{"FILE"}, titles...)
	}
	tab := t.newTable(titles...)
	for _, s := range slots {
		row := []string{s.Name, s.Type.Name, s.Type.Codec, fmt.Sprintf("%d/%d", s.Length, s.Capacity),
			fmt.Sprint(s.Stamp.Version), show.SlotAge(s.SlotInfo), show.Rate(s.Rate), s.Producer.State.String(), s.Title}
		if withFile {
			row = append([]string{t.showPath(s.Path)}, row...)
		}
		tab.add(row...)
	}
	return tab.writeTo(t.out)
}

// nothing tells that there is no slot to show. If some were asked for, that is exit code 3.
func (t *tool) nothing() error {
	if t.code != exitOK {
		return nil // the reason was told
	}
	t.note("no slots")
	return nil
}

func (t *tool) printNames(files []listing.File, slots []listing.Slot, nul bool) error {
	name := func(name string) error {
		if nul {
			return t.out.printf("%s\x00", name)
		}
		return t.out.printf("%s\n", show.Visible(name))
	}
	for _, f := range files {
		if err := name(f.Path); err != nil {
			return err
		}
	}
	for _, s := range slots {
		if err := name(s.Name); err != nil {
			return err
		}
	}
	return nil
}

func (t *tool) printRecords(files []listing.File, slots []listing.Slot) error {
	records := t.newRecords(false)
	for i := range files {
		if err := records.Put(record.NewFile(&files[i])); err != nil {
			return err
		}
	}
	for _, s := range slots {
		if err := records.Put(record.NewSlot("slot", s.Path, s.SlotInfo)); err != nil {
			return err
		}
	}
	return records.End()
}
