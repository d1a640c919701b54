package mapfile_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gomapfile/mapfile/mapfile"
)

// The life of a file: how it comes to be, is joined, replaced, cut and cleaned away.

func get[T any](t testing.TB, from mapfile.Getter, name string) T {
	t.Helper()
	v, err := mapfile.Get[T](from, name)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func mustUpdate(t testing.TB, mf *mapfile.MapFile, names ...string) {
	t.Helper()
	if err := mf.Update(names...); err != nil {
		t.Fatal(err)
	}
}

// verify joins everything that Verify finds.
func verify(mf *mapfile.MapFile) (err error) {
	for _, e := range mf.Verify() {
		err = errors.Join(err, e)
	}
	return err
}

func fileID(t testing.TB, mf *mapfile.MapFile) [16]byte {
	t.Helper()
	info, err := mf.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return info.ID
}

func dirNames(t testing.TB, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

// A01
func TestThreeHandlesOfOneProcessSeeOneAnother(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	first, err := mapfile.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	second, reader := createFile(t, path), openFile(t, path)
	x, y := int64(1), int64(2)
	addSlot(t, first, "x", &x)
	addSlot(t, second, "y", &y)
	mustUpdate(t, first)
	mustUpdate(t, second)
	for _, mf := range []*mapfile.MapFile{first, second, reader} {
		if x, y := get[int64](t, mf, "x"), get[int64](t, mf, "y"); x != 1 || y != 2 {
			t.Errorf("x = %d, y = %d", x, y)
		}
		if fileID(t, mf) != fileID(t, first) {
			t.Error("another file id")
		}
	}
	if err := mapfile.CheckInvariants(reader); err != nil {
		t.Error(err)
	}
}

// A02
func TestCreateOfAnExistingPathLeavesItAlone(t *testing.T) {
	dir := testDir(t)
	whole := filepath.Join(dir, "whole")
	mf := createFile(t, whole)
	x := int64(7)
	addSlot(t, mf, "x", &x)
	mustUpdate(t, mf)
	mf.Close()
	other := filepath.Join(dir, "other")
	for path, content := range map[string]string{other: "no map file", filepath.Join(dir, "empty"): ""} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{whole, other, filepath.Join(dir, "empty"), dir} {
		sum := func() (sum [32]byte) {
			if path == dir {
				return
			}
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			return sha256.Sum256(b)
		}
		before, names := sum(), dirNames(t, dir)
		if _, err := mapfile.Create(path); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: %v", path, err)
		}
		if sum() != before || dirNames(t, dir) != names {
			t.Errorf("%s has changed, or the directory: %s", path, dirNames(t, dir))
		}
	}
}

// A03
func TestOpenOfAMissingPathCreatesNothing(t *testing.T) {
	dir := testDir(t)
	for _, path := range []string{filepath.Join(dir, "a.map"), filepath.Join(dir, "no", "a.map")} {
		_, err := mapfile.Open(path)
		var e *mapfile.Error
		if !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &e) || e.Path != path || errors.Is(err, mapfile.ErrNoSlot) {
			t.Errorf("%v", err)
		}
		if err := mapfile.RemoveDead(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("RemoveDead: %v", err)
		}
	}
	if _, err := mapfile.OpenOrCreate(filepath.Join(dir, "no", "a.map")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("OpenOrCreate in a directory that is not there: %v", err)
	}
	if names := dirNames(t, dir); names != "" {
		t.Errorf("left in the directory: %s", names)
	}
}

// A09
func TestSnapshotsNeverMixTwoFilesAcrossRecreates(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	const slots = 20
	stop := make(chan struct{})
	var producer sync.WaitGroup
	started := make(chan struct{})
	producer.Add(1)
	go func() {
		defer producer.Done()
		for generation := int64(1); ; generation++ {
			mf, err := mapfile.Recreate(path)
			if err != nil {
				t.Error(err)
				return
			}
			for i := range slots {
				if _, err := mf.Add(fmt.Sprint("s", i), &generation); err != nil {
					t.Error(err)
				}
			}
			if err := mf.Update(); err != nil {
				t.Error(err)
			}
			if generation == 1 {
				close(started)
			}
			mf.Close()
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	defer producer.Wait()
	defer close(stop)
	<-started
	follower := openFile(t, path, mapfile.WithFollow())
	seen := map[int64]bool{}
	superseded := 0
	for len(seen) < times(60, 1000) {
		reader, err := mapfile.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		for {
			snap, err := reader.Snapshot()
			if errors.Is(err, mapfile.ErrSuperseded) {
				superseded++
				break
			}
			seen[sameInAll(t, snap, err, slots)] = true
			snap, err = follower.Snapshot()
			sameInAll(t, snap, err, slots)
		}
		if _, err := reader.Get("s0"); !errors.Is(err, mapfile.ErrSuperseded) {
			t.Errorf("Get from a replaced file: %v", err)
		}
		reader.Close()
	}
	t.Logf("%d files seen, %d times superseded", len(seen), superseded)
}

// sameInAll returns the number that the slots hold; 0: not all of them are there yet.
func sameInAll(t *testing.T, snap *mapfile.Snapshot, err error, slots int) int64 {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	var value int64
	n := 0
	for info := range snap.Slots() {
		v, err := mapfile.Get[int64](snap, info.Name)
		if errors.Is(err, mapfile.ErrNotPublished) {
			return 0 // the first commit of this file is still to come
		}
		if err != nil || n > 0 && v != value {
			t.Fatalf("%s is of file %d, %v, others of %d", info.Name, v, err, value)
		}
		value, n = v, n+1
	}
	if n != slots && value != 0 {
		t.Fatalf("%d slots of %d", n, slots)
	}
	return value
}

// A21
func TestLimitOfSizeIsKeptAndAnAlreadyLargerFileOpens(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	const limit = 256 << 10
	mf := createFile(t, path, mapfile.WithMaxSize(limit))
	kept := []byte("kept")
	slot := addSlot(t, mf, "kept", &kept)
	mustUpdate(t, mf)
	kept = make([]byte, 1<<20)
	if err := slot.Update(); !errors.Is(err, mapfile.ErrFull) || !strings.Contains(err.Error(), fmt.Sprint(limit)) {
		t.Errorf("growth past the limit: %v", err)
	}
	for i := 0; ; i++ {
		filler := make([]byte, 5000)
		if _, err := mf.Add(fmt.Sprint("fill", i), &filler, mapfile.WithCapacity(5000)); errors.Is(err, mapfile.ErrFull) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Size() > limit {
		t.Errorf("the file has %d bytes, %v", info.Size(), err)
	}
	if got := get[[]byte](t, mf, "kept"); string(got) != "kept" {
		t.Errorf("the old value is gone: %d bytes", len(got))
	}
	if err := mapfile.CheckInvariants(mf); err != nil {
		t.Error(err)
	}
	free := createFile(t, path) // without a limit
	large := make([]byte, 1<<20)
	addSlot(t, free, "large", &large)
	mustUpdate(t, free)
	joined := createFile(t, path, mapfile.WithMaxSize(limit))
	small := int64(3)
	addSlot(t, joined, "small", &small)
	mustUpdate(t, joined)
	if _, err := joined.Add("more", &large, mapfile.WithCapacity(8<<20)); !errors.Is(err, mapfile.ErrFull) {
		t.Errorf("growth of a file that is past the limit: %v", err)
	}
	if _, err := mapfile.Create(filepath.Join(t.TempDir(), "b.map"), mapfile.WithMaxSize(1000)); !errors.Is(err, mapfile.ErrFull) {
		t.Errorf("a limit below the smallest file: %v", err)
	}
}
