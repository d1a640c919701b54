package mapfile_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// Files that vanish under those who use them: by hand, by programs that clean up, by a rename.

// publishUntil updates until that fails, and returns the error.
func publishUntil(t *testing.T, slot *mapfile.Slot) error {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if err := slot.Update(); err != nil {
			return err
		}
	}
	t.Fatal("Update succeeds for ever")
	return nil
}

// F07: a file that is removed under its producer. The producer learns it from Update and publishes anew
// with OpenOrCreate; viewers are told, and those that follow go on with the new file.
func TestProducerLearnsThatItsFileWasRemoved(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a file that is open cannot be removed there")
	}
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path, mapfile.WithHeartbeat(10*time.Millisecond))
	x := int64(1)
	slot := addSlot(t, mf, "x", &x)
	mustUpdate(t, mf)
	plain, follower := openFile(t, path), openFile(t, path, mapfile.WithFollow())
	w := watch(t, plain, "x")
	w.next(t, 10*time.Second)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	err := publishUntil(t, slot)
	if !errors.Is(err, mapfile.ErrSuperseded) || !strings.Contains(err.Error(), "removed") || !strings.Contains(err.Error(), path) {
		t.Errorf("Update: %v", err)
	}
	if err := mf.Update(); !errors.Is(err, mapfile.ErrSuperseded) {
		t.Errorf("a commit: %v", err)
	}
	if _, err := mf.Add("y", &x); !errors.Is(err, mapfile.ErrSuperseded) {
		t.Errorf("Add: %v", err)
	}
	if _, err := plain.Get("x"); !errors.Is(err, mapfile.ErrSuperseded) || !strings.Contains(err.Error(), "removed") {
		t.Errorf("a viewer: %v", err)
	}
	for deadline := time.After(20 * time.Second); ; {
		select {
		case <-w.events:
			continue
		case err := <-w.end:
			if !errors.Is(err, mapfile.ErrSuperseded) {
				t.Errorf("a watcher: %v", err)
			}
		case <-deadline:
			t.Error("a watcher is never told")
		}
		break
	}
	if warnings := strings.Join(stat(t, plain).Warnings, " "); !strings.Contains(warnings, "does not name this file") {
		t.Errorf("Stat warns of %q", warnings)
	}
	for _, p := range stat(t, plain).Producers {
		if p.State != mapfile.StateSuperseded {
			t.Errorf("the producer is %v", p.State)
		}
	}
	again := createFile(t, path)
	y := int64(2)
	addSlot(t, again, "x", &y)
	mustUpdate(t, again)
	for deadline := time.Now().Add(20 * time.Second); get[int64](t, follower, "x") != 2; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the viewer that follows does not find the new file")
		}
	}
	if err := mf.Close(); err != nil {
		t.Error(err)
	}
}

// A09: the same by a rename that is not ours, which leaves no mark: a snapshot of the old file is whole
// and of the old file, until the reader is told.
func TestFileThatIsRenamedOver(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a file that is open cannot be replaced there")
	}
	dir := testDir(t)
	path := filepath.Join(dir, "a.map")
	const slots = 10
	x := int64(0)
	live := func() { // whose producer will notice
		addSlot(t, createFile(t, path, mapfile.WithHeartbeat(10*time.Millisecond)), "live", &x)
	}
	fill := func(at string, generation int64) {
		mf := createFile(t, at)
		for i := range slots {
			addSlot(t, mf, fmt.Sprint("s", i), &generation)
		}
		mustUpdate(t, mf)
		mf.Close()
	}
	fill(path, 1)
	follower := openFile(t, path, mapfile.WithFollow())
	for generation := int64(2); generation < int64(times(8, 100)); generation++ {
		live()
		plain := openFile(t, path)
		snap, err := plain.Snapshot("s*")
		if got := sameInAll(t, snap, err, slots); got != generation-1 {
			t.Fatalf("a snapshot of generation %d, not %d", got, generation-1)
		}
		other := filepath.Join(dir, "other")
		fill(other, generation)
		if err := os.Rename(other, path); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(20 * time.Second); ; {
			snap, err := plain.Snapshot("s*")
			if errors.Is(err, mapfile.ErrSuperseded) { // its producer has noticed
				break
			}
			if got := sameInAll(t, snap, err, slots); got != generation-1 {
				t.Fatalf("the old file shows generation %d, not %d", got, generation-1)
			}
			if time.Now().After(deadline) {
				t.Fatal("the reader of the old file is never told")
			}
		}
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
			snap, err := follower.Snapshot("s*")
			if sameInAll(t, snap, err, slots) == generation {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("the reader that follows does not arrive at generation %d", generation)
			}
		}
	}
}

// F08: programs that remove what is old go by times that updates do not touch, as the documentation says.
// What removes files here goes by what is in them.
func TestOldTimesOfALiveFileSayNothing(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	x := int64(1)
	slot := addSlot(t, mf, "x", &x)
	old := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if err := slot.Update(); err != nil {
			t.Fatal(err)
		}
	}
	if err := mapfile.RemoveDead(path); !errors.Is(err, mapfile.ErrOwned) {
		t.Errorf("RemoveDead of a live file that looks old: %v", err)
	}
	info := stat(t, openFile(t, path))
	if p := info.Producers[0]; p.State != mapfile.StateLive || p.Heartbeat > time.Minute {
		t.Errorf("%+v", p)
	}
	if time.Since(info.Created).Abs() > time.Hour {
		t.Errorf("created %v", info.Created)
	}
	doc, err := os.ReadFile("doc.go")
	if err != nil || !strings.Contains(string(doc), "clean up by age") {
		t.Errorf("the package's documentation does not warn of it: %v", err)
	}
}
