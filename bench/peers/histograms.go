package main

import (
	"fmt"

	"go-hep.org/x/hep/hbook"

	_ "github.com/gomapfile/mapfile/codec/hbook" // teaches the registry hbook's histograms
	"github.com/gomapfile/mapfile/codec/pod"
	"github.com/gomapfile/mapfile/registry"
)

// This chapter is the histograms that are shared beside ROOT's: the three of its example hprod, and two
// for measuring Get. They come in two forms. As columns they are plain structs with what ROOT's classes
// hold, in the same precision: contents (floats in TH1F and TH2F, doubles in the others) with underflow
// and overflow, squares where Sumw2 was called, and the exact sums behind mean and deviation. As hbook's
// histograms they hold more, and a codec gathers the columns.

// A histogram is one that can be published and compared with what comes out at the other side.
type histogram interface {
	object() any      // what is bound to the slot
	fill(e *event)    // one event
	touch()           // the number of entries goes up by one, the contents stay
	entries() int64   // that number
	contents() int64  // events in the bins
	clone() histogram // an empty one of the same type
}

// An event is what is filled: the same in all programs of any language, see makeEvents.
type event struct{ px, py, pz float64 }

const (
	numEvents  = 4096
	firstFills = 10_000 // done before the first publish
)

// makeEvents makes pairs of nearly normal numbers (the sum of twelve uniform ones is) with operations that
// give the same bits everywhere.
func makeEvents() []event {
	state := uint64(1)
	gauss := func() float64 {
		sum := -6.0
		for range 12 {
			state = state*6364136223846793005 + 1442695040888963407
			sum += float64(state>>11) / (1 << 53)
		}
		return sum
	}
	events := make([]event, numEvents)
	for i := range events {
		e := &events[i]
		e.px, e.py = gauss(), gauss()
		e.pz = float64(e.px*e.px) + float64(e.py*e.py) // the conversions forbid to round only once
		if e.pz >= profileHigh {
			e.pz = profileHigh / 2 // so that each event counts in the profile, too
		}
	}
	return events
}

// Bins and ranges are those of hprod.
const (
	bins1       = 100
	bins2       = 40
	binsDecode  = 100 // of each axis of the 2-D histogram for Get
	low, high   = -4, 4
	profileHigh = 20

	decodeWeight = 0.5 // what each event counts there: other weights than 1 make squares worth keeping
)

// column is the number of bins with underflow and overflow.
const (
	column1      = bins1 + 2
	column2      = (bins2 + 2) * (bins2 + 2)
	columnDecode = (binsDecode + 2) * (binsDecode + 2)
)

// newHistograms makes the histograms of a kind, filled as they are first published, and their names.
func newHistograms(kind string, columns bool) (names []string, hs []histogram, err error) {
	h1, h2, profile := new(h1F), new(h2F), new(profile1)
	h1.X, h2.X, h2.Y, profile.X = axis{bins1, low, high}, axis{bins2, low, high}, axis{bins2, low, high}, axis{bins1, low, high}
	profile.YHigh = profileHigh
	trio := []string{"hpx", "hpxpy", "hprof"}
	switch {
	case kind == "trio" && columns:
		names, hs = trio, []histogram{h1, h2, profile}
	case kind == "trio-squares" && columns:
		names, hs = trio, []histogram{&h1FSquares{h1F: *h1}, &h2FSquares{h2F: *h2}, &profile1Squares{profile1: *profile}}
	case kind == "trio":
		names, hs = trio, []histogram{
			hbookH1{hbook.NewH1D(bins1, low, high)},
			hbookH2{hbook.NewH2D(bins2, low, high, bins2, low, high), 1},
			hbookP1{hbook.NewP1D(bins1, low, high)},
		}
	case kind == "h1" && columns:
		names, hs = []string{"h1"}, []histogram{h1}
	case kind == "h1":
		names, hs = []string{"h1"}, []histogram{hbookH1{hbook.NewH1D(bins1, low, high)}}
	case kind == "h2" && columns:
		h := new(h2D)
		h.X, h.Y = axis{binsDecode, low, high}, axis{binsDecode, low, high}
		names, hs = []string{"h2"}, []histogram{h}
	case kind == "h2":
		names, hs = []string{"h2"}, []histogram{hbookH2{hbook.NewH2D(binsDecode, low, high, binsDecode, low, high), decodeWeight}}
	default:
		return nil, nil, fmt.Errorf("no histograms %q; there are trio, h1 and h2, and trio-squares as columns", kind)
	}
	events := makeEvents()
	for i := range firstFills {
		for _, h := range hs {
			h.fill(&events[i%numEvents])
		}
	}
	return names, hs, nil
}

// Columns.

func init() {
	registry.Register[h1F]("bench.H1F", pod.Codec)
	registry.Register[h1FSquares]("bench.H1FSquares", pod.Codec)
	registry.Register[h2F]("bench.H2F", pod.Codec)
	registry.Register[h2FSquares]("bench.H2FSquares", pod.Codec)
	registry.Register[h2D]("bench.H2D", pod.Codec)
	registry.Register[profile1]("bench.Profile", pod.Codec)
	registry.Register[profile1Squares]("bench.ProfileSquares", pod.Codec)
}

type axis struct {
	Bins      int64
	Low, High float64
}

// bin is where x belongs: 0 is underflow, Bins+1 overflow, as in ROOT.
func (a *axis) bin(x float64) int {
	switch {
	case x < a.Low:
		return 0
	case x < a.High:
		return 1 + int(float64(a.Bins)*(x-a.Low)/(a.High-a.Low))
	}
	return int(a.Bins) + 1
}

func (a *axis) inside(bin int) bool { return bin >= 1 && bin <= int(a.Bins) }

// sums1 and sums2 are the statistics. Entries has all events, the sums only those inside the axes.
type sums1 struct{ Entries, W, W2, WX, WX2 float64 }

type sums2 struct {
	sums1
	WY, WY2 float64
}

func (s *sums1) add(x, w float64) {
	s.W += w
	s.W2 += w * w
	s.WX += w * x
	s.WX2 += w * x * x
}

func (s *sums2) add(x, y, w float64) {
	s.sums1.add(x, w)
	s.WY += w * y
	s.WY2 += w * y * y
}

func (s *sums1) touch()         { s.Entries++ }
func (s *sums1) entries() int64 { return int64(s.Entries) }

// h1F is what a TH1F holds.
type h1F struct {
	X axis
	sums1
	Contents [column1]float32
}

func (h *h1F) put(e *event) (bin int) {
	bin = h.X.bin(e.px)
	h.Entries++
	h.Contents[bin]++
	if h.X.inside(bin) {
		h.add(e.px, 1)
	}
	return bin
}

func (h *h1F) object() any      { return h }
func (h *h1F) fill(e *event)    { h.put(e) }
func (h *h1F) contents() int64  { return total(h.Contents[:]) }
func (h *h1F) clone() histogram { return new(h1F) }

// h1FSquares is the same after Sumw2.
type h1FSquares struct {
	h1F
	Squares [column1]float64
}

func (h *h1FSquares) object() any      { return h }
func (h *h1FSquares) fill(e *event)    { h.Squares[h.put(e)]++ }
func (h *h1FSquares) clone() histogram { return new(h1FSquares) }

// h2F is what a TH2F holds. A row has one y.
type h2F struct {
	X, Y axis
	sums2
	Contents [column2]float32
}

func (h *h2F) put(e *event) (bin int) {
	x, y := h.X.bin(e.px), h.Y.bin(e.py)
	bin = x + (bins2+2)*y
	h.Entries++
	h.Contents[bin]++
	if h.X.inside(x) && h.Y.inside(y) {
		h.add(e.px, e.py, 1)
	}
	return bin
}

func (h *h2F) object() any      { return h }
func (h *h2F) fill(e *event)    { h.put(e) }
func (h *h2F) contents() int64  { return total(h.Contents[:]) }
func (h *h2F) clone() histogram { return new(h2F) }

// h2FSquares is the same after Sumw2.
type h2FSquares struct {
	h2F
	Squares [column2]float64
}

func (h *h2FSquares) object() any      { return h }
func (h *h2FSquares) fill(e *event)    { h.Squares[h.put(e)]++ }
func (h *h2FSquares) clone() histogram { return new(h2FSquares) }

// h2D is what a TH2D holds after Sumw2.
type h2D struct {
	X, Y axis
	sums2
	Contents, Squares [columnDecode]float64
}

func (h *h2D) object() any { return h }

func (h *h2D) fill(e *event) {
	x, y := h.X.bin(e.px), h.Y.bin(e.py)
	bin := x + (binsDecode+2)*y
	h.Entries++
	h.Contents[bin] += decodeWeight
	h.Squares[bin] += decodeWeight * decodeWeight
	if h.X.inside(x) && h.Y.inside(y) {
		h.add(e.px, e.py, decodeWeight)
	}
}

func (h *h2D) contents() int64  { return int64(float64(total(h.Contents[:])) / decodeWeight) }
func (h *h2D) clone() histogram { return new(h2D) }

// profile1 is what a TProfile holds: of each bin the sums of y, of y² and of the weights.
type profile1 struct {
	X           axis
	YLow, YHigh float64
	sums2
	Contents, Squares, Counts [column1]float64
}

func (p *profile1) put(e *event) (bin int) {
	bin = p.X.bin(e.px)
	p.Entries++
	p.Contents[bin] += e.pz
	p.Squares[bin] += e.pz * e.pz
	p.Counts[bin]++
	if p.X.inside(bin) {
		p.add(e.px, e.pz, 1)
	}
	return bin
}

func (p *profile1) object() any      { return p }
func (p *profile1) fill(e *event)    { p.put(e) }
func (p *profile1) contents() int64  { return total(p.Counts[:]) }
func (p *profile1) clone() histogram { return new(profile1) }

// profile1Squares is the same after Sumw2, which adds the sums of squared weights.
type profile1Squares struct {
	profile1
	Weights [column1]float64
}

func (p *profile1Squares) object() any      { return p }
func (p *profile1Squares) fill(e *event)    { p.Weights[p.put(e)]++ }
func (p *profile1Squares) clone() histogram { return new(profile1Squares) }

func total[T float32 | float64](column []T) int64 {
	sum := 0.0
	for _, c := range column {
		sum += float64(c)
	}
	return int64(sum)
}

// Histograms of hbook.

type hbookH1 struct{ *hbook.H1D }

func (h hbookH1) object() any      { return h.H1D }
func (h hbookH1) fill(e *event)    { h.Fill(e.px, 1) }
func (h hbookH1) touch()           { h.Binning.Dist.Dist.N++ }
func (h hbookH1) entries() int64   { return h.Entries() }
func (h hbookH1) clone() histogram { return hbookH1{new(hbook.H1D)} }

func (h hbookH1) contents() (n int64) {
	for i := range h.Binning.Bins {
		n += h.Binning.Bins[i].Entries()
	}
	return n + h.Binning.Outflows[0].Entries() + h.Binning.Outflows[1].Entries()
}

type hbookH2 struct {
	*hbook.H2D
	weight float64
}

func (h hbookH2) object() any      { return h.H2D }
func (h hbookH2) fill(e *event)    { h.Fill(e.px, e.py, h.weight) }
func (h hbookH2) touch()           { h.Binning.Dist.X.Dist.N++ }
func (h hbookH2) entries() int64   { return h.Entries() }
func (h hbookH2) clone() histogram { return hbookH2{new(hbook.H2D), h.weight} }

func (h hbookH2) contents() (n int64) {
	for i := range h.Binning.Bins {
		n += h.Binning.Bins[i].Entries()
	}
	for i := range h.Binning.Outflows {
		n += h.Binning.Outflows[i].Entries()
	}
	return n
}

type hbookP1 struct{ *hbook.P1D }

func (h hbookP1) object() any      { return h.P1D }
func (h hbookP1) fill(e *event)    { h.Fill(e.px, e.pz, 1) }
func (h hbookP1) entries() int64   { return h.Entries() }
func (h hbookP1) clone() histogram { return hbookP1{new(hbook.P1D)} }

// touch is one event of nothing, and so in the contents, too: hbook has no other way to change the number
// of entries of a profile.
func (h hbookP1) touch() { h.Fill(0, 0, 1) }

// contents counts by weights: hbook does not show the outflows of profiles.
func (h hbookP1) contents() int64 { return int64(h.SumW()) }
