package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gomapfile/mapfile/mapfile"
)

func init() { roles["syscalls.victim"] = syscallsVictim }

// syscallsVictim does everything three times: to warm up, with a failing call, and to see that it works again.
func syscallsVictim(args []string) error {
	runtime.LockOSThread()
	v := &tracedVictim{dir: args[0], quiet: true}
	if err := os.MkdirAll(v.dir, 0o700); err != nil {
		return err
	}
	v.everything("warm")
	if v.errs > 0 {
		return fmt.Errorf("without a failure: %s", v.last)
	}
	before := leftOver()
	unix.Access(beginMark, unix.F_OK)
	v.quiet = false
	v.everything("failing")
	unix.Access(endMark, unix.F_OK)
	v.errs = 0
	v.everything("again")
	if v.errs > 0 {
		say("wrong the next time: %s", v.last)
	}
	after := leftOver()
	for deadline := time.Now().Add(3 * time.Second); after != before && time.Now().Before(deadline); after = leftOver() {
		time.Sleep(10 * time.Millisecond)
	}
	if after != before {
		say("wrong left over: %+v, was %+v", after, before)
	}
	return nil
}

// left is what a process holds.
type left struct{ files, mappings, goroutines int }

func leftOver() left {
	l := left{goroutines: runtime.NumGoroutine()}
	fds, _ := os.ReadDir("/proc/self/fd")
	for _, fd := range fds {
		if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && !strings.Contains(to, "anon_inode") && !strings.HasPrefix(to, "/proc") {
			l.files++
		}
	}
	maps, _ := os.ReadFile("/proc/self/maps")
	for line := range bytes.Lines(maps) {
		if bytes.Contains(line, []byte("mapfile-torture-")) {
			l.mappings++
		}
	}
	return l
}

type tracedVictim struct {
	dir   string
	quiet bool
	errs  int
	last  string
}

// did notes an error, which must be one of the library's.
func (v *tracedVictim) did(what string, err error) bool {
	if err == nil {
		return true
	}
	v.errs++
	v.last = fmt.Sprintf("%s: %v", what, err)
	var e *mapfile.Error
	if !errors.As(err, &e) && !errors.Is(err, context.DeadlineExceeded) {
		say("wrong an error of no kind: %s", v.last)
	} else if !v.quiet {
		say("refused %s", v.last)
	}
	return false
}

// everything makes every kind of call; one that fails does not end it, where the others can do without.
func (v *tracedVictim) everything(name string) {
	dir := filepath.Join(v.dir, name)
	if os.Mkdir(dir, 0o700) != nil { // that was the call that fails
		os.Mkdir(dir, 0o700)
	}
	path := filepath.Join(dir, "a.map")
	mf, err := mapfile.Create(path, mapfile.WithMode(0o640), mapfile.WithLockTimeout(time.Second))
	if !v.did("Create", err) {
		if mf, err = mapfile.OpenOrCreate(path, mapfile.WithLockTimeout(time.Second)); !v.did("OpenOrCreate", err) {
			return
		}
	}
	v.produce(mf, path)
	v.did("Close", mf.Close())
	v.did("RemoveDead", mapfile.RemoveDead(path))
	os.RemoveAll(dir)
}

func (v *tracedVictim) produce(mf *mapfile.MapFile, path string) {
	var slots []*mapfile.Slot
	for i := range 3 {
		slot, err := mf.Add(fmt.Sprint("s", i), rawOf(makePayload(nil, 100, stamp{1, 1, uint64(i)})))
		if v.did("Add", err) {
			slots = append(slots, slot)
			v.did("Update", slot.Update())
		}
	}
	v.read(mf, path)
	if len(slots) == 3 {
		if v.did("Set", slots[1].Set(rawOf(makePayload(nil, 300_000, stamp{2, 2, 1})))) {
			v.did("growth", slots[1].Update())
		}
		v.did("commit", mf.UpdateSlots(slots...))
	}
	v.did("Sync", mf.Sync())
	second, err := mapfile.OpenOrCreate(path, mapfile.WithLockTimeout(time.Second))
	if v.did("join", err) {
		_, err := second.Add("t", rawOf(makePayload(nil, 50, stamp{1, 1, 7})))
		v.did("Add of the second", err)
		v.did("Update of the second", second.Update())
		v.did("Close of the second", second.Close())
	}
	v.did("Remove", mf.Remove("s2"))
	v.read(mf, path)
	again, err := mapfile.Recreate(path)
	if v.did("Recreate", err) {
		v.did("Close of the new one", again.Close())
	}
}

// read reads by a fresh reader. What it gets must be right.
func (v *tracedVictim) read(producer *mapfile.MapFile, path string) {
	mf, err := mapfile.Open(path)
	if !v.did("Open", err) {
		return
	}
	defer func() { v.did("Close of a reader", mf.Close()) }()
	for i := range 2 {
		var raw mapfile.Raw
		err := mf.GetInto(fmt.Sprint("s", i), &raw)
		if errors.Is(err, mapfile.ErrNoSlot) || errors.Is(err, mapfile.ErrNotPublished) {
			continue // its Add or Update is what failed
		}
		if !v.did("Get", err) {
			continue
		}
		if _, err := checkPayload(raw.Payload, uint64(i)); err != nil {
			say("wrong value of s%d: %v", i, err)
		}
	}
	_, err = mf.Stat()
	v.did("Stat", err)
	_, err = mf.Snapshot()
	v.did("Snapshot", err)
	for _, err := range mf.Verify() {
		v.did("Verify", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	seen := 0
	for ev, err := range mf.Watch(ctx, "s0") {
		if !v.did("Watch", err) {
			return
		}
		if ev.Kind != mapfile.EventPublished {
			continue
		}
		if seen++; seen == 2 {
			return
		}
		time.Sleep(2 * time.Millisecond) // the waiter is asleep again
		v.did("Update", producer.Update("s0"))
	}
}
