package mapfile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// H04: consumers that do not watch cost neither threads nor goroutines.
func TestManyOpenConsumersCostNoThreads(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	x := int64(1)
	if err := addSlot(t, mf, "x", &x).Update(); err != nil {
		t.Fatal(err)
	}
	threads := func() int { return len(must1(os.ReadDir("/proc/self/task"))) }
	goroutines, before := mapfileGoroutines(), threads()
	var open []*mapfile.MapFile
	for range times(300, 1000) {
		r := openFile(t, path)
		if got := must1(mapfile.Get[int64](r, "x")); got != 1 {
			t.Fatal(got)
		}
		open = append(open, r)
	}
	if now := threads(); now > before+3 {
		t.Errorf("%d threads, %d before", now, before)
	}
	if now := mapfileGoroutines(); now > goroutines {
		t.Errorf("%d goroutines, %d before", now, goroutines)
	}
	maps := strings.Count(string(must1(os.ReadFile("/proc/self/maps"))), path)
	if maps > 2*(len(open)+1) {
		t.Errorf("%d mappings of %d handles", maps, len(open)+1)
	}
	// E06: watchers that have ended leave no thread of their own.
	for range 20 {
		w := watch(t, open[0], "x")
		w.next(t, 20*time.Second)
		w2 := watch(t, open[1], "x")
		w2.next(t, 20*time.Second)
	}
	if now := threads(); now > before+20 {
		t.Errorf("%d threads with 40 watchers of two handles, %d before", now, before)
	}
}
