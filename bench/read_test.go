package bench_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/gomapfile/mapfile/mapfile"
)

// What a consumer calls. Nobody publishes meanwhile; the reader has a mapping of its own.

// A payload of bytes, by handle, into memory that is used again.
func BenchmarkRead(b *testing.B) {
	eachSize(b, func(b *testing.B, size int, opts []mapfile.Option) {
		mf := create(b)
		add(b, mf, "value", raw(size))
		settle(b, mf)
		r := open(b, mf, opts...).Reader("value")
		var into mapfile.Raw
		measure(b, size, func() error { _, err := r.GetInto(&into); return err })
		if len(into.Payload) != size {
			b.Fatalf("%d bytes of %d", len(into.Payload), size)
		}
	})
}

// Is there anything new?
func BenchmarkVersion(b *testing.B) {
	mf := create(b)
	add(b, mf, "value", raw(64))
	settle(b, mf)
	r := open(b, mf).Reader("value")
	measure(b, 0, func() error {
		if r.Version() == 0 {
			return errors.New("the slot has no version")
		}
		return nil
	})
}

// An object, made anew in each call.
func BenchmarkGet(b *testing.B) {
	for _, s := range samples(b) {
		b.Run(s.name, func(b *testing.B) {
			_, r, length := s.share(b)
			measure(b, length, func() error { _, _, err := r.Get(); return err })
		})
	}
}

// An object, into one that is used again.
func BenchmarkGetInto(b *testing.B) {
	for _, s := range samples(b) {
		b.Run(s.name, func(b *testing.B) {
			_, r, length := s.share(b)
			into := s.empty()
			measure(b, length, func() error { _, err := r.GetInto(into); return err })
		})
	}
}

// All slots of a file as of one commit, in new memory.
func BenchmarkSnapshot(b *testing.B) {
	eachSnapshot(b, func(b *testing.B, r *mapfile.MapFile, bytes int) {
		measure(b, bytes, func() error { _, err := r.Snapshot(); return err })
	})
}

// The same into memory that is used again.
func BenchmarkSnapshotInto(b *testing.B) {
	eachSnapshot(b, func(b *testing.B, r *mapfile.MapFile, bytes int) {
		var snap mapfile.Snapshot
		measure(b, bytes, func() error { return r.SnapshotInto(&snap) })
	})
}

func eachSnapshot(b *testing.B, run func(b *testing.B, r *mapfile.MapFile, bytes int)) {
	const size = 4096
	for _, n := range []int{3, 3000} {
		b.Run(fmt.Sprintf("slots=%d/size=%d", n, size), func(b *testing.B) {
			mf := create(b)
			addRaws(b, mf, n, size)
			run(b, open(b, mf), n*size)
		})
	}
}
