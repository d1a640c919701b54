// Package gauss is the classic workload of shared histograms: pairs of Gaussian numbers, a histogram
// of each kind, and one commit every ten fills. The producer runs it, and so does the demo.
package gauss

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"go-hep.org/x/hep/hbook"

	_ "github.com/gomapfile/mapfile/codec/hbook" // teaches the registry hbook's histograms
	"github.com/gomapfile/mapfile/examples/internal/pace"
	"github.com/gomapfile/mapfile/mapfile"
)

// The slots.
const (
	Hpx   = "hpx"   // *hbook.H1D of px
	Hpxpy = "hpxpy" // *hbook.H2D of px and py
	Hprof = "hprof" // *hbook.P1D: in bins of px, the mean of pz = px²+py²
)

// Config says how much to produce, and how fast.
type Config struct {
	Events int64   // in all, with those that the file already has; 0: for ever
	Rate   float64 // events a second; 0: full speed
	Seed   uint64  // of the random numbers
}

// Produce fills the histograms and publishes them in mf, until there are cfg.Events of them or ctx
// ends, which is no error. What an earlier producer left in the file is continued.
func Produce(ctx context.Context, mf *mapfile.MapFile, cfg Config) error {
	h, err := add(mf)
	if err != nil {
		return err
	}
	n := h.px.Entries()
	random := rand.New(rand.NewPCG(cfg.Seed, uint64(n))) // a restart goes on with other numbers
	pacer := pace.New(cfg.Rate)
	unpublished := false
	for cfg.Events == 0 || n < cfg.Events {
		if err := pacer.Wait(ctx); err != nil {
			break // asked to end
		}
		h.fill(random.NormFloat64(), random.NormFloat64())
		n++
		if unpublished = n%10 != 0; unpublished {
			continue
		}
		if err := mf.Update(); err != nil { // all three histograms, as one commit
			return err
		}
	}
	if unpublished {
		return mf.Update()
	}
	return nil
}

type histograms struct {
	px   *hbook.H1D
	pxpy *hbook.H2D
	prof *hbook.P1D
}

func (h *histograms) fill(px, py float64) {
	pz := px*px + py*py
	if pz >= 32 {
		pz = 16 // the profile is of y from 0 to 32; this way every fill counts in it, too
	}
	h.px.Fill(px, 1)
	h.pxpy.Fill(px, py, 1)
	h.prof.Fill(px, pz, 1)
}

// add adds the slots, with empty histograms or with those of the producer before.
func add(mf *mapfile.MapFile) (*histograms, error) {
	h := &histograms{
		px:   hbook.NewH1D(100, -4, 4),
		pxpy: hbook.NewH2D(40, -4, 4, 40, -4, 4),
		prof: hbook.NewP1D(100, -4, 4),
	}
	px, err1 := mf.Add(Hpx, h.px, mapfile.WithTitle("px;p_{x} [GeV];entries"))
	pxpy, err2 := mf.Add(Hpxpy, h.pxpy, mapfile.WithTitle("py against px;p_{x} [GeV];p_{y} [GeV]"))
	prof, err3 := mf.Add(Hprof, h.prof, mapfile.WithTitle("profile of pz;p_{x} [GeV];p_{z} [GeV]"))
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}

	// The slots are ours now. If their last producer has published, its last commit is still there: go on
	// from it.
	old, err := restore(mf)
	if errors.Is(err, mapfile.ErrNotPublished) {
		return h, nil
	}
	if err != nil {
		return nil, err
	}
	return old, errors.Join(px.Set(old.px), pxpy.Set(old.pxpy), prof.Set(old.prof))
}

// restore reads the histograms of one commit. Of their bins the adapter keeps contents and errors, but
// not where in a bin the fills were; the option WithCodec(hbookcodec.Moments) would keep that, too.
func restore(mf *mapfile.MapFile) (*histograms, error) {
	snap, err := mf.Snapshot(Hpx, Hpxpy, Hprof)
	if err != nil {
		return nil, err
	}
	px, err1 := mapfile.Get[*hbook.H1D](snap, Hpx)
	pxpy, err2 := mapfile.Get[*hbook.H2D](snap, Hpxpy)
	prof, err3 := mapfile.Get[*hbook.P1D](snap, Hprof)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	if n := px.Entries(); pxpy.Entries() != n || prof.Entries() != n {
		return nil, fmt.Errorf("the file has histograms of something else: %d, %d and %d entries", n, pxpy.Entries(), prof.Entries())
	}
	return &histograms{px: px, pxpy: pxpy, prof: prof}, nil
}
