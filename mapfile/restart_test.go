package mapfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
)

// C16: after a reboot all producers of a file may restart at once: one replaces it, the others join.
func TestProducersThatRestartTogetherAfterARebootAllGetIn(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	x := int64(1)
	addSlot(t, mf, "x", &x)
	mustUpdate(t, mf)
	mf.Close()
	for range times(5, 50) {
		ageByABoot(t, path)
		var wg sync.WaitGroup
		begin := make(chan struct{})
		for i := range 4 {
			wg.Go(func() {
				<-begin
				mf, err := mapfile.OpenOrCreate(path)
				if err != nil {
					t.Errorf("producer %d: %v", i, err)
					return
				}
				mf.Close()
			})
		}
		close(begin)
		wg.Wait()
		reader := openFile(t, path)
		if got, err := mapfile.Get[int64](reader, "x"); err != nil || got != 1 {
			t.Fatal(got, err)
		}
		reader.Close()
	}
}

// After a power cut the session records may be older than the buffers. What was copied counts as
// committed all the same.
func TestSnapshotOfValuesThatAreNewerThanTheSessionRecords(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	x, y := int64(1), int64(2)
	addSlot(t, mf, "x", &x)
	addSlot(t, mf, "y", &y)
	for range 5 {
		mustUpdate(t, mf)
	}
	mf.Close()
	openWords(t, path).store(layout.SessionOff(0)+layout.SessionCommitOff, 2)
	ageByABoot(t, path)
	next := createFile(t, path)
	reader := openFile(t, path)
	snap, err := reader.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := mapfile.Get[int64](snap, "y"); err != nil || got != 2 {
		t.Error(got, err)
	}
	addSlot(t, next, "z", &x)
	mustUpdate(t, next)
	if _, err := reader.Snapshot(); err != nil {
		t.Error("with a new commit:", err)
	}
}

// A13: a program may change its directory.
func TestRelativePathSurvivesAChangeOfDirectory(t *testing.T) {
	t.Chdir(testDir(t))
	mf := createFile(t, "a.map", mapfile.WithHeartbeat(10*time.Millisecond))
	x := int64(1)
	addSlot(t, mf, "x", &x)
	mustUpdate(t, mf)
	reader, err := mapfile.Open("a.map", mapfile.WithFollow())
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	old, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir("/")
	time.Sleep(100 * time.Millisecond) // some heartbeats
	mustUpdate(t, mf)
	again, err := mapfile.Recreate(filepath.Join(old, "a.map"))
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	y := int64(2)
	addSlot(t, again, "x", &y)
	mustUpdate(t, again)
	if got, err := mapfile.Get[int64](reader, "x"); err != nil || got != 2 {
		t.Error("the reader that follows:", got, err)
	}
}

// A session that dies between its number and the next-number word does not make a twin: the repair of
// the one would hit the other.
func TestSessionNumbersAreNeverUsedTwice(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	createFile(t, path)
	words := openWords(t, path)
	words.store(layout.SessionOff(100)+layout.SessionNumberOff, words.load(layout.NextSessionOff)) // dead after S4
	live := createFile(t, path)
	x := int64(1)
	addSlot(t, live, "x", &x)
	mustUpdate(t, live)
	for range layout.NumSessions - 3 { // every other record gets used
		createFile(t, path).Close()
	}
	if _, err := createFile(t, path).Add("x", &x); !errors.Is(err, mapfile.ErrOwned) {
		t.Errorf("the slot of a live producer was given away: %v", err)
	}
	mustUpdate(t, live)
}
