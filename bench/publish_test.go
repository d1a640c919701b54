package bench_test

import (
	"fmt"
	"testing"

	"github.com/gomapfile/mapfile/mapfile"
)

// What a producer calls. Nobody reads meanwhile.

// A payload of bytes, by handle.
func BenchmarkPublish(b *testing.B) {
	eachSize(b, func(b *testing.B, size int, opts []mapfile.Option) {
		mf := create(b, opts...)
		slot := add(b, mf, "value", raw(size))
		settle(b, mf)
		measure(b, size, slot.Update)
	})
}

// An object, by handle, with each codec.
func BenchmarkPublishObject(b *testing.B) {
	for _, s := range samples(b) {
		b.Run(s.name, func(b *testing.B) {
			slot, _, length := s.share(b)
			measure(b, length, slot.Update)
		})
	}
}

// Three histograms in one commit, by handles.
func BenchmarkUpdateSlots(b *testing.B) {
	histograms := newTrio()
	for _, c := range []struct {
		from string
		trio [3]any
	}{{"hbook", histograms}, {"columns", columnsOf(b, histograms)}} {
		b.Run("trio/from="+c.from, func(b *testing.B) {
			mf := create(b)
			slots := addTrio(b, mf, "", c.trio)
			settle(b, mf)
			measure(b, totalLength(b, mf), func() error { return mf.UpdateSlots(slots...) })
		})
	}
}

// All slots of a producer in one commit.
func BenchmarkUpdate(b *testing.B) {
	for _, size := range []int{64, 4096} {
		b.Run(fmt.Sprintf("slots=%d/size=%d", 3000, size), func(b *testing.B) {
			mf := create(b)
			addRaws(b, mf, 3000, size)
			settle(b, mf)
			measure(b, 3000*size, func() error { return mf.Update() })
		})
	}
}

// totalLength is that of all payloads in the file.
func totalLength(tb testing.TB, mf *mapfile.MapFile) (bytes int) {
	tb.Helper()
	for slot, err := range mf.Slots() {
		if err != nil {
			tb.Fatal(err)
		}
		bytes += int(slot.Length)
	}
	return bytes
}
