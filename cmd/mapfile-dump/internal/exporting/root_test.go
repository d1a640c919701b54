package exporting_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"go-hep.org/x/hep/groot"
	"go-hep.org/x/hep/groot/rhist"
	"go-hep.org/x/hep/groot/riofs"
	"go-hep.org/x/hep/groot/root"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/exporting"
)

// A ROOT file has the histograms by the paths of their slots, the JSON of everything else, and the sessions.
func TestSlotsComeBackFromROOT(t *testing.T) {
	h1, h2, p1 := histograms()
	n := uint64(1<<53 + 1)
	f, slots := publish(t, map[string]any{"crate/h1": h1, "crate/h2": h2, "p1": p1, "n": &n})
	path := filepath.Join(t.TempDir(), "out.root")
	if err := os.WriteFile(path, export(t, exporting.ROOT, f, slots), 0o666); err != nil {
		t.Fatal(err)
	}
	file, err := groot.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	get := func(name string) root.Object {
		o, err := riofs.Dir(file).Get(name)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	h, ok := get("crate/h1").(*rhist.H1D)
	if !ok || h.Entries() != float64(h1.Entries()) || !near(h.SumW(), h1.SumW()) || !near(h.SumWX2(), h1.SumWX2()) {
		t.Errorf("%v", h)
	}
	for i, b := range h1.Binning.Bins {
		if h.XBinContent(i+1) != b.SumW() || !near(h.XBinError(i+1)*h.XBinError(i+1), b.SumW2()) {
			t.Errorf("bin %d: %v ± %v", i, h.XBinContent(i+1), h.XBinError(i+1))
		}
	}
	if got := get("crate/h2").Class(); got != "TH2D" {
		t.Error(got)
	}
	if got := get("p1").Class(); got != "TProfile" {
		t.Error(got)
	}
	if got := get("n").(root.ObjString).String(); got != `"9007199254740993"` {
		t.Error(got)
	}
	var meta struct {
		Commit    uint64
		Producers []struct {
			Session uint64
			Started string
		}
		Slots []struct{ Name, Title, Type string }
	}
	if err := json.Unmarshal([]byte(get("mapfile").(root.ObjString).String()), &meta); err != nil || meta.Commit != f.Commit || len(meta.Slots) != 4 ||
		len(meta.Producers) != 1 || meta.Producers[0].Started == "" {
		t.Errorf("%v: %+v", err, meta)
	}
}
