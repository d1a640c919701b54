package mapfile

import (
	"path/filepath"
	"testing"

	"github.com/gomapfile/mapfile/mapfile/internal/layout"
)

// A reader that sleeps between a publish word with a mark and the buffer that is marked may wake up when a
// later commit has filled that buffer, while the published one of back then is still whole, because a Sync
// pins it. It must not take that for the value. (Model session.pml, NO_MARK_RECHECK.)
func TestReaderThatSleepsOverItsMarkDoesNotGoBackToAPinnedVersion(t *testing.T) {
	path := filepath.Join(fastDir(t), "a.map")
	mf, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer mf.Close()
	slot, err := mf.Add("a", &Raw{Type: TypeInfo{Name: "t", Codec: "raw"}, Payload: []byte("v")}, WithBuffers(4))
	if err != nil {
		t.Fatal(err)
	}
	commit := func() {
		t.Helper()
		if err := mf.Update(); err != nil {
			t.Fatal(err)
		}
	}
	commit()
	if err := mf.Sync(); err != nil {
		t.Fatal(err)
	}
	sl, f := slot.sl, mf.s.file
	c := f.newCursor(sl.ref, sl.extent.Word)
	pinned := sl.current
	commit()
	seen := layout.NewPublishWord(1, pinned, sl.current, sl.ref.salt) // what it loaded: C3 of the second commit
	var lim limit
	if whole := lim.load(f); !whole {
		t.Fatal("no limit to be had")
	}
	for range 3 { // around the pinned buffer to the one that was marked
		commit()
	}
	if sl.current != seen.Pending() || sl.pinned != pinned {
		t.Fatalf("published is buffer %d and pinned %d, not %d and %d", sl.current, sl.pinned, seen.Pending(), pinned)
	}
	if _, version, _, err := c.choose(seen, &lim); err != errRetry {
		t.Errorf("as of the second commit: version %d, %v", version, err)
	}
	var val value
	if _, err := c.read(&val, &how{check: true}); err != nil || val.version != 5 {
		t.Errorf("Get: version %d, %v", val.version, err)
	}
}
