package mapfile_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gomapfile/mapfile/mapfile"
)

// What hosts and file systems do to a map file: no room, no rights, no descriptors, no address space.

func init() {
	roles["fail to grow"] = failToGrow
	roles["open many"] = openMany
	roles["create in each"] = func(args []string) {
		for _, dir := range args {
			must(must1(mapfile.Create(filepath.Join(dir, "a.map"))).Close())
		}
	}
	roles["lock memory"] = func(args []string) {
		if err := unix.Mlockall(unix.MCL_FUTURE); err != nil {
			fmt.Fprintln(os.Stderr, "SKIPPED: mlockall:", err)
			return
		}
		produceOnce(args)
	}
	roles["join as another"] = func(args []string) {
		mf, err := mapfile.OpenOrCreate(args[0])
		fmt.Println("join:", errors.Is(err, fs.ErrPermission), err)
		mf.Close() // a nil handle says so, too
		err = mapfile.RemoveDead(args[0])
		fmt.Println("clean:", errors.Is(err, fs.ErrPermission), err)
	}
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: this test needs root")
	}
}

// mount mounts for the time of the test.
func mount(t *testing.T, source, target, kind string, flags uintptr, options string) {
	t.Helper()
	if err := syscall.Mount(source, target, kind, flags, options); err != nil {
		t.Skipf("SKIPPED: cannot mount here: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(target, syscall.MNT_DETACH) })
}

// limited is command under a limit of the shell's ulimit.
func limited(limit, role string, args ...string) *exec.Cmd {
	cmd := command(role, args...)
	cmd.Args = append([]string{"sh", "-c", "ulimit " + limit + ` && exec "$0" "$@"`, cmd.Path}, args...)
	cmd.Path = "/bin/sh"
	return cmd
}

// failToGrow shows what a growth without room does, and that it harms nothing.
func failToGrow(args []string) {
	mf := must1(mapfile.OpenOrCreate(args[0]))
	p := stampPayload(nil, 100, 1)
	slot := must1(mf.Add("x", &p))
	must(slot.Update())
	p = stampPayload(nil, 8<<20, 2)
	err := slot.Update()
	fmt.Println("full:", errors.Is(err, mapfile.ErrFull), err)
	if number := must1(payloadNumber(must1(mapfile.Get[[]byte](mf, "x")))); number != 1 {
		panic(number)
	}
	p = stampPayload(nil, 200, 3)
	must(slot.Update())
	if number := must1(payloadNumber(must1(mapfile.Get[[]byte](mf, "x")))); number != 3 {
		panic(number)
	}
	must(mapfile.CheckInvariants(mf))
	fmt.Println("whole")
	waitForParent()
}

// F03
func TestGrowthPastTheLimitOfFileSizesIsFull(t *testing.T) {
	for _, dir := range []string{testDir(t), t.TempDir()} {
		c := startCommand(t, limited("-f 2000", "fail to grow", filepath.Join(dir, "a.map")))
		if text := c.Expect("full:"); !strings.HasPrefix(text, "true") {
			t.Error(text)
		}
		c.Expect("whole")
		c.MustEnd()
	}
}

// F04 C18
func TestFullFileSystemIsNamedAndTheFileStaysUsable(t *testing.T) {
	needRoot(t)
	dir := testDir(t)
	mount(t, "tmpfs", dir, "tmpfs", 0, "size=1M")
	path := filepath.Join(dir, "a.map")
	c := start(t, "fail to grow", path)
	text := c.Expect("full:")
	for _, part := range []string{"true", "tmpfs", "1048576", "free", "needed"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in: %s", part, text)
		}
	}
	c.Expect("whole")
	c.MustEnd()
	mf := createFile(t, path)
	p := []byte("x")
	slot := addSlot(t, mf, "again", &p)
	p = make([]byte, 2<<20)
	if err := slot.Update(); !errors.Is(err, mapfile.ErrFull) {
		t.Fatalf("%v", err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=100M"); err != nil {
		t.Fatal(err)
	}
	if err := slot.Update(); err != nil { // with room again, without anything being opened anew
		t.Errorf("with room again: %v", err)
	}
	mustBeInOrder(t, mf)
}

// openMany opens files until there are no descriptors left.
func openMany(args []string) {
	var open []*mapfile.MapFile
	x := int64(1)
	for i := 0; ; i++ {
		path := filepath.Join(args[0], fmt.Sprint(i))
		mf, err := mapfile.OpenOrCreate(path)
		var r *mapfile.MapFile
		if err == nil {
			if _, err = mf.Add("x", &x); err == nil {
				err = mf.Update()
			}
			open = append(open, mf)
		}
		if err == nil {
			r, err = mapfile.Open(path)
		}
		if errors.Is(err, syscall.EMFILE) {
			break
		}
		must(err)
		open = append(open, r)
	}
	for i, mf := range open {
		if i == 0 || mf.Path() != open[i-1].Path() {
			must(mf.Update())
		}
		must1(mapfile.Get[int64](mf, "x"))
	}
	n := len(open)
	for _, mf := range open {
		must(mf.Close())
	}
	for i := range n { // nothing was lost: as many again
		must1(mapfile.Open(filepath.Join(args[0], fmt.Sprint(i/2))))
	}
	fmt.Println("opened", n)
}

// F09
func TestNoDescriptorsLeftIsATypedErrorAndLosesNothing(t *testing.T) {
	c := startCommand(t, limited("-n 64", "open many", testDir(t)))
	c.Expect("opened")
	c.MustEnd()
}

// F10
func TestFileSystemWithoutNamelessFilesIsNotRemembered(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not here")
	}
	for _, errno := range []string{"EOPNOTSUPP", "EISDIR", "EINVAL"} {
		bad, good, log := testDir(t), testDir(t), filepath.Join(t.TempDir(), "strace")
		cmd := command("create in each", bad, good)
		cmd.Args = []string{"strace", "-f", "-qq", "-o", log, "-P", bad, "-e", "trace=openat",
			"-e", "inject=openat:error=" + errno, cmd.Path, bad, good}
		cmd.Path = strace
		if out, err := cmd.Output(); err != nil {
			t.Errorf("%s: %v %s", errno, err, out)
		}
		text, err := os.ReadFile(log)
		if err != nil || !strings.Contains(string(text), "O_TMPFILE") || !strings.Contains(string(text), errno) {
			t.Errorf("%s was not injected: %v\n%s", errno, err, text)
		}
		for _, dir := range []string{bad, good} {
			if names := dirNames(t, dir); names != "a.map" {
				t.Errorf("%s: in the directory: %s", errno, names)
			}
			mustBeInOrder(t, openFile(t, filepath.Join(dir, "a.map")))
		}
	}
}

// F15
func TestLittleAddressSpaceAndLockedMemoryAreEnough(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector itself needs more")
	}
	for _, c := range []struct{ limit, role string }{
		{"-v 2000000", "produce once"},
		{"-c 0", "lock memory"},
	} {
		cmd := limited(c.limit, c.role, filepath.Join(testDir(t), "a.map"))
		begin := time.Now()
		if err := cmd.Run(); err != nil {
			t.Errorf("ulimit %s, %s: %v", c.limit, c.role, err)
		}
		if took := time.Since(begin); took > 10*time.Second {
			t.Errorf("ulimit %s, %s took %v", c.limit, c.role, took)
		}
	}
}
