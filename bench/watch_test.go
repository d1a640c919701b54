package bench_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// From before a publish to its event in a goroutine that slept. Publishes at a short distance wake readers
// once for several, so the time depends on how long it was calm before.
func BenchmarkWatch(b *testing.B) {
	for _, calm := range []time.Duration{0, time.Millisecond} {
		b.Run("calm="+calm.String(), func(b *testing.B) {
			mf := create(b)
			slot := add(b, mf, "value", raw(64))
			settle(b, mf)
			seen := watchVersions(b, open(b, mf))
			var took []time.Duration
			b.ReportAllocs()
			for b.Loop() {
				time.Sleep(calm)
				before := time.Now()
				if err := slot.Update(); err != nil {
					b.Fatal(err)
				}
				for version := range seen {
					if version == slot.Version() {
						break
					}
				}
				took = append(took, time.Since(before))
			}
			reportTimes(b, took)
		})
	}
}

// watchVersions gives the versions that a Watch of the slot "value" tells, until the benchmark ends.
func watchVersions(b *testing.B, r *mapfile.MapFile) <-chan uint64 {
	ctx, cancel := context.WithCancel(context.Background())
	versions := make(chan uint64)
	go func() {
		defer close(versions)
		for ev, err := range r.Watch(ctx, "value") {
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				b.Error(err)
				return
			}
			if ev.Kind != mapfile.EventPublished {
				continue
			}
			select {
			case versions <- ev.Stamp.Version:
			case <-ctx.Done():
				return
			}
		}
	}()
	b.Cleanup(func() {
		cancel()
		for range versions { // closed when the loop has ended
		}
	})
	return versions
}

// reportTimes says what one call took, without the pauses between the calls.
func reportTimes(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	var sum time.Duration
	for _, t := range took {
		sum += t
	}
	n := len(took)
	b.ReportMetric(float64(sum)/float64(n), "ns/op")
	b.ReportMetric(float64(took[n/2]), "p50-ns")
	b.ReportMetric(float64(took[n*99/100]), "p99-ns")
}
