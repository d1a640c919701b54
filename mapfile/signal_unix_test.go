//go:build unix

package mapfile_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// Processes that are stopped, and signals that end them.

// C08
func TestStoppedProducerLeavesItsLastVersion(t *testing.T) {
	for _, kind := range []string{"commit", "grow"} {
		path := filepath.Join(testDir(t), "a.map")
		must1(mapfile.Create(path)).Close()
		w := newWitness(t, path, tortures[kind])
		c := start(t, "torture", kind, path, "1")
		c.Expect("ready")
		r := openFile(t, path)
		numbers := func() (list []uint64) {
			for _, name := range tortures[kind].slots {
				var raw mapfile.Raw
				err := r.GetInto(name, &raw)
				number, torn := payloadNumber(raw.Payload)
				switch {
				case errors.Is(err, mapfile.ErrNoSlot), errors.Is(err, mapfile.ErrNotPublished):
					number = 0
				case err != nil || torn != nil:
					t.Error(name, err, torn)
				}
				list = append(list, number)
			}
			return list
		}
		rng := rand.New(rand.NewPCG(1, 2))
		var took []time.Duration
		for range times(25, 200) {
			time.Sleep(time.Duration(rng.IntN(3000)) * time.Microsecond)
			c.Stop()
			awaitStopped(t, c)
			before := time.Now()
			first := numbers()
			snap, err := r.Snapshot()
			if err != nil {
				t.Error("snapshot beside a stopped producer:", err)
			}
			second := numbers()
			if fmt.Sprint(first) != fmt.Sprint(second) {
				t.Errorf("values change while their producer is stopped: %x, %x", first, second)
			}
			if kind == "commit" && err == nil {
				snapshotNumber(t, snap, "c/", len(commitSlots))
			}
			took = append(took, time.Since(before))
			c.Cont()
			for now := numbers(); kind == "commit" && fmt.Sprint(now) == fmt.Sprint(first); now = numbers() {
				if time.Since(before) > 20*time.Second {
					t.Fatal("the producer does not go on after SIGCONT")
				}
			}
		}
		// Who waits for the stopped one waits each time; who waits for a processor, now and then.
		if slices.Sort(took); took[len(took)/2] > 500*time.Millisecond || took[len(took)-1] > 20*time.Second {
			t.Errorf("reading beside a stopped producer took %v", took)
		}
		c.Kill()
		w.end()
	}
}

// awaitStopped returns when every thread of the child stands still.
func awaitStopped(t *testing.T, c *child) {
	t.Helper()
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(c.Pid(), &status, syscall.WUNTRACED|syscall.WNOHANG, nil); err != nil {
		t.Fatal(err)
	}
	for begin := time.Now(); !status.Stopped(); time.Sleep(50 * time.Microsecond) {
		if _, err := syscall.Wait4(c.Pid(), &status, syscall.WUNTRACED|syscall.WNOHANG, nil); err != nil || time.Since(begin) > 20*time.Second {
			t.Fatal("the child does not stop:", err)
		}
	}
}

func init() {
	roles["read big"] = func(args []string) { // until told to end; then say how much was read
		mf := must1(mapfile.Open(args[0]))
		r, n, last := mf.Reader("big"), 0, uint64(0)
		end := make(chan struct{})
		go func() { waitForParent(); close(end) }()
		var raw mapfile.Raw
		fmt.Println("ready")
		for {
			select {
			case <-end:
				fmt.Println(n)
				return
			default:
			}
			_, err := r.GetInto(&raw)
			if errors.Is(err, mapfile.ErrBusy) {
				continue
			}
			must(err)
			number := must1(payloadNumber(raw.Payload))
			if number < last {
				must(fmt.Errorf("went back from %d to %d", last, number))
			}
			last = number
			n++
		}
	}
	roles["open"] = func(args []string) {
		mf := must1(mapfile.Open(args[0]))
		must1(mf.Get("x"))
		fmt.Println("ready")
		for ev, err := range mf.Watch(context.Background()) {
			must(err)
			_ = ev
		}
	}
}

// C10: most of the reader's time is the copy, so that is where it is stopped; K is 2.
func TestReaderStoppedInItsCopyReturnsNothingTorn(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	raw := rawPayload(200_000, 1)
	slot := addSlot(t, mf, "big", raw, mapfile.WithBuffers(2))
	if err := slot.Update(); err != nil {
		t.Fatal(err)
	}
	c := start(t, "read big", path)
	c.Expect("ready")
	rng := rand.New(rand.NewPCG(3, 4))
	n := uint64(1)
	for range times(100, 2000) {
		time.Sleep(time.Duration(rng.IntN(1000)) * time.Microsecond)
		c.Stop()
		awaitStopped(t, c)
		for range 5 {
			n++
			raw.Payload = stampPayload(raw.Payload, 100_000+int(n%100_000), n)
			if err := slot.Update(); err != nil {
				t.Fatal(err)
			}
		}
		c.Cont()
	}
	c.stdin.Close()
	t.Log(c.Line(), "values read")
	c.MustEnd()
}

// C15
func TestSignalsEndAProducerAndFreeItsLocks(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	must1(mapfile.Create(path)).Close()
	w := newWitness(t, path, tortures["single"])
	for i, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGABRT, syscall.SIGKILL} {
		cmd := command("torture", "single", path, fmt.Sprint(uint64(i+1)<<32))
		cmd.Stderr = nil // stacks
		c := startCommand(t, cmd)
		c.Expect("ready")
		time.Sleep(2 * time.Millisecond)
		c.signal(sig)
		err := c.Wait()
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			t.Errorf("%v: the producer ends with %v", sig, err)
		}
		w.afterDeath()
		mf := createFile(t, path) // a lock that the dead one held on to would make it, or Add, an error
		raws, slots := addRaws(mf, singleSlots, uint64(i+1)<<32+1<<31)
		for i := range raws {
			if err := slots[i].Update(); err != nil {
				t.Error(err)
			}
		}
		mf.Close()
	}
	w.end()
}

// C09 E07: consumers that are killed, reading or asleep in a Watch, leave nothing in the file and
// disturb nobody.
func TestKilledConsumersCostNothing(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	x := int64(1)
	slot := addSlot(t, mf, "x", &x)
	if err := slot.Update(); err != nil {
		t.Fatal(err)
	}
	words := openWords(t, path)
	info := must1(mf.Stat())
	image := func() string {
		b := make([]byte, info.Size)
		if _, err := words.f.ReadAt(b, 0); err != nil {
			t.Fatal(err)
		}
		clear(b[4096+64 : 4096+72]) // heartbeat
		clear(b[1024:1028])         // bell
		return string(b)
	}
	time.Sleep(5 * time.Millisecond) // the last ring
	before := image()
	survivor := watch(t, openFile(t, path), "x")
	survivor.next(t, 20*time.Second)
	for range times(5, 200) {
		var crowd []*child
		for range 5 {
			crowd = append(crowd, start(t, "open", path))
		}
		for _, c := range crowd {
			c.Expect("ready")
			c.Kill()
		}
	}
	if image() != before {
		t.Error("consumers have changed the file")
	}
	const look = 200 * time.Millisecond // without a wake it looks every 250 ms
	took := soonest(look, func() time.Duration {
		x++
		begin := time.Now()
		if err := slot.Update(); err != nil {
			t.Fatal(err)
		}
		survivor.next(t, 20*time.Second)
		return time.Since(begin)
	})
	if took > look {
		t.Errorf("a watcher was woken after %v", took)
	}
	if now := must1(mf.Stat()); now.Size != info.Size || len(now.Producers) != 1 {
		t.Errorf("%+v", now)
	}
}
