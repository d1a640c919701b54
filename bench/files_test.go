package bench_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/gomapfile/mapfile/mapfile"
)

// Map files for the benchmarks, and the sizes at which they measure.

// memoryDir is a directory that goes away with the test: in memory where there is such a place, so that
// no disk is measured.
func memoryDir(tb testing.TB) string {
	tb.Helper()
	if info, err := os.Stat("/dev/shm"); err != nil || !info.IsDir() {
		return tb.TempDir()
	}
	dir, err := os.MkdirTemp("/dev/shm", "mapfile-bench-")
	if err != nil {
		return tb.TempDir()
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// create makes a map file and is its producer until the test ends.
func create(tb testing.TB, opts ...mapfile.Option) *mapfile.MapFile {
	tb.Helper()
	mf, err := mapfile.Create(filepath.Join(memoryDir(tb), "bench.map"), opts...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { mf.Close() })
	return mf
}

// open opens the file of mf once more, as a reader until the test ends.
func open(tb testing.TB, mf *mapfile.MapFile, opts ...mapfile.Option) *mapfile.MapFile {
	tb.Helper()
	r, err := mapfile.Open(mf.Path(), opts...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { r.Close() })
	return r
}

func add(tb testing.TB, mf *mapfile.MapFile, name string, v any, opts ...mapfile.SlotOption) *mapfile.Slot {
	tb.Helper()
	slot, err := mf.Add(name, v, opts...)
	if err != nil {
		tb.Fatal(err)
	}
	return slot
}

// settle updates all slots until the steady state: each of their buffers, 16 at most, has been written,
// and with it the memory behind it is there.
func settle(tb testing.TB, mf *mapfile.MapFile) {
	tb.Helper()
	for range 20 {
		if err := mf.Update(); err != nil {
			tb.Fatal(err)
		}
	}
}

func slotName(i int) string { return fmt.Sprintf("crate%03d/value%03d", i/1000, i%1000) }

// raw is a payload of that many bytes, the same ones each time and not all zero.
func raw(size int) *mapfile.Raw {
	payload := make([]byte, size)
	for i := range payload {
		payload[i] = byte(i * 7)
	}
	return &mapfile.Raw{Type: mapfile.TypeInfo{Name: "bench.Value", Codec: "none"}, Payload: payload}
}

// addRaws adds n slots of that many bytes and publishes them once.
func addRaws(tb testing.TB, mf *mapfile.MapFile, n, size int) {
	tb.Helper()
	value := raw(size)
	for i := range n {
		add(tb, mf, slotName(i), value)
	}
	if err := mf.Update(); err != nil {
		tb.Fatal(err)
	}
}

// sizes are those of single values in bytes, scales the numbers of slots in a file.
var (
	sizes  = []int{64, 850, 4096, 65536, 1 << 20}
	scales = []int{3000, 200_000}
)

// eachSize runs the benchmark for each size, with the checksum and without.
func eachSize(b *testing.B, run func(b *testing.B, size int, opts []mapfile.Option)) {
	for _, size := range sizes {
		b.Run(fmt.Sprintf("size=%d/check=on", size), func(b *testing.B) { run(b, size, nil) })
		b.Run(fmt.Sprintf("size=%d/check=off", size), func(b *testing.B) {
			run(b, size, []mapfile.Option{mapfile.WithoutCheck()})
		})
	}
}

// measure calls what is measured, over and over, and once before: what it keeps for the next call is
// there then. bytes is what one call moves, 0 if that says nothing.
func measure(b *testing.B, bytes int, call func() error) {
	b.Helper()
	if err := call(); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(bytes))
	b.ReportAllocs()
	for b.Loop() {
		if err := call(); err != nil {
			b.Fatal(err)
		}
	}
}
