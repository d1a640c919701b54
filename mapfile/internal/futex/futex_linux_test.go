package futex

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// childVar makes the test binary a waiter: "wait PATH" or "wait2 PATH" on the first word of the file,
// mapped PROT_READ.
const childVar = "FUTEX_TEST_CHILD"

func TestMain(m *testing.M) {
	if args := strings.Fields(os.Getenv(childVar)); len(args) == 2 {
		child(args[0], args[1])
		return
	}
	os.Exit(m.Run())
}

// child answers each line "MILLISECONDS" with what a wait of that length gave, and how long it took.
func child(call, path string) {
	word, _, err := mapWord(path, unix.O_RDONLY, unix.PROT_READ)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	var cancel atomic.Uint32
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var ms, val int
		fmt.Sscan(in.Text(), &ms, &val)
		d, start := time.Duration(ms)*time.Millisecond, time.Now()
		wait := func(d time.Duration) error { return Wait(word, uint32(val), d) }
		if call == "wait2" {
			wait = func(d time.Duration) error { return Wait2(word, uint32(val), &cancel, 0, d) }
		}
		// A wait may end without reason (strace interrupts): look again, like every caller.
		err := wait(d)
		for err == nil && atomic.LoadUint32(word) == uint32(val) {
			err = wait(d - time.Since(start))
		}
		fmt.Println(time.Since(start).Milliseconds(), noWaitv.Load(), err)
	}
}

func mapWord(path string, flags, prot int) (*uint32, []byte, error) {
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	defer unix.Close(fd)
	mem, err := unix.Mmap(fd, 0, os.Getpagesize(), prot, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, err
	}
	return (*uint32)(unsafe.Pointer(&mem[0])), mem, nil
}

func newWord(t *testing.T, dir string) (path string, word *uint32) {
	t.Helper()
	path = filepath.Join(dir, "word")
	if err := os.WriteFile(path, make([]byte, os.Getpagesize()), 0o600); err != nil {
		t.Fatal(err)
	}
	word, mem, err := mapWord(path, unix.O_RDWR, unix.PROT_READ|unix.PROT_WRITE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(mem) })
	return path, word
}

// sleeper is a waiting process.
type sleeper struct {
	in  io.Writer
	out *bufio.Reader
}

func startSleeper(t *testing.T, cmd *exec.Cmd, mode string) sleeper {
	t.Helper()
	cmd.Env = append(os.Environ(), childVar+"="+mode)
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	return sleeper{in, bufio.NewReader(out)}
}

func (s sleeper) sleep(ms int, val uint32) { fmt.Fprintln(s.in, ms, val) }

func (s sleeper) result(t *testing.T) (ms int, fallback bool, text string) {
	t.Helper()
	line, err := s.out.ReadString('\n')
	if err != nil {
		t.Fatalf("%q, %v", line, err)
	}
	var a, b string
	fields := strings.SplitN(strings.TrimSpace(line), " ", 3)
	if len(fields) == 3 {
		a, b, text = fields[0], fields[1], fields[2]
	}
	if _, err := fmt.Sscan(a, &ms); err != nil {
		t.Fatalf("child says %q", line)
	}
	return ms, b == "true", text
}

// wakesAcross checks that a waiter sleeps until somebody wakes it, and no longer.
func wakesAcross(t *testing.T, s sleeper, word *uint32, wantFallback bool) {
	t.Helper()
	val := atomic.LoadUint32(word)
	s.sleep(150, val)
	ms, fallback, text := s.result(t)
	if ms < 145 || text != ErrTimeout.Error() || fallback != wantFallback {
		t.Fatalf("nobody woke it: %d ms, fallback %v, %s", ms, fallback, text)
	}
	for range 10 { // on a busy machine it may begin after the wake
		s.sleep(60_000, atomic.LoadUint32(word))
		time.Sleep(100 * time.Millisecond)
		atomic.AddUint32(word, 1)
		if err := Wake(word); err != nil {
			t.Fatal(err)
		}
		if ms, _, text = s.result(t); ms >= 50 {
			break
		}
	}
	if ms < 50 || ms > 20_000 || text != "<nil>" {
		t.Fatalf("woken after 100 ms: %d ms, %s", ms, text)
	}
}

func TestWakeReachesProcessThatMayOnlyRead(t *testing.T) {
	dirs := []string{t.TempDir()}
	if shm, err := os.MkdirTemp("/dev/shm", "futex-test"); err == nil {
		defer os.RemoveAll(shm)
		dirs = append(dirs, shm)
	}
	for _, dir := range dirs {
		path, word := newWord(t, dir)
		for _, call := range []string{"wait", "wait2"} {
			s := startSleeper(t, exec.Command(os.Args[0]), call+" "+path)
			wakesAcross(t, s, word, call == "wait2" && !haveWaitv())

			// The control: without Wake the change alone does not end the sleep. The fallback looks
			// every 20 ms and would see it.
			if call == "wait2" && !haveWaitv() {
				continue
			}
			ms, text := 0, ""
			for range 10 { // on a busy machine it may begin after the change
				s.sleep(200, atomic.LoadUint32(word))
				time.Sleep(100 * time.Millisecond)
				atomic.AddUint32(word, 1)
				if ms, _, text = s.result(t); ms >= 195 {
					break
				}
			}
			if ms < 195 || text != ErrTimeout.Error() {
				t.Fatalf("woke without a wake: %d ms, %s", ms, text)
			}
		}
	}
}

func haveWaitv() bool {
	errno := waitv(0, 0, 0, 0, nil)
	return errno != unix.ENOSYS && errno != unix.EPERM
}

func TestRefusedWaitvFallsBackAndStillWakes(t *testing.T) { // E17
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("SKIPPED: strace is not installed")
	}
	for _, errno := range []string{"EPERM", "ENOSYS"} {
		path, word := newWord(t, t.TempDir())
		cmd := exec.Command(strace, "-f", "-o", "/dev/null", "-e", "trace=futex_waitv",
			"-e", "inject=futex_waitv:error="+errno, os.Args[0])
		wakesAcross(t, startSleeper(t, cmd, "wait2 "+path), word, true)
	}
}

// withFallback runs a test with futex_waitv and then with what replaces it.
func withFallback(t *testing.T, test func(t *testing.T)) {
	for _, off := range []bool{false, true} {
		t.Run(fmt.Sprintf("fallback=%v", off), func(t *testing.T) {
			was := noWaitv.Load()
			noWaitv.Store(was || off)
			defer noWaitv.Store(was)
			test(t)
		})
	}
}

func TestFallbackKeepsTheContract(t *testing.T) {
	withFallback(t, func(t *testing.T) {
		TestWaitEndsAtOnceIfTheWordHasChanged(t)
		TestWaitTimesOut(t)
		TestChangeAndWakeEndTheWait(t)
		TestCancelEndsTheWait(t)
	})
}

func TestTruncatedFileIsAnErrorAtOnce(t *testing.T) { // E12
	withFallback(t, func(t *testing.T) {
		path, _ := newWord(t, t.TempDir())
		word, mem, err := mapWord(path, unix.O_RDONLY, unix.PROT_READ)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Munmap(mem)
		cancel := new(atomic.Uint32)
		if err := os.Truncate(path, 0); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			start := time.Now()
			err1 := Wait(word, 0, time.Minute)
			err2 := Wait2(word, 0, cancel, 0, time.Minute)
			if !errors.Is(err1, unix.EFAULT) || !errors.Is(err2, unix.EFAULT) || time.Since(start) > 20*time.Second {
				t.Fatalf("after %v: %v, %v", time.Since(start), err1, err2)
			}
		}
	})
}

func TestBarrier(t *testing.T) {
	for range 2 { // the first one registers
		if !Barrier() {
			t.Error("no membarrier, which kernels have since 4.14")
		}
	}
}
