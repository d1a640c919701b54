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

// Locks of files: that they exclude, end with their holder, and stop nobody for ever.

func init() {
	roles["own and start"] = ownAndStart
	roles["add large slots"] = addLargeSlots
	roles["try to join"] = tryToJoin
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
		if time.Since(begin) > 20*time.Second { // the command has 60
			t.Fatalf("20 s after the death: %v", err)
		}
		time.Sleep(time.Millisecond)
	}
	if err := syscall.Kill(sleeper, 0); err != nil {
		t.Errorf("the command should have been alive all the time: %v", err)
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
		awaitStopped(t, c)
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
		if took := time.Since(begin); took > 20*time.Second {
			t.Errorf("%s took %v", name, took)
		}
	}
	c.Cont()
	deadline := time.Now().Add(20 * time.Second)
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

// Who will not wait gets what is free.
func TestNoPatienceIsEnoughForALockThatIsFree(t *testing.T) {
	mf := createFile(t, filepath.Join(testDir(t), "a.map"), mapfile.WithLockTimeout(0))
	x := int64(1)
	for range 200 {
		if _, err := mf.Add("x", &x); err != nil {
			t.Fatal(err)
		}
		if err := mf.Remove("x"); err != nil {
			t.Fatal(err)
		}
	}
}
