package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomapfile/mapfile/mapfile"
)

// runTool runs mapfile-dump in this process.
func runTool(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	dir := t.TempDir()
	var files [2]*os.File
	for i, name := range []string{"stdout", "stderr"} {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files[i] = f
	}
	code = run(args, files[0], files[1])
	var text [2]string
	for i, f := range files {
		b, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		text[i] = string(b)
	}
	return code, text[0], text[1]
}

// everyCommand is each command that looks at one file.
func everyCommand(path string) [][]string {
	return [][]string{
		{"ls", path}, {"ls", path, "-o", "json"}, {"get", path, "x"}, {"get", path, "-m", "**"}, {"info", path}, {"watch", path, "-n", "1"},
		{"verify", path}, {"verify", path, "--deep"}, {"dump", path}, {"dump", path, "--slot", "x"},
	}
}

// smallFile makes a file with one slot, whose producer has ended.
func smallFile(t *testing.T, path string, names ...string) []byte {
	t.Helper()
	mf, err := mapfile.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	x := int64(1)
	for _, name := range append(names, "x") {
		if _, err := mf.Add(name, &x, mapfile.WithTitle("of "+name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := mf.Update(); err != nil {
		t.Fatal(err)
	}
	if err := mf.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A05: a file that is cut at any length is told by every command, with a code of its own, and is left as
// it is. A directory with such files is listed all the same.
func TestFileCutAtAnyLengthIsToldByEveryCommand(t *testing.T) {
	dir := t.TempDir()
	whole := smallFile(t, filepath.Join(dir, "whole.map"))
	path := filepath.Join(dir, "cut.map")
	lengths := []int{0, 1, 7, 8, 12, 63, 64, 511, 512, 520, 4095, 4096, 4097, 8192, 36863, 36864, 40960, len(whole) - 4096, len(whole) - 1}
	for n := 100; n < 4096 && !testing.Short(); n += 571 {
		lengths = append(lengths, n)
	}
	for _, n := range lengths {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		for _, args := range everyCommand(path) {
			code, stdout, stderr := runTool(t, args...)
			if code != exitCorrupt || !strings.Contains(stderr, "cut.map") || strings.Count(stderr, "\n") != 1 {
				t.Errorf("cut to %d bytes: %q: exit code %d, stderr %q", n, args, code, stderr)
			}
			if stdout != "" && !strings.Contains(stdout, `"items":[]`) && args[0] != "verify" {
				t.Errorf("cut to %d bytes: %q: stdout %q", n, args, stdout)
			}
		}
		for _, args := range [][]string{{"ls", dir}, {"gc", dir}} {
			code, stdout, stderr := runTool(t, args...)
			if code != exitCorrupt || !strings.Contains(stderr, "cut.map") || args[0] == "ls" && !strings.Contains(stdout, "whole.map") {
				t.Errorf("cut to %d bytes: %q: exit code %d, stdout %q, stderr %q", n, args, code, stdout, stderr)
			}
		}
		if b, err := os.ReadFile(path); err != nil || !bytes.Equal(b, whole[:n]) {
			t.Errorf("cut to %d bytes: the file was changed, %v", n, err)
		}
	}
}

// A24: a file of a newer format version has an exit code of its own, and the message has both versions.
func TestNewerFormatVersionIsToldByEveryCommand(t *testing.T) {
	path := filepath.Join(t.TempDir(), "newer.map")
	b := smallFile(t, path)
	const versionOff, titleLenOff, checkOff, titleOff = 8, 56, 60, 64
	le := binary.LittleEndian
	le.PutUint32(b[versionOff:], 42)
	table := crc32.MakeTable(crc32.Castagnoli)
	check := crc32.Update(crc32.Checksum(b[:checkOff], table), table, b[titleOff:titleOff+le.Uint32(b[titleLenOff:])])
	le.PutUint32(b[checkOff:], check)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range everyCommand(path) {
		code, _, stderr := runTool(t, args...)
		if code != exitNewerFormat || !strings.Contains(stderr, "42") || !strings.Contains(stderr, "knows 1") || strings.Contains(stderr, "damaged") {
			t.Errorf("%q: exit code %d, stderr %q", args, code, stderr)
		}
	}
}

// B04: names of any length and script come back from JSON byte by byte.
func TestNamesComeBackExactFromJSON(t *testing.T) {
	path := filepath.Join(t.TempDir(), "names.map")
	names := []string{"a", "a/b", " ", "a b", "-n", "*", `back\slash`, `"`, "new\nline", "\x1b[31m", "\u202eabc", "日本/語", "e\u0301", "é", "<&>", "\u2028",
		strings.Repeat("n", 255), strings.Repeat("é", 127) + "y"}
	smallFile(t, path, names...)
	for _, format := range []string{"json", "ndjson"} {
		code, stdout, stderr := runTool(t, "ls", path, "-o", format)
		if code != 0 || stderr != "" {
			t.Errorf("exit code %d, stderr %q", code, stderr)
		}
		type slot struct{ Name, Title string }
		var list struct{ Items []slot }
		if format == "json" {
			if err := json.Unmarshal([]byte(stdout), &list); err != nil {
				t.Fatal(err)
			}
		} else {
			for line := range strings.Lines(stdout) {
				var s slot
				if err := json.Unmarshal([]byte(line), &s); err != nil {
					t.Fatal(err)
				}
				list.Items = append(list.Items, s)
			}
		}
		var got []string
		for _, s := range list.Items {
			got = append(got, s.Name)
			if s.Title != "of "+s.Name {
				t.Errorf("the title of %q is %q", s.Name, s.Title)
			}
		}
		want := slices.Sorted(slices.Values(append(slices.Clone(names), "x")))
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", format, got, want)
		}
	}
}
