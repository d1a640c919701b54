package mapfile_test

import (
	"context"
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
	roles["consume"] = consume
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

// asNobody is command, run as the user nobody from a copy of the test program that nobody may read.
func asNobody(t *testing.T, role string, args ...string) *exec.Cmd {
	t.Helper()
	needRoot(t)
	cmd := command(role, args...)
	program, err := os.ReadFile(cmd.Path)
	if err != nil {
		t.Fatal(err)
	}
	dir := testDir(t)
	cmd.Path = filepath.Join(dir, "test")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(cmd.Path, program, 0o755)); err != nil {
		t.Fatal(err)
	}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	return cmd
}

// limited is command under a limit of the shell's ulimit.
func limited(limit, role string, args ...string) *exec.Cmd {
	cmd := command(role, args...)
	cmd.Args = append([]string{"sh", "-c", "ulimit " + limit + ` && exec "$0" "$@"`, cmd.Path}, args...)
	cmd.Path = "/bin/sh"
	return cmd
}

// consume does everything that a reader can do.
func consume(args []string) {
	path, dir := args[0], filepath.Dir(args[0])
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	must(mapfile.Wait(ctx, path, "x"))
	mf := must1(mapfile.Open(path))
	if x := must1(mapfile.Get[int64](mf, "x")); x < 1 {
		panic(x)
	}
	var x int64
	must(mf.GetInto("x", &x))
	var raw mapfile.Raw
	must(mf.GetInto("x", &raw))
	snap := must1(mf.Snapshot())
	must1(mapfile.Get[int64](snap, "x"))
	for info, err := range mf.Slots() {
		must(err)
		if info.Producer.State != mapfile.StateLive {
			panic(info.Producer.State)
		}
	}
	must1(mf.Stat())
	must1(mf.Reader("x").Stat())
	must1(mf.Reader("big").Stat())
	fmt.Println("watching")
	changes := 0
	for ev, err := range mf.Watch(ctx) {
		must(err)
		if ev.Name == "x" {
			if changes++; changes == 5 {
				break
			}
		}
	}
	for mf, err := range must1(mapfile.OpenDir(dir)).Files() {
		must(err)
		must1(mapfile.Get[[]byte](mf, "big"))
	}
	must1(mapfile.Get[[]byte](mf, "big"))
	if _, err := mf.Add("y", &x); !errors.Is(err, mapfile.ErrReadOnly) {
		panic(err)
	}
	for _, err := range []error{mf.Update(), mf.Remove("x")} {
		if !errors.Is(err, mapfile.ErrReadOnly) {
			panic(err)
		}
	}
	_, err := mapfile.OpenOrCreate(path)
	fmt.Println("producing:", err)
	if !errors.Is(err, fs.ErrPermission) && !errors.Is(err, syscall.EROFS) {
		panic(err)
	}
	must(mf.Close())
	fmt.Println("consumed")
}

// F12
func TestConsumerNeedsNothingButToRead(t *testing.T) {
	needRoot(t)
	dir := testDir(t)
	path := filepath.Join(dir, "a.map")
	mf := createFile(t, path, mapfile.WithMode(0o444))
	x, big := int64(1), []byte("big")
	slot := addSlot(t, mf, "x", &x)
	addSlot(t, mf, "big", &big)
	mustUpdate(t, mf)
	readOnly := testDir(t)
	mount(t, dir, readOnly, "", syscall.MS_BIND, "")
	if err := syscall.Mount("", readOnly, "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	for name, d := range map[string]string{"file of mode 0444": dir, "read-only mount": readOnly} {
		if err := os.Chmod(dir, 0o555); err != nil { // nobody may make a file beside it
			t.Fatal(err)
		}
		names := dirNames(t, dir)
		c := startCommand(t, asNobody(t, "consume", filepath.Join(d, "a.map")))
		c.Expect("watching")
		for i := range 400 {
			x, big = int64(i+2), make([]byte, 1000*i) // slot and file grow under the reader
			if err := slot.Update(); err != nil {
				t.Fatal(err)
			}
			mustUpdate(t, mf)
			time.Sleep(time.Millisecond)
			if len(c.lines) > 0 {
				break
			}
		}
		if text := c.Expect("producing:"); !strings.Contains(text, "uid 0") && !strings.Contains(text, "read-only file system") {
			t.Errorf("%s: who may not write gets %s", name, text)
		}
		c.Expect("consumed")
		c.MustEnd()
		if dirNames(t, dir) != names {
			t.Errorf("%s: the consumer left %s", name, dirNames(t, dir))
		}
	}
}

// F18
func TestHandlesGoOnWhenTheFilesModeChangesAndNewOnesSayWhy(t *testing.T) {
	needRoot(t)
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	reader := openFile(t, path)
	x := int64(1)
	addSlot(t, mf, "x", &x)
	if err := os.Chmod(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	mustUpdate(t, mf)
	if got := get[int64](t, reader, "x"); got != 1 {
		t.Errorf("%d", got)
	}
	c := startCommand(t, asNobody(t, "join as another", path))
	for _, what := range []string{"join:", "clean:"} {
		text := c.Expect(what)
		if !strings.HasPrefix(text, "true") || !strings.Contains(text, "uid 0") || !strings.Contains(text, "----------") {
			t.Errorf("%s %s", what, text)
		}
	}
}

// A23
func TestDeadFileOfAnotherUserInAStickyDirectoryIsSaidToBeTheirs(t *testing.T) {
	needRoot(t)
	dir := testDir(t)
	if err := os.Chmod(dir, 0o777|fs.ModeSticky); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []fs.FileMode{0o644, 0o666} {
		path := filepath.Join(dir, fmt.Sprintf("%o.map", mode))
		createFile(t, path, mapfile.WithMode(mode)).Close()
		c := startCommand(t, asNobody(t, "join as another", path))
		c.Expect("join:")
		text := c.Expect("clean:")
		if !strings.HasPrefix(text, "true") || !strings.Contains(text, "uid 0") {
			t.Errorf("mode %o: %s", mode, text)
		}
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
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

// F06
func TestExistingFilesAreOpenedWithoutCreating(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	createFile(t, path).Close()
	log := filepath.Join(t.TempDir(), "strace")
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not here")
	}
	cmd := command("try to join", path)
	cmd.Args = []string{"strace", "-f", "-qq", "-o", log, "-e", "trace=openat,open,creat", cmd.Path, path}
	cmd.Path = strace
	if err := cmd.Run(); err != nil {
		t.Skipf("strace cannot run here: %v", err)
	}
	text, err := os.ReadFile(log)
	if err != nil || !strings.Contains(string(text), path) {
		t.Fatalf("%v:\n%s", err, text)
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, path) && strings.Contains(line, "O_CREAT") {
			t.Errorf("fs.protected_regular refuses this: %s", line)
		}
	}
}

// F06
func TestRootJoinsAnothersFileInAStickyDirectory(t *testing.T) {
	needRoot(t)
	if b, err := os.ReadFile("/proc/sys/fs/protected_regular"); err != nil || strings.TrimSpace(string(b)) == "0" {
		t.Skip("SKIPPED: fs.protected_regular is 0 here")
	}
	dir := testDir(t)
	if err := os.Chmod(dir, 0o777|fs.ModeSticky); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "a.map")
	createFile(t, path, mapfile.WithMode(0o660)).Close()
	if err := os.Chown(path, 1000, 1000); err != nil {
		t.Fatal(err)
	}
	mf := createFile(t, path)
	x := int64(1)
	addSlot(t, mf, "x", &x)
	mustUpdate(t, mf)
}

// F15
func TestLittleAddressSpaceAndLockedMemoryAreEnough(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector itself needs more")
	}
	for _, c := range []struct{ limit, role string }{
		{"-v 2000000", "produce once"},
		{"-v 1000000", "produce once"},
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
