package mapfile_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gomapfile/mapfile/mapfile"
)

var update = flag.Bool("update", false, "make golden files that do not exist yet; those of a released format version are never made anew")

const goldenV1 = "testdata/golden/v1.map"

// makeGolden makes the file that FORMAT.md shows.
func makeGolden(path string) error {
	mf, err := mapfile.Create(path, mapfile.WithTitle("golden"))
	if err != nil {
		return err
	}
	config := &mapfile.Raw{Type: mapfile.TypeInfo{Name: "shop.Config", Codec: "json"}, Payload: []byte(`{"Limit":7}`)}
	count, spectrum, unset := int64(0), []float64{0.5, 1.5, -2}, "never published"
	for _, add := range []struct {
		name string
		v    any
		opts []mapfile.SlotOption
	}{
		{"config", config, []mapfile.SlotOption{mapfile.WithTitle("limits of the shop")}},
		{"run1/count", &count, []mapfile.SlotOption{mapfile.WithBuffers(3)}},
		{"run1/spectrum", &spectrum, []mapfile.SlotOption{mapfile.WithTitle("spectrum;E [keV];entries")}},
		{"unset", &unset, nil},
	} {
		if _, err := mf.Add(add.name, add.v, add.opts...); err != nil {
			return err
		}
	}
	for count = 1; count <= 5; count++ {
		if err := mf.Update("run1/count", "run1/spectrum"); err != nil {
			return err
		}
		spectrum = append(spectrum, float64(count)) // it outgrows its first extent
		spectrum = append(spectrum, spectrum...)
	}
	if err := mf.Update("config"); err != nil {
		return err
	}
	return mf.Close()
}

// The golden file of format version 1 is read for ever, whatever the code has become.
func TestGoldenFileOfVersion1IsRead(t *testing.T) {
	if _, err := os.Stat(goldenV1); errors.Is(err, fs.ErrNotExist) && *update {
		if err := errors.Join(os.MkdirAll(filepath.Dir(goldenV1), 0o755), makeGolden(goldenV1), os.Chmod(goldenV1, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	mf, err := mapfile.Open(goldenV1)
	if err != nil {
		t.Fatal(err)
	}
	defer mf.Close()
	if count, err := mapfile.Get[int64](mf, "run1/count"); err != nil || count != 5 {
		t.Errorf("run1/count: %v, %v", count, err)
	}
	spectrum, err := mapfile.Get[[]float64](mf, "run1/spectrum")
	if err != nil || len(spectrum) != 78 || spectrum[0] != 0.5 || spectrum[77] != 4 {
		t.Errorf("run1/spectrum: %v, %v", spectrum, err)
	}
	var raw mapfile.Raw
	if err := mf.GetInto("config", &raw); err != nil || string(raw.Payload) != `{"Limit":7}` || raw.Type.Name != "shop.Config" || raw.Type.Codec != "json" {
		t.Errorf("config: %+v, %v", raw, err)
	}
	if _, err := mf.Get("unset"); !errors.Is(err, mapfile.ErrNotPublished) {
		t.Errorf("unset: %v", err)
	}
	for check, err := range mf.Verify() {
		if err != nil {
			t.Errorf("verify: %+v: %v", check, err)
		}
	}
}

// Today's code makes files of the same structure for the same work: the same fields, at the same
// places within their structures. Where in the arena a structure lies is no part of the format.
func TestGoldenFileIsWhatTodaysCodeMakes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v1.map")
	if err := makeGolden(path); err != nil {
		t.Fatal(err)
	}
	old, now := fieldsOf(t, goldenV1), fieldsOf(t, path)
	if !slices.Equal(old, now) {
		for i := range min(len(old), len(now)) {
			if old[i] != now[i] {
				t.Fatalf("field %d was %s, is %s", i, old[i], now[i])
			}
		}
		t.Fatalf("%d fields, were %d", len(now), len(old))
	}
}

// fieldsOf lists where everything lies; values but those of clocks and identities.
func fieldsOf(t *testing.T, path string) []string {
	t.Helper()
	mf, err := mapfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer mf.Close()
	changing := []string{"file id", "boot id", "created", "check", "structure pid", "heartbeat", "started", "pid", "process start", "wall", "boot", "program", "program length", "bell"}
	placed := []string{"index", "extent word", "label word", "structure", "changes"}
	var list []string
	for f, err := range mf.Layout() {
		if err != nil {
			t.Fatal(err)
		}
		if f.Free || slices.Contains(placed, f.Name) {
			continue
		}
		if slices.Contains(changing, f.Name) {
			f.Value, f.Length = "", 0
		}
		if f.Offset >= 36864 {
			f.Offset %= 128
		}
		list = append(list, fmt.Sprintf("%d+%d %s %q %s", f.Offset, f.Length, f.Name, f.Value, f.Slot))
	}
	slices.Sort(list)
	return list
}

var hexLine = regexp.MustCompile(`^([0-9a-f]{8})  ((?:[0-9a-f]{2} ?)+)`)

// FORMAT.md's worked example is the golden file, byte for byte.
func TestFormatDocumentShowsTheGoldenFile(t *testing.T) {
	golden, err := os.ReadFile(goldenV1)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	_, dump, _ := strings.Cut(string(doc), "```hexdump\n")
	shown := 0
	for line := range strings.Lines(dump) {
		m := hexLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		off, _ := strconv.ParseInt(m[1], 16, 64)
		want, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(m[2]), " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		if got := golden[off:][:len(want)]; !bytes.Equal(got, want) {
			t.Errorf("at %x: the document shows % x, the file has % x", off, want, got)
		}
		shown += len(want)
	}
	if shown < 300 {
		t.Errorf("the example shows %d bytes only", shown)
	}
}

// FORMAT.md shows every drawing that stands above the code.
func TestFormatDocumentShowsTheDrawingsOfTheCode(t *testing.T) {
	doc, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("internal/layout/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	drawings := 0
	for _, file := range files {
		code, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(code)) {
			drawing, ok := strings.CutPrefix(line, "//\t")
			if !ok || strings.HasPrefix(drawing, "extent ") || strings.HasPrefix(drawing, "buffer ") {
				continue
			}
			drawings++
			if !strings.Contains(string(doc), drawing) {
				t.Errorf("%s: FORMAT.md does not show %q", file, drawing)
			}
		}
	}
	if drawings < 60 {
		t.Errorf("only %d lines of drawings found", drawings)
	}
}
