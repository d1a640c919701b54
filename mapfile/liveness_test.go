//go:build linux

package mapfile_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/mapfile/internal/filelock"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
)

// Who lives, who is stopped, who is gone; and that no lock outlives its holder or stops others for ever.

func init() {
	roles["own and start"] = ownAndStart
	roles["own quietly"] = ownQuietly
	roles["add large slots"] = addLargeSlots
	roles["look"] = look
	roles["try to join"] = tryToJoin
}

// state returns the state of the producer of a slot.
func state(t testing.TB, mf *mapfile.MapFile, name string) mapfile.State {
	t.Helper()
	info, err := mf.Reader(name).Stat()
	if err != nil {
		t.Fatal(err)
	}
	if info.Age < 0 || info.Producer.Heartbeat < 0 {
		t.Errorf("%s: age %v, heartbeat %v", name, info.Age, info.Producer.Heartbeat)
	}
	return info.Producer.State
}

// becomes waits until the slot's producer has a state.
func becomes(t testing.TB, mf *mapfile.MapFile, name string, want mapfile.State) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		got := state(t, mf, name)
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the producer of %s is %v, not %v", name, got, want)
		}
	}
}

// ownAndStart owns a slot and starts a command, which lives on.
func ownAndStart(args []string) {
	mf := must1(mapfile.OpenOrCreate(args[0]))
	x := int64(1)
	must1(mf.Add("x", &x))
	must(mf.Update())
	must(exec.Command("true").Run())
	cmd := exec.Command("sleep", "60")
	must(cmd.Start())
	fmt.Println("started", cmd.Process.Pid)
	waitForParent()
}

// D01
func TestCommandOfAProducerNeitherDropsNorKeepsItsLocks(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	c := start(t, "own and start", path)
	sleeper, _ := strconv.Atoi(c.Expect("started"))
	defer syscall.Kill(sleeper, syscall.SIGKILL)
	x := int64(2)
	if _, err := mf.Add("x", &x); !errors.Is(err, mapfile.ErrOwned) {
		t.Fatalf("while the producer lives: %v", err)
	}
	c.cmd.Process.Kill() // its output stays open in the command
	begin := time.Now()
	for {
		_, err := mf.Add("x", &x)
		if err == nil {
			break
		}
		if time.Since(begin) > time.Second {
			t.Fatalf("a second after the death: %v", err)
		}
		time.Sleep(time.Millisecond)
	}
	if err := syscall.Kill(sleeper, 0); err != nil {
		t.Errorf("the command should have been alive all the time: %v", err)
	}
}

// D02
func TestProducerSeesItselfLive(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	first, second, reader := createFile(t, path), createFile(t, path), openFile(t, path)
	x := int64(1)
	addSlot(t, first, "x", &x)
	mustUpdate(t, first)
	for i, mf := range []*mapfile.MapFile{first, second, reader} {
		if got := state(t, mf, "x"); got != mapfile.StateLive {
			t.Errorf("through handle %d the producer is %v", i, got)
		}
		for info, err := range mf.Slots() {
			if err != nil || info.Producer.State != mapfile.StateLive || info.Producer.PID != os.Getpid() {
				t.Errorf("through handle %d: %+v, %v", i, info.Producer, err)
			}
		}
		for _, p := range stat(t, mf).Producers {
			if p.State != mapfile.StateLive {
				t.Errorf("through handle %d session %d is %v", i, p.Session, p.State)
			}
		}
	}
}

// D03
func TestHandlesOfOneProcessExcludeAndClosingOneKeepsTheOthersLocks(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	first, second := createFile(t, path), createFile(t, path)
	x := int64(1)
	addSlot(t, first, "x", &x)
	mustUpdate(t, first)
	if _, err := second.Add("x", &x); !errors.Is(err, mapfile.ErrOwned) {
		t.Errorf("%v", err)
	}
	second.Close()
	if _, err := os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	openFile(t, path).Close()
	c := start(t, "add one name", path)
	c.Send("x")
	if line := c.Line(); !strings.HasPrefix(line, "lost") {
		t.Errorf("another process: %s", line)
	}
	if err := mapfile.RemoveDead(path); !errors.Is(err, mapfile.ErrOwned) {
		t.Errorf("RemoveDead: %v", err)
	}
}

// addLargeSlots adds and removes slots that take a while to make room for.
func addLargeSlots(args []string) {
	mf := must1(mapfile.OpenOrCreate(args[0]))
	x := []byte{}
	fmt.Println("adding")
	for i := 0; ; i++ {
		must1(mf.Add("large", &x, mapfile.WithCapacity((64+i%2*64)<<20)))
		must(mf.Remove("large"))
	}
}

// D04
func TestNothingWaitsForEverOnAStoppedHolderOfTheStructureLock(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	const patience = 100 * time.Millisecond
	mf := createFile(t, path, mapfile.WithLockTimeout(patience))
	small := []byte("small")
	slot := addSlot(t, mf, "mine", &small)
	mustUpdate(t, mf)
	probe, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer probe.Close()
	c := start(t, "add large slots", path)
	c.Expect("adding")
	held, inside := false, false
	for try := 0; try < 2000 && !inside; try++ {
		c.Stop()
		time.Sleep(200 * time.Microsecond) // until it stands
		if held, err = filelock.Held(probe.Fd(), layout.StructureLockOff); err != nil {
			t.Fatal(err)
		}
		var word [8]byte
		probe.ReadAt(word[:], layout.StructureOff)
		if inside = held && word[0]&1 != 0; !inside {
			c.Cont()
			time.Sleep(time.Duration(try%7) * 100 * time.Microsecond)
		}
	}
	if !inside {
		t.Skip("the producer was never stopped inside of the lock")
	}
	small = []byte("small again")
	if err := slot.Update(); err != nil {
		t.Errorf("an Update that needs no room waits for nobody: %v", err)
	}
	if got := get[[]byte](t, mf, "mine"); string(got) != "small again" {
		t.Errorf("%q", got)
	}
	if _, err := mf.Get("not there"); !errors.Is(err, mapfile.ErrNoSlot) {
		t.Errorf("a name that is not there: %v", err)
	}
	grow := func() error {
		small = make([]byte, 100_000)
		return slot.Update()
	}
	for name, call := range map[string]func() error{
		"Add":          func() error { _, err := mf.Add("new", &small); return err },
		"Remove":       func() error { return mf.Remove("mine") },
		"grow":         grow,
		"OpenOrCreate": func() error { _, err := mapfile.OpenOrCreate(path, mapfile.WithLockTimeout(patience)); return err },
		"Recreate":     func() error { _, err := mapfile.Recreate(path, mapfile.WithLockTimeout(patience)); return err },
		"RemoveDead":   func() error { return mapfile.RemoveDead(path) },
	} {
		begin := time.Now()
		err := call()
		if !errors.Is(err, mapfile.ErrLocked) || !strings.Contains(err.Error(), fmt.Sprint("pid ", c.Pid())) {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(begin); took > 4*time.Second {
			t.Errorf("%s took %v", name, took)
		}
	}
	c.Cont()
	deadline := time.Now().Add(5 * time.Second)
	for err := grow(); err != nil; err = grow() {
		if time.Now().After(deadline) {
			t.Fatalf("after it went on: %v", err)
		}
	}
	c.Kill()
	if _, err := mf.Add("new", &small); err != nil {
		t.Errorf("after its death: %v", err)
	}
	mustBeInOrder(t, mf)
}

// look says what it sees of a slot's producer, from wherever it runs.
func look(args []string) {
	mf := must1(mapfile.Open(args[0]))
	info := must1(mf.Reader(args[1]).Stat())
	fmt.Println("pid", os.Getpid(), "sees", info.Producer.State)
}

// inNamespace is command, run as process 1 of a PID namespace of its own.
func inNamespace(t *testing.T, role string, args ...string) *exec.Cmd {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: PID namespaces need root")
	}
	cmd := command(role, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	return cmd
}

// D05 D06
func TestEqualPidsOfContainersAreNotMistakenForOneAnother(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	a := startCommand(t, inNamespace(t, "own", path, "a"))
	b := startCommand(t, inNamespace(t, "own", path, "b"))
	a.Expect("owns")
	b.Expect("owns")
	reader := openFile(t, path)
	for _, name := range []string{"a", "b"} {
		info, err := reader.Reader(name).Stat()
		if err != nil || info.Producer.State != mapfile.StateLive || info.Producer.PID != 1 {
			t.Errorf("%s: %+v, %v", name, info.Producer, err)
		}
	}
	if err := mapfile.RemoveDead(path); !errors.Is(err, mapfile.ErrOwned) {
		t.Errorf("RemoveDead: %v", err)
	}
	a.Kill()
	// b and the process that looks have the dead one's pid, and run the same program.
	look := startCommand(t, inNamespace(t, "look", path, "a"))
	if line := look.Line(); line != "pid 1 sees DEAD" {
		t.Errorf("%s", line)
	}
	if state(t, reader, "a") != mapfile.StateDead || state(t, reader, "b") != mapfile.StateLive {
		t.Errorf("a is %v, b is %v", state(t, reader, "a"), state(t, reader, "b"))
	}
	b.Kill()
	if err := mapfile.RemoveDead(path); err != nil {
		t.Errorf("RemoveDead: %v", err)
	}
}

// D05
func TestCleaningUpNeverDeletesAFileThatSomebodyJustTook(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	removed := 0
	for round := range int64(times(200, 5000)) {
		dead, err := mapfile.OpenOrCreate(path)
		if err != nil {
			t.Fatal(err)
		}
		dead.Close()
		var both sync.WaitGroup
		both.Go(func() {
			if err := mapfile.RemoveDead(path); err == nil {
				removed++
			} else if !errors.Is(err, mapfile.ErrOwned) && !errors.Is(err, mapfile.ErrSuperseded) {
				t.Errorf("RemoveDead: %v", err)
			}
		})
		mf, err := mapfile.OpenOrCreate(path)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		slot := addSlot(t, mf, fmt.Sprint("slot", round), &round)
		err = slot.Update()
		both.Wait()
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if got := get[int64](t, openFile(t, path), fmt.Sprint("slot", round)); got != round {
			t.Fatalf("round %d: %d", round, got)
		}
		mf.Close()
	}
	t.Logf("%d times removed", removed)
}

// ownQuietly owns a slot and shows no sign of life again.
func ownQuietly(args []string) {
	mf := must1(mapfile.OpenOrCreate(args[0], mapfile.WithHeartbeat(time.Hour)))
	x := int64(1)
	must1(mf.Add("x", &x))
	must(mf.Update())
	fmt.Println("owns", must1(mf.Reader("x").Stat()).Producer.Session)
	waitForParent()
}

// D07
func TestWrongHeartbeatNeverRevivesTheDeadNorBuriesTheLiving(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	c := start(t, "own quietly", path)
	session, _ := strconv.ParseUint(c.Expect("owns"), 10, 64)
	reader := openFile(t, path)
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	patch := func(off int64, value uint64) {
		t.Helper()
		for i := range layout.NumSessions {
			var number [8]byte
			record := int64(layout.SessionOff(i))
			if file.ReadAt(number[:], record); binary.LittleEndian.Uint64(number[:]) == session {
				if _, err := file.WriteAt(binary.LittleEndian.AppendUint64(nil, value), record+off); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	year := uint64(365 * 24 * time.Hour)
	for _, alive := range []bool{true, false} {
		if !alive {
			c.Kill()
		}
		for _, beat := range []uint64{0, 1, year, 100 * year, math.MaxInt64, math.MaxInt64 + 1, math.MaxUint64} {
			for _, every := range []uint64{0, 1, uint64(time.Second), year, math.MaxUint64} {
				patch(layout.SessionBeatOff, beat)
				patch(layout.SessionEveryOff, every)
				got := state(t, reader, "x")
				if alive && got != mapfile.StateLive && got != mapfile.StateStalled || !alive && got != mapfile.StateDead {
					t.Errorf("alive %v, beat %d every %d: %v", alive, beat, every, got)
				}
				if beat > year && alive && got == mapfile.StateLive && every < year {
					t.Errorf("a heartbeat from the future, %d: live for ever", beat)
				}
				for _, p := range stat(t, reader).Producers {
					if p.Heartbeat < 0 {
						t.Errorf("heartbeat %d: its age is %v", beat, p.Heartbeat)
					}
				}
			}
		}
	}
}

// D08
func TestProducerWithoutNewsIsLive(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path, mapfile.WithHeartbeat(10*time.Millisecond))
	x := int64(1)
	addSlot(t, mf, "x", &x)
	mustUpdate(t, mf)
	reader := openFile(t, path)
	time.Sleep(2 * time.Second) // many times what makes a producer stalled that shows no sign of life
	info, err := reader.Reader("x").Stat()
	if err != nil || info.Producer.State != mapfile.StateLive || info.Age < 1900*time.Millisecond {
		t.Errorf("%v, age %v, %v", info.Producer.State, info.Age, err)
	}
}

// C08 D09
func TestStoppedProducerIsStalledUntilItGoesOn(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	c := start(t, "own", path, "x")
	c.Expect("owns")
	reader := openFile(t, path)
	becomes(t, reader, "x", mapfile.StateLive)
	c.Stop()
	becomes(t, reader, "x", mapfile.StateStalled)
	if got := get[int64](t, reader, "x"); got != 1 {
		t.Errorf("%d", got)
	}
	if err := mapfile.RemoveDead(path); !errors.Is(err, mapfile.ErrOwned) {
		t.Errorf("RemoveDead of a stopped producer's file: %v", err)
	}
	x := int64(2)
	if _, err := createFile(t, path).Add("x", &x); !errors.Is(err, mapfile.ErrOwned) {
		t.Errorf("Add of a stopped producer's slot: %v", err)
	}
	c.Cont()
	becomes(t, reader, "x", mapfile.StateLive)
}

// D09
func TestEndingsAreToldApart(t *testing.T) {
	dir := testDir(t)
	for _, ending := range []struct {
		how  string
		want mapfile.State
	}{{"close", mapfile.StateClosed}, {"exit", mapfile.StateDead}, {"kill", mapfile.StateDead}, {"recreate", mapfile.StateSuperseded}, {"remove", mapfile.StateSuperseded}} {
		path := filepath.Join(dir, ending.how)
		c := start(t, "own", path, "x")
		c.Expect("owns")
		reader := openFile(t, path)
		switch ending.how {
		case "close":
			c.Send("close")
			c.Expect("bye")
		case "exit":
			c.Send("exit")
		case "kill":
			c.Kill()
		case "recreate":
			mf, err := mapfile.Recreate(path)
			if err != nil {
				t.Fatal(err)
			}
			defer mf.Close()
		case "remove":
			os.Remove(path)
		}
		found := false
		for deadline := time.Now().Add(5 * time.Second); !found && time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
			for info := range reader.Slots() { // of a file that is superseded it is the only call that goes on
				found = info.Producer.State == ending.want
			}
		}
		if !found {
			t.Errorf("%s: the producer is never %v", ending.how, ending.want)
		}
	}
}

// D13
func TestOfSeveralProducersOnlyTheKilledOnesSlotsAreDead(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	var children []*child
	for i := range 3 {
		c := start(t, "own", path, fmt.Sprintf("p%d/a", i), fmt.Sprintf("p%d/b", i))
		c.Expect("owns")
		children = append(children, c)
	}
	reader := openFile(t, path)
	children[1].Kill()
	for info, err := range reader.Slots() {
		want := mapfile.StateLive
		if strings.HasPrefix(info.Name, "p1/") {
			want = mapfile.StateDead
		}
		if err != nil || info.Producer.State != want {
			t.Errorf("%s: %v, %v", info.Name, info.Producer.State, err)
		}
	}
}

// D14
func TestNoLockWordInTheFileDecidesAnything(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	c := start(t, "own", path, "x", "y")
	c.Expect("owns")
	c.Kill()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ones := func(from, to int) {
		for i := from; i < to; i++ {
			b[i] = 0xff
		}
	}
	for _, gap := range [][2]int{ // between the fields of the header, see package layout
		{528, 640}, {660, 768}, {816, 896}, {904, 1024}, {1028, 1152}, {1168, 1280}, {1472, 1536}, {1664, 1792}, {1952, 4096},
	} {
		ones(gap[0], gap[1])
	}
	for i := range layout.NumSessions {
		record := int(layout.SessionOff(i))
		ones(record+16, record+64)
		ones(record+84, record+128)
		ones(record+216, record+256)
	}
	le := binary.LittleEndian
	le.PutUint64(b[layout.StructureHolderOff:], math.MaxUint64)
	le.PutUint32(b[layout.StructurePIDOff:], 1)
	le.PutUint64(b[layout.StructureOff:], le.Uint64(b[layout.StructureOff:])|1) // as if somebody were at work
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := get[int64](t, openFile(t, path), "x"); got != 1 {
		t.Errorf("x is %d", got)
	}
	mf := createFile(t, path)
	x, z := int64(2), int64(3)
	addSlot(t, mf, "x", &x)
	addSlot(t, mf, "z", &z)
	mustUpdate(t, mf)
	if err := mf.Remove("y"); err != nil {
		t.Error(err)
	}
	if x, z := get[int64](t, mf, "x"), get[int64](t, mf, "z"); x != 2 || z != 3 {
		t.Errorf("x is %d, z is %d", x, z)
	}
	mustBeInOrder(t, mf)
}

func tryToJoin(args []string) {
	_, err := mapfile.OpenOrCreate(args[0])
	fmt.Println("unsupported:", errors.Is(err, errors.ErrUnsupported), err)
}

// D10
func TestKernelWithoutFileDescriptionLocksIsRefusedByName(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	createFile(t, path).Close()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not here")
	}
	cmd := command("try to join", path)
	cmd.Stderr = nil
	// Go itself looks at its first three descriptors by fcntl before anything else.
	cmd.Args = []string{"strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fcntl", "-e", "inject=fcntl:error=EINVAL:when=4+", cmd.Path, path}
	cmd.Path = strace
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("strace cannot run here: %v", err)
	}
	if !strings.HasPrefix(string(out), "unsupported: true") || !strings.Contains(string(out), "lock") {
		t.Errorf("%s", out)
	}
}
