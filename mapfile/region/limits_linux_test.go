package region_test

// What opening takes, what it gives back, and what it does where little is to be had.

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gomapfile/mapfile/mapfile/region"
)

func TestLittleAddressSpaceWorks(t *testing.T) { // F15
	path := newFile(t, 1<<20)
	if raceEnabled {
		t.Skip("SKIPPED: the race detector needs terabytes of address space")
	}
	mustInChild(t, "ulimit -v 3000000", "littleSpace", path)
	mustInChild(t, "ulimit -v 8000000", "littleSpace", path)
}

func init() {
	children["littleSpace"] = func(args []string) error {
		before := region.Mapped()
		for range 100 {
			r, err := region.Open(args[0], true)
			if err != nil {
				return err
			}
			if err := errors.Join(r.Grow(2<<20), r.Reach(2<<20)); err != nil {
				return err
			}
			view(r)[2<<20-1] = 1
			if err := r.Reach(1 << 62); !errors.Is(err, region.ErrAddressSpace) {
				return fmt.Errorf("2^62 bytes: %w", err)
			}
			view(r)[2<<20-1] = 1
			if err := r.Close(); err != nil {
				return err
			}
		}
		if now := region.Mapped(); now != before {
			return fmt.Errorf("%d bytes of windows not given back", now-before)
		}
		return nil
	}
}

func TestLockedMemoryWorks(t *testing.T) { // F15
	out, err := inChild(":", "locked")
	if err != nil {
		t.Error(err, out)
	}
	if strings.HasPrefix(out, "SKIPPED") {
		t.Skip(out)
	}
}

func init() {
	children["locked"] = func(args []string) error {
		var limit unix.Rlimit
		unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit)
		if limit.Cur < 8<<20 {
			fmt.Println("SKIPPED: less than 8 MiB may be locked, too little for Go itself")
			return nil
		}
		limit.Cur = min(limit.Cur, 64<<20)
		if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &limit); err != nil {
			return err
		}
		if os.Getuid() == 0 { // root may lock anything; without the privilege the limit counts
			if err := unix.Setresuid(65534, 65534, 65534); err != nil {
				return err
			}
		}
		if err := unix.Mlockall(unix.MCL_FUTURE); err != nil {
			return err
		}
		path := filepath.Join(os.TempDir(), fmt.Sprint("region-locked-", os.Getpid()))
		r, err := region.CreateTemp(path, 0o600, 1<<20)
		if err != nil {
			return err
		}
		view(r)[1<<20-1] = 1
		if _, n := r.View(); n > 64<<20 {
			return fmt.Errorf("a window of %d where 64 MiB may be locked", n)
		}
		return r.Close()
	}
}

func TestEveryErrorOfOpenGivesEverythingBack(t *testing.T) {
	before, at := len(dirNames(t, "/proc/self/fd")), region.Mapped()
	path := newFile(t, 10)
	t.Setenv("MAPFILE_RESERVE", "x")
	for range 20 {
		region.Open(path, true)
		region.Open(filepath.Dir(path), true)
		region.CreateTemp(path, 0o600, 10)
	}
	if after := len(dirNames(t, "/proc/self/fd")); after != before || region.Mapped() != at {
		t.Errorf("descriptors %d → %d, windows %d → %d", before, after, at, region.Mapped())
	}
	mustList(t, filepath.Dir(path), "f.map")
}

func dirNames(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func mustList(t *testing.T, dir string, want ...string) {
	t.Helper()
	if names := dirNames(t, dir); strings.Join(names, " ") != strings.Join(want, " ") {
		t.Errorf("the directory has %q, want %q", names, want)
	}
}

// usage is what a process may lose by opening and closing.
type usage struct{ fds, maps, vmKB int }

func currentUsage(t *testing.T) usage {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Skip("SKIPPED: no /proc")
	}
	status, _ := os.ReadFile("/proc/self/status")
	_, vm, _ := strings.Cut(string(status), "VmSize:")
	u := usage{fds: len(dirNames(t, "/proc/self/fd")), maps: bytes.Count(maps, []byte("f.map"))}
	fmt.Sscan(vm, &u.vmKB)
	return u
}

func TestTenThousandOpensLeaveNothing(t *testing.T) { // A10
	path := newFile(t, 4096)
	n := 10_000
	if testing.Short() {
		n = 1000
	}
	region.Open(filepath.Dir(path), false) // whatever is made once
	before, start := currentUsage(t), time.Now()
	for i := range n {
		r, err := region.Open(path, i%2 == 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	after := currentUsage(t)
	t.Logf("%v an opening; %+v → %+v", time.Since(start)/time.Duration(n), before, after)
	if after.fds != before.fds || after.maps != before.maps || after.vmKB > before.vmKB+256<<10 {
		t.Errorf("%+v → %+v", before, after)
	}
}

func TestThousandsOfFilesOpenAtOnce(t *testing.T) { // A10
	var limit unix.Rlimit
	unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)
	n := 10_000
	if testing.Short() || limit.Cur < 11_000 {
		n = min(3000, int(limit.Cur)-100)
	}
	path := newFile(t, 4096)
	at := region.Mapped()
	regions := make([]*region.Region, n)
	sizes := map[uint64]int{}
	for i := range regions {
		r, err := region.Open(path, true)
		if err != nil {
			t.Fatalf("number %d: %v", i, err)
		}
		regions[i] = r
		_, size := r.View()
		sizes[uint64(size)]++
	}
	t.Logf("%d open, windows %v, %d GiB together", n, sizes, region.Mapped()>>30)
	// The budget of the largest address space we know, 128 TiB: 8 TiB for large windows, 32 in all.
	if sizes[64<<30] > 128 || region.Mapped() > 33<<40 {
		t.Errorf("more than the budget: %v", sizes)
	}
	view(regions[n-1])[0] = 7
	heap := make([]byte, 512<<20) // the heap still finds room
	heap[len(heap)-1] = view(regions[0])[0]
	if heap[len(heap)-1] != 7 {
		t.Error("the windows do not show one file")
	}
	for _, r := range regions {
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if region.Mapped() != at {
		t.Errorf("%d bytes of windows not given back", region.Mapped()-at)
	}
}
