package mapfile_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/mapfile/internal/filelock"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
)

// Processes under strace: what they ask of the kernel, and what holds when they are killed, stopped or
// delayed in the middle of it.

func init() {
	roles["make"] = func(args []string) { // each file, in each way
		for _, open := range []func(string, ...mapfile.Option) (*mapfile.MapFile, error){mapfile.Create, mapfile.OpenOrCreate, mapfile.Recreate} {
			if mf, err := open(args[0]); err == nil {
				must(mf.Close())
			}
		}
	}
	roles["grow inside"] = growInside
	roles["lock while growing"] = lockWhileGrowing
	roles["consume all"] = consumeAll
	if os.Getenv(tracedVar) != "" { // strace that is killed lets go of whom it traces
		must(unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0, 0, 0))
	}
}

// tracedVar is set in the environment of a child that runs under strace.
const tracedVar = "MAPFILE_TEST_TRACED"

// traced makes cmd run under strace. Its log is returned by the function, after the end.
func traced(t *testing.T, cmd *exec.Cmd, options ...string) (log func() string) {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("SKIPPED: strace is not installed")
	}
	if out, err := exec.Command(strace, "-f", "-o", "/dev/null", "true").CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: strace may not trace here: %v %s", err, out)
	}
	path := filepath.Join(t.TempDir(), "strace")
	args := append([]string{"strace", "-f", "-qq", "-o", path}, options...)
	cmd.Args = append(append(args, cmd.Path), cmd.Args[1:]...)
	cmd.Path = strace
	cmd.Env = append(cmd.Env, tracedVar+"=1")
	return func() string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
}

// A12: a file has its mode before it has its name, whether the kernel can make files without a name or
// not: nobody ever sees it with another one.
func TestModeIsSetBeforeTheNameAppears(t *testing.T) {
	for _, world := range []string{"nothing", "O_TMPFILE"} {
		path := filepath.Join(testDir(t), "a.map")
		for _, name := range []string{"linkat(", "renameat"} { // the first time nothing is there
			cmd := refused(t, world, "produce once", path)
			log := traced(t, cmd, "-e", "trace=umask,chmod,fchmod,fchmodat,linkat,rename,renameat,renameat2")
			if out, err := cmd.Output(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			mode, named := -1, -1
			for i, line := range slices.Collect(strings.Lines(log())) {
				switch {
				case strings.Contains(line, "umask(") || strings.Contains(line, " chmod(") || strings.Contains(line, "fchmodat("):
					t.Errorf("%s: %s", world, line)
				case strings.Contains(line, "fchmod(") && strings.Contains(line, "0640"):
					mode = i
				case strings.Contains(line, `a.map"`) && (strings.Contains(line, "linkat(") || strings.Contains(line, "rename")):
					named = i
				}
			}
			if mode < 0 || named < mode {
				t.Errorf("%s, %s…: mode in line %d, name in line %d of\n%s", world, name, mode, named, log())
			}
		}
	}
}

// consumeAll is a consumer that uses everything, with a Recreate in between that the parent does.
func consumeAll(args []string) {
	mf := must1(mapfile.Open(args[0], mapfile.WithFollow()))
	ctx, cancel := context.WithCancel(context.Background())
	first := uint64(0)
	for ev, err := range mf.Watch(ctx) {
		must(err)
		if ev.Kind != mapfile.EventPublished {
			continue
		}
		if id := must1(mf.Stat()).Created; first == 0 {
			fmt.Println("reading")
			first = uint64(id.UnixNano())
		} else if uint64(id.UnixNano()) != first {
			break
		}
	}
	cancel()
	must1(mf.Get("x"))
	must1(mf.Snapshot())
	must1(mf.Stat())
	for _, err := range mf.Slots() {
		must(err)
	}
	for _, err := range must1(mapfile.OpenDir(filepath.Dir(args[0]))).Files() {
		must(err)
	}
	must(mf.Close())
}

// A13, of consumers, and of producers where there are no files without a name: nothing that belongs to
// the whole process is touched.
func TestProcessWideStateIsNeverChangedByAnybody(t *testing.T) {
	const never = "umask,chdir,fchdir,chroot,chmod,fchmodat,setuid,setgid,setgroups,setresuid,setresgid,personality,setpriority,ioprio_set," +
		"setitimer,timer_create,setsid,setpgid,unshare,mlockall"
	const asGoDoes = "rt_sigaction,setrlimit,prlimit64"
	baseline := calls(t, never+","+asGoDoes, "nothing")
	path := filepath.Join(testDir(t), "a.map")
	publish := func(open func(string, ...mapfile.Option) (*mapfile.MapFile, error)) *mapfile.Slot {
		mf, err := open(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { mf.Close() })
		x := int64(1)
		slot := addSlot(t, mf, "x", &x)
		mustUpdate(t, mf)
		return slot
	}
	publish(mapfile.Create)
	consumer := command("consume all", path)
	producer := refused(t, "O_TMPFILE", "produce once", filepath.Join(testDir(t), "b.map"))
	logs := map[string]func() string{
		"consumer": traced(t, consumer, "-e", "trace="+never+","+asGoDoes),
		"producer": traced(t, producer, "-e", "trace="+never+","+asGoDoes),
	}
	c := startCommand(t, consumer)
	c.Expect("reading")
	publish(mapfile.Recreate)
	c.MustEnd()
	startCommand(t, producer).MustEnd()
	for who, log := range logs {
		count := map[string]int{}
		for _, m := range regexp.MustCompile(`(?m)^\d+ +(\w+)\(.*$`).FindAllStringSubmatch(log(), -1) {
			if count[m[1]]++; strings.Contains(","+never+",", ","+m[1]+",") {
				t.Errorf("%s: %s", who, m[0])
			}
		}
		for _, name := range strings.Split(asGoDoes, ",") {
			if count[name] > baseline[name] {
				t.Errorf("%s: %d calls of %s, %d without a map file", who, count[name], name, baseline[name])
			}
		}
	}
}

// A19: a death at any call of making a file leaves nothing, or what the next call removes, on file systems
// with files without a name and on others; and what it leaves is no map file to those who list.
func TestDeathWhileAFileIsMadeLeavesNothingForLong(t *testing.T) {
	for _, world := range []string{"nothing", "O_TMPFILE"} {
		dir := testDir(t)
		path := filepath.Join(dir, "a.map")
		deaths, leftovers := 0, 0
		for _, call := range []string{"fchmod", "fallocate", "ftruncate", "flock", "linkat", "renameat2", "renameat", "unlinkat"} {
			for when := 1; when <= 2; when++ {
				os.Remove(path)
				cmd := refused(t, world, "make", path)
				traced(t, cmd, "-e", "trace="+call, "-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", call, when))
				cmd.Stderr = nil
				if cmd.Run() != nil {
					deaths++
				}
				if names := strings.TrimPrefix(dirNames(t, dir), "a.map"); names != "" {
					leftovers++
				}
				d := must1(mapfile.OpenDir(dir))
				for mf, err := range d.Files() {
					if err != nil || mf.Path() != path {
						t.Errorf("%s: death at %s %d: listed: %v, %v", world, call, when, mf.Path(), err)
					}
				}
				d.Close()
				mf, err := mapfile.OpenOrCreate(path)
				if err != nil {
					t.Fatalf("%s: death at %s %d: %v", world, call, when, err)
				}
				mustBeInOrder(t, mf)
				mf.Close()
				if !strings.Contains(dirNames(t, dir), " ") {
					continue
				}
				// Who joined had no need to look: who makes a file does.
				if mf, err = mapfile.Recreate(path); err != nil {
					t.Fatal(err)
				}
				mf.Close()
				if names := dirNames(t, dir); names != "a.map" {
					t.Errorf("%s: death at %s %d leaves %s", world, call, when, names)
				}
			}
		}
		if t.Logf("%s: %d deaths, %d leftovers", world, deaths, leftovers); deaths < 4 {
			t.Errorf("%s: %d deaths only: this shows nothing", world, deaths)
		}
	}
}

// growInside adds a slot that the file has no room for.
func growInside(args []string) {
	mf := must1(mapfile.OpenOrCreate(args[0]))
	x := []byte{}
	fmt.Println("growing", os.Getpid())
	must1(mf.Add("large", &x, mapfile.WithCapacity(1<<20)))
	fmt.Println("grown")
	waitForParent()
}

// D04: a producer that is stopped inside of the structure lock, for certain: at the call that makes the
// file grow. Whoever needs the lock gets an error that names the holder; whoever does not, goes on.
func TestHolderStoppedWhileItGrowsTheFileIsNamedByAll(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	const patience = 50 * time.Millisecond
	mf := createFile(t, path, mapfile.WithLockTimeout(patience))
	x, own := int64(1), []byte("own")
	slot := addSlot(t, mf, "x", &x)
	grows := addSlot(t, mf, "own", &own)
	mustUpdate(t, mf)
	cmd := command("grow inside", path)
	traced(t, cmd, "-e", "trace=fallocate", "-e", "inject=fallocate:signal=STOP:when=1")
	c := startCommand(t, cmd)
	pid, _ := strconv.Atoi(c.Expect("growing"))
	defer syscall.Kill(pid, syscall.SIGKILL)
	words := openWords(t, path)
	for begin := time.Now(); ; time.Sleep(time.Millisecond) {
		held, err := filelock.Held(words.f.Fd(), layout.StructureLockOff)
		if err != nil {
			t.Fatal(err)
		}
		if held && words.load(layout.StructureOff)&1 != 0 && threadsStopped(t, pid) {
			break
		}
		if time.Since(begin) > 30*time.Second {
			t.Fatal("the producer was never stopped in the lock")
		}
	}
	own = make([]byte, 1<<20)
	refuse := map[string]func() error{
		"Add":          func() error { _, err := mf.Add("new", &x); return err },
		"Remove":       func() error { return mf.Remove("x") },
		"RemoveAll":    mf.RemoveAll,
		"Slot.Update":  grows.Update,
		"Update":       func() error { return mf.Update() },
		"OpenOrCreate": func() error { _, err := mapfile.OpenOrCreate(path, mapfile.WithLockTimeout(patience)); return err },
		"Recreate":     func() error { _, err := mapfile.Recreate(path, mapfile.WithLockTimeout(patience)); return err },
		"Publish":      func() error { _, err := mapfile.Publish(path, &x, mapfile.WithLockTimeout(patience)); return err },
	}
	for name, call := range refuse {
		within(t, 30*time.Second, name, func() {
			if err := call(); !errors.Is(err, mapfile.ErrLocked) || !strings.Contains(err.Error(), fmt.Sprint("pid ", pid)) {
				t.Errorf("%s: %v; the holder is pid %d", name, err, pid)
			}
		})
	}
	reader := openFile(t, path)
	goOn := map[string]func() error{
		"Update in place": slot.Update,
		"Get":             func() error { _, err := mapfile.Get[int64](reader, "x"); return err },
		"Snapshot":        func() error { _, err := reader.Snapshot(); return err },
		"Stat":            func() error { _, err := reader.Stat(); return err },
		"Sync":            mf.Sync,
		"Wait": func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if err := mapfile.Wait(ctx, path, "never"); !errors.Is(err, context.DeadlineExceeded) {
				return fmt.Errorf("no deadline: %w", err)
			}
			return nil
		},
	}
	for name, call := range goOn {
		within(t, 30*time.Second, name, func() {
			if err := call(); err != nil {
				t.Errorf("%s beside a stopped holder: %v", name, err)
			}
		})
	}
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	c.Expect("grown")
	c.MustEnd()
	if err := errors.Join(grows.Update(), mf.Remove("x")); err != nil {
		t.Errorf("after the holder has gone on: %v", err)
	}
	mustBeInOrder(t, mf)
}

// threadsStopped tells whether no thread of a process runs.
func threadsStopped(t *testing.T, pid int) bool {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(tasks) == 0 {
		t.Fatalf("process %d has no threads: %v", pid, err)
	}
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err != nil {
			return false
		}
		if _, rest, _ := strings.Cut(string(text), ") "); !strings.HasPrefix(rest, "T") && !strings.HasPrefix(rest, "t") {
			return false
		}
	}
	return true
}

// lockWhileGrowing updates a slot that must grow, which takes a while, and says how long that took and how
// long somebody else had to wait for the Locker at most meanwhile.
func lockWhileGrowing(args []string) {
	mf := must1(mapfile.OpenOrCreate(args[0]))
	var l sync.Mutex
	x := []byte("x")
	slot := must1(mf.Add("x", &x, mapfile.WithLocker(&l)))
	y := int64(1)
	must1(mf.Add("y", &y, mapfile.WithLocker(&l)))
	must(mf.Update())
	must(mf.Sync()) // pins the buffer: a move has to make it durable
	for how, update := range []func() error{slot.Update, func() error { return mf.Update() }, mf.Sync} {
		l.Lock()
		x = make([]byte, (1+how)*300_000)
		l.Unlock()
		done := make(chan error)
		begin := time.Now()
		go func() { done <- update() }()
		var worst time.Duration
		for running := true; running; {
			select {
			case err := <-done:
				must(err)
				running = false
			case <-time.After(time.Millisecond):
				before := time.Now()
				l.Lock()
				worst = max(worst, time.Since(before))
				l.Unlock()
			}
		}
		fmt.Println("took", time.Since(begin).Milliseconds(), worst.Milliseconds())
	}
}

// C12: while the file grows and while its pages go to the disk, which is made slow, the Locker is free.
func TestLockerIsFreeWhileTheFileGrowsAndSyncs(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	createFile(t, path).Close()
	cmd := command("lock while growing", path)
	const slow = 200 // ms
	traced(t, cmd, "-e", "trace=fallocate,msync", "-e", fmt.Sprintf("inject=fallocate,msync:delay_enter=%d", slow*1000))
	c := startCommand(t, cmd)
	for _, how := range []string{"Slot.Update", "Update", "Sync"} {
		var took, worst int
		if _, err := fmt.Sscan(c.Expect("took"), &took, &worst); err != nil {
			t.Fatal(err)
		}
		if took < slow {
			t.Errorf("%s took %d ms: it did not wait for the file, so this shows nothing", how, took)
		}
		if worst > took/2 {
			t.Errorf("%s took %d ms, and others waited %d ms for the Locker", how, took, worst)
		}
	}
	c.MustEnd()
}

// F15: with overcommit_memory=2 the kernel counts every private, writable page of a mapping, whether it is
// touched or not. The large reservations are none of these.
func TestReservationsAreNotCountedAsMemory(t *testing.T) {
	if raceEnabled {
		t.Skip("SKIPPED: the race detector itself reserves terabytes")
	}
	cmd := command("produce once", filepath.Join(testDir(t), "a.map"))
	log := traced(t, cmd, "-e", "trace=mmap")
	if out, err := cmd.Output(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	large := 0
	for _, m := range regexp.MustCompile(`mmap\(\w+, (\d+), ([A-Z_|]+), ([A-Z_|]+)`).FindAllStringSubmatch(log(), -1) {
		size, _ := strconv.ParseUint(m[1], 10, 64)
		if size < 256<<20 { // more than Go takes for its heap at once
			continue
		}
		large++
		if strings.Contains(m[2], "PROT_WRITE") && strings.Contains(m[3], "MAP_PRIVATE") {
			t.Errorf("counted as memory: %s", m[0])
		}
	}
	if large == 0 {
		t.Error("no large reservation was seen, so this shows nothing")
	}
}
