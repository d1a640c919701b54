package mapfile_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
)

// ageByABoot makes the file look as if an earlier boot of the machine had left it.
func ageByABoot(t *testing.T, path string) {
	t.Helper()
	words := openWords(t, path)
	var head [layout.HeaderTitleEnd]byte
	if _, err := words.f.ReadAt(head[:], 0); err != nil {
		t.Fatal(err)
	}
	var id layout.Identity
	if err := layout.GetIdentity(head[:], &id); err != nil {
		t.Fatal(err)
	}
	id.BootID[0]++
	layout.PutIdentity(head[:], &id)
	if _, err := words.f.WriteAt(head[:], 0); err != nil {
		t.Fatal(err)
	}
}

// C16: a file of an earlier boot opens with its values, its producer is dead, and the next producer goes
// on with versions and commits. No mark, waiter or lock word of then holds anybody up.
func TestFileOfAnEarlierBootGoesOn(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	c := start(t, "torture", "commit", path, "1")
	c.Expect("ready")
	awaitValues(t, path, commitSlots...)
	c.Kill()
	words := openWords(t, path)
	words.store(layout.StructureOff, words.load(layout.StructureOff)|1) // as of one who died at work
	words.store(layout.ChangesOff, words.load(layout.ChangesOff)|1)
	words.store(layout.BellOff, 0xffff_ffff_ffff_ffff)
	before := openFile(t, path)
	stamps := map[string]mapfile.Stamp{}
	for info, err := range before.Slots() {
		if err != nil {
			t.Fatal(err)
		}
		stamps[info.Name] = info.Stamp
	}
	ageByABoot(t, path)

	r := openFile(t, path, mapfile.WithFollow())
	if info := must1(r.Stat()); len(info.Producers) == 0 || info.Producers[0].State != mapfile.StateDead || len(info.Warnings) == 0 {
		t.Errorf("%+v", info)
	}
	last := uint64(0)
	for _, name := range commitSlots {
		var raw mapfile.Raw
		if err := r.GetInto(name, &raw); err != nil {
			t.Fatal(err)
		}
		number, torn := payloadNumber(raw.Payload)
		if torn != nil || number == 0 {
			t.Error(name, number, torn)
		}
		last = max(last, number)
	}
	w := watch(t, r, "c/*")
	for range commitSlots {
		w.next(t, 20*time.Second)
	}

	mf := createFile(t, path, mapfile.WithLockTimeout(time.Minute))
	var raws []*mapfile.Raw
	var slots []*mapfile.Slot
	within(t, 20*time.Second, "the next producer", func() { raws, slots = addRaws(mf, commitSlots, last+1) })
	for i, slot := range slots {
		if old := stamps[commitSlots[i]]; slot.Version() < old.Version-1 { // what was pending may have been lost
			t.Errorf("%s was version %d and is %d", commitSlots[i], old.Version, slot.Version())
		}
	}
	for i := range raws {
		raws[i].Payload = stampPayload(nil, 100, last+1)
	}
	if err := mf.Update(); err != nil {
		t.Fatal(err)
	}
	for _, old := range stamps {
		if now := must1(mf.Stat()).Producers; now[len(now)-1].Commit <= old.Commit {
			t.Errorf("commit %d after %d", now[len(now)-1].Commit, old.Commit)
		}
	}
	// The follower arrives there, woken or by its look at the path.
	told := map[string]uint64{}
	for begin := time.Now(); len(told) < len(commitSlots); {
		if ev := w.next(t, 20*time.Second); ev.Kind == mapfile.EventPublished && ev.Stamp.Session == mustLastSession(t, mf) {
			told[ev.Name] = ev.Stamp.Version
		}
		if time.Since(begin) > 20*time.Second {
			t.Fatal("the watcher does not see the new file:", told)
		}
	}
	snap := must1(r.Snapshot("c/*"))
	if n := snapshotNumber(t, snap, "c/", len(commitSlots)); n != last+1 {
		t.Errorf("the follower's snapshot carries %d, not %d", n, last+1)
	}
	if _, err := before.Get("c/0"); !errors.Is(err, mapfile.ErrSuperseded) {
		t.Error("a reader of the old file:", err)
	}
}

func mustLastSession(t *testing.T, mf *mapfile.MapFile) uint64 {
	t.Helper()
	producers := must1(mf.Stat()).Producers
	return producers[len(producers)-1].Session
}
