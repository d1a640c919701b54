package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// What a successor does after a death, in the steps of mendStates: it takes all slots over, which is the
// recovery, and then uses what it has: it publishes all in one commit, in which one of them grows,
// removes one, adds one and publishes that.

const added = "zz-mended" // the last by name: another successor removes it first

// mendNumber is what the successor of a state publishes: higher than anything in it.
func mendNumber(left state) uint64 {
	highest := uint64(10)
	for _, number := range left {
		highest = max(highest, number)
	}
	return highest + 1
}

// firstOf is the slot that grows, lastOf the one that is removed; "": there is none.
func firstOf(s state) string {
	if len(s) == 0 {
		return ""
	}
	return slices.Min(slices.Collect(maps.Keys(s)))
}

func lastOf(s state) string {
	if len(s) == 0 {
		return ""
	}
	return slices.Max(slices.Collect(maps.Keys(s)))
}

// mendStates are what readers see of a recovery.
func mendStates(left state) []state {
	number := mendNumber(left)
	states := []state{left}
	all := state{}
	for name := range left {
		all[name] = number
	}
	if last := lastOf(left); last != "" {
		states = append(states, all)
		all = all.without(last)
	}
	if left == nil || len(left) > 0 {
		states = append(states, all)
	}
	return append(states, all.with(added, 0), all.with(added, number+1))
}

// mend is the successor. It calls recovered when it has everything.
func mend(path string, left state, recovered func()) (err error) {
	mf, err := mapfile.OpenOrCreate(path, mapfile.WithHeartbeat(time.Hour))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, mf.Close()) }()
	number := mendNumber(left)
	versions := map[string]uint64{}
	var slots []*mapfile.Slot
	for _, name := range slices.Sorted(maps.Keys(left)) {
		size := 100
		if name == firstOf(left) {
			size = 20000
		}
		slot, err := mf.Add(name, numbered(name, size, number))
		if err != nil {
			return err
		}
		if now, err := numberOf(mf, name); err != nil || now != left[name] {
			return fmt.Errorf("slot %s taken over: number %d instead of %d (%v)", name, now, left[name], err)
		}
		versions[name] = slot.Version()
		slots = append(slots, slot)
	}
	if err := checkRepaired(mf); err != nil {
		return err
	}
	recovered()
	if err := mf.UpdateSlots(slots...); err != nil {
		return err
	}
	for _, slot := range slots {
		if slot.Version() <= versions[slot.Name()] {
			return fmt.Errorf("slot %s: version %d after %d", slot.Name(), slot.Version(), versions[slot.Name()])
		}
	}
	if last := lastOf(left); last != "" {
		if err := mf.Remove(last); err != nil {
			return err
		}
	}
	slot, err := mf.Add(added, numbered(added, 100, number+1))
	if err != nil {
		return err
	}
	return slot.Update()
}

// checkRepaired: nothing is left of what the dead began: no mark, and no complete buffer above the
// published version, which a snapshot could take for an older value once its number is used again.
func checkRepaired(mf *mapfile.MapFile) error {
	published := map[string]uint64{}
	for field, err := range mf.Layout() {
		if err != nil {
			return err
		}
		if field.Name == "publish word" && strings.Contains(field.Value, "pending") {
			return fmt.Errorf("slot %s taken over has a mark: %s", field.Slot, field.Value)
		}
	}
	for info, err := range mf.Slots() {
		if err != nil {
			return err
		}
		published[info.Name] = info.Stamp.Version
	}
	for field := range mf.Layout() {
		var sequence uint64
		if field.Name != "sequence" || field.Slot == "" {
			continue
		}
		if _, err := fmt.Sscan(field.Value, &sequence); err != nil {
			return fmt.Errorf("sequence %q", field.Value)
		}
		if sequence%2 == 0 && sequence/2 > published[field.Slot] {
			return fmt.Errorf("slot %s taken over has version %d and a complete buffer of version %d", field.Slot, published[field.Slot], sequence/2)
		}
	}
	return nil
}

// checkMended: all steps of the recovery are done, by the reader that was there, too; and no space is
// lost.
func (f *failpoints) checkMended(r *run, where string, left state) {
	states := mendStates(left)
	if index := f.check(r, where+"; recovered", states[len(states)-1:]); index < 0 {
		return
	}
	lost, err := lostSpace(r.path)
	if err != nil {
		f.Wrong("unreadable", "%s; recovered: %v", where, err)
	} else if lost != 0 {
		f.Wrong("space lost", "%s; recovered: %d bytes", where, lost)
	}
	f.Add("recovered", 1)
}

// checkNotMended is for the control: what a death leaves for a successor to mend.
func (f *failpoints) checkNotMended(r *run, where string) {
	mf, err := mapfile.Open(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil {
		defer mf.Close()
		err = checkRepaired(mf)
	}
	if err != nil {
		f.Wrong("not repaired", "%s: %v", where, err)
	}
	if lost, err := lostSpace(r.path); err != nil || lost != 0 {
		f.Wrong("space lost", "%s: %d bytes (%v)", where, lost, err)
	}
}

// lostSpace is what the file counts as used and nothing can be reached in.
func lostSpace(path string) (int64, error) {
	mf, err := mapfile.Open(path)
	if err != nil {
		return 0, err
	}
	defer mf.Close()
	info, err := mf.Stat()
	if err != nil {
		return 0, err
	}
	holes := int64(0)
	for field, err := range mf.Layout() {
		if err != nil {
			return 0, err
		}
		if field.Free && field.Name == "free" {
			holes += field.Length
		}
	}
	return info.Used - (info.Size - holes), nil
}
