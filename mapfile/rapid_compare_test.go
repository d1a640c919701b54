package mapfile_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/gomapfile/mapfile/mapfile"
)

// This file compares what readers see with the model of TestHistoriesAreWhatTheModelSays.

// modelReader is a reader with a SlotReader for each name.
type modelReader struct {
	what    string
	mf      *mapfile.MapFile
	file    int // on which it was opened; -1: it follows
	readers map[string]*mapfile.SlotReader
}

func newModelReader(what string, mf *mapfile.MapFile, file int) *modelReader {
	r := &modelReader{what: what, mf: mf, file: file, readers: map[string]*mapfile.SlotReader{}}
	for _, name := range modelNames {
		r.readers[name] = mf.Reader(name)
	}
	return r
}

// compare looks with every reader, and with the eyes of the producers.
func (h *modelRun) compare() error {
	mf, err := mapfile.Open(h.path)
	if err != nil {
		return err
	}
	defer mf.Close()
	all := append(slices.Clone(h.readers), newModelReader("fresh", mf, h.world.file))
	for who := range h.local {
		if i := h.session[who]; i >= 0 && h.world.sessions[i].state == mapfile.StateLive {
			all = append(all, newModelReader(fmt.Sprint("producer ", who), h.local[who].mf, h.world.sessions[i].file))
		}
	}
	for _, r := range all {
		if err := r.compare(h.world); err != nil {
			return fmt.Errorf("%s: %w", r.what, err)
		}
	}
	if err := h.compareList(mf); err != nil {
		return fmt.Errorf("Slots: %w", err)
	}
	snap, err := mf.Snapshot()
	if err == nil {
		err = compareSnapshot(snap, h.world)
	}
	if err != nil {
		return fmt.Errorf("Snapshot: %w", err)
	}
	if h.snapshot != nil {
		if err := compareSnapshot(h.snapshot, h.snapWorld); err != nil {
			return fmt.Errorf("a Snapshot of some time ago: %w", err)
		}
	}
	if h.world.broken {
		return nil
	}
	if info, err := mf.Stat(); err != nil || info.NumSlots != len(h.world.slots) {
		return fmt.Errorf("Stat: %d slots, %v; the model has %d", info.NumSlots, err, len(h.world.slots))
	}
	return mapfile.CheckInvariants(mf)
}

// compare looks at every slot that may be.
func (r *modelReader) compare(w *world) error {
	for _, name := range modelNames {
		if err := r.compareSlot(w, name); err != nil {
			return fmt.Errorf("slot %.10q: %w", name, err)
		}
	}
	return nil
}

func (r *modelReader) compareSlot(w *world, name string) error {
	reader := r.readers[name]
	slot, there := w.slots[name]
	want := ""
	switch {
	case r.file >= 0 && r.file != w.file:
		want = "ErrSuperseded"
	case !there:
		want = "ErrNoSlot"
	case !slot.has:
		want = "ErrNotPublished"
	}
	var raw mapfile.Raw
	stamp, err := reader.GetInto(&raw)
	if sentinelOf(err) != want {
		return fmt.Errorf("GetInto: %v; the model says %q", err, want)
	}
	if want != "" {
		return nil
	}
	if err := slot.compare(w, name, stamp, raw.Type.Name); err != nil {
		return err
	}
	if v := reader.Version(); v != stamp.Version {
		return fmt.Errorf("Version says %d, the value %d", v, stamp.Version)
	}
	return slot.compareValue(&raw, func() (any, error) {
		v, again, err := reader.Get()
		if err == nil && again != stamp {
			err = fmt.Errorf("Get has %+v, GetInto had %+v", again, stamp)
		}
		return v, err
	})
}

// compare looks at what a reader is told of a value. The first one that sees a version tells which it
// is: higher than all before, and the same for everybody from now on.
func (s worldSlot) compare(w *world, name string, stamp mapfile.Stamp, typeName string) error {
	if !s.seen {
		if stamp.Version <= s.moreThan {
			return fmt.Errorf("version %d after version %d", stamp.Version, s.moreThan)
		}
		s.seen, s.stamp.Version = true, stamp.Version
		w.slots[name] = s
	}
	stamp.Time = s.stamp.Time
	if stamp != s.stamp || typeName != kinds[s.value.kind].typeName {
		return fmt.Errorf("%+v of type %s; the model has %+v, %s", stamp, typeName, s.stamp, s.value.kind)
	}
	return nil
}

// compareValue compares the value, as an object where the type is registered.
func (s worldSlot) compareValue(raw *mapfile.Raw, get func() (any, error)) error {
	want := s.value.v.object(s.value.kind)
	if s.value.kind == "raw" {
		if string(raw.Payload) != string(want.(*mapfile.Raw).Payload) {
			return fmt.Errorf("a payload of %d bytes; the model has %v", len(raw.Payload), s.value)
		}
		return nil
	}
	got, err := get()
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(got, want) {
		return fmt.Errorf("it holds %.50v; the model has %v", reflect.ValueOf(got).Elem(), s.value)
	}
	return nil
}

// compareList compares what is listed without decoding.
func (h *modelRun) compareList(mf *mapfile.MapFile) error {
	w := h.world
	listed := map[string]bool{}
	for info, err := range mf.Slots() {
		slot, there := w.slots[info.Name]
		if err != nil || !there || listed[info.Name] {
			return fmt.Errorf("%.10q, %v: the model has it: %v, listed before: %v", info.Name, err, there, listed[info.Name])
		}
		listed[info.Name] = true
		owner := w.sessions[slot.session]
		kind := slot.kind
		if slot.has {
			kind = slot.value.kind
		}
		switch {
		case info.Title != slot.title, info.Type.Name != kinds[kind].typeName:
			return fmt.Errorf("%.10q: title %q, type %s; the model has %q, %s", info.Name, info.Title, info.Type.Name, slot.title, kind)
		case info.Stamp.Version != slot.stamp.Version, info.Length > info.Capacity, info.Age < 0, info.Rate < 0:
			return fmt.Errorf("%.10q: %+v; the model has version %d", info.Name, info, slot.stamp.Version)
		case info.Producer.Session != owner.number, info.Producer.State != owner.state:
			return fmt.Errorf("%.10q: session %d, %v; the model has %d, %v", info.Name, info.Producer.Session, info.Producer.State, owner.number, owner.state)
		}
	}
	if len(listed) != len(w.slots) {
		return fmt.Errorf("%d of %d", len(listed), len(w.slots))
	}
	return nil
}

func compareSnapshot(snap *mapfile.Snapshot, w *world) error {
	n := 0
	for info := range snap.Slots() {
		n++
		slot, there := w.slots[info.Name]
		if !there {
			return fmt.Errorf("%.10q, which the model has not", info.Name)
		}
		var raw mapfile.Raw
		err := snap.GetInto(info.Name, &raw)
		if !slot.has {
			if !errors.Is(err, mapfile.ErrNotPublished) {
				return fmt.Errorf("%.10q, which is not published: %v", info.Name, err)
			}
			continue
		}
		if err == nil {
			err = slot.compare(w, info.Name, raw.Stamp, raw.Type.Name)
		}
		if err == nil {
			err = slot.compareValue(&raw, func() (any, error) { return snap.Get(info.Name) })
		}
		if err != nil {
			return fmt.Errorf("%.10q: %w", info.Name, err)
		}
	}
	if n != len(w.slots) {
		return fmt.Errorf("%d slots; the model has %d", n, len(w.slots))
	}
	return nil
}
