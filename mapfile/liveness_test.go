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
	"syscall"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
)

// Who lives, who is stopped, who is gone; and that no lock outlives its holder or stops others for ever.

func init() {
	roles["own quietly"] = ownQuietly
	roles["look"] = look
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
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		got := state(t, mf, name)
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the producer of %s is %v, not %v", name, got, want)
		}
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
	time.Sleep(2 * time.Second)                // many times what makes a producer stalled that shows no sign of life
	becomes(t, reader, "x", mapfile.StateLive) // at once, unless the machine is too busy for a heartbeat
	info, err := reader.Reader("x").Stat()
	if err != nil || info.Age < 1900*time.Millisecond {
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
		for deadline := time.Now().Add(20 * time.Second); !found && time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
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

// D05
func TestDeadProducerStaysDeadWhileOthersComeAndGo(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	c := start(t, "own", path, "x")
	c.Expect("owns")
	c.Kill()
	reader := openFile(t, path)
	joiners := make(chan struct{})
	go func() {
		defer close(joiners)
		for range times(300, 5000) { // more than a file has records, so that this one is used again, too
			mf, err := mapfile.OpenOrCreate(path)
			if err != nil {
				t.Error(err)
				return
			}
			mf.Close()
		}
	}()
	for running := true; running; {
		select {
		case <-joiners:
			running = false
		default:
		}
		if got := state(t, reader, "x"); got != mapfile.StateDead {
			t.Errorf("the dead producer is %v", got)
			running = false
		}
	}
	<-joiners
}
