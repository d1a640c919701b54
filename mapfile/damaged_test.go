package mapfile_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
)

// Files that are cut, or of a version that this program does not know.

// A05
func TestFileCutAtAnyLengthIsATypedErrorAndStaysAsItIs(t *testing.T) {
	dir := testDir(t)
	path := filepath.Join(dir, "a.map")
	mf := createFile(t, path)
	big := make([]byte, 50_000)
	addSlot(t, mf, "big", &big)
	mustUpdate(t, mf)
	mf.Close()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(dir, "cut.map")
	var lengths []int
	for n := 0; n <= 4096; n += times(7, 1) {
		lengths = append(lengths, n)
	}
	lengths = append(lengths, 1, 2, 7, 8, 9, 511, 512, 528, 4095, 4096, 4097)
	for n := 8192; n < len(whole); n += 4096 {
		lengths = append(lengths, n-1, n, n+1)
	}
	for _, n := range append(lengths, len(whole)-1) {
		if err := os.WriteFile(cut, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		want := mapfile.ErrCorrupt
		if n < 8 {
			want = mapfile.ErrNotMapFile
		}
		_, openErr := mapfile.Open(cut)
		_, joinErr := mapfile.OpenOrCreate(cut)
		for _, err := range []error{openErr, joinErr, mapfile.RemoveDead(cut)} {
			if !errors.Is(err, want) {
				t.Fatalf("cut to %d bytes: %v, not %v", n, err, want)
			}
		}
		if b, err := os.ReadFile(cut); err != nil || !bytes.Equal(b, whole[:n]) {
			t.Fatalf("cut to %d bytes: the file was changed, %v", n, err)
		}
	}
}

// A05
func TestFileCutUnderItsHandlesIsAnErrorNotASignal(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a mapped file cannot be cut there")
	}
	for _, n := range []int64{0, 4096, 40_000, 64 << 10, 128 << 10} {
		path := filepath.Join(testDir(t), "a.map")
		mf := createFile(t, path)
		big, small := make([]byte, 300_000), int64(1)
		slot := addSlot(t, mf, "big", &big)
		addSlot(t, mf, "small", &small)
		mustUpdate(t, mf)
		reader := openFile(t, path)
		big[0] = 1
		if err := os.Truncate(path, n); err != nil {
			t.Fatal(err)
		}
		_, err := reader.Get("big")
		for name, err := range map[string]error{
			"Get": err, "Update": slot.Update(), "commit": mf.Update(), "Remove": mf.Remove("big"),
		} {
			if !errors.Is(err, mapfile.ErrCorrupt) {
				t.Errorf("cut to %d: %s: %v", n, name, err)
			}
		}
		for _, err := range reader.Slots() {
			if err != nil && !errors.Is(err, mapfile.ErrCorrupt) {
				t.Errorf("cut to %d: Slots: %v", n, err)
			}
		}
		reader.Snapshot()
		reader.Stat()
		if err := mf.Close(); err != nil && !errors.Is(err, mapfile.ErrCorrupt) {
			t.Errorf("cut to %d: Close: %v", n, err)
		}
	}
}

// A24
func TestNewerFormatVersionIsAnErrorOfItsOwn(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	createFile(t, path).Close()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	id := layout.Identity{}
	if err := layout.GetIdentity(b, &id); err != nil {
		t.Fatal(err)
	}
	id.Version = layout.FormatVersion + 41
	layout.PutIdentity(b, &id)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	_, openErr := mapfile.Open(path)
	_, joinErr := mapfile.OpenOrCreate(path)
	for _, err := range []error{openErr, joinErr, mapfile.RemoveDead(path)} {
		if !errors.Is(err, mapfile.ErrFormatVersion) || errors.Is(err, mapfile.ErrCorrupt) || errors.Is(err, mapfile.ErrNotMapFile) {
			t.Errorf("%v", err)
		} else if text := err.Error(); !strings.Contains(text, "42") || !strings.Contains(text, fmt.Sprint(layout.FormatVersion)) {
			t.Errorf("the text lacks a version: %s", text)
		}
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, b) {
		t.Errorf("the file was changed, %v", err)
	}
	binary.BigEndian.PutUint32(b[layout.HeaderVersionOff:], layout.FormatVersion)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := mapfile.Open(path); !errors.Is(err, mapfile.ErrCorrupt) || !strings.Contains(err.Error(), "byte order") {
		t.Errorf("the other byte order: %v", err)
	}
}
