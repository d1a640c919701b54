package mapfile_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/gomapfile/mapfile/mapfile"
)

// Containers: processes that have pids, mounts and clocks of their own, and share a directory.

func init() {
	roles["reap and reuse"] = reapAndReuse
	roles["contain"] = contain
}

// reapAndReuse is process 1 of a PID namespace. It starts a producer, kills it, and starts another process
// of the same program under the same pid; that says what it sees of the dead one's slot.
func reapAndReuse(args []string) {
	path := args[0]
	producer := command("own", path, "x")
	must1(producer.StdinPipe()) // it is never told to end
	out := must1(producer.StdoutPipe())
	must(producer.Start())
	buf := make([]byte, 100)
	n, _ := out.Read(buf)
	if string(buf[:n]) != "owns\n" {
		panic(string(buf[:n]))
	}
	must(producer.Process.Kill())
	producer.Wait()
	for range 100 {
		// The next process gets the pid behind the last one; threads of our own may be faster.
		must(os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(producer.Process.Pid-1)), 0))
		again := command("look and clean", path, "x", strconv.Itoa(producer.Process.Pid))
		again.Stdout = os.Stdout
		again.Stdin = must1(os.Open(os.DevNull))
		must(again.Start())
		if again.Process.Pid == producer.Process.Pid {
			must(again.Wait())
			fmt.Println("reused", again.Process.Pid)
			return
		}
		must(again.Wait())
	}
	fmt.Println("the pid never came back")
}

func init() {
	roles["look and clean"] = func(args []string) {
		if strconv.Itoa(os.Getpid()) != args[2] {
			return
		}
		mf := must1(mapfile.Open(args[0]))
		info := must1(mf.Reader(args[1]).Stat())
		fmt.Println("sees", info.Producer.State, info.Producer.PID == os.Getpid())
		must(mf.Close())
		fmt.Println("cleans", mapfile.RemoveDead(args[0]))
	}
}

// D05: the pid of a dead producer comes back, to a process of the same program. That revives nobody.
func TestRecycledPidRevivesNobody(t *testing.T) {
	needRoot(t)
	path := filepath.Join(testDir(t), "a.map")
	createFile(t, path).Close()
	cmd := command("reap and reuse", path)
	cmd.Args = append([]string{"unshare", "--pid", "--fork", "--mount-proc", cmd.Path}, cmd.Args[1:]...)
	inUnshare(t, cmd)
	c := startCommand(t, cmd)
	sees := c.Line()
	if strings.HasPrefix(sees, "the pid") {
		t.Skip("SKIPPED: " + sees)
	}
	cleans := c.Line()
	c.Expect("reused")
	if sees != "sees DEAD true" {
		t.Errorf("a process with the dead producer's pid %s", sees)
	}
	if _, err := os.Stat(path); cleans != "cleans <nil>" || err == nil {
		t.Errorf("the dead producer's file: %s, %v", cleans, err)
	}
	c.MustEnd()
}

// inUnshare makes cmd run by the program unshare, with the arguments that it has.
func inUnshare(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		t.Skip("SKIPPED: unshare is not installed")
	}
	cmd.Path = unshare
	options := cmd.Args[1:]
	for i, arg := range options {
		if !strings.HasPrefix(arg, "-") {
			options = options[:i]
			break
		}
	}
	if out, err := exec.Command(unshare, append(append([]string{}, options...), "true")...).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: no such namespaces here: %v %s", err, out)
	}
}

// contain is process 1 of a container that has the shared directory mounted elsewhere. It owns a slot and
// does what it is told.
func contain(args []string) {
	shared, name := args[0], args[1]
	must(syscall.Mount("", "/", "", syscall.MS_PRIVATE|syscall.MS_REC, ""))
	inside := args[2]
	must(syscall.Mount(shared, inside, "", syscall.MS_BIND, ""))
	path := filepath.Join(inside, "a.map")
	mf := must1(mapfile.OpenOrCreate(path))
	x := int64(1)
	slot := must1(mf.Add(name, &x))
	must(slot.Update())
	fmt.Println("pid", os.Getpid())
	for {
		line, ok := nextCommand()
		if !ok {
			return
		}
		what, other, _ := strings.Cut(line, " ")
		switch what {
		case "look":
			fmt.Println("sees", must1(mf.Reader(other).Stat()).Producer.State)
		case "clean":
			err := mapfile.RemoveDead(path)
			fmt.Println("cleans", errors.Is(err, mapfile.ErrOwned), err)
		case "take":
			_, err := mf.Add(other, &x)
			fmt.Println("takes", err == nil, errors.Is(err, mapfile.ErrOwned), err)
		case "update":
			must(slot.Update())
			fmt.Println("updated")
		}
	}
}

// D06: containers with a directory in common, each at a path of its own, each with its producer as process
// 1. Both live, neither takes the other's slot nor deletes the file; the killed one is dead for all.
func TestContainersThatShareADirectoryLeaveOneAnotherAlone(t *testing.T) {
	needRoot(t)
	dir := testDir(t)
	var containers [2]*child
	for i := range containers {
		cmd := command("contain", dir, fmt.Sprint("slot", i), t.TempDir())
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}
		containers[i] = startCommand(t, cmd)
		if pid := containers[i].Expect("pid"); pid != "1" {
			t.Fatalf("pid %s", pid)
		}
	}
	reader := openFile(t, filepath.Join(dir, "a.map"))
	for i, c := range containers {
		other := fmt.Sprint("slot", 1-i)
		c.Send("look " + other)
		c.Expect("sees LIVE")
		c.Send("clean")
		c.Expect("cleans true")
		c.Send("take " + other)
		c.Expect("takes false true")
		c.Send("update")
		c.Expect("updated")
		if got := state(t, reader, other); got != mapfile.StateLive {
			t.Errorf("from outside, the producer of %s is %v", other, got)
		}
	}
	containers[0].Kill()
	containers[1].Send("look slot0")
	containers[1].Expect("sees DEAD")
	if a, b := state(t, reader, "slot0"), state(t, reader, "slot1"); a != mapfile.StateDead || b != mapfile.StateLive {
		t.Errorf("from outside: %v and %v", a, b)
	}
	containers[1].Send("clean") // the file is its own, too
	containers[1].Expect("cleans true")
	containers[1].Send("take slot0")
	containers[1].Expect("takes true")
	if got := get[int64](t, reader, "slot1"); got != 1 {
		t.Errorf("%d", got)
	}
}
