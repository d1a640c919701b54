package mapfile_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// F13: on an overlay the first producer's opening makes a copy of the file, which the path means from then
// on. A reader that had opened the file before notices; it does not show the old values for ever.
func TestReaderNoticesThatAnOverlayHasCopiedItsFile(t *testing.T) {
	needRoot(t)
	dir := testDir(t)
	sub := func(name string) string {
		d := filepath.Join(dir, name)
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
		return d
	}
	lower, upper, work, merged := sub("lower"), sub("upper"), sub("work"), sub("merged")
	x := int64(1)
	image := createFile(t, filepath.Join(lower, "a.map"))
	addSlot(t, image, "x", &x)
	mustUpdate(t, image)
	image.Close()
	mount(t, "overlay", merged, "overlay", 0, fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", lower, upper, work))
	path := filepath.Join(merged, "a.map")
	plain, follower := openFile(t, path), openFile(t, path, mapfile.WithFollow())
	for _, mf := range []*mapfile.MapFile{plain, follower} {
		if got := get[int64](t, mf, "x"); got != 1 {
			t.Fatalf("x of the lower file is %d", got)
		}
	}
	stays, follows := watch(t, plain, "x"), watch(t, follower, "x")
	stays.next(t, 10*time.Second)
	follows.next(t, 10*time.Second)

	producer := createFile(t, path)
	x = 2
	slot := addSlot(t, producer, "x", &x)
	if err := slot.Update(); err != nil {
		t.Fatal(err)
	}
	select {
	case ev := <-stays.events:
		if ev.Stamp.Version < 2 {
			t.Errorf("the watcher is told of %+v", ev)
		}
	case err := <-stays.end:
		if !errors.Is(err, mapfile.ErrSuperseded) {
			t.Errorf("the watch ended: %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the watcher never learns that its file is another one now")
	}
	for deadline := time.Now().Add(10 * time.Second); get[int64](t, follower, "x") != 2; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the reader that follows shows the old value for ever")
		}
	}
	for ev := follows.next(t, 10*time.Second); ev.Kind != mapfile.EventPublished || ev.Stamp.Version != 2; {
		ev = follows.next(t, 10*time.Second)
	}
	if info := stat(t, plain); !strings.Contains(strings.Join(info.Warnings, " "), "does not name this file") {
		t.Errorf("Stat of the old file warns only of %q", info.Warnings)
	}
	if got := get[int64](t, openFile(t, path), "x"); got != 2 {
		t.Errorf("a fresh reader gets %d", got)
	}
}
