package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go-hep.org/x/hep/hbook"

	"github.com/gomapfile/mapfile/mapfile"
)

// This chapter shares histograms instead of raw values, for the experiment with many: in Prometheus' way
// and in ours. To publish is to fill one more entry and to make it visible; to read is to have objects
// again. The number of a value is that of its entries, as it is counted in its bins.

const (
	manyBins    = 100
	manyEntries = 100 // before the first publish
)

// putEntries makes a value of the number of entries, counted in two ways.
func putEntries(buf []byte, total, inBins uint64) {
	binary.LittleEndian.PutUint64(buf, total)
	binary.LittleEndian.PutUint64(buf[len(buf)-8:], inBins)
}

// asText is Prometheus' client library: the producer serves histograms as text over HTTP, on a Unix
// socket, and a reader parses all of them.
type asText struct{}

func (asText) create(dir string, sizes []int) (publisher, error) {
	registry := prometheus.NewRegistry()
	p := &textPublisher{}
	for i := range sizes {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: textName(i), Help: "a value", Buckets: prometheus.LinearBuckets(1./manyBins, 1./manyBins, manyBins),
		})
		if err := registry.Register(h); err != nil {
			return nil, err
		}
		for range manyEntries {
			h.Observe(rand.Float64())
		}
		p.histograms = append(p.histograms, h)
	}
	var err error
	p.server, err = serveHTTP(dir, promhttp.HandlerFor(registry, promhttp.HandlerOpts{DisableCompression: true}))
	return p, err
}

func textName(slot int) string { return fmt.Sprintf("value_%06d", slot) }

type textPublisher struct {
	histograms []prometheus.Histogram
	server     *http.Server
}

func (p *textPublisher) publish(slot int, _ []byte) error {
	p.histograms[slot].Observe(rand.Float64())
	return nil
}

func (p *textPublisher) close() error { return p.server.Close() }

func (asText) open(dir string, _ []int) (reader, error) {
	return textReader{httpClient(dir)}, answers(dir)
}

type textReader struct{ client *http.Client }

func (r textReader) readAll(bufs [][]byte) error {
	return get(r.client, "/metrics", func(body io.Reader) error {
		parser := expfmt.NewTextParser(model.LegacyValidation)
		families, err := parser.TextToMetricFamilies(body)
		if err != nil {
			return err
		}
		for i, buf := range bufs {
			metrics := families[textName(i)].GetMetric()
			if len(metrics) != 1 {
				return fmt.Errorf("%s is not there", textName(i))
			}
			h := metrics[0].GetHistogram()
			putEntries(buf, h.GetSampleCount(), textEntries(h))
		}
		return nil
	})
}

// textEntries is how many are in the last bin, which in Prometheus has all below it.
func textEntries(h *dto.Histogram) uint64 {
	bins := h.GetBucket()
	if len(bins) == 0 {
		return 0
	}
	return bins[len(bins)-1].GetCumulativeCount()
}

func (r textReader) read(int, []byte) error {
	return fmt.Errorf("its readers parse all: %w", errors.ErrUnsupported)
}

func (r textReader) close() error { return httpReader{r.client}.close() }

// ourHistograms is this library with hbook's histograms: encoded in each publish, decoded in each read.
type ourHistograms struct{}

func (ourHistograms) create(dir string, sizes []int) (publisher, error) {
	mf, err := mapfile.Create(filepath.Join(dir, "ours.map"))
	if err != nil {
		return nil, err
	}
	p := &ourHistogramPublisher{mf: mf}
	for i := range sizes {
		h := hbook.NewH1D(manyBins, 0, 1)
		for range manyEntries {
			h.Fill(rand.Float64(), 1)
		}
		slot, err := mf.Add(slotName(i), h)
		if err != nil {
			return nil, err
		}
		p.histograms, p.slots = append(p.histograms, h), append(p.slots, slot)
	}
	return p, mf.Update()
}

type ourHistogramPublisher struct {
	mf         *mapfile.MapFile
	histograms []*hbook.H1D
	slots      []*mapfile.Slot
}

func (p *ourHistogramPublisher) publish(slot int, _ []byte) error {
	p.histograms[slot].Fill(rand.Float64(), 1)
	return p.slots[slot].Update()
}

func (p *ourHistogramPublisher) publishAll([][]byte) error {
	for _, h := range p.histograms {
		h.Fill(rand.Float64(), 1)
	}
	return p.mf.Update()
}

func (p *ourHistogramPublisher) close() error { return p.mf.Close() }

func (ourHistograms) open(dir string, sizes []int) (reader, error) {
	mf, err := mapfile.Open(filepath.Join(dir, "ours.map"))
	if err != nil {
		return nil, err
	}
	r := &ourHistogramReader{mf: mf, histograms: make([]hbook.H1D, len(sizes))}
	for i := range sizes {
		r.names = append(r.names, slotName(i))
	}
	return r, nil
}

type ourHistogramReader struct {
	mf         *mapfile.MapFile
	names      []string
	snapshot   mapfile.Snapshot
	histograms []hbook.H1D
}

func (r *ourHistogramReader) read(slot int, buf []byte) error {
	if err := r.mf.GetInto(r.names[slot], &r.histograms[slot]); err != nil {
		return err
	}
	r.put(slot, buf)
	return nil
}

func (r *ourHistogramReader) readAll(bufs [][]byte) error {
	if err := r.mf.SnapshotInto(&r.snapshot); err != nil {
		return err
	}
	for i, buf := range bufs {
		if err := r.snapshot.GetInto(r.names[i], &r.histograms[i]); err != nil {
			return err
		}
		r.put(i, buf)
	}
	return nil
}

func (r *ourHistogramReader) put(slot int, buf []byte) {
	h := &r.histograms[slot]
	inBins := int64(0)
	for i := range h.Binning.Bins {
		inBins += h.Binning.Bins[i].Entries()
	}
	putEntries(buf, uint64(h.Entries()), uint64(inBins))
}

func (r *ourHistogramReader) close() error { return r.mf.Close() }
