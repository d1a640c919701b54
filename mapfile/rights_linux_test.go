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

	"github.com/gomapfile/mapfile/mapfile"
)

// Rights: what a consumer needs, and what who lacks it is told.

func init() {
	roles["consume"] = consume
	roles["publish on demand"] = publishOnDemand
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

// consume does everything that a reader can do.
func consume(args []string) {
	path, dir := args[0], filepath.Dir(args[0])
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
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
		for i, begin := 0, time.Now(); time.Since(begin) < 20*time.Second; i++ {
			x, big = int64(i+2), make([]byte, 1000*min(i, 400)) // slot and file grow under the reader
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

// publishOnDemand is a producer and a reader of a file of its own; with each line it publishes more.
func publishOnDemand(args []string) {
	mf := must1(mapfile.OpenOrCreate(args[0], mapfile.WithHeartbeat(10*time.Millisecond)))
	reader := must1(mapfile.Open(args[0], mapfile.WithFollow()))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	told := make(chan mapfile.Event, 1000)
	go func() {
		for ev, err := range reader.Watch(ctx, "big") {
			if err == nil {
				told <- ev
			}
		}
	}()
	big := []byte{0}
	slot := must1(mf.Add("big", &big))
	fmt.Println("ready")
	for {
		line, ok := nextCommand()
		if !ok {
			break
		}
		big = make([]byte, 3*len(big)+100_000) // the slot and the file grow
		must(slot.Update())
		must1(mf.Add("slot "+line, &big))
		must(mf.Update())
		must(mf.Sync())
		if got := must1(mapfile.Get[[]byte](reader, "slot "+line)); len(got) != len(big) {
			panic(len(got))
		}
		must1(reader.Snapshot())
		must(mf.Remove("slot " + line))
		for ev := <-told; ev.Length != int64(len(big)); {
			ev = <-told
		}
		time.Sleep(600 * time.Millisecond) // both have looked at the path
		must(slot.Update())
		must1(mapfile.Get[[]byte](reader, "big"))
		_, err := mapfile.Open(args[0])
		fmt.Println("open:", errors.Is(err, fs.ErrPermission), err)
		_, err = mapfile.OpenOrCreate(args[0])
		fmt.Println("join:", errors.Is(err, fs.ErrPermission), err)
	}
	must(mf.Close())
	must(reader.Close())
	fmt.Println("closed")
}

// F18: handles go on when file or directory get another owner and mode; new ones say which.
func TestHandlesGoOnWhenTheOwnerChangesAndNewOnesSayWhose(t *testing.T) {
	needRoot(t)
	dir := testDir(t)
	path := filepath.Join(dir, "a.map")
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chown(dir, 65534, 65534)); err != nil {
		t.Fatal(err)
	}
	c := startCommand(t, asNobody(t, "publish on demand", path))
	c.Expect("ready")
	refused := func(where string, want ...string) {
		t.Helper()
		for _, what := range []string{"open:", "join:"} {
			text := c.Expect(what)
			for _, want := range append(want, path) {
				if !strings.HasPrefix(text, "true") || !strings.Contains(text, want) {
					t.Errorf("%s: %s %s, want %s", where, what, text, want)
				}
			}
		}
	}
	if err := errors.Join(os.Chown(path, 1234, 4321), os.Chmod(path, 0o640)); err != nil {
		t.Fatal(err)
	}
	c.Send("file of another")
	refused("file of another", "uid 1234", "gid 4321", "-rw-r-----")
	if err := errors.Join(os.Chown(dir, 2345, 5432), os.Chmod(dir, 0o750)); err != nil {
		t.Fatal(err)
	}
	c.Send("directory of another")
	refused("directory of another", "uid 2345", "gid 5432", "directory "+dir, "-rwxr-x---")
	c.stdin.Close()
	c.Expect("closed")
	c.MustEnd()
	// Its values are there for who may look.
	if got := get[[]byte](t, openFile(t, path), "big"); len(got) < 400_000 {
		t.Errorf("%d bytes", len(got))
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
