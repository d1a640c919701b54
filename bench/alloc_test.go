package bench_test

import (
	"testing"

	"github.com/gomapfile/mapfile/codec/pod"
	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/registry"
	"go-hep.org/x/hep/hbook"
)

// The hot paths with the codecs that need no garbage: in the steady state they make none. For payloads of
// bytes, numbers and messages package mapfile tests the same.
func TestHotPathsDoNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	if err := registry.RegisterIn[event](registry.Default, "bench.Event", pod.Codec); err != nil {
		t.Fatal(err)
	}
	mf := create(t)
	var (
		h1   = add(t, mf, "h1", newH1D())
		h2   = add(t, mf, "h2", newH2D())
		p1   = add(t, mf, "p1", newP1D())
		ev   = add(t, mf, "event", newEvent())
		text = "some text"
		str  = add(t, mf, "text", &text)
		trio = addTrio(t, mf, "hbook", newTrio())
		cols = addTrio(t, mf, "columns", columnsOf(t, newTrio()))
	)
	for i := range 1000 {
		add(t, mf, "many/"+slotName(i), raw(100))
	}
	settle(t, mf)
	off := create(t, mapfile.WithoutCheck())
	unchecked := add(t, off, "value", raw(800))
	settle(t, off)

	var (
		gotH1, gotH2 = &hbook.H1D{}, &hbook.H2D{}
		gotEvent     = &event{}
		gotRaw       = &mapfile.Raw{}
		r            = open(t, mf)
		h1Reader     = r.Reader("h1")
		h2Reader     = r.Reader("h2")
		eventReader  = r.Reader("event")
		offReader    = open(t, off, mapfile.WithoutCheck()).Reader("value")
		snap         = &mapfile.Snapshot{}
	)
	if err := r.SnapshotInto(snap); err != nil {
		t.Fatal(err)
	}
	read := func(slot *mapfile.SlotReader, v any) func() error {
		return func() error { _, err := slot.GetInto(v); return err }
	}
	for _, path := range []struct {
		name string
		call func() error
	}{
		{"Slot.Update of an H1D", h1.Update},
		{"Slot.Update of an H2D", h2.Update},
		{"Slot.Update of a P1D", p1.Update},
		{"Slot.Update of a plain struct", ev.Update},
		{"Slot.Update of a string", str.Update},
		{"Slot.Update of bytes without a checksum", unchecked.Update},
		{"UpdateSlots of three histograms", func() error { return mf.UpdateSlots(trio...) }},
		{"UpdateSlots of three messages", func() error { return mf.UpdateSlots(cols...) }},
		{"Update of two by name", func() error { return mf.Update("h1", "event") }},
		{"Update of all", func() error { return mf.Update() }},
		{"SlotReader.GetInto an H1D", read(h1Reader, gotH1)},
		{"SlotReader.GetInto an H2D", read(h2Reader, gotH2)},
		{"SlotReader.GetInto a plain struct", read(eventReader, gotEvent)},
		{"SlotReader.GetInto a Raw without the check", read(offReader, gotRaw)},
		{"SnapshotInto of all", func() error { return r.SnapshotInto(snap) }},
		{"SnapshotInto by pattern", func() error { return r.SnapshotInto(snap, "h1", "many/**") }},
		{"SnapshotInto after an Update", func() error {
			if err := mf.UpdateSlots(trio...); err != nil {
				return err
			}
			return r.SnapshotInto(snap)
		}},
		{"Snapshot.GetInto an H1D", func() error { return snap.GetInto("h1", gotH1) }},
		{"Snapshot.GetInto an H2D", func() error { return snap.GetInto("h2", gotH2) }},
		{"Snapshot.GetInto a plain struct", func() error { return snap.GetInto("event", gotEvent) }},
		{"Snapshot.GetInto a Raw", func() error { return snap.GetInto("h2", gotRaw) }},
	} {
		if n := testing.AllocsPerRun(50, func() {
			if err := path.call(); err != nil {
				t.Fatalf("%s: %v", path.name, err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", path.name, n)
		}
	}
	if gotH1.Entries() != 10_000 || gotH2.Entries() != 100_000 || *gotEvent != *newEvent() {
		t.Error("the values that were read are not those that were published")
	}
}
