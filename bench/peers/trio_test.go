package main

import (
	"fmt"
	"hash/fnv"
	"math"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"

	"go-hep.org/x/hep/hbook"
)

func histogramStores() map[string]histogramStore {
	stores := map[string]histogramStore{}
	for _, p := range trioPeers {
		if s, ok := p.store.(histogramStore); ok {
			stores[p.name] = s
		}
	}
	return stores
}

var histogramKinds = []string{"trio", "trio-squares", "h1", "h2"}

// What a viewer decodes is what the producer has, after updates with and without fills.
func TestHistogramsArriveWhole(t *testing.T) {
	for name, s := range histogramStores() {
		for _, kind := range histogramKinds {
			for fills, role := range map[int]func(store, string, string) (caller, error){0: newTrioPublishing, fillsPerUpdate: newFillPublishing} {
				if kind == "trio-squares" && !s.columns {
					continue
				}
				t.Run(fmt.Sprintf("%s/%s/%d", name, kind, fills), func(t *testing.T) {
					dir := t.TempDir()
					p, err := role(s, dir, kind)
					if err != nil {
						t.Fatal(err)
					}
					defer p.close()
					r, err := newHistogramReading(s, dir, kind)
					if err != nil {
						t.Fatal(err)
					}
					var res result
					for i := range 100 {
						if i%2 == 1 { // else the same again
							if err := p.call(&res); err != nil {
								t.Fatal(err)
							}
						}
						if err := r.call(&res); err != nil {
							t.Fatal(err)
						}
					}
					if want := (result{Distinct: 51}); res != want {
						t.Errorf("the viewer counted %+v, not %+v", res, want)
					}
					published, seen := p.(*histogramPublishing).histograms, r.(*histogramReading).histograms
					for i, h := range published {
						if want := int64(firstFills + 50*max(fills, 1)); h.entries() != want {
							t.Errorf("%d entries were published, not %d", h.entries(), want)
						}
						if err := sameHistogram(seen[i], h); err != nil {
							t.Error(err)
						}
					}
					if err := r.close(); err != nil {
						t.Error(err)
					}
				})
			}
		}
	}
}

// sameHistogram compares columns bit by bit, and of hbook's histograms what the codec promises to keep.
func sameHistogram(got, want histogram) error {
	if got.entries() != want.entries() || got.contents() != want.contents() {
		return fmt.Errorf("%d entries, %d in the bins; published were %d and %d", got.entries(), got.contents(), want.entries(), want.contents())
	}
	same := false
	switch g, w := got.object(), want.object(); w := w.(type) {
	case *hbook.H1D:
		g := g.(*hbook.H1D)
		same = len(g.Binning.Bins) == len(w.Binning.Bins) && g.Binning.Dist == w.Binning.Dist
		for i := range w.Binning.Bins {
			same = same && g.Binning.Bins[i].Range == w.Binning.Bins[i].Range && g.Binning.Bins[i].Dist.Dist == w.Binning.Bins[i].Dist.Dist
		}
	case *hbook.H2D:
		g := g.(*hbook.H2D)
		same = len(g.Binning.Bins) == len(w.Binning.Bins) && g.Binning.Dist.X == w.Binning.Dist.X && g.Binning.Dist.Stats == w.Binning.Dist.Stats
		for i := range w.Binning.Bins {
			same = same && g.Binning.Bins[i].XRange == w.Binning.Bins[i].XRange && g.Binning.Bins[i].Dist.X.Dist == w.Binning.Bins[i].Dist.X.Dist
		}
	case *hbook.P1D:
		g := g.(*hbook.P1D)
		gs, ws := g.Binning().Bins(), w.Binning().Bins()
		same = len(gs) == len(ws) && g.XMean() == w.XMean() && g.XRMS() == w.XRMS()
		for i := range ws {
			same = same && gs[i].Entries() == ws[i].Entries() && gs[i].SumW() == ws[i].SumW()
		}
	default:
		same = reflect.DeepEqual(g, w)
	}
	if !same {
		return fmt.Errorf("a %T arrived that is not what was published", got.object())
	}
	return nil
}

// A viewer notices histograms whose bins do not hold what they say, and trios that do not belong together.
func TestViewerNoticesWrongHistograms(t *testing.T) {
	s, dir := histogramStore{columns: true}, t.TempDir()
	c, err := newTrioPublishing(s, dir, "trio")
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	p := c.(*histogramPublishing)
	r, err := newHistogramReading(s, dir, "trio")
	if err != nil {
		t.Fatal(err)
	}
	hpx := p.histograms[0].(*h1F)
	hpx.Contents[50]++
	hpx.Entries += 7
	if err := p.mf.UpdateSlots(p.slots...); err != nil {
		t.Fatal(err)
	}
	var res result
	if err := r.call(&res); err != nil || res.Torn != 1 {
		t.Errorf("a trio that does not belong together: %+v, %v", res, err)
	}
	if err := r.close(); err == nil || !strings.Contains(err.Error(), "hpx") {
		t.Errorf("one event too many in the bins of hpx: %v", err)
	}
}

// Columns and hbook agree on what was filled.
func TestColumnsCountAsHbookDoes(t *testing.T) {
	_, columns, err := newHistograms("trio", true)
	if err != nil {
		t.Fatal(err)
	}
	_, hs, err := newHistograms("trio", false)
	if err != nil {
		t.Fatal(err)
	}
	hpx, bins := columns[0].(*h1F), hs[0].(hbookH1).Binning.Bins
	for i := range bins {
		if got, want := float64(hpx.Contents[i+1]), bins[i].SumW(); got != want {
			t.Errorf("hpx, bin %d: %v in columns, %v in hbook", i, got, want)
		}
	}
	hpxpy, bins2D := columns[1].(*h2F), hs[1].(hbookH2).Binning.Bins
	for i := range bins2D {
		if got, want := float64(hpxpy.Contents[i%bins2+1+(i/bins2+1)*(bins2+2)]), bins2D[i].SumW(); got != want {
			t.Errorf("hpxpy, bin %d: %v in columns, %v in hbook", i, got, want)
		}
	}
	hprof, binsP := columns[2].(*profile1), hs[2].(hbookP1).Binning().Bins()
	for i := range binsP {
		if got, want := hprof.Counts[i+1], binsP[i].SumW(); got != want {
			t.Errorf("hprof, bin %d: %v in columns, %v in hbook", i, got, want)
		}
	}
}

// The events are the same bits on every machine and in the worker of ROOT.
func TestEventsAreTheSameEverywhere(t *testing.T) {
	sum := fnv.New64a()
	for _, e := range makeEvents() {
		fmt.Fprintf(sum, "%x %x %x\n", math.Float64bits(e.px), math.Float64bits(e.py), math.Float64bits(e.pz))
	}
	if got, want := sum.Sum64(), uint64(0x499800e10136b3b1); got != want {
		t.Errorf("hash %#x of the events, not %#x", got, want)
	}
}

func TestBinsOfAxis(t *testing.T) {
	a := axis{bins1, low, high}
	for x, want := range map[float64]int{-4.001: 0, -4: 1, -3.921: 1, -3.919: 2, 0: 51, 3.999: 100, 4: 101, math.Inf(-1): 0, math.Inf(1): 101} {
		if got := a.bin(x); got != want {
			t.Errorf("%v is in bin %d, not %d", x, got, want)
		}
	}
}

// The viewer of the experiment first finds what a producer has published, and says so where nothing is.
func TestFirst(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds a program")
	}
	p := peerNamed("ours-hbook")
	h := &harness{rounds: 1, length: 20 * time.Millisecond, peers: []*peer{p}}
	defer h.clear()
	if err := experimentFirst(h); err != nil {
		t.Fatal(err)
	}
	if f := h.byKey[figureKey{"first", "start to first object", "ours-hbook", "ms"}]; f == nil || !(f.Rounds[0] > 0) || len(h.skipped) > 0 {
		t.Errorf("no figure: %v", h.skipped)
	}
}

// ROOT's viewers read what ROOT's producer publishes, in other processes.
func TestRootWorker(t *testing.T) {
	p := trioPeers[len(trioPeers)-1]
	if reason := p.missing(); reason != "" {
		t.Skip(reason)
	}
	if _, err := exec.LookPath("taskset"); err != nil {
		t.Skip(err)
	}
	if testing.Short() {
		t.Skip("ROOT takes a while to start")
	}
	h := &harness{rounds: 1, length: 20 * time.Millisecond, peers: []*peer{&p}}
	defer h.clear()
	for _, run := range []func(*harness) error{experimentTrio, experimentFills, experimentDecode} {
		if err := run(h); err != nil {
			t.Fatal(err)
		}
	}
	if len(h.skipped) > 0 {
		t.Errorf("left out: %v", h.skipped)
	}
	for _, key := range []figureKey{
		{"trio", "trio, nobody", "root", "ns"}, {"trio", "trio, 4 viewers", "root", "distinct/s"}, {"trio", "trio-squares, 1 viewer", "root", "ns"},
		{"fills", "trio, 1 viewer", "root", "fills/s"}, {"decode", "h1", "root", "ns"}, {"decode", "h2", "root", "ns"},
	} {
		if f := h.byKey[key]; f == nil || len(f.Rounds) != 1 || !(f.Rounds[0] > 0) {
			t.Errorf("no figure %v: %v", key, f)
		}
	}
}
