package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gomapfile/mapfile/mapfile"
)

// A forkKind is what a producer leaves behind, and how its session ends.
type forkKind struct {
	leaves string // see leave
	ends   string // kill, close, or exec
	kept   bool   // a copy of the descriptor outlives the session, and so does its lock
}

var forkKinds = []forkKind{
	{"command", "kill", false},
	{"files", "kill", false},
	{"storm", "kill", false},
	{"copy", "kill", true},
	{"fork", "kill", true},
	{"command", "exec", false},
	{"files", "exec", false},
	{"copy", "exec", true},
	{"copy", "close", false},
	{"fork", "close", false},
}

func (k forkKind) String() string { return k.leaves + ", then " + k.ends }

// forker is the run. It is heir and reader as well.
type forker struct {
	*proof
	path   string
	began  time.Time
	reader *mapfile.MapFile
	leash  *os.File // who outlives a producer reads from it, and so ends with this process at the latest
	number uint64
}

func (p *proof) fork(n int) error {
	// Whose parent dies becomes our child: so that it can be waited for.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		p.Skip("what a killed producer leaves behind cannot be waited for: %v", err)
		return nil
	}
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil { // os.Pipe's do not block
		return err
	}
	leash, hold := os.NewFile(uintptr(ends[0]), "leash"), os.NewFile(uintptr(ends[1]), "hold")
	defer leash.Close()
	defer hold.Close()
	f := &forker{proof: p, path: filepath.Join(p.dir, "fork.map"), began: time.Now(), leash: leash}
	if p.control {
		return f.naive(n)
	}
	mf, err := mapfile.Create(f.path)
	if err != nil {
		return err
	}
	if err = mf.Close(); err != nil {
		return err
	}
	if f.reader, err = mapfile.Open(f.path); err != nil {
		return err
	}
	defer f.reader.Close()
	rng := p.rand(1)
	order := []int(nil)
	for round := range n {
		if p.done() {
			return nil
		}
		if round%len(forkKinds) == 0 {
			order = rng.Perm(len(forkKinds))
		}
		kind := forkKinds[order[round%len(forkKinds)]]
		if err := f.round(kind, time.Duration(rng.IntN(4000))*time.Microsecond); err != nil {
			return fmt.Errorf("%v: %w", kind, err)
		}
		p.Add("sessions", 1)
		p.progress.set(int64(round), int64(n), fmt.Sprintf("%v, %d wrong", kind, p.Wrongs()))
	}
	if err := mapfile.RemoveDead(f.path); err != nil {
		p.Wrong("freed late", "when all are gone, RemoveDead: %v", err)
	}
	return nil
}

// startForked starts a process in a group of its own, which all that it starts belong to.
func (f *forker) startForked(role string, args ...string) (*child, error) {
	cmd := command(role, args...)
	cmd.ExtraFiles = []*os.File{f.leash}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return startCommand(role, cmd)
}

// sweep ends a process, and returns when all that it has left is gone.
func sweep(c *child) {
	c.Kill()
	syscall.Kill(-c.Pid(), syscall.SIGKILL)
	for {
		if _, err := syscall.Wait4(-c.Pid(), nil, 0, nil); err != nil && err != syscall.EINTR {
			return
		}
	}
}

// round is the life of a producer and what comes after it.
func (f *forker) round(kind forkKind, delay time.Duration) error {
	f.number += 1_000_000
	c, err := f.startForked("fork.producer", f.path, kind.leaves, strconv.FormatUint(f.number, 10))
	if err != nil {
		return err
	}
	defer sweep(c)
	text, err := c.Expect("ready", hangs)
	if err != nil {
		return err
	}
	session, left := uint64(0), 0
	if _, err := fmt.Sscan(text, &session, &left); err != nil {
		return fmt.Errorf("%q: %w", text, err)
	}
	if kind.leaves == "fork" {
		if err := f.checkMapping(c.Pid(), left); err != nil {
			return err
		}
	}
	f.mustBe(kind, "while it lives", session, mapfile.StateLive, mapfile.StateStalled)
	f.mustBeOwned(kind, "while it lives")
	watched := make(chan error, 1)
	if !kind.kept && f.Got("ends seen by Watch")*10 <= f.Got("sessions") { // it takes a while: some are enough
		f.watch(session, watched)
	} else {
		watched <- nil
	}
	time.Sleep(delay)
	if err := f.end(c, kind); err != nil {
		return err
	}
	if kind.kept {
		f.stillOwned(kind, session, c)
		sweep(c)
	}
	return f.free(kind, session, c, watched)
}

// end ends the session.
func (f *forker) end(c *child, kind forkKind) error {
	want := map[string]string{"exec": "reborn", "close": "closed"}[kind.ends]
	if want == "" {
		c.Kill()
		return nil
	}
	if err := c.Send("%s", kind.ends); err != nil {
		return err
	}
	_, err := c.Expect(want, hangs)
	return err
}

// stillOwned: the session is gone, and a copy of its descriptor lives.
func (f *forker) stillOwned(kind forkKind, session uint64, c *child) {
	f.mustBeOwned(kind, "while a copy of the descriptor lives")
	if err := mapfile.RemoveDead(f.path); !errors.Is(err, mapfile.ErrOwned) {
		f.Wrong("freed early", "%v: RemoveDead while a copy of the descriptor lives: %v", kind, err)
	}
	if kind.ends == "exec" {
		if answer, err := c.Ask(hangs, "own"); err != nil || answer != "refused" {
			f.Wrong("freed early", "%v: the program that it has become: %s, %v", kind, answer, err)
		}
	}
	if f.Got("waits for STALLED")*8 <= f.Got("kept") {
		f.Add("waits for STALLED", 1)
		f.mustBe(kind, "while a copy of the descriptor lives", session, mapfile.StateStalled, mapfile.StateLive)
	} else if _, states, err := lookAt(f.reader, forkSlot, time.Since(f.began)+time.Second); err != nil || states[0] != mapfile.StateLive && states[0] != mapfile.StateStalled {
		f.Wrong("state", "%v: while a copy of the descriptor lives: %v, %v", kind, states, err)
	}
	f.Add("kept", 1)
}

// free: nobody holds the session's lock any more, whoever else lives. The next one gets the slot at once.
func (f *forker) free(kind forkKind, session uint64, c *child, watched chan error) error {
	want := mapfile.StateDead
	if kind.ends == "close" {
		want = mapfile.StateClosed
	}
	f.mustBe(kind, "after its end", session, want, mapfile.StateLive, mapfile.StateStalled)
	if err := <-watched; err != nil {
		f.Wrong("state", "%v: Watch: %v", kind, err)
	}
	if number, err := numberOf(f.reader, forkSlot); err != nil || number < f.number {
		f.Wrong("lost", "%v: number %d of %d: %v", kind, number, f.number, err)
	}
	if kind.ends == "exec" && !kind.kept {
		answer, err := c.Ask(hangs, "own")
		if err != nil || answer != "owns" {
			f.Wrong("freed late", "%v: the program that it has become: %s, %v", kind, answer, err)
			return nil
		}
		f.mustBe(kind, "in its next life", 0, mapfile.StateLive, mapfile.StateStalled)
		f.mustBeOwned(kind, "in its next life")
		c.Kill()
	}
	return f.inherit(kind)
}

// inherit takes the slot and publishes.
func (f *forker) inherit(kind forkKind) error {
	mf, err := mapfile.OpenOrCreate(f.path)
	if err != nil {
		return err
	}
	defer mf.Close()
	f.number += 1_000_000
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		slot, err := mf.Add(forkSlot, numbered(forkSlot, 100, f.number))
		if err == nil {
			f.Most("ms until free", time.Since(start).Milliseconds())
			err = slot.Update()
		}
		if err == nil {
			break
		}
		if !errors.Is(err, mapfile.ErrOwned) || time.Since(start) > hangs {
			f.Wrong("freed late", "%v: %v after its end: %v", kind, time.Since(start), err)
			return nil
		}
	}
	if number, err := numberOf(f.reader, forkSlot); err != nil || number != f.number {
		f.Wrong("lost", "%v: number %d of the next producer's %d: %v", kind, number, f.number, err)
	}
	return nil
}

// mustBe: readers see the producer in that state, soon.
func (f *forker) mustBe(kind forkKind, when string, session uint64, want mapfile.State, meanwhile ...mapfile.State) {
	took, err := becomes(f.reader, forkSlot, session, want, f.began, meanwhile...)
	name := "state"
	if errors.Is(err, errAge) {
		name = "ages"
	}
	if err != nil {
		f.Wrong(name, "%v: %s: %v", kind, when, err)
	}
	f.Most("ms until "+want.String(), took.Milliseconds())
}

// mustBeOwned: nobody else gets the slot.
func (f *forker) mustBeOwned(kind forkKind, when string) {
	mf, err := mapfile.OpenOrCreate(f.path)
	if err == nil {
		_, err = mf.Add(forkSlot, numbered(forkSlot, 100, 0))
		mf.Close()
	}
	if !errors.Is(err, mapfile.ErrOwned) {
		f.Wrong("freed early", "%v: %s: %v", kind, when, err)
	}
}

// checkMapping: a fork without exec has the descriptor and not the mapping.
func (f *forker) checkMapping(parent, forked int) error {
	info, err := os.Stat(f.path)
	if err != nil {
		return err
	}
	inode := fmt.Sprintf(" %d ", info.Sys().(*syscall.Stat_t).Ino)
	maps := func(pid int) (bool, error) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
		return strings.Contains(string(text), inode), err
	}
	has, err := maps(parent)
	if err != nil || !has {
		return fmt.Errorf("the producer has no mapping: %w", err)
	}
	if has, err := maps(forked); err != nil || has {
		f.Wrong("mapping inherited", "by a fork: %v", err)
	}
	return nil
}

// watch has Watch say when the session ends; it begins before this returns.
func (f *forker) watch(session uint64, told chan<- error) {
	ctx, cancel := context.WithCancel(context.Background())
	attached := make(chan struct{})
	timer := time.AfterFunc(3*hangs, cancel)
	go func() {
		defer cancel()
		defer timer.Stop()
		seen := false
		for e, err := range f.reader.Watch(ctx, forkSlot) {
			if err != nil {
				told <- err
				return
			}
			if !seen {
				seen = true
				close(attached)
			}
			over := e.Producer.State == mapfile.StateDead || e.Producer.State == mapfile.StateClosed
			if e.Kind == mapfile.EventState && e.Producer.Session == session && over {
				f.Add("ends seen by Watch", 1)
				told <- nil
				return
			}
		}
	}()
	select {
	case <-attached:
	case <-ctx.Done():
	}
}
