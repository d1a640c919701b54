package bench_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/gomapfile/mapfile/mapfile"
)

// Files of many slots.

// A file is filled with so many slots: ns/slot is what one Add takes on the average.
func BenchmarkAdd(b *testing.B) {
	for _, n := range scales {
		b.Run(fmt.Sprintf("slots=%d", n), func(b *testing.B) {
			dir := memoryDir(b)
			names := make([]string, n)
			for i := range names {
				names[i] = slotName(i)
			}
			value := raw(64)
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				mf, err := mapfile.Recreate(filepath.Join(dir, "bench.map"))
				if err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				for _, name := range names {
					if _, err := mf.Add(name, value); err != nil {
						b.Fatal(err)
					}
				}
				b.StopTimer()
				if err := mf.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/slot")
		})
	}
}

// A reader comes, lists all slots, and goes.
func BenchmarkOpen(b *testing.B) {
	eachScale(b, func(b *testing.B, mf *mapfile.MapFile, n int) {
		measure(b, 0, func() error {
			r, err := mapfile.Open(mf.Path())
			if err != nil {
				return err
			}
			defer r.Close()
			listed := 0
			for _, err := range r.Slots() {
				if err != nil {
					return err
				}
				listed++
			}
			if listed != n {
				return fmt.Errorf("%d slots of %d are listed", listed, n)
			}
			return nil
		})
	})
}

// The command "mapfile-dump ls FILE", from its start to its end.
func BenchmarkLs(b *testing.B) {
	dump, err := buildDump()
	if err != nil {
		b.Fatal(err)
	}
	eachScale(b, func(b *testing.B, mf *mapfile.MapFile, n int) {
		var out bytes.Buffer
		measure(b, 0, func() error {
			out.Reset()
			cmd := exec.Command(dump, "ls", mf.Path())
			cmd.Stdout, cmd.Stderr = &out, os.Stderr
			return cmd.Run()
		})
		if lines := bytes.Count(out.Bytes(), []byte("\n")); lines != n+1 { // and a head
			b.Fatalf("%d lines of %d", lines, n+1)
		}
	})
}

func eachScale(b *testing.B, run func(b *testing.B, mf *mapfile.MapFile, n int)) {
	for _, n := range scales {
		b.Run(fmt.Sprintf("slots=%d", n), func(b *testing.B) {
			mf := create(b)
			addRaws(b, mf, n, 64)
			run(b, mf, n)
		})
	}
}

// dumpDir is where buildDump builds.
var dumpDir string

// buildDump builds mapfile-dump, once.
var buildDump = sync.OnceValues(func() (program string, err error) {
	if dumpDir, err = os.MkdirTemp("", "mapfile-bench-"); err != nil {
		return "", err
	}
	program = filepath.Join(dumpDir, "mapfile-dump")
	if out, err := exec.Command("go", "build", "-o", program, "../cmd/mapfile-dump").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return program, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dumpDir != "" {
		os.RemoveAll(dumpDir)
	}
	os.Exit(code)
}
