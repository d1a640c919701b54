package region_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gomapfile/mapfile/mapfile/region"
)

// childVar makes the test binary a process that does what the function of that name does, with the
// rest as its arguments.
const childVar = "REGION_TEST_CHILD"

var children = map[string]func(args []string) error{}

func TestMain(m *testing.M) {
	if args := strings.Fields(os.Getenv(childVar)); len(args) > 0 {
		if err := children[args[0]](args[1:]); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("ok")
		return
	}
	os.Exit(m.Run())
}

// inChild runs a child through a shell, after setup commands like ulimit.
func inChild(setup string, child ...string) (string, error) {
	return inShell(setup+` && exec "$0"`, child...)
}

func inShell(script string, child ...string) (string, error) {
	cmd := exec.Command("sh", "-c", script, os.Args[0])
	cmd.Env = append(os.Environ(), childVar+"="+strings.Join(child, " "))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func mustInChild(t *testing.T, setup string, child ...string) {
	t.Helper()
	if out, err := inChild(setup, child...); err != nil {
		t.Errorf("%s: %v: %s", setup, err, out)
	}
}

func newFile(t *testing.T, size int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f.map")
	if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t *testing.T, path string, writable bool) *region.Region {
	t.Helper()
	r, err := region.Open(path, writable)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func view(r *region.Region) []byte {
	base, n := r.View()
	return unsafe.Slice((*byte)(base), n)
}

func TestOpenOfSomethingElseSaysWhatItIs(t *testing.T) {
	dir := t.TempDir()
	fifo, socket := filepath.Join(dir, "fifo"), filepath.Join(dir, "socket")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for path, what := range map[string]string{dir: "directory", fifo: "FIFO", socket: "socket", "/dev/null": "device"} {
		for _, writable := range []bool{false, true} {
			_, err := region.Open(path, writable)
			if !errors.Is(err, region.ErrNotRegular) || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), path) {
				t.Errorf("Open(%s): %v", path, err)
			}
		}
	}
}

func TestOpenMakesNothing(t *testing.T) { // A03
	dir := t.TempDir()
	for _, writable := range []bool{false, true} {
		if _, err := region.Open(filepath.Join(dir, "none"), writable); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	}
	mustList(t, dir)
}

func TestOpenFollowsSymbolicLinks(t *testing.T) { // A14
	path := newFile(t, 10)
	link := path + ".link"
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if a, b := open(t, path, true), open(t, link, false); a.ID() != b.ID() {
		t.Errorf("%v, %v", a.ID(), b.ID())
	}
}

func TestFileOfReadOnlyModeIsReadable(t *testing.T) { // F12
	path := newFile(t, 10)
	os.Chmod(path, 0o444)
	open(t, path, false)
	if os.Getuid() == 0 {
		mustInChild(t, "chmod 755 "+filepath.Dir(filepath.Dir(path))+" "+filepath.Dir(path), "asNobody", path)
	} else if _, err := region.Open(path, true); !errors.Is(err, fs.ErrPermission) {
		t.Error(err)
	}
}

func init() {
	children["asNobody"] = func(args []string) error {
		if err := unix.Setresuid(65534, 65534, 65534); err != nil {
			return err
		}
		if _, err := region.Open(args[0], true); !errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("writable: %v", err)
		}
		r, err := region.Open(args[0], false)
		if err != nil {
			return err
		}
		return r.Close()
	}
}

func TestReaderSeesGrowthWithoutMappingAnew(t *testing.T) {
	if strconv.IntSize == 32 {
		t.Setenv("MAPFILE_RESERVE", "67108864") // nothing is reserved by itself there
	}
	path := newFile(t, 4096)
	w, r := open(t, path, true), open(t, path, false)
	base, _ := r.View()
	seen := view(r)
	for _, size := range []int64{5000, 1 << 20, 10 << 20} {
		if err := w.Grow(size); err != nil {
			t.Fatal(err)
		}
		if err := w.Reach(size); err != nil {
			t.Fatal(err)
		}
		if n, err := r.FileSize(); n != size || err != nil {
			t.Fatalf("size %d, %v", n, err)
		}
		copy(view(w)[size-4:], "tail")
		if string(seen[size-4:size]) != "tail" {
			t.Fatalf("at %d the reader sees %q", size, seen[size-4:size])
		}
	}
	if now, _ := r.View(); now != base {
		t.Error("the window moved")
	}
	if blocks := allocated(t, path); blocks < 10<<20 {
		t.Errorf("%d bytes allocated of 10 MiB", blocks)
	}
	if err := w.Grow(100); err != nil {
		t.Error(err)
	}
	if n, _ := w.FileSize(); n != 10<<20 {
		t.Errorf("Grow to less cut the file to %d", n)
	}
}

func allocated(t *testing.T, path string) int64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return st.Blocks * 512
}

func TestWhereAddressSpaceIsShortOldWindowsStay(t *testing.T) {
	t.Setenv("MAPFILE_RESERVE", "0")
	path := newFile(t, 4096)
	w := open(t, path, true)
	first := view(w)
	for size := int64(1 << 16); size <= 1<<22; size *= 4 {
		if err := errors.Join(w.Grow(size), w.Reach(size)); err != nil {
			t.Fatal(err)
		}
		if now := view(w); int64(len(now)) < size {
			t.Fatalf("window %d for %d", len(now), size)
		}
		view(w)[0]++
	}
	if &view(w)[0] == &first[0] {
		t.Fatal("the test wants a window that had to be replaced")
	}
	if first[0] != view(w)[0] || first[0] != 4 {
		t.Errorf("first window shows %d, the last %d", first[0], view(w)[0])
	}
	if err := w.Sync(0, 1<<22); err != nil {
		t.Error(err)
	}
}

func TestReserveVariable(t *testing.T) {
	path := newFile(t, 100)
	t.Setenv("MAPFILE_RESERVE", "1048576")
	if _, n := open(t, path, false).View(); n != 1<<20 {
		t.Errorf("window of %d", n)
	}
	t.Setenv("MAPFILE_RESERVE", "lots")
	if _, err := region.Open(path, false); err == nil || !strings.Contains(err.Error(), `MAPFILE_RESERVE="lots"`) {
		t.Error(err)
	}
}

func TestSyncTakesAnyRange(t *testing.T) {
	r := open(t, newFile(t, 10_000), true)
	view(r)[5000] = 1
	for _, c := range [][2]int64{{0, 0}, {1, 1}, {5000, 1}, {4095, 2}, {0, 10_000}, {9_000, 1 << 62}, {1 << 50, 1}} {
		if err := r.Sync(c[0], c[1]); err != nil {
			t.Errorf("Sync%v: %v", c, err)
		}
	}
	if err := r.Sync(-1, 1); !errors.Is(err, fs.ErrInvalid) {
		t.Error(err)
	}
}

func TestCloseEndsEverythingAndTwiceIsNoError(t *testing.T) {
	r := open(t, newFile(t, 10), true)
	if err := errors.Join(r.Close(), r.Close()); err != nil {
		t.Fatal(err)
	}
	if base, n := r.View(); base != nil || n != 0 {
		t.Errorf("View = %v, %d", base, n)
	}
	_, statErr := r.Stat()
	_, fsErr := r.FileSystem()
	for i, err := range []error{statErr, fsErr, r.Grow(20), r.Reach(1 << 40), r.Sync(0, 1), r.Chgrp(0), r.LinkNew("x"), r.LinkReplace("x")} {
		if !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%d: %v", i, err)
		}
	}
}

func TestMethodsMayRunDuringClose(t *testing.T) {
	path := newFile(t, 10)
	for range 50 {
		r := open(t, path, true)
		var wg sync.WaitGroup
		for _, do := range []func(){
			func() { r.Grow(8192) }, func() { r.Reach(1 << 37) }, func() { r.Sync(0, 10) },
			func() { r.Stat() }, func() { r.View() }, func() { r.Close() }, func() { r.Close() },
		} {
			wg.Go(do)
		}
		wg.Wait()
	}
}

func TestSameFileTellsWhatTheNameMeansNow(t *testing.T) {
	path := newFile(t, 10)
	r := open(t, path, false)
	check := func(want bool, wantErr error) {
		t.Helper()
		if same, err := region.SameFile(path, r.ID()); same != want || !errors.Is(err, wantErr) {
			t.Errorf("%v, %v", same, err)
		}
	}
	check(true, nil)
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	check(false, fs.ErrNotExist)
	os.WriteFile(path, nil, 0o600)
	check(false, nil)
	os.Remove(path)
	os.Symlink(path+".old", path)
	check(true, nil)
	os.Remove(path + ".old")
	if info, err := r.Stat(); info.Links != 0 || err != nil {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestChildrenDoNotHaveTheMapping(t *testing.T) {
	r := open(t, newFile(t, 10), true)
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Skip("SKIPPED: no /proc/self/smaps")
	}
	base, _ := r.View()
	_, entry, found := bytes.Cut(smaps, []byte(strconv.FormatUint(uint64(uintptr(base)), 16)+"-"))
	_, flags, _ := bytes.Cut(entry, []byte("VmFlags:"))
	flags, _, _ = bytes.Cut(flags, []byte("\n"))
	if !found || !bytes.Contains(flags, []byte(" dc ")) {
		t.Errorf("VmFlags%s without dc (do not copy)", flags)
	}
}
