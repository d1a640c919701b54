package mapfile_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
)

// Fuzz targets: bytes of files, slot names, patterns.

// FuzzOpen: bytes that are no map file, or a damaged one, do no harm to those who read them.
func FuzzOpen(f *testing.F) {
	golden, err := os.ReadFile(goldenV1)
	must(err)
	for _, n := range []int{0, 7, 8, 4095, 4096, 36864, 40_000, len(golden)} {
		f.Add(golden[:min(n, len(golden))], uint32(0), uint64(0))
	}
	for off := uint32(512); off < 1300; off += 8 {
		f.Add([]byte(nil), off, ^uint64(0))
	}
	for _, lie := range []uint64{1 << 46, 1 << 63, 255, 36865} {
		f.Add([]byte(nil), uint32(layout.SizeOff), lie)
	}
	dir := testDir(f)
	f.Fuzz(func(t *testing.T, b []byte, off uint32, word uint64) {
		if len(b) > 1<<20 {
			return
		}
		if len(b) == 0 { // the golden file with one word changed
			b = bytes.Clone(golden)
		}
		if n := len(b) - 8; n >= 0 {
			binary.LittleEndian.PutUint64(b[int(off)%(n+1):], word)
		}
		path := filepath.Join(dir, fmt.Sprintf("%d.map", os.Getpid()))
		must(os.WriteFile(path, b, 0o600))
		defer os.Remove(path)
		mf, err := mapfile.Open(path)
		if err != nil {
			mustBeTyped(t, "open", err)
			return
		}
		defer mf.Close()
		useAll(t, mf)
	})
}

// FuzzSlotName: a name is either refused as such by everything, or is one under which a value is found.
func FuzzSlotName(f *testing.F) {
	for _, name := range []string{"a", "run1/hpx", "", ".", "..", "/", "a/", "/a", "a//b", "a/../b", "\x00", "\xff", "ü/😀", "*", "[", strings.Repeat("x", 255), strings.Repeat("x", 256)} {
		f.Add(name)
	}
	path := filepath.Join(testDir(f), "a.map")
	mf, err := mapfile.Create(path)
	must(err)
	f.Cleanup(func() { mf.Close() })
	f.Fuzz(func(t *testing.T, name string) {
		n := int64(len(name))
		slot, err := mf.Add(name, &n)
		if err != nil {
			_, getErr := mf.Get(name)
			if !errors.Is(err, mapfile.ErrName) || !errors.Is(getErr, mapfile.ErrName) || !errors.Is(mf.Remove(name), mapfile.ErrName) {
				t.Fatalf("%q: Add: %v; Get: %v", name, err, getErr)
			}
			return
		}
		if !fs.ValidPath(name) || len(name) > layout.MaxNameLen {
			t.Fatalf("%q was accepted", name)
		}
		err = slot.Update()
		got, getErr := mapfile.Get[int64](mf, name)
		if err != nil || getErr != nil || got != n || slot.Name() != name {
			t.Fatalf("%q: %v, %v, %v", name, err, getErr, got)
		}
		listed := false
		for info, err := range mf.Slots() {
			listed = listed || info.Name == name && err == nil
		}
		if err := mf.Remove(name); err != nil || !listed {
			t.Fatalf("%q: listed %v, Remove: %v", name, listed, err)
		}
	})
}

// FuzzPattern: patterns end, quickly, and a slot's own name, escaped, matches it.
func FuzzPattern(f *testing.F) {
	for _, p := range []string{"*", "**", "a", "run1/*", "**/x", "a/**/b", "[", "[a-", "\\", "a**", "", strings.Repeat("**/", 80) + "z", strings.Repeat("*a", 100)} {
		f.Add(p)
	}
	path := filepath.Join(testDir(f), "a.map")
	mf, err := mapfile.Create(path)
	must(err)
	f.Cleanup(func() { mf.Close() })
	n := int64(1)
	for _, name := range []string{"a", "run1/x", strings.Repeat("a/", 120) + "a", strings.Repeat("a", 250)} {
		if _, err := mf.Add(name, &n); err != nil {
			f.Fatal(err)
		}
	}
	must(mf.Update())
	f.Fuzz(func(t *testing.T, pattern string) {
		if len(pattern) > 2000 {
			return
		}
		start := time.Now()
		matched := 0
		for _, err := range mf.Slots(pattern) {
			if err != nil {
				if !errors.Is(err, mapfile.ErrName) {
					t.Fatal(err)
				}
				return
			}
			matched++
		}
		snap, err := mf.Snapshot(pattern)
		if err != nil && !errors.Is(err, mapfile.ErrNoSlot) {
			t.Fatalf("%q is good for Slots, not for Snapshot: %v", pattern, err)
		}
		taken := 0
		for range snap.Slots() {
			taken++
		}
		if err == nil && taken != matched {
			t.Fatalf("%q: Slots has %d, Snapshot %d", pattern, matched, taken)
		}
		if took := time.Since(start); took > longestCall {
			t.Fatalf("%q took %v", pattern, took)
		}
	})
}
