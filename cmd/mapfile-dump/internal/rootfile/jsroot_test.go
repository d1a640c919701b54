package rootfile

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"go-hep.org/x/hep/hbook"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/hist"
)

// jsroot finds node, and the directory of JSROOT: $MAPFILE_JSROOT, or where npm install puts it here.
func jsroot(t *testing.T) (node, dir string) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("SKIPPED: whether JSROOT draws our JSON is not checked: no node here")
	}
	for _, dir := range []string{os.Getenv("MAPFILE_JSROOT"), filepath.Join("node_modules", "jsroot")} {
		if _, err := os.Stat(filepath.Join(dir, "modules", "main.mjs")); dir != "" && err == nil {
			return node, dir
		}
	}
	t.Skip("SKIPPED: whether JSROOT draws our JSON is not checked: no JSROOT here. " +
		"npm install --ignore-scripts jsroot gets it, MAPFILE_JSROOT=…/node_modules/jsroot tells where")
	return "", ""
}

// JSROOT reads and draws what JSON writes: the right contents and errors, axis titles on the axes, the
// statistics that our viewers show.
func TestJSROOTDrawsTheJSON(t *testing.T) {
	node, dir := jsroot(t)
	objects := map[string]string{}
	put := func(s sample) {
		text, err := JSON(s.slot, s.title, s.value)
		if err != nil {
			t.Fatal(s.slot, err)
		}
		objects[s.slot] = string(text)
	}
	for _, s := range samples() {
		put(s)
	}
	evil := hbook.NewH1D(2, 0, 2)
	evil.Fill(1, 1)
	put(sample{"evil <script>", "<script>alert(1)</script>;</text><script>;\x1b[31m\u202e\xff", evil})
	put(sample{"value", "", map[string]any{"a": []int{1, 2}}})
	in, err := json.Marshal(objects)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(node, filepath.Join("testdata", "check.mjs"), dir)
	var complaints bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("JSROOT: %v\n%s", err, &complaints)
	}
	var js struct {
		Version string
		Found   map[string]struct {
			Class            string
			Contents, Errors reals
			Texts            []string
			Script           bool
			Shapes           int
		}
	}
	if err := json.Unmarshal(out, &js); err != nil {
		t.Fatal(err)
	}
	t.Log("JSROOT", js.Version)
	if got := js.Found["value"]; got.Class != "TObjString" || got.Texts[0] != `{"a":[1,2]}` {
		t.Errorf("a value: %+v", got)
	}
	if got := js.Found["evil <script>"]; got.Script || !slices.Contains(got.Texts, "&lt;script&gt;alert(1)&lt;/script&gt;") {
		t.Errorf("a hostile title: %+v", got)
	}
	for _, s := range samples() {
		got, h := js.Found[s.slot], decoded(t, s.value)
		obj, err := Object(s.slot, s.title, s.value)
		if err != nil {
			t.Fatal(err)
		}
		if got.Class != obj.Class() || got.Shapes == 0 {
			t.Errorf("%s: a %s with %d shapes", s.slot, got.Class, got.Shapes)
		}
		o := membersOf(obj)
		contents, squares := *o["fArray"].(*[]float64), *o["fSumw2"].(*[]float64)
		p, isProfile := obj.(*profile)
		for i, content := range contents {
			square := squares[i]
			if isProfile {
				if w := p.binEntries.Data[i]; w != 0 {
					effective := w * w / p.binSumW2.Data[i]
					content /= w
					square = math.Abs(square/w-content*content) / effective
				}
			}
			if x := got.Contents.at(t, i); !close(x, content) && !math.IsNaN(content) {
				t.Errorf("%s: JSROOT's content of bin %d is %v, want %v", s.slot, i, x, content)
			}
			if x := got.Errors.at(t, i); !close(x, math.Sqrt(square)) && !math.IsNaN(square) {
				t.Errorf("%s: JSROOT's error of bin %d is %v, want %v", s.slot, i, x, math.Sqrt(square))
			}
		}
		says := func(name string, want float64) {
			t.Helper()
			i := slices.Index(got.Texts, name)
			if i < 0 || i+1 == len(got.Texts) {
				t.Errorf("%s: JSROOT shows no %q: %q", s.slot, name, got.Texts)
				return
			}
			x, err := strconv.ParseFloat(got.Texts[i+1], 64)
			if err != nil || math.Abs(x-want) > 1e-3*math.Abs(want) {
				t.Errorf("%s: JSROOT says %s %s, want %v", s.slot, name, got.Texts[i+1], want)
			}
		}
		says("Entries", float64(h.Total.Entries))
		if h.Total.W != 0 && !math.IsNaN(h.Total.W) {
			mean, deviation := "Mean", "Std Dev"
			if h.Kind == hist.H2D {
				mean, deviation = "Mean x", "Std Dev x"
			}
			says(mean, h.Total.MeanX())
			says(deviation, h.Total.RMSX())
			if h.Kind == hist.H2D { // of profiles JSROOT takes those from the bins
				says("Mean y", h.Total.MeanY())
				says("Std Dev y", h.Total.RMSY())
			}
		}
	}
	for slot, titles := range map[string][]string{
		"run1/plain": {"px", "[GeV]", "entries / 0.35 GeV"}, "labelled": {"title of the slot", "[GeV]", "entries"},
		"grid": {"2-D", "x", "y"}, "profile": {"prof", "x", "&lt;y&gt;"},
	} {
		for _, title := range titles {
			if !slices.Contains(js.Found[slot].Texts, title) {
				t.Errorf("%s: JSROOT shows no %q: %q", slot, title, js.Found[slot].Texts)
			}
		}
	}
}
