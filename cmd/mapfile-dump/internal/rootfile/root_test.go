package rootfile

import (
	"bytes"
	"cmp"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"go-hep.org/x/hep/hbook"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/hist"
)

// rootPython finds a Python that has ROOT: $MAPFILE_ROOT_PYTHON, that of bench/peers, or the usual one.
func rootPython(t *testing.T) string {
	t.Helper()
	for _, python := range []string{
		os.Getenv("MAPFILE_ROOT_PYTHON"),
		filepath.FromSlash("../../../../bench/peers/build/root-venv/bin/python"),
		"python3",
	} {
		if python != "" && exec.Command(python, "-W", "ignore", "-c", "import ROOT").Run() == nil {
			return python
		}
	}
	t.Skip("SKIPPED: whether ROOT reads our files is not checked: no Python with ROOT here. " +
		"bench/peers/setup-root.sh gets one, or MAPFILE_ROOT_PYTHON names it")
	return ""
}

// reals are numbers that JSON may not have: as texts.
type reals []string

func (r reals) at(t *testing.T, i int) float64 {
	t.Helper()
	if i >= len(r) {
		t.Fatal("too few numbers:", r)
	}
	x, err := strconv.ParseFloat(r[i], 64)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// What ROOT itself finds in a file: all objects, by path; of histograms the same numbers as our viewers show, and
// of each the same JSON as ours.
func TestROOTReadsTheFile(t *testing.T) {
	python, path := rootPython(t), write(t)
	cmd := exec.Command(python, filepath.Join("testdata", "check.py"), path)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil || complaints.Len() > 0 {
		t.Fatalf("ROOT: %v\n%s", err, &complaints)
	}
	var root struct {
		Version string
		Found   map[string]struct {
			Class, Name, Title, KeyTitle, Text, Entries, Integral, JSON string
			Means, Deviations, Contents, Errors, SumW2                  reals
			Axes                                                        []struct {
				Title string
				Edges reals
			}
		}
	}
	if err := json.Unmarshal(out, &root); err != nil {
		t.Fatal(err)
	}
	t.Log("ROOT", root.Version)
	if want := len(samples()) + len(hostile) + 2; len(root.Found) != want {
		t.Errorf("%d objects, want %d", len(root.Found), want)
	}
	if got := root.Found["value/any"]; got.Class != "TObjString" || got.Text != `{"Limit":5,"Text":"\u001b[31m"}` || got.KeyTitle != "a value" {
		t.Errorf("a value: %+v", got)
	}
	if got := root.Found[MetaKey]; got.Text != `{"commit":86113,"session":2}` {
		t.Errorf("metadata: %+v", got)
	}
	for name, path := range pathsOfSamples() {
		if root.Found[path].Class == "" {
			t.Errorf("%q is not there", name)
		}
	}
	paths := pathsOfSamples()
	for _, s := range samples() {
		got := root.Found[paths[s.slot]]
		same := func(what string, got, want float64) {
			t.Helper()
			if !close(got, want) {
				t.Errorf("%s: ROOT's %s is %v, want %v", s.slot, what, got, want)
			}
		}
		h := decoded(t, s.value)
		entries, _ := strconv.ParseFloat(got.Entries, 64)
		same("number of entries", entries, float64(h.Total.Entries))
		if h.Total.W != 0 { // else ROOT says 0
			same("mean", got.Means.at(t, 0), h.Total.MeanX())
			if s.slot != "odd" { // ROOT says 0
				same("standard deviation", got.Deviations.at(t, 0), h.Total.RMSX())
			}
			if len(got.Means) > 1 && s.slot != "oddP" {
				same("mean of y", got.Means.at(t, 1), h.Total.MeanY())
				same("standard deviation of y", got.Deviations.at(t, 1), h.Total.RMSY())
			}
		}
		integral, _ := strconv.ParseFloat(got.Integral, 64)
		sum := 0.0
		edges := got.Axes[0].Edges
		nx := len(edges) - 1
		for i, w := range h.Content {
			cell := i + 1
			switch binned := s.value.(type) {
			case *hbook.H1D:
				cell = 0
				for j := range nx { // with gaps there are more
					if edges.at(t, j) <= binned.Binning.Bins[i].XMid() {
						cell = j + 1
					}
				}
				same("lower edge", edges.at(t, cell-1), binned.Binning.Bins[i].XMin())
				same("upper edge", edges.at(t, cell), binned.Binning.Bins[i].XMax())
				same("sum of squares", got.SumW2.at(t, cell), h.SumW2[i])
			case *hbook.H2D:
				cell = (i/nx+1)*(nx+2) + i%nx + 1
				same("lower edge", edges.at(t, i%nx), binned.Binning.Bins[i].XMin())
				same("lower edge of y", got.Axes[1].Edges.at(t, i/nx), binned.Binning.Bins[i].YMin())
				same("sum of squares", got.SumW2.at(t, cell), h.SumW2[i])
			}
			if w == 0 { // a profile's mean is NaN here; ROOT's is 0
				same("content", got.Contents.at(t, cell), 0)
				continue
			}
			sum += h.Value(i)
			same("content", got.Contents.at(t, cell), h.Value(i))
			if !math.IsNaN(h.Value(i)) {
				same("error", got.Errors.at(t, cell), h.Err(i))
			}
		}
		same("integral", integral, sum)
		if h.Kind == hist.H1D {
			same("underflow", got.Contents.at(t, 0), h.Under.W)
			same("overflow", got.Contents.at(t, nx+1), h.Over.W)
		}
		_, key := splitPath(paths[s.slot])
		titles := splitTitle(s.title, h.Title)
		if got.Name != key || got.Title != titles[0] || got.KeyTitle != titles[0] {
			t.Errorf("%s: ROOT's name and titles are %q, %q and %q, want %q and %q", s.slot, got.Name, got.Title, got.KeyTitle, key, titles[0])
		}
		if got, want := got.Axes[0].Title, cmp.Or(h.X.Title, titles[1]); got != want {
			t.Errorf("%s: ROOT's title of x is %q, want %q", s.slot, got, want)
		}
		if got, want := got.Axes[1].Title, cmp.Or(h.Y.Title, titles[2]); got != want {
			t.Errorf("%s: ROOT's title of y is %q, want %q", s.slot, got, want)
		}
		ours, err := JSON(key, s.title, s.value)
		if err != nil {
			t.Fatal(err)
		}
		if diff := differentJSON(anyOf(t, ours), anyOf(t, []byte(got.JSON)), ""); diff != "" {
			t.Errorf("%s: our JSON is not ROOT's: %s", s.slot, diff)
		}
	}
}

// close says whether two numbers are the same but for rounding.
func close(a, b float64) bool {
	if math.IsInf(a, 0) || math.IsInf(b, 0) {
		return a == b
	}
	return math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) <= 1e-9*max(math.Abs(a), math.Abs(b), 1e-3)
}

func anyOf(t *testing.T, text []byte) (v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber() // there may be 2e308
	if err := d.Decode(&v); err != nil {
		t.Fatal(err, string(text))
	}
	return v
}

// differentJSON says where two values differ. ROOT writes 15 digits only; bits that say where an object lies
// in memory, and the names of lists that have none, do not count.
func differentJSON(ours, roots any, at string) string {
	if strings.HasSuffix(at, ".fBits") || at == ".fFunctions.name" {
		return ""
	}
	switch o := ours.(type) {
	case map[string]any:
		r, _ := roots.(map[string]any)
		for name := range r {
			if _, ok := o[name]; !ok {
				return at + "." + name + " is missing"
			}
		}
		for name, v := range o {
			if diff := differentJSON(v, r[name], at+"."+name); diff != "" {
				return diff
			}
		}
		return ""
	case []any:
		r, _ := roots.([]any)
		if len(r) != len(o) {
			return at + " has another length"
		}
		for i := range o {
			if diff := differentJSON(o[i], r[i], at+"["+strconv.Itoa(i)+"]"); diff != "" {
				return diff
			}
		}
		return ""
	case json.Number:
		if r, ok := roots.(json.Number); ok {
			x, _ := strconv.ParseFloat(o.String(), 64)
			y, _ := strconv.ParseFloat(r.String(), 64)
			if close(x, y) {
				return ""
			}
		}
	default:
		if ours == roots {
			return ""
		}
	}
	text, _ := json.Marshal([2]any{ours, roots})
	return at + ": " + string(text)
}
