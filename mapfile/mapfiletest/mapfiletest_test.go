package mapfiletest_test

import (
	"errors"
	"testing"

	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/mapfile/mapfiletest"
)

func TestKilledProducerIsDeadAndReopenGoesOn(t *testing.T) {
	mf := mapfiletest.New(t)
	count := int64(41)
	slot, err := mf.Add("count", &count)
	if err != nil {
		t.Fatal(err)
	}
	if err := slot.Update(); err != nil {
		t.Fatal(err)
	}
	reader, err := mapfile.Open(mf.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()

	early := mapfiletest.Reopen(t, mf)
	if _, err := early.Add("count", &count); !errors.Is(err, mapfile.ErrOwned) {
		t.Fatalf("before the death: %v", err)
	}
	mapfiletest.Kill(mf)
	if err := slot.Update(); !errors.Is(err, mapfile.ErrClosed) {
		t.Fatalf("Update after death: %v", err)
	}
	if info, err := reader.Reader("count").Stat(); err != nil || info.Producer.State != mapfile.StateDead {
		t.Fatalf("after the death: %v, %v", info.Producer.State, err)
	}

	next := mapfiletest.Reopen(t, mf)
	slot, err = next.Add("count", &count)
	if err != nil {
		t.Fatal(err)
	}
	if err := next.GetInto("count", &count); err != nil || count != 41 {
		t.Fatal(count, err)
	}
	count++
	if err := slot.Update(); err != nil {
		t.Fatal(err)
	}
	if got, err := mapfile.Get[int64](reader, "count"); err != nil || got != 42 {
		t.Fatal(got, err)
	}
}
