//go:build unix

package mapfile_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/gomapfile/mapfile/codec"
	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/registry"
)

// Values that are larger than a slot may hold.

// blob is a type whose encoding is as long as it says, and is made by a codec that is not of this module.
type blob struct{ n int }

// G25: a payload over the limit is an error of its own before anything grows, by every way of publishing;
// the old value stays, and so do the others of the commit.
func TestPayloadOverTheLimitIsRefusedBeforeAnythingGrows(t *testing.T) {
	if math.MaxInt == math.MaxInt32 {
		t.Skip("SKIPPED: no such lengths on this processor")
	}
	tooMuch := layout.MaxPayload
	tooMuch++ // as a constant it would not compile for 32 bits
	// Nobody touches it: it takes address space only.
	huge, err := syscall.Mmap(-1, 0, tooMuch, syscall.PROT_READ, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Skipf("SKIPPED: no room for 2 GiB of addresses: %v", err)
	}
	defer syscall.Munmap(huge)
	reg := &registry.Registry{}
	must(registry.RegisterIn[blob](reg, "test.Blob", codec.Func("blob",
		func(dst []byte, v *blob) ([]byte, error) {
			if v.n > len(dst)+100 {
				return huge[:v.n], nil
			}
			return append(dst, huge[:v.n]...), nil
		},
		func(src []byte, v *blob) error { v.n = len(src); return nil })))
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path, mapfile.WithRegistry(reg))
	x, foreign := int64(1), blob{3}
	raw := &mapfile.Raw{Type: mapfile.TypeInfo{Name: "mine", Codec: "mine"}, Payload: []byte("abc")}
	addSlot(t, mf, "x", &x)
	large := map[string]*mapfile.Slot{"foreign": addSlot(t, mf, "foreign", &foreign), "raw": addSlot(t, mf, "raw", raw)}
	mustUpdate(t, mf)
	before := stat(t, mf)
	var memory, after runtime.MemStats
	runtime.ReadMemStats(&memory)
	x, foreign.n, raw.Payload = 2, len(huge), huge
	for name, slot := range large {
		for how, update := range map[string]func() error{
			"Slot.Update": slot.Update, "Update": func() error { return mf.Update("x", name) }, "UpdateSlots": func() error { return mf.UpdateSlots(slot) },
		} {
			if err := update(); !errors.Is(err, mapfile.ErrTooLarge) || !containsSlotError(err, name) {
				t.Errorf("%s, %s: %v", name, how, err)
			}
			if slot.Version() != 1 {
				t.Errorf("%s, %s: version %d", name, how, slot.Version())
			}
		}
		var got mapfile.Raw
		if err := mf.GetInto(name, &got); err != nil || len(got.Payload) < 3 || len(got.Payload) > 100 {
			t.Errorf("%s: the old value has %d bytes, %v", name, len(got.Payload), err)
		}
	}
	if got := get[int64](t, mf, "x"); got != 1 {
		t.Errorf("x, of the same commits, is %d", got)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - memory.TotalAlloc; grown > 64<<20 {
		t.Errorf("%d bytes were allocated for values that nobody takes", grown)
	}
	if now := stat(t, mf); now.Size != before.Size || now.Used != before.Used {
		t.Errorf("the file had %d bytes, %d used, and has %d, %d", before.Size, before.Used, now.Size, now.Used)
	}
	if info, err := os.Stat(path); err != nil || info.Size() > 16<<20 {
		t.Errorf("the file has %d bytes, %v", info.Size(), err)
	}
	if _, err := mf.Add("more", &x, mapfile.WithCapacity(tooMuch)); err == nil {
		t.Error("a capacity over the limit is taken")
	}
	x, foreign.n, raw.Payload = 3, 5, []byte("again")
	mustUpdate(t, mf)
	if got := get[int64](t, mf, "x"); got != 3 {
		t.Error(fmt.Sprint("after the refusals x is ", got))
	}
	mustBeInOrder(t, mf)
}
