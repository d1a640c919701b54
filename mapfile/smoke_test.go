package mapfile_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

func TestStraightLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.map")
	mf, err := mapfile.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer mf.Close()
	x := int64(1)
	str := "hello"
	s1, err := mf.Add("a/x", &x, mapfile.WithTitle("the x"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err = mf.Add("a/s", &str); err != nil {
		t.Fatal(err)
	}
	r, err := mapfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Get("a/x"); err == nil {
		t.Fatal("value before Update")
	} else {
		t.Log(err)
	}
	for i := range 1000 {
		x = int64(i)
		if err := s1.Update(); err != nil {
			t.Fatal(err)
		}
		got, err := mapfile.Get[int64](r, "a/x")
		if err != nil || got != x {
			t.Fatal(got, err)
		}
	}
	big := make([]byte, 1<<20)
	for i := range big {
		big[i] = byte(i)
	}
	str = string(big)
	if err := mf.Update(); err != nil {
		t.Fatal(err)
	}
	got, err := mapfile.Get[string](r, "a/s")
	if err != nil || got != str {
		t.Fatal(len(got), err)
	}
	snap, err := r.Snapshot("a/*")
	if err != nil {
		t.Fatal(err)
	}
	t.Log(snap.Commit())
	for i := range snap.Slots() {
		t.Logf("%+v", i)
	}
	for i, err := range r.Slots() {
		t.Logf("%+v %v", i, err)
	}
	st, err := r.Stat()
	t.Logf("%+v %v", st, err)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	last, removed := uint64(0), false
	go func() {
		for range 10 {
			time.Sleep(10 * time.Millisecond)
			x++
			s1.Update()
		}
		mf.Remove("a/s")
	}()
	for ev, err := range r.Watch(ctx) {
		t.Log(ev.Kind, ev.Name, ev.Stamp.Version, err)
		if ev.Name == "a/x" {
			last = ev.Stamp.Version
		}
		if ev.Kind == mapfile.EventRemoved {
			removed = true
			cancel() // what was seen together with it still comes
		}
	}
	if !removed || last != s1.Version() {
		t.Fatal(removed, last, s1.Version())
	}
}

func TestLayoutAndVerify(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.map")
	mf, _ := mapfile.Create(path, mapfile.WithTitle("hey"))
	defer mf.Close()
	x := int64(5)
	s, _ := mf.Add("a/x", &x)
	s.Update()
	s.Update()
	for f, err := range mf.Layout() {
		t.Log(f, err)
	}
	for f, err := range mf.Verify() {
		t.Log(f, err)
	}
}
