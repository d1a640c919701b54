package mapfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// A file that was moved while its producer ran bears the mark of one that was removed. Whoever opens it at
// its new path reads it all the same: it is what a program that archives map files keeps.
func TestFileThatWasMovedUnderItsProducerIsReadable(t *testing.T) {
	dir := testDir(t)
	path, moved := filepath.Join(dir, "a.map"), filepath.Join(dir, "moved.map")
	mf := createFile(t, path, mapfile.WithHeartbeat(10*time.Millisecond))
	x := int64(1)
	slot := addSlot(t, mf, "x", &x)
	mustUpdate(t, mf)
	if err := os.Rename(path, moved); err != nil {
		t.Fatal(err)
	}
	if err := publishUntil(t, slot); !errors.Is(err, mapfile.ErrSuperseded) {
		t.Fatal(err)
	}
	mf.Close()
	r := openFile(t, moved)
	if got, err := mapfile.Get[int64](r, "x"); err != nil || got == 0 {
		t.Errorf("Get: %d, %v", got, err)
	}
	if _, err := r.Snapshot(); err != nil {
		t.Errorf("Snapshot: %v", err)
	}
}
