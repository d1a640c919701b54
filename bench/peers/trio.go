package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// This chapter compares histograms with ROOT's TMapFile: publishing the three of its example hprod, the
// loop that fills them, and Get. The worker of ROOT is in the directory root.

// histogramStore is this library with histograms, for the roles here; SIZES is a kind of newHistograms.
type histogramStore struct{ columns, unchecked bool }

var trioPeers = []peer{
	{name: "ours-columns", about: "this library, histograms as plain columns (codec/pod)", store: histogramStore{columns: true}, only: true},
	{name: "ours-columns-off", about: "the same, checksum off on both sides", store: histogramStore{columns: true, unchecked: true}, only: true},
	{name: "ours-hbook", about: "this library, histograms of go-hep's hbook (codec/hbook)", store: histogramStore{}, only: true},
	{name: "ours-hbook-off", about: "the same, checksum off on both sides", store: histogramStore{unchecked: true}, only: true},
	{name: "root", about: "ROOT's TMapFile, a compiled program; three Gets, each of which deletes the object of the one before",
		kind: locking, program: built("root-peers"), missing: needs("root-peers"), only: true},
}

// The roles are trio-publish, a commit of all histograms in a call; fill-publish, ten events filled and a
// commit in a call; and trio-read. In trio-publish the numbers of entries go up by one in a call, so that
// a viewer can tell versions apart.
func newTrioPublishing(s store, dir, kind string) (caller, error) {
	return newHistogramPublishing(s, dir, kind, 0)
}

func newFillPublishing(s store, dir, kind string) (caller, error) {
	return newHistogramPublishing(s, dir, kind, fillsPerUpdate)
}

const fillsPerUpdate = 10

var errKinds = errors.New("histograms are published by the roles trio-publish and fill-publish, read by trio-read")

func (histogramStore) create(string, []int) (publisher, error) { return nil, errKinds }
func (histogramStore) open(string, []int) (reader, error)      { return nil, errKinds }

func (s histogramStore) options() []mapfile.Option { return ours{unchecked: s.unchecked}.options() }

// histogramsOf gives the store of a role here, and the histograms of a kind as it has them.
func histogramsOf(s store, kind string) (hs histogramStore, names []string, histograms []histogram, err error) {
	hs, ok := s.(histogramStore)
	if !ok {
		return hs, nil, nil, fmt.Errorf("a %T has no histograms", s)
	}
	names, histograms, err = newHistograms(kind, hs.columns)
	return hs, names, histograms, err
}

func histogramFile(dir string) string { return filepath.Join(dir, "histograms.map") }

// histogramPublishing is the producer.
type histogramPublishing struct {
	mf         *mapfile.MapFile
	slots      []*mapfile.Slot
	histograms []histogram
	events     []event
	fills, at  int
}

func newHistogramPublishing(s store, dir, kind string, fills int) (caller, error) {
	hs, names, histograms, err := histogramsOf(s, kind)
	if err != nil {
		return nil, err
	}
	mf, err := mapfile.Create(histogramFile(dir), hs.options()...)
	if err != nil {
		return nil, err
	}
	p := &histogramPublishing{mf: mf, histograms: histograms, events: makeEvents(), fills: fills}
	for i, h := range histograms {
		// Slots that are updated as often as it goes and small: as many buffers as help, see WithBuffers.
		var opts []mapfile.SlotOption
		if len(histograms) > 1 {
			opts = append(opts, mapfile.WithBuffers(8))
		}
		slot, err := mf.Add(names[i], h.object(), opts...)
		if err != nil {
			return nil, errors.Join(err, mf.Close())
		}
		p.slots = append(p.slots, slot)
	}
	return p, mf.UpdateSlots(p.slots...)
}

func (p *histogramPublishing) call(*result) error {
	for range p.fills {
		e := &p.events[p.at%numEvents]
		p.at++
		for _, h := range p.histograms {
			h.fill(e)
		}
	}
	if p.fills == 0 {
		for _, h := range p.histograms {
			h.touch()
		}
	}
	return p.mf.UpdateSlots(p.slots...)
}

func (p *histogramPublishing) close() error { return p.mf.Close() }

// histogramReading is a viewer. Several histograms it sees as of one commit, by a Snapshot; a single one it
// reads by its handle. Both decode into objects that are used again.
type histogramReading struct {
	mf         *mapfile.MapFile
	names      []string
	histograms []histogram
	snapshot   mapfile.Snapshot
	slot       *mapfile.SlotReader // of the single one
	last       int64
}

func newHistogramReading(s store, dir, kind string) (caller, error) {
	hs, names, histograms, err := histogramsOf(s, kind)
	if err != nil {
		return nil, err
	}
	mf, err := mapfile.Open(histogramFile(dir), hs.options()...)
	if err != nil {
		return nil, err
	}
	r := &histogramReading{mf: mf, names: names}
	for _, h := range histograms {
		r.histograms = append(r.histograms, h.clone())
	}
	if len(names) == 1 {
		r.slot = mf.Reader(names[0])
	}
	if err := errors.Join(r.read(), r.whole()); err != nil {
		return nil, errors.Join(err, mf.Close())
	}
	return r, nil
}

func (r *histogramReading) read() error {
	if r.slot != nil {
		_, err := r.slot.GetInto(r.histograms[0].object())
		return err
	}
	if err := r.mf.SnapshotInto(&r.snapshot, r.names...); err != nil {
		return err
	}
	for i, h := range r.histograms {
		if err := r.snapshot.GetInto(r.names[i], h.object()); err != nil {
			return err
		}
	}
	return nil
}

// whole says whether the bins hold all that was filled: those fills that were there at first, or with
// fill-publish as many as there are entries. It is too slow for each call.
func (r *histogramReading) whole() error {
	for i, h := range r.histograms {
		if n := h.contents(); n != firstFills && n != h.entries() {
			return fmt.Errorf("%s has %d entries and %d in its bins", r.names[i], h.entries(), n)
		}
	}
	return nil
}

// call reads all of them. Histograms that were not published together count as torn.
func (r *histogramReading) call(res *result) error {
	if err := r.read(); err != nil {
		return err
	}
	n := r.histograms[0].entries()
	for _, h := range r.histograms[1:] {
		if h.entries() != n {
			res.Torn++
			break
		}
	}
	switch {
	case n > r.last:
		res.Distinct++
	case n < r.last:
		res.Back++
	}
	r.last = n
	return nil
}

func (r *histogramReading) close() error { return errors.Join(r.whole(), r.mf.Close()) }

// The experiments.

// histogramPeers are the rows of a kind.
func (h *harness) histogramPeers(kind string) []*peer {
	names := []string{"ours-columns", "ours-columns-off", "root"}
	if kind != "trio-squares" { // hbook's histograms have squares always, and the codec leaves out those that say nothing
		names = append(names, "ours-hbook", "ours-hbook-off")
	}
	return h.chosen(names...)
}

// histogramRigs starts of each peer a producer of the histograms and so many viewers.
func (h *harness) histogramRigs(experiment, role, kind string, viewers int) (all []*rig) {
	for _, p := range h.histogramPeers(kind) {
		h.progress("%s, %s: start %s", experiment, kind, p.name)
		r := &rig{peer: p}
		dir, err := h.dir()
		if err == nil {
			r.publisher, err = h.start(p, role, dir, kind, publisherCPU)
		}
		for len(r.readers) < viewers && err == nil {
			var w *process
			if w, err = h.start(p, "trio-read", dir, kind, readerCPU); err == nil {
				r.readers = append(r.readers, w)
			}
		}
		if err == nil {
			_, err = h.runFor(min(h.length, 20*time.Millisecond), append(r.reading(viewers), job{r.publisher, "mean"})...)
		}
		if err != nil {
			h.skip(p.name, experiment+", "+kind, err.Error())
			continue
		}
		all = append(all, r)
	}
	return all
}

// eachHistogramRig does once for each rig that works, in the order of this round.
func (h *harness) eachHistogramRig(experiment string, all []*rig, once func(*rig) error) {
	for i := range all {
		r := all[(i+h.round)%len(all)]
		if r.failed {
			continue
		}
		if err := once(r); err != nil {
			r.failed = true
			h.skip(r.name, experiment, err.Error())
		}
	}
}

func viewersName(n int) string {
	switch n {
	case 0:
		return "nobody"
	case 1:
		return "1 viewer"
	}
	return fmt.Sprintf("%d viewers", n)
}

// withViewers measures producers of a role with nobody, one and four viewers, and has publisher note what
// each did.
func (h *harness) withViewers(experiment, role, kind string, publisher func(situation, peer string, r result)) {
	counts := []int{0, 1, 4}
	all := h.histogramRigs(experiment, role, kind, slices.Max(counts))
	for range h.everyRound() {
		h.progress("%s, %s: round %d of %d", experiment, kind, h.round+1, h.rounds)
		for _, n := range counts {
			situation := kind + ", " + viewersName(n)
			h.eachHistogramRig(experiment, all, func(r *rig) error {
				results, err := h.steady(r, append([]job{{r.publisher, "mean"}}, r.reading(n)...)...)
				if err != nil {
					return err
				}
				publisher(situation, r.name, results[0])
				if n == 0 {
					return nil
				}
				viewers := together(results[1:])
				h.note(experiment, situation, r.name, "ns/read", perCall(viewers))
				h.note(experiment, situation, r.name, "distinct/s", float64(viewers.Distinct)/float64(viewers.Nanos)*1e9)
				h.noteWrong(experiment, situation, r.name, viewers)
				return nil
			})
		}
	}
	h.clear()
}

const aboutTrio = `One process updates the three histograms of ROOT's example hprod (hpx, a TH1F of 100 bins; hpxpy, a TH2F of 40 times 40; hprof,
a TProfile of 100 bins) as fast as it can; viewers on another processor get all three as fast as they can. Ours see them as of one commit,
by SnapshotInto and GetInto into objects that are used again; ROOT's viewer does three Gets, and trios that do not belong together are
counted as *torn*. Columns are plain structs with what ROOT's classes hold, in the same precision: contents with underflow and
overflow, the sums for mean and deviation, in *trio-squares* the squares of Sumw2. hbook's histograms hold more and are gathered into
columns by the codec. ns is the time of one update of the three, ns/read that of the viewers' processor for one trio.`

func experimentTrio(h *harness) error {
	for _, kind := range []string{"trio", "trio-squares"} {
		h.withViewers("trio", "trio-publish", kind, func(situation, peer string, r result) {
			h.note("trio", situation, peer, "ns", perCall(r))
		})
	}
	return nil
}

const aboutFills = `The loop of hprod: the three histograms are filled with the same events on both sides, and updated each 10 fills. A fill is one
event into all three.`

func experimentFills(h *harness) error {
	h.withViewers("fills", "fill-publish", "trio", func(situation, peer string, r result) {
		h.note("fills", situation, peer, "fills/s", fillsPerUpdate*1e9/perCall(r))
	})
	return nil
}

const aboutDecode = `One viewer gets one histogram as fast as it can while nobody updates it: *h1* has one axis of 100 bins (a TH1F), *h2* two of 100
with squares, all of them doubles (a TH2D after Sumw2). Ours decode into an object that is used again; ROOT's Get makes a new one and deletes
the one before.`

func experimentDecode(h *harness) error {
	for _, kind := range []string{"h1", "h2"} {
		all := h.histogramRigs("decode", "trio-publish", kind, 1)
		for range h.everyRound() {
			h.progress("decode, %s: round %d of %d", kind, h.round+1, h.rounds)
			h.eachHistogramRig("decode", all, func(r *rig) error {
				results, err := h.steady(r, job{r.readers[0], "mean"})
				if err == nil {
					h.note("decode", kind, r.name, "ns", perCall(results[0]))
				}
				return err
			})
		}
		h.clear()
	}
	return nil
}
