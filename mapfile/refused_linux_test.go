package mapfile_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gomapfile/mapfile/mapfile"
)

// Kernels, sandboxes and file systems that refuse a system call, played by a filter that a child process
// puts on itself before it does anything else. It needs neither root nor strace.

// refuseVar names the refusal in the environment of a child.
const refuseVar = "MAPFILE_TEST_REFUSE"

// refusal is a system call that is answered without being done: if the argument, masked, has the value.
type refusal struct {
	call             uint32
	arg, mask, value uint32
	errno            unix.Errno // 0: the call seems to succeed
}

var refusals = map[string][]refusal{
	"nothing":            {},
	"O_TMPFILE":          {{unix.SYS_OPENAT, 2, unix.O_TMPFILE, unix.O_TMPFILE, unix.EOPNOTSUPP}},
	"futex_waitv EPERM":  {{call: unix.SYS_FUTEX_WAITV, errno: unix.EPERM}},
	"futex_waitv ENOSYS": {{call: unix.SYS_FUTEX_WAITV, errno: unix.ENOSYS}},
	"OFD EINVAL": {
		{unix.SYS_FCNTL, 1, ^uint32(0), unix.F_OFD_SETLK, unix.EINVAL},
		{unix.SYS_FCNTL, 1, ^uint32(0), unix.F_OFD_GETLK, unix.EINVAL},
	},
	"OFD granted":      {{unix.SYS_FCNTL, 1, ^uint32(0), unix.F_OFD_SETLK, 0}},
	"fallocate ENOMEM": {{call: unix.SYS_FALLOCATE, errno: unix.ENOMEM}},
	"fallocate EDQUOT": {{call: unix.SYS_FALLOCATE, errno: unix.EDQUOT}},
	"fallocate EIO":    {{call: unix.SYS_FALLOCATE, errno: unix.EIO}},
}

func init() {
	roles["try to produce"] = tryToProduce
	roles["say versions"] = sayVersions
	if what := os.Getenv(refuseVar); what != "" {
		must(refuse(refusals[what]))
	}
}

// refuse puts the filter on every thread of this process.
func refuse(list []refusal) error {
	const load, and, jumpIfEqual, ret = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_ALU | unix.BPF_AND | unix.BPF_K,
		unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	const argsOff, allow, answerErrno = 16, 0x7fff0000, 0x00050000
	var program []unix.SockFilter
	for _, r := range list {
		program = append(program,
			unix.SockFilter{Code: load, K: 0}, // the number of the call
			unix.SockFilter{Code: jumpIfEqual, K: r.call, Jf: 4},
			unix.SockFilter{Code: load, K: argsOff + 8*r.arg},
			unix.SockFilter{Code: and, K: r.mask},
			unix.SockFilter{Code: jumpIfEqual, K: r.value, Jf: 1},
			unix.SockFilter{Code: ret, K: answerErrno | uint32(r.errno)})
	}
	program = append(program, unix.SockFilter{Code: ret, K: allow})
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	fprog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	const setModeFilter, allThreads = 1, 1
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, setModeFilter, allThreads, uintptr(unsafe.Pointer(&fprog))); errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	return nil
}

// refused is command, in a world that refuses something.
func refused(t *testing.T, what, role string, args ...string) *exec.Cmd {
	t.Helper()
	if refusals[what] == nil {
		t.Fatalf("no refusal %q", what)
	}
	probe := command("nothing")
	probe.Env = append(probe.Env, refuseVar+"=nothing")
	probe.Stderr = nil
	if err := probe.Run(); err != nil {
		t.Skipf("SKIPPED: no filters of system calls here: %v", err)
	}
	cmd := command(role, args...)
	cmd.Env = append(cmd.Env, refuseVar+"="+what)
	return cmd
}

// tryToProduce says what becomes of each way to be a producer, and what a consumer still sees.
func tryToProduce(args []string) {
	path := args[0]
	say := func(how string, err error) {
		fmt.Printf("%s: %v %v\n", how, errors.Is(err, errors.ErrUnsupported), err)
	}
	second := func(_ any, err error) error { return err }
	say("Create", second(mapfile.Create(path+".new")))
	say("OpenOrCreate", second(mapfile.OpenOrCreate(path)))
	say("Recreate", second(mapfile.Recreate(path)))
	say("RemoveDead", mapfile.RemoveDead(path))
	mf := must1(mapfile.Open(path))
	fmt.Println("reads", must1(mapfile.Get[int64](mf, "x")))
	fmt.Println("state", must1(mf.Reader("x").Stat()).Producer.State)
}

// D10 D11: where locks are not there, or are granted to everybody, nobody produces without them; and a
// consumer, who needs none, reads on.
func TestNobodyProducesWhereLocksDoNotExclude(t *testing.T) {
	for _, c := range []struct {
		world, text string
		state       string // of the live producer, as a consumer sees it there
		gc          bool   // RemoveDead refuses there by the locks that it sees held
	}{
		{"OFD EINVAL", "open file description locks", "UNKNOWN", false},
		{"OFD granted", "grants one lock to two holders", "LIVE", true},
	} {
		dir := testDir(t)
		path := filepath.Join(dir, "a.map")
		mf := createFile(t, path)
		x := int64(1)
		slot := addSlot(t, mf, "x", &x)
		mustUpdate(t, mf)
		child := startCommand(t, refused(t, c.world, "try to produce", path))
		for _, how := range []string{"Create", "OpenOrCreate", "Recreate", "RemoveDead"} {
			answer := child.Expect(how + ": ")
			if how == "RemoveDead" && c.gc {
				if !strings.Contains(answer, mapfile.ErrOwned.Error()) {
					t.Errorf("%s: %s: %s", c.world, how, answer)
				}
				continue
			}
			if !strings.HasPrefix(answer, "true ") || !strings.Contains(answer, c.text) {
				t.Errorf("%s: %s: %s", c.world, how, answer)
			}
		}
		child.Expect("reads 1")
		child.Expect("state " + c.state)
		child.MustEnd()
		if names := dirNames(t, dir); names != "a.map" {
			t.Errorf("%s: in the directory: %s", c.world, names)
		}
		x = 2
		if err := slot.Update(); err != nil {
			t.Errorf("%s: the producer from before: %v", c.world, err)
		}
		mustBeInOrder(t, mf)
	}
}

// sayVersions watches x and says each version that it is told of.
func sayVersions(args []string) {
	mf := must1(mapfile.Open(args[0]))
	go func() { waitForParent(); os.Exit(0) }()
	for ev, err := range mf.Watch(context.Background(), "x") {
		must(err)
		fmt.Println("told", ev.Stamp.Version)
	}
}

// E17: seccomp filters of old container programs refuse futex_waitv with EPERM, old kernels with ENOSYS.
// Watch works all the same, tells every version, and does not spin.
func TestWatchWorksWhereFutexWaitvIsRefused(t *testing.T) {
	for _, world := range []string{"futex_waitv EPERM", "futex_waitv ENOSYS"} {
		path := filepath.Join(testDir(t), "a.map")
		mf := createFile(t, path)
		x := int64(1)
		slot := addSlot(t, mf, "x", &x)
		c := startCommand(t, refused(t, world, "say versions", path))
		for version := 1; version <= 30; version++ {
			if err := slot.Update(); err != nil {
				t.Fatal(err)
			}
			c.Expect(fmt.Sprint("told ", version))
		}
		// Now that nothing is published it is asleep on the bell, in the kernel, and does not poll.
		for begin := time.Now(); !sleepsOnASharedWord(t, c.Pid()); time.Sleep(time.Millisecond) {
			if time.Since(begin) > 10*time.Second {
				t.Fatalf("%s: the watcher does not sleep on the bell", world)
			}
		}
		begin, used := time.Now(), processorTime(t, c.Pid())
		time.Sleep(500 * time.Millisecond)
		if used, took := processorTime(t, c.Pid())-used, time.Since(begin); used > took/5 && !raceEnabled {
			t.Errorf("%s: %v of processor time in %v with nothing to do", world, used, took)
		}
		c.MustEnd()
	}
}

// sleepsOnASharedWord tells whether a thread of a process is in a futex call on a word that it shares
// with others. Those of Go's own are private.
func sleepsOnASharedWord(t *testing.T, pid int) bool {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", pid))
	if err != nil || len(tasks) == 0 {
		t.Skip("SKIPPED: this kernel does not show what its threads wait for")
	}
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err != nil {
			continue
		}
		var call, word, op uint64
		n, _ := fmt.Sscanf(string(text), "%d 0x%x 0x%x", &call, &word, &op)
		const private = 128
		if n == 3 && call == unix.SYS_FUTEX && op&private == 0 {
			return true
		}
	}
	return false
}

// processorTime is what a process has used so far.
func processorTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ") // the program's name may hold anything
	fields := strings.Fields(rest)
	var ticks [2]int64
	fmt.Sscan(fields[11]+" "+fields[12], &ticks[0], &ticks[1])
	return time.Duration(ticks[0]+ticks[1]) * time.Second / 100
}

// F02: a tmpfs says ENOMEM, a quota EDQUOT; both mean that there is no room. Other errors do not.
func TestRefusedAllocationIsFullAndLosesNothing(t *testing.T) {
	for world, full := range map[string]string{"fallocate ENOMEM": "true", "fallocate EDQUOT": "true", "fallocate EIO": "false"} {
		path := filepath.Join(testDir(t), "a.map")
		createFile(t, path).Close()
		c := startCommand(t, refused(t, world, "fail to grow", path))
		if text := c.Expect("full: "); !strings.HasPrefix(text, full) {
			t.Errorf("%s: %s", world, text)
		}
		c.Expect("whole")
		c.MustEnd()
	}
}
