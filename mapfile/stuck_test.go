package mapfile_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/mapfile/mapfiletest"
)

// A death in the middle of making the index anew leaves none. A lookup waits for the change to end, but
// only the first one: nobody may need an hour to read a file of many slots.
func TestLookupsWaitOnceForAChangeWhoseMakerDied(t *testing.T) {
	path := filepath.Join(testDir(t), "stuck.map")
	mf := createFile(t, path)
	const n = 100
	for i := range n {
		addSlot(t, mf, fmt.Sprint("slot/", i), rawPayload(100, 1))
	}
	if err := mf.Update(); err != nil {
		t.Fatal(err)
	}
	mapfiletest.Kill(mf)
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for off, word := range map[int64]uint64{layout.ChangesOff: 1<<20 | 1, layout.StructureOff: 1<<20 | 1, layout.IndexOff: 0} {
		if _, err := file.WriteAt(binary.LittleEndian.AppendUint64(nil, word), off); err != nil {
			t.Fatal(err)
		}
	}
	took := soonest(time.Second, func() time.Duration {
		reader, start := openFile(t, path), time.Now()
		for i := range n {
			var raw mapfile.Raw
			if err := reader.GetInto(fmt.Sprint("slot/", i), &raw); err != nil {
				t.Fatal(err)
			}
		}
		return time.Since(start)
	})
	if took > time.Second {
		t.Errorf("%d lookups took %v", n, took)
	}
}

// A handle that follows a Recreate is open: a loop over the file before ends by saying that.
func TestLoopsOverAReplacedFileEndAsSuperseded(t *testing.T) {
	path := filepath.Join(testDir(t), "replaced.map")
	fill := func(mf *mapfile.MapFile) {
		for i := range 3 {
			addSlot(t, mf, fmt.Sprint("slot/", i), rawPayload(100, 1))
		}
		if err := mf.Update(); err != nil {
			t.Fatal(err)
		}
	}
	fill(createFile(t, path))
	for name, loop := range map[string]func(mf *mapfile.MapFile, body func(error) bool){
		"Slots": func(mf *mapfile.MapFile, body func(error) bool) {
			mf.Slots()(func(_ mapfile.SlotInfo, err error) bool { return body(err) })
		},
		"Verify": func(mf *mapfile.MapFile, body func(error) bool) {
			mf.Verify()(func(_ mapfile.Check, err error) bool { return body(err) })
		},
	} {
		reader := openFile(t, path, mapfile.WithFollow())
		var last error
		first := true
		loop(reader, func(err error) bool {
			if last = err; first {
				first = false
				next, err := mapfile.Recreate(path)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { next.Close() })
				fill(next)
				var raw mapfile.Raw
				if err := reader.GetInto("slot/0", &raw); err != nil { // which finds the new file
					t.Fatal(err)
				}
			}
			return true
		})
		if !errors.Is(last, mapfile.ErrSuperseded) {
			t.Errorf("%s ends with %v", name, last)
		}
	}
}
