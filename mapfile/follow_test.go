package mapfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// E16: a reader that follows and only polls goes on with the file that appears after a removal, be it
// that the old one was marked by its producer or that nobody was left to mark it. Until there is one
// it reads the old values.
func TestPollingReaderFollowsAfterRemoval(t *testing.T) {
	for _, marked := range []bool{true, false} {
		path := filepath.Join(testDir(t), "a.map")
		publish := func(n int64) *mapfile.MapFile {
			mf, err := mapfile.OpenOrCreate(path, mapfile.WithHeartbeat(5*time.Millisecond))
			if err != nil {
				t.Fatal(err)
			}
			slot, err := mf.Add("n", &n)
			if err == nil {
				err = slot.Update()
			}
			if err != nil {
				t.Fatal(err)
			}
			return mf
		}
		first := publish(1)
		if !marked {
			first.Close()
		}
		reader, err := mapfile.Open(path, mapfile.WithFollow())
		if err != nil {
			t.Fatal(err)
		}
		slot := reader.Reader("n")
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		for range 20 { // the producer notices meanwhile
			time.Sleep(5 * time.Millisecond)
			var n int64
			if _, err := slot.GetInto(&n); err != nil || n != 1 {
				t.Fatalf("marked %v, in the gap: %d, %v", marked, n, err)
			}
		}
		second := publish(2)
		var n int64
		for deadline := time.Now().Add(20 * time.Second); n != 2; time.Sleep(time.Millisecond) {
			if _, err := slot.GetInto(&n); err != nil {
				t.Fatalf("marked %v: %v", marked, err)
			}
			if time.Now().After(deadline) {
				t.Fatalf("marked %v: still %d", marked, n)
			}
		}
		if marked {
			var x int64
			old, _ := first.Add("m", &x)
			if old != nil {
				t.Error("Add to a file that nobody finds")
			}
			if err := first.Update(); !errors.Is(err, mapfile.ErrSuperseded) {
				t.Errorf("the producer of the removed file: %v", err)
			}
			first.Close()
		}
		reader.Close()
		second.Close()
	}
}
