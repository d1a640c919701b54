package main

import (
	"context"
	"math"
	"runtime/metrics"
	"strings"

	"go-hep.org/x/hep/hbook"

	"github.com/gomapfile/mapfile/examples/internal/gauss"
	"github.com/gomapfile/mapfile/examples/internal/pace"
	"github.com/gomapfile/mapfile/mapfile"
)

// This file publishes real data: what the Go runtime measures about this process. Any program could
// do the same; watching it costs the program nothing.

// The metrics, as package runtime/metrics names them, with titles. The slots have these names without
// the first slash.
var (
	runtimeHistograms = [][2]string{
		{"/sched/latencies:seconds", "how long goroutines waited to run;log_{10}(time [s]);goroutines"},
		{"/sched/pauses/total/gc:seconds", "pauses for garbage collection;log_{10}(time [s]);pauses"},
	}
	runtimeCounters = [][2]string{
		{"/sched/goroutines-created:goroutines", "goroutines started"},
		{"/gc/cycles/total:gc-cycles", "garbage collections"},
		{"/gc/heap/allocs:bytes", "bytes allocated"},
		{"/gc/heap/allocs:objects", "objects allocated"},
		{"/cgo/go-to-c-calls:calls", "calls of C"},
	}
)

// produceRuntime publishes a reading cfg.Rate times a second, all of it as one commit.
func produceRuntime(ctx context.Context, mf *mapfile.MapFile, cfg gauss.Config) error {
	if cfg.Rate == 0 {
		cfg.Rate = 1
	}
	var samples []metrics.Sample
	histograms, counters := map[string]*hbook.H1D{}, map[string]*uint64{}
	add := func(metric [2]string, v any) error {
		samples = append(samples, metrics.Sample{Name: metric[0]})
		_, err := mf.Add(strings.TrimPrefix(metric[0], "/"), v, mapfile.WithTitle(metric[1]))
		return err
	}
	for _, m := range runtimeHistograms {
		histograms[m[0]] = hbook.NewH1DFromEdges([]float64{0, 1}) // until the first reading
		if err := add(m, histograms[m[0]]); err != nil {
			return err
		}
	}
	for _, m := range runtimeCounters {
		counters[m[0]] = new(uint64)
		if err := add(m, counters[m[0]]); err != nil {
			return err
		}
	}

	pacer := pace.New(cfg.Rate)
	for n := int64(0); cfg.Events == 0 || n < cfg.Events; n++ {
		if err := pacer.Wait(ctx); err != nil {
			return nil // asked to end
		}
		metrics.Read(samples)
		for _, s := range samples {
			switch s.Value.Kind() {
			case metrics.KindFloat64Histogram:
				*histograms[s.Name] = *histogramOf(s.Value.Float64Histogram())
			case metrics.KindUint64:
				*counters[s.Name] = s.Value.Uint64()
			case metrics.KindBad: // this version of Go has no such metric: it stays empty
			}
		}
		if err := mf.Update(); err != nil {
			return err
		}
	}
	return nil
}

// longest is where the histograms end, in seconds; the runtime's own go on for a day and a half.
const longest = 10

// histogramOf converts a histogram of the runtime. Its buckets double and double, so the axis here is
// the logarithm: what is below the first limit but zero is underflow, what is above longest overflow.
func histogramOf(src *metrics.Float64Histogram) *hbook.H1D {
	var edges []float64
	for _, limit := range src.Buckets {
		if limit > 0 && limit <= longest {
			edges = append(edges, math.Log10(limit))
		}
	}
	h := hbook.NewH1DFromEdges(edges)
	for i, n := range src.Counts {
		switch low, high := src.Buckets[i], src.Buckets[i+1]; {
		case n == 0:
		case low <= 0:
			fill(&h.Binning.Outflows[0], edges[0], n, &h.Binning.Dist)
		case high > longest:
			fill(&h.Binning.Outflows[1], edges[len(edges)-1], n, &h.Binning.Dist)
		default:
			middle := (math.Log10(low) + math.Log10(high)) / 2
			fill(&h.Bin(middle).Dist, middle, n, &h.Binning.Dist)
		}
	}
	return h
}

// fill is n fills of x at once, into a bin and into the statistics of all.
func fill(bin *hbook.Dist1D, x float64, n uint64, all *hbook.Dist1D) {
	for _, d := range []*hbook.Dist1D{bin, all} {
		d.Dist.N += int64(n)
		d.Dist.SumW += float64(n)
		d.Dist.SumW2 += float64(n)
		d.Stats.SumWX += float64(n) * x
		d.Stats.SumWX2 += float64(n) * x * x
	}
}
