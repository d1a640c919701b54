package rootfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"go-hep.org/x/hep/groot/rbase"
	"go-hep.org/x/hep/groot/rbytes"
	"go-hep.org/x/hep/groot/riofs"
	"go-hep.org/x/hep/groot/root"
	"go-hep.org/x/hep/hbook"
	"google.golang.org/protobuf/proto"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/hist"
	"github.com/gomapfile/mapfile/codec"
	hbookcodec "github.com/gomapfile/mapfile/codec/hbook"
	mapfilepb "github.com/gomapfile/mapfile/proto"
)

// hostile are names that mean something to ROOT, to a terminal or to a browser.
var hostile = []string{
	"mapfile", "a b", "c;1", "d:e", "x*", "y?", "[z]", `"q"`, "$HOME", "~", "täst/ü", `back\slash`, "new\nline", "\x1b[31mred",
	"<script>", "dir:x/h", "dir;x/h", "sp /h", " lead", "trail ", "per%cent", "%41", "run1/...", "-x", "#;a", "\u202ebidi",
	"inv\xffalid", strings.Repeat("long", 60), ".", "./h", "..", "../up", "/abs", "twice//h", "end/", "end", "/",
}

// write makes a ROOT file of all samples, of a value and of hostile names, and returns its path.
func write(t *testing.T) string {
	t.Helper()
	names := append([]string{"value/any"}, hostile...)
	for _, s := range samples() {
		names = append(names, s.slot)
	}
	w, err := Create(names)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	put := func(slot, title string, v any) {
		if err := w.Put(slot, title, v); err != nil {
			t.Fatalf("%q: %v", slot, err)
		}
	}
	for _, s := range samples() {
		put(s.slot, s.title, s.value)
	}
	for _, name := range hostile {
		put(name, name, samples()[0].value)
	}
	put("value/any", "a value", map[string]any{"Limit": 5, "Text": "\x1b[31m"})
	if err := w.Meta(map[string]any{"commit": 86113, "session": 2}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "out.root")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := w.WriteTo(f); err != nil {
		t.Fatal(err)
	}
	return path
}

// groot finds in the file what was put there: everything equal, to the bit.
func TestFileReadsBackEqual(t *testing.T) {
	file, err := riofs.Open(write(t))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	paths := pathsOfSamples()
	for _, s := range samples() {
		got, err := riofs.Dir(file).Get(paths[s.slot])
		if err != nil {
			t.Error(err)
			continue
		}
		_, key := splitPath(paths[s.slot])
		want, err := Object(key, s.title, s.value)
		if err != nil {
			t.Fatal(s.slot, err)
		}
		if got.Class() != want.Class() || !bytes.Equal(marshal(t, got), marshal(t, want)) {
			t.Errorf("%s: read back differs", s.slot)
		}
	}
	for path, want := range map[string]string{
		"value/any": `{"Limit":5,"Text":"\u001b[31m"}`,
		MetaKey:     `{"commit":86113,"session":2}`,
	} {
		if got, err := riofs.Dir(file).Get(path); err != nil || got.(*rbase.ObjString).String() != want {
			t.Errorf("%s: %v %v, want %s", path, got, err, want)
		}
	}
}

// pathsOfSamples are their paths in the file that write makes.
func pathsOfSamples() map[string]string {
	names := append([]string{"value/any"}, hostile...)
	for _, s := range samples() {
		names = append(names, s.slot)
	}
	return Keys(names)
}

func marshal(t *testing.T, obj root.Object) []byte {
	t.Helper()
	buf := rbytes.NewWBuffer(nil, nil, 0, nil)
	if _, err := obj.(rbytes.Marshaler).MarshalROOT(buf); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// What hbook has arrives in the members of the ROOT object.
func TestObjectHasEverything(t *testing.T) {
	for _, s := range samples() {
		obj, err := Object("name", s.title, s.value)
		if err != nil {
			t.Fatal(s.slot, err)
		}
		o := membersOf(obj)
		floats := func(name string) []float64 { return *o[name].(*[]float64) }
		check := func(what string, got, want float64) {
			t.Helper()
			if got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
				t.Errorf("%s: %s: %v, want %v", s.slot, what, got, want)
			}
		}
		total := func(entries int64, sums ...float64) {
			t.Helper()
			check("fEntries", *o["fEntries"].(*float64), float64(entries))
			for i, name := range []string{"fTsumw", "fTsumw2", "fTsumwx", "fTsumwx2"} {
				check(name, *o[name].(*float64), sums[i])
			}
		}
		if got := *o["fStatOverflows"].(*int32); got != 1 {
			t.Errorf("%s: fStatOverflows is %d, not kConsider", s.slot, got)
		}
		switch h := s.value.(type) {
		case *hbook.H1D:
			x := membersOf(o["fXaxis"])
			bins, edges := *x["fNbins"].(*int), *x["fXbins"].(*[]float64)
			total(h.Entries(), h.SumW(), h.SumW2(), h.SumWX(), h.SumWX2())
			check("underflow", floats("fArray")[0], h.Binning.Underflow().SumW())
			check("overflow", floats("fArray")[bins+1], h.Binning.Overflow().SumW())
			check("underflow²", floats("fSumw2")[0], h.Binning.Underflow().SumW2())
			check("overflow²", floats("fSumw2")[bins+1], h.Binning.Overflow().SumW2())
			for _, b := range h.Binning.Bins {
				i := 1 + int(math.Round((b.XMin()-h.XMin())/b.XWidth()))
				if edges != nil {
					i = 1 + slices.Index(edges, b.XMin())
					check("edge", edges[i], b.XMax())
				}
				check("content", floats("fArray")[i], b.SumW())
				check("sum of squares", floats("fSumw2")[i], b.SumW2())
			}
		case *hbook.H2D:
			b := &h.Binning
			total(h.Entries(), h.SumW(), h.SumW2(), h.SumWX(), h.SumWX2())
			check("fTsumwy", *o["fTsumwy"].(*float64), h.SumWY())
			check("fTsumwy2", *o["fTsumwy2"].(*float64), h.SumWY2())
			check("fScalefactor", *o["fScalefactor"].(*float64), 1)
			check("fTsumwxy", *o["fTsumwxy"].(*float64), h.SumWXY())
			sum := func(column string, x0, x1, y0, y1 int) (total float64) {
				for iy := y0; iy <= y1; iy++ {
					for ix := x0; ix <= x1; ix++ {
						total += floats(column)[iy*(b.Nx+2)+ix]
					}
				}
				return total
			}
			for iy := range b.Ny {
				for ix := range b.Nx {
					check("content", sum("fArray", ix+1, ix+1, iy+1, iy+1), b.Bins[iy*b.Nx+ix].SumW())
					check("squares", sum("fSumw2", ix+1, ix+1, iy+1, iy+1), b.Bins[iy*b.Nx+ix].SumW2())
				}
			}
			n, m := b.Nx, b.Ny
			for i, at := range [8][4]int{ // as hbook has them: from the upper left corner, clockwise
				{0, 0, m + 1, m + 1}, {1, n, m + 1, m + 1}, {n + 1, n + 1, m + 1, m + 1}, {n + 1, n + 1, 1, m},
				{n + 1, n + 1, 0, 0}, {1, n, 0, 0}, {0, 0, 0, 0}, {0, 0, 1, m},
			} {
				check(fmt.Sprint("outflow ", i), sum("fArray", at[0], at[1], at[2], at[3]), b.Outflows[i].SumW())
				check(fmt.Sprint("outflow² ", i), sum("fSumw2", at[0], at[1], at[2], at[3]), b.Outflows[i].SumW2())
			}
		case *hbook.P1D:
			d := decoded(t, h)
			total(h.Entries(), h.SumW(), h.SumW2(), d.Total.WX, d.Total.WX2)
			check("fTsumwy", *o["fTsumwy"].(*float64), d.Total.WY)
			check("fTsumwy2", *o["fTsumwy2"].(*float64), d.Total.WY2)
			last := len(floats("fArray")) - 1
			for _, c := range []struct {
				column      string
				under, over float64
			}{
				{"fArray", d.Under.WY, d.Over.WY}, {"fSumw2", d.Under.WY2, d.Over.WY2},
				{"fBinEntries", d.Under.W, d.Over.W}, {"fBinSumw2", d.Under.W2, d.Over.W2},
			} {
				check(c.column+" under", floats(c.column)[0], c.under)
				check(c.column+" over", floats(c.column)[last], c.over)
			}
			for i, b := range h.Binning().Bins() {
				check("fBinEntries", floats("fBinEntries")[i+1], b.SumW())
				check("fBinSumw2", floats("fBinSumw2")[i+1], b.SumW2())
				if b.SumW() != 0 {
					check("mean of y", floats("fArray")[i+1]/b.SumW(), d.Mean[i])
				}
			}
		}
	}
}

// decoded is a histogram as viewers decode it.
func decoded(t *testing.T, h any) *hist.Histogram {
	t.Helper()
	name, n := inspect(t, h)
	d, ok := hist.Of(name, n)
	if !ok {
		t.Fatalf("%T is no histogram", h)
	}
	return d
}

func inspect(t *testing.T, h any) (typeName string, n codec.Node) {
	t.Helper()
	c := hbookcodec.Codec.(interface {
		codec.Codec
		codec.Describer
		codec.Inspector
	})
	schema, err := c.Describe(reflect.TypeOf(h).Elem())
	if err != nil {
		t.Fatal(err)
	}
	payload, err := c.Append(nil, h)
	if err != nil {
		t.Fatal(err)
	}
	n, err = c.Inspect(schema, payload)
	if err != nil {
		t.Fatal(err)
	}
	return reflect.TypeOf(h).Elem().String(), n
}

// A histogram of which only the decoded form is known gives the same object.
func TestDecodedHistogramIsOneToo(t *testing.T) {
	for _, s := range samples() {
		want, err := JSON("n", s.title, s.value)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := JSON("n", s.title, FromNode(inspect(t, s.value))); err != nil || string(got) != string(want) {
			t.Errorf("%s: %v\n%s\nwant\n%s", s.slot, err, got, want)
		}
	}
	n := codec.Node{Children: []codec.Node{{Name: "a", Value: int64(1)}, {Name: "b", Value: "text"}}}
	got, err := JSON("n", "", FromNode("shop.Config", n))
	if want := `"fString": "{\"a\":1,\"b\":\"text\"}"`; err != nil || !strings.Contains(string(got), want) {
		t.Errorf("%s %v, want %s", got, err, want)
	}
}

func TestTitles(t *testing.T) {
	labels := hbook.Annotation{"title": "own", "XLabel": "p", "XUnit": "GeV", "YLabel": "n"}
	for _, c := range []struct {
		slot string
		ann  hbook.Annotation
		want [3]string // title, x, y
	}{
		{"px;p_{x} [GeV];entries", nil, [3]string{"px", "p_{x} [GeV]", "entries"}},
		{"px", nil, [3]string{"px", "", ""}},
		{"a#;b;x#;", nil, [3]string{"a;b", "x;", ""}},
		{"a;b;c;d;e", nil, [3]string{"a", "b", "c"}},
		{"", labels, [3]string{"own", "p [GeV]", "n"}},
		{"slot;x;y", labels, [3]string{"slot", "p [GeV]", "n"}},
		{"", hbook.Annotation{"title": "own;x;y"}, [3]string{"own", "x", "y"}},
	} {
		h := hbook.NewH1D(1, 0, 1)
		h.Ann = c.ann
		obj, err := Object("h", c.slot, h)
		if err != nil {
			t.Fatal(err)
		}
		o := membersOf(obj)
		got := [3]string{obj.(root.Named).Title(), o["fXaxis"].(root.Named).Title(), o["fYaxis"].(root.Named).Title()}
		if got != c.want {
			t.Errorf("%q %v: %q, want %q", c.slot, c.ann, got, c.want)
		}
	}
}

// Keys are different, fit for ROOT, and say which slot they are.
func TestKeys(t *testing.T) {
	names := append([]string{"a", "a/b", "a/b/c", "run%31", "run1", "run1/x", "mapfile/x", "ü", "ü/x", ""}, hostile...)
	keys := Keys(names)
	seen := map[string]string{MetaKey: "the metadata"}
	for slot, path := range keys {
		if seen[path] != "" {
			t.Errorf("%q is the path of %q and %q", path, slot, seen[path])
		}
		seen[path] = slot
	}
	for slot, path := range keys {
		for dir, _ := splitPath(path); dir != ""; dir, _ = splitPath(dir) {
			if seen[dir] != "" {
				t.Errorf("%q is a directory for %q and the path of %q", dir, slot, seen[dir])
			}
		}
		back, err := url.PathUnescape(path)
		if (slot == "." || !fs.ValidPath(slot)) && utf8.ValidString(slot) {
			if !fs.ValidPath(path) {
				t.Errorf("%q has the path %q", slot, path)
			}
		} else if back != slot || err != nil {
			t.Errorf("%q has the path %q, which decodes to %q: %v", slot, path, back, err)
		}
	}
	for slot, want := range map[string]string{"run1": "run%31", "run1/x": "run1/x", "mapfile/x": "%6Dapfile/x", "täst/ü": "täst/ü", "c;1": "c%3B1", "sp /h": "sp%20/h"} {
		if keys[slot] != want {
			t.Errorf("%q has the path %q, want %q", slot, keys[slot], want)
		}
	}
}

func TestUnfitValuesAreToldAndTheRestGoesOn(t *testing.T) {
	w, err := Create([]string{"good", "bad", "worse", "nil"})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	edges := hbook.NewH1D(2, 0, 2)
	edges.Binning.Bins[1].Range.Max = math.NaN()
	for _, c := range []struct {
		slot string
		v    any
		typ  string
	}{
		{"bad", edges, "*hbook.H1D"},
		{"worse", make(chan int), "chan int"},
		{"nil", (*hbook.P1D)(nil), "*hbook.P1D"},
		{"unheard of", 1, "slot"},
	} {
		var unfit *UnfitError
		if err := w.Put(c.slot, "", c.v); !errors.As(err, &unfit) || unfit.Type != c.typ {
			t.Errorf("%s: %v", c.slot, err)
		}
	}
	for range 2 {
		err = errors.Join(err, w.Put("good", "", hbook.NewH1D(1, 0, 1)))
	}
	var unfit *UnfitError
	if !errors.As(err, &unfit) {
		t.Error("one slot put twice:", err)
	}
	if n, err := w.WriteTo(io.Discard); err != nil || n == 0 {
		t.Error(n, err)
	}
}

// What contradicts itself is refused, whoever wrote it.
func TestHostileHistogramsAreRefused(t *testing.T) {
	inf := math.Inf(1)
	axis := func(bins any, min, max float64, edges ...float64) codec.Node {
		n := codec.Node{Name: "x", Children: []codec.Node{{Name: "bins", Value: bins}, {Name: "min", Value: min}, {Name: "max", Value: max}}}
		if edges != nil {
			n.Children = append(n.Children, list("edges", edges...))
		}
		return n
	}
	for name, parts := range map[string][]codec.Node{
		"no columns":     {axis(uint64(2), 0, 1)},
		"infinite":       {axis(uint64(1), 0, inf), list("sum_w", 1)},
		"NaN":            {axis(uint64(1), math.NaN(), 1), list("sum_w", 1)},
		"down":           {axis(uint64(1), 1, 0), list("sum_w", 1)},
		"no width":       {axis(uint64(1), 1, 1), list("sum_w", 1)},
		"edges down":     {axis(uint64(2), 0, 2, 0, 2, 1), list("sum_w", 1, 1)},
		"edge NaN":       {axis(uint64(2), 0, 2, 0, math.NaN(), 1), list("sum_w", 1, 1)},
		"edge infinite":  {axis(uint64(2), 0, 2, -inf, 0, 1), list("sum_w", 1, 1)},
		"huge":           {axis(uint64(1)<<40, 0, 2), list("sum_w", 1, 1)},
		"too many":       {axis(uint64(1)<<32+2, 0, 2), list("sum_w", 1, 1)},
		"infinite width": {axis(uint64(2), -math.MaxFloat64, math.MaxFloat64), list("sum_w", 1, 1)},
		"squares short":  {axis(uint64(2), 0, 2), list("sum_w", 1, 1), list("sum_w2", 1)},
		"profile's sums": {axis(uint64(1), 0, 2), list("sum_w", 1), list("sum_wy", 1, 2), list("sum_wy2", 1)},
	} {
		n := codec.Node{Children: parts}
		var m proto.Message = new(mapfilepb.H1D)
		if name == "profile's sums" {
			m = new(mapfilepb.P1D)
		}
		obj, err := Object("h", "", FromNode(string(m.ProtoReflect().Descriptor().FullName()), n))
		if err == nil && obj.Class() != "TObjString" {
			t.Errorf("%s: a %s", name, obj.Class())
		}
		fill(m.ProtoReflect(), n) // past the checks of package hist
		var unfit *UnfitError
		if obj, err := Object("h", "", m); !errors.As(err, &unfit) {
			t.Errorf("%s: a message gives %v, %v", name, obj, err)
		}
	}
}

func list(name string, xs ...float64) codec.Node {
	n := codec.Node{Name: name}
	for _, x := range xs {
		n.Children = append(n.Children, codec.Node{Value: x})
	}
	return n
}

func TestNothingStaysBehind(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv("TMP", dir)
	w, err := Create([]string{"h"})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Put("h", "", hbook.NewH1D(10, 0, 1)); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(dir); runtime.GOOS != "windows" && len(left) > 0 {
		t.Error("a kill would leave", left[0].Name())
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Error("Close left", left[0].Name())
	}
	t.Setenv("TMPDIR", filepath.Join(dir, "none"))
	t.Setenv("TMP", filepath.Join(dir, "none"))
	if _, err := Create(nil); !errors.Is(err, os.ErrNotExist) {
		t.Error("no directory for temporary files:", err)
	}
}

// A server has many clients.
func TestWritersAndJSONInParallel(t *testing.T) {
	all := samples()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			names := make([]string, len(all))
			for i, s := range all {
				names[i] = s.slot
			}
			w, err := Create(names)
			if err != nil {
				t.Error(err)
				return
			}
			defer w.Close()
			for _, s := range all {
				if err := w.Put(s.slot, s.title, s.value); err != nil {
					t.Error(err)
				}
				if _, err := JSON(s.slot, s.title, s.value); err != nil {
					t.Error(err)
				}
			}
			if _, err := w.WriteTo(io.Discard); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

func TestUselessFileIsNotWritten(t *testing.T) {
	h := hbook.NewH1D(10, 0, 1)
	for what, spoil := range map[string]func(*Writer){
		"2 GB":   func(*Writer) { maxSize = 300 },
		"closed": func(w *Writer) { w.file.Close() }, // groot has no answer but to panic or to fail
	} {
		w, err := Create([]string{"a", "b/c"})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		spoil(w)
		err = errors.Join(w.Put("a", "", h), w.Put("b/c", "", h))
		if err == nil || !strings.Contains(err.Error(), "rootfile: ") && !strings.Contains(err.Error(), "riofs: ") {
			t.Errorf("%s: %v", what, err)
		}
		if n, err := w.WriteTo(io.Discard); n != 0 || err == nil {
			t.Errorf("%s: wrote %d bytes, error %v", what, n, err)
		}
		maxSize = 2e9
	}
}

// Objects are not kept.
func TestMemoryDoesNotGrowWithTheObjects(t *testing.T) {
	const slots, bins = 500, 10_000 // 160 kB each
	names := make([]string, slots)
	for i := range names {
		names[i] = fmt.Sprintf("dir%d/h%d", i%7, i)
	}
	w, err := Create(names)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	before := heap()
	for _, name := range names {
		if err := w.Put(name, "", hbook.NewH1D(bins, 0, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if grown := heap() - before; grown > slots*bins {
		t.Errorf("%d kB more after %d objects of %d kB", grown>>10, slots, bins*16>>10)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
