package main

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
)

// What ls prints: files and slots, chosen and sorted, as tables, names or JSON.

// only keeps the slots whose producer is in the state of --state.
func (flags *lsFlags) only(slots []slotStatus) []slotStatus {
	if flags.state.value == "" {
		return slots
	}
	return slices.DeleteFunc(slots, func(s slotStatus) bool {
		return s.Producer.State.String() != flags.state.value
	})
}

func sortSlots(slots []slotStatus, flags *lsFlags) {
	order := func(a, b slotStatus) int {
		byName := cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.Name, b.Name))
		switch flags.sort.value {
		case "age":
			never := func(s slotStatus) int { return boolToInt(s.Stamp.Version == 0) }
			return cmp.Or(cmp.Compare(never(a), never(b)), cmp.Compare(a.Age, b.Age), byName)
		case "rate":
			return cmp.Or(cmp.Compare(finite(b.Rate), finite(a.Rate)), byName)
		case "size":
			return cmp.Or(cmp.Compare(b.Length, a.Length), byName)
		}
		return byName
	}
	slices.SortStableFunc(slots, order)
	if flags.reverse {
		slices.Reverse(slots)
	}
}

func sortFiles(files []fileStatus, flags *lsFlags) {
	order := func(a, b fileStatus) int {
		byName := cmp.Compare(a.path, b.path)
		switch flags.sort.value {
		case "age":
			return cmp.Or(cmp.Compare(boolToInt(!a.published), boolToInt(!b.published)), cmp.Compare(a.last, b.last), byName)
		case "size":
			return cmp.Or(cmp.Compare(b.info.Size, a.info.Size), byName)
		}
		return byName
	}
	slices.SortStableFunc(files, order)
	if flags.reverse {
		slices.Reverse(files)
	}
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (t *tool) printFiles(files []fileStatus) error {
	if len(files) == 0 {
		t.note("no map files")
		return nil
	}
	tab := t.newTable("FILE", "STATE", "PRODUCER", "SLOTS", "SIZE", "LAST", "TITLE")
	for _, f := range files {
		producer := producerText(f.producer)
		if more := len(f.info.Producers) - 1; more > 0 {
			producer += fmt.Sprintf(" +%d", more)
		}
		last, state := "-", f.state.String()
		if f.published {
			last = ageText(f.last)
		}
		if f.producer.Session == 0 {
			state = "-"
		}
		tab.add(filepath.Base(f.path), state, producer, fmt.Sprint(f.info.NumSlots), sizeText(f.info.Size), last, f.info.Title)
	}
	return tab.writeTo(t.out)
}

func (t *tool) printSlots(slots []slotStatus, withFile bool) error {
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
			fmt.Sprint(s.Stamp.Version), slotAge(s.SlotInfo), rateText(s.Rate), s.Producer.State.String(), s.Title}
		if withFile {
			row = append([]string{t.showPath(s.path)}, row...)
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

func (t *tool) printNames(files []fileStatus, slots []slotStatus, nul bool) error {
	name := func(name string) error {
		if nul {
			return t.out.printf("%s\x00", name)
		}
		return t.out.printf("%s\n", visible(name))
	}
	for _, f := range files {
		if err := name(f.path); err != nil {
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

func (t *tool) printRecords(files []fileStatus, slots []slotStatus) error {
	records := t.newRecords(false)
	for i := range files {
		if err := records.put(newFileRecord(&files[i])); err != nil {
			return err
		}
	}
	for _, s := range slots {
		if err := records.put(newSlotRecord("slot", s.path, s.SlotInfo)); err != nil {
			return err
		}
	}
	return records.end()
}
