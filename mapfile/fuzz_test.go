package mapfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
)

// Fuzz targets: bytes of files, names of all kinds, paths, patterns. Each fails also for what takes too
// long or too much memory; see useNow.

// hangs ends the process, so that the fuzzer finds the input that does not come back.
func hangs() (stop func() bool) {
	return time.AfterFunc(3*longestCall, func() { panic("a call does not come back") }).Stop
}

// seedFiles are the golden file and lies about it.
func seedFiles(f *testing.F, golden image) {
	for _, n := range []int{0, 7, 8, 4095, 4096, 36864, 40_000, len(golden)} {
		f.Add([]byte(golden[:min(n, len(golden))]), uint32(0), uint64(0))
	}
	for off := uint32(512); off < 1300; off += 8 {
		f.Add([]byte(nil), off, ^uint64(0))
	}
	for _, lie := range []uint64{1 << 46, 1 << 63, 255, 36865} {
		f.Add([]byte(nil), uint32(layout.SizeOff), lie)
	}
}

// hostileFile makes a file of b, or of the golden file, one word of it changed.
func hostileFile(dir string, golden, b image, off uint32, word uint64) string {
	if len(b) == 0 {
		b = golden
	}
	b = bytes.Clone(b)
	if n := len(b) - 8; n >= 0 {
		b.put(uint64(off)%uint64(n+1), word)
	}
	path := filepath.Join(dir, fmt.Sprintf("%d.map", os.Getpid()))
	must(os.WriteFile(path, b, 0o600))
	return path
}

// fuzzFile has use try files that the fuzzer makes up.
func fuzzFile(f *testing.F, use func(t *testing.T, path string)) {
	golden := image(must1(os.ReadFile(goldenV1)))
	seedFiles(f, golden)
	dir := testDir(f)
	f.Fuzz(func(t *testing.T, b []byte, off uint32, word uint64) {
		if len(b) > 1<<20 {
			return
		}
		defer hangs()()
		path := hostileFile(dir, golden, b, off, word)
		defer os.Remove(path)
		use(t, path)
	})
}

// FuzzOpen: bytes that are no map file, or a damaged one, do no harm to those who read them.
func FuzzOpen(f *testing.F) {
	fuzzFile(f, func(t *testing.T, path string) {
		mf, err := mapfile.Open(path)
		if err != nil {
			mustBeTyped(t, "open", err)
			return
		}
		defer mf.Close()
		useNow(t, mf)
	})
}

// FuzzJoin: nor to those who produce into them. What such a producer publishes is what is read, or is
// lost in the damage; it is never something else.
func FuzzJoin(f *testing.F) {
	fuzzFile(f, func(t *testing.T, path string) {
		mf, err := mapfile.OpenOrCreate(path, mapfile.WithLockTimeout(20*time.Millisecond), mapfile.WithMaxSize(4<<20))
		if err != nil {
			mustBeTyped(t, "join", err)
			return
		}
		defer mf.Close()
		joined(t, mf)
		if info, err := os.Stat(path); err == nil && info.Size() > 4<<20 {
			t.Errorf("the file was made %d bytes long", info.Size())
		}
	})
}

// joined does what producers do.
func joined(t *testing.T, mf *mapfile.MapFile) {
	t.Helper()
	try := func(what string, err error) bool {
		t.Helper()
		if err != nil {
			mustBeTyped(t, what, err)
		}
		return err == nil
	}
	count, grown, fresh := int64(12345), []float64{1, 2, 3}, int64(54321)
	added := map[string]bool{}
	for _, add := range []struct {
		name string
		v    any
	}{{"run1/count", &count}, {"run1/spectrum", &grown}, {"new", &fresh}} {
		slot, err := mf.Add(add.name, add.v)
		if added[add.name] = try("Add", err); err == nil {
			try("Update", slot.Update())
		}
	}
	grown = make([]float64, 2000)
	updated := mf.Update()
	try("Update", updated)
	for name, want := range map[string]int64{"run1/count": count, "new": fresh} {
		if n, err := mapfile.Get[int64](mf, name); updated == nil && added[name] && try("Get", err) && n != want {
			t.Errorf("%s: published %d, read %d", name, want, n)
		}
	}
	try("Remove", mf.Remove("config"))
	try("Sync", mf.Sync())
	try("RemoveAll", mf.RemoveAll())
}

// FuzzNames: names, titles, types and schemas are refused, or come back as they were; and no message
// about them can control a terminal.
func FuzzNames(f *testing.F) {
	for _, name := range []string{"a", "run1/hpx", "", ".", "..", "/", "a/", "/a", "a//b", "a/../b", "\x00", "\xff", "ü/😀", "*", "[", "\x1b[31m", strings.Repeat("x", 255), strings.Repeat("x", 256)} {
		f.Add(name, name, name, "json", []byte(name))
	}
	f.Add("a", "title;x [cm];entries", "shop.Config", "", []byte("schema"))
	dir := testDir(f)
	f.Fuzz(func(t *testing.T, name, title, typeName, codecName string, schema []byte) {
		defer hangs()()
		path := filepath.Join(dir, fmt.Sprintf("%d.map", os.Getpid()))
		defer os.Remove(path)
		mf, err := mapfile.Create(path, mapfile.WithMaxSize(8<<20)) // one of its own: type records stay for ever
		if err != nil {
			t.Fatal(err)
		}
		defer mf.Close()
		raw := &mapfile.Raw{Type: mapfile.TypeInfo{Name: typeName, Codec: codecName, Schema: schema}, Payload: []byte("payload")}
		slot, err := mf.Add(name, raw, mapfile.WithTitle(title))
		if err != nil {
			mustBeHarmless(t, err)
			_, getErr := mf.Get(name)
			mustBeHarmless(t, getErr)
			if badName := !fs.ValidPath(name) || name == "." || len(name) > layout.MaxNameLen || strings.Contains(name, "\x00"); badName != errors.Is(getErr, mapfile.ErrName) || badName != errors.Is(mf.Remove(name), mapfile.ErrName) {
				t.Fatalf("%q: Add: %v; Get: %v", name, err, getErr)
			}
			return
		}
		if !fs.ValidPath(name) || len(name) > layout.MaxNameLen {
			t.Fatalf("%q was accepted", name)
		}
		var back mapfile.Raw
		if err := errors.Join(slot.Update(), mf.GetInto(name, &back)); err != nil {
			t.Fatal(err)
		}
		info, err := mf.Reader(name).Stat()
		if err != nil || info.Name != name || info.Title != title || slot.Name() != name {
			t.Fatalf("%q with title %q became %q with %q, %v", name, title, info.Name, info.Title, err)
		}
		if back.Type.Name != typeName || back.Type.Codec != codecName || !bytes.Equal(back.Type.Schema, schema) || string(back.Payload) != "payload" {
			t.Fatalf("%+v became %+v", raw, back)
		}
		if _, err := mf.Get(name); err != nil {
			mustBeHarmless(t, err)
		}
		if _, _, err := mf.Reader(name).Inspect(); err != nil {
			mustBeHarmless(t, err)
		}
		if err := mf.Remove(name); err != nil {
			t.Fatal(err)
		}
	})
}

// mustBeHarmless: whoever chose the names in a message cannot move the cursor of who reads it.
func mustBeHarmless(t *testing.T, err error) {
	t.Helper()
	if at := strings.IndexFunc(err.Error(), func(r rune) bool { return !unicode.IsGraphic(r) }); at >= 0 {
		t.Errorf("character %d of an error is not to be seen: %q", at, err)
	}
}

// FuzzPath: a file can have every name that the system has for files, and is found under it.
func FuzzPath(f *testing.F) {
	for _, name := range []string{"a.map", "a", ".hidden", " ", "-n", "*", "new\nline", "\x1b[31m.map", "\xff.map", "ü😀", "a\\b", strings.Repeat("x", 255), strings.Repeat("x", 256)} {
		f.Add(name)
	}
	top := testDir(f)
	f.Fuzz(func(t *testing.T, name string) {
		defer hangs()()
		dir, err := os.MkdirTemp(top, "")
		must(err)
		defer os.RemoveAll(dir)
		if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
			return
		}
		path := dir + string(filepath.Separator) + name
		_, err = mapfile.Open(path)
		mustBeHarmless(t, err)
		mf, err := mapfile.Create(path)
		if err != nil {
			mustBeHarmless(t, err)
			if mine := os.WriteFile(path, nil, 0o600); mine == nil {
				t.Fatalf("%q can be the name of a file, but not of a map file: %v", name, err)
			}
			return
		}
		defer mf.Close()
		_, err = mapfile.Create(path)
		mustBeHarmless(t, err)
		_, err = mf.Get("absent")
		mustBeHarmless(t, err)
		info, err := mf.Stat()
		d, dirErr := mapfile.OpenDir(dir)
		if err != nil || dirErr != nil || info.Path != path {
			t.Fatalf("%q: %q, %v, %v", path, info.Path, err, dirErr)
		}
		defer d.Close()
		listed := 0
		for file, err := range d.Files() {
			if err != nil || file.Path() != path {
				t.Fatalf("%q: listed as %q, %v", path, file.Path(), err)
			}
			listed++
		}
		if hidden := strings.HasPrefix(name, "."); listed != 1 && !hidden {
			t.Fatalf("%q: listed %d times", path, listed)
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
		defer hangs()()
		start := time.Now()
		matched := 0
		for _, err := range mf.Slots(pattern) {
			if err != nil {
				if !errors.Is(err, mapfile.ErrName) {
					t.Fatal(err)
				}
				mustBeHarmless(t, err)
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
