package filelock

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const farOff = 1 << 40 // far past the end of every file here

// childVar makes the test binary a process that locks: "hold PATH", or "exec PATH COMMAND…" to
// start a command as well while it holds.
const childVar = "FILELOCK_TEST_CHILD"

func TestMain(m *testing.M) {
	if args := strings.Fields(os.Getenv(childVar)); len(args) > 0 {
		child(args)
		return
	}
	os.Exit(m.Run())
}

func child(args []string) {
	f, err := os.OpenFile(args[1], os.O_RDWR, 0)
	if err == nil {
		err = Try(f.Fd(), farOff)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	pid := 0
	if args[0] == "exec" {
		cmd := exec.Command(args[2], args[3:]...)
		if err := cmd.Start(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		pid = cmd.Process.Pid
		if args[2] == "true" {
			cmd.Wait()
		}
	}
	fmt.Println("holding", pid)
	io.Copy(io.Discard, os.Stdin) // until the parent goes
}

// holder starts a process that holds the lock, and returns it with the pid of its own child.
func holder(t *testing.T, mode ...string) (*exec.Cmd, int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVar+"="+strings.Join(mode, " "))
	stdin, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stdin.Close(); cmd.Process.Kill(); cmd.Wait() })
	line, _ := bufio.NewReader(out).ReadString('\n')
	var pid int
	if _, err := fmt.Sscanf(line, "holding %d", &pid); err != nil {
		t.Fatalf("child says %q", line)
	}
	return cmd, pid
}

func newFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("bytes"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t *testing.T, path string, flags int) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, flags, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func mustHeld(t *testing.T, f *os.File, want bool) {
	t.Helper()
	got, err := Held(f.Fd(), farOff)
	if err != nil || got != want {
		t.Fatalf("Held = %v, %v; want %v", got, err, want)
	}
}

func mustTry(t *testing.T, f *os.File, want error) {
	t.Helper()
	if err := Try(f.Fd(), farOff); !errors.Is(err, want) {
		t.Fatalf("Try = %v, want %v", err, want)
	}
}

func TestSecondDescriptorOfOneProcessIsExcluded(t *testing.T) { // D03
	path := newFile(t)
	a, b := open(t, path, os.O_RDWR), open(t, path, os.O_RDWR)
	mustTry(t, a, nil)
	mustTry(t, a, nil) // again through the same one
	mustTry(t, b, ErrHeld)
	mustHeld(t, b, true)
	mustHeld(t, a, false) // the holder itself
	if err := Try(b.Fd(), farOff+1); err != nil {
		t.Fatalf("the byte beside is free: %v", err)
	}

	if _, err := os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	b.Close()
	c := open(t, path, os.O_RDWR)
	mustTry(t, c, ErrHeld) // neither dropped a's lock
	if err := Try(c.Fd(), farOff+1); err != nil {
		t.Fatalf("b is closed: %v", err)
	}
	if err := Unlock(a.Fd(), farOff); err != nil {
		t.Fatal(err)
	}
	mustTry(t, c, nil)
	if info, _ := a.Stat(); info.Size() != 5 {
		t.Fatalf("locking changed the size to %d", info.Size())
	}
}

func TestKilledHolderFreesItsLock(t *testing.T) {
	path := newFile(t)
	cmd, _ := holder(t, "hold", path)
	mustHeld(t, open(t, path, os.O_RDONLY), true)
	f := open(t, path, os.O_RDWR)
	mustTry(t, f, ErrHeld)
	cmd.Process.Kill()
	becomesFree(t, f)
}

func becomesFree(t *testing.T, f *os.File) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		err := Try(f.Fd(), farOff)
		if err == nil {
			return
		}
		if !errors.Is(err, ErrHeld) || time.Now().After(end) {
			t.Fatalf("not free 20 s after its holder was killed: %v", err)
		}
	}
}

func TestCommandStartedByHolderNeitherDropsNorKeepsTheLock(t *testing.T) { // D01
	path := newFile(t)
	f := open(t, path, os.O_RDWR)
	cmd, _ := holder(t, "exec", path, "true")
	mustTry(t, f, ErrHeld)
	cmd.Process.Kill()
	becomesFree(t, f)
	if err := Unlock(f.Fd(), farOff); err != nil {
		t.Fatal(err)
	}

	cmd, sleeper := holder(t, "exec", path, "sleep", "60")
	defer syscall.Kill(sleeper, syscall.SIGKILL)
	mustTry(t, f, ErrHeld)
	cmd.Process.Kill()
	becomesFree(t, f)
	if err := syscall.Kill(sleeper, 0); err != nil {
		t.Fatalf("the command should have been alive all the time: %v", err)
	}
}

func TestUnlockWorksWhereAMappingKeepsTheFileOpen(t *testing.T) {
	path := newFile(t)
	other := open(t, path, os.O_RDWR)
	for _, explicit := range []bool{false, true} {
		f := open(t, path, os.O_RDWR)
		mem, err := unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ, unix.MAP_SHARED)
		if err != nil {
			t.Fatal(err)
		}
		mustTry(t, f, nil)
		if explicit {
			if err := Unlock(f.Fd(), farOff); err != nil {
				t.Fatal(err)
			}
		}
		f.Close()
		mustHeld(t, other, !explicit) // the control: without Unlock it is still held
		unix.Munmap(mem)
		mustHeld(t, other, false)
	}
}

func TestReadersSharedLockIsNotAnOwner(t *testing.T) {
	path := newFile(t)
	reader, f := open(t, path, os.O_RDONLY), open(t, path, os.O_RDWR)
	shared := unix.Flock_t{Type: unix.F_RDLCK, Start: farOff, Len: 1}
	if err := unix.FcntlFlock(reader.Fd(), unix.F_OFD_SETLK, &shared); err != nil {
		t.Fatal(err)
	}
	mustHeld(t, f, false)
	mustTry(t, f, ErrHeld)
}

func TestWrongUseIsAnErrorOfItsOwn(t *testing.T) {
	path := newFile(t)
	if err := Try(open(t, path, os.O_RDONLY).Fd(), farOff); !errors.Is(err, unix.EBADF) {
		t.Errorf("lock through a read-only descriptor: %v", err)
	}
	if err := Try(open(t, path, os.O_RDWR).Fd(), -1); !errors.Is(err, fs.ErrInvalid) || errors.Is(err, ErrUnsupported) {
		t.Errorf("negative offset: %v", err)
	}
}

// play puts another system call in place of fcntl.
func play(t *testing.T, call func(fd uintptr, cmd int, lk *unix.Flock_t) error) {
	fcntlFlock = call
	t.Cleanup(func() { fcntlFlock = unix.FcntlFlock })
}

func TestKernelWithoutTheseLocksIsNamed(t *testing.T) { // D10
	f := open(t, newFile(t), os.O_RDWR)
	for _, errno := range []unix.Errno{unix.EINVAL, unix.ENOSYS} {
		play(t, func(uintptr, int, *unix.Flock_t) error { return errno })
		_, heldErr := Held(f.Fd(), 0)
		for _, err := range []error{Try(f.Fd(), 0), Unlock(f.Fd(), 0), heldErr, SelfTest(f.Fd(), 0, nil)} {
			if !errors.Is(err, ErrUnsupported) || !errors.Is(err, errors.ErrUnsupported) || !errors.Is(err, errno) {
				t.Errorf("%v: %v", errno, err)
			}
		}
	}
}

func TestInterruptedIsRetriedAndOtherErrorsArePassedOn(t *testing.T) {
	f := open(t, newFile(t), os.O_RDWR)
	calls := 0
	play(t, func(uintptr, int, *unix.Flock_t) error {
		if calls++; calls < 5 {
			return unix.EINTR
		}
		return unix.ENOLCK
	})
	if err := Try(f.Fd(), 0); !errors.Is(err, unix.ENOLCK) || errors.Is(err, ErrHeld) || calls != 5 {
		t.Fatalf("%v after %d calls", err, calls)
	}
}

func TestUnlockThatFailsIsTriedAgain(t *testing.T) {
	path := newFile(t)
	f, other := open(t, path, os.O_RDWR), open(t, path, os.O_RDWR)
	mustTry(t, f, nil)
	calls := 0
	play(t, func(fd uintptr, cmd int, lk *unix.Flock_t) error {
		if calls++; calls < 3 {
			return unix.ENOLCK
		}
		return unix.FcntlFlock(fd, cmd, lk)
	})
	if err := Unlock(f.Fd(), farOff); err != nil || calls != 3 {
		t.Errorf("%v after %d calls", err, calls)
	}
	mustTry(t, other, nil)
	play(t, func(uintptr, int, *unix.Flock_t) error { return unix.EIO })
	if err := Unlock(other.Fd(), farOff); !errors.Is(err, unix.EIO) {
		t.Errorf("refused again and again: %v", err)
	}
}

func TestSelfTestNoticesLocksThatDoNotExclude(t *testing.T) { // D11
	path := newFile(t)
	f := open(t, path, os.O_RDWR)
	opened := 0
	reopen := func() (uintptr, func() error, error) {
		second, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return 0, nil, err
		}
		opened++
		return second.Fd(), func() error { opened--; return second.Close() }, nil
	}
	if err := SelfTest(f.Fd(), farOff, reopen); err != nil {
		t.Fatal(err)
	}
	mustHeld(t, open(t, path, os.O_RDWR), false)

	play(t, func(_ uintptr, cmd int, lk *unix.Flock_t) error { return nil }) // all granted
	if err := SelfTest(f.Fd(), farOff, reopen); err != ErrNotExclusive {
		t.Errorf("everything granted: %v", err)
	}
	play(t, func(fd uintptr, cmd int, lk *unix.Flock_t) error { // refused, but GETLK sees nothing
		if cmd == unix.F_OFD_GETLK {
			lk.Type = unix.F_UNLCK
			return nil
		}
		return unix.FcntlFlock(fd, cmd, lk)
	})
	if err := SelfTest(f.Fd(), farOff, reopen); err != ErrNotExclusive {
		t.Errorf("locks that nobody can see: %v", err)
	}
	fcntlFlock = unix.FcntlFlock
	boom := errors.New("boom")
	if err := SelfTest(f.Fd(), farOff, func() (uintptr, func() error, error) { return 0, nil, boom }); !errors.Is(err, boom) {
		t.Errorf("reopen fails: %v", err)
	}
	if opened != 0 {
		t.Errorf("%d second descriptors left open", opened)
	}
	mustHeld(t, open(t, path, os.O_RDWR), false)
	mustTry(t, open(t, path, os.O_RDWR), nil)
}
