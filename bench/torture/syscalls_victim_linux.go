package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gomapfile/mapfile/mapfile"
)

func init() {
	roles["syscalls.victim"] = tracedVictim
	roles["syscalls.limited"] = limitedVictim
	if os.Getenv(roleVar) == "syscalls.victim" {
		runtime.LockOSThread() // from here on: calls are counted by thread
	}
}

// tracedVictim does everything twice: with a failing call, and to see that it works again. It does nothing
// before: what a process does only once may fail, too.
func tracedVictim(args []string) error {
	v := newVictim(args)
	unix.Access(beginMark, unix.F_OK)
	v.everything("failing")
	unix.Access(endMark, unix.F_OK)
	v.everythingWorks("again")
	v.nothingIsLeft()
	return nil
}

// limitedVictim limits itself: the n-th descriptor cannot be had, or a file be no longer than that. As
// soon as it was told so, the limit is gone.
func limitedVictim(args []string) error {
	v := newVictim(args)
	v.everythingWorks("warm")
	limits := 16
	limitOf := func(n int) (func() error, error) { return lower(unix.RLIMIT_FSIZE, uint64(n)*(100<<10)) }
	v.meant = mapfile.ErrFull
	if args[2] == "files" {
		limitOf, v.meant = limitFiles, unix.EMFILE
	}
	for n := range limits {
		release, err := limitOf(n)
		if err != nil {
			return err
		}
		v.release = release
		v.everything(fmt.Sprint("limit", n))
		if err := release(); err != nil {
			return err
		}
		v.everythingWorks("again")
	}
	v.nothingIsLeft()
	return nil
}

// limitFiles leaves room for n more descriptors.
func limitFiles(n int) (release func() error, err error) {
	next, err := unix.Dup(0) // the lowest that is free
	if err != nil {
		return nil, err
	}
	unix.Close(next)
	return lower(unix.RLIMIT_NOFILE, uint64(next+n))
}

// victim does everything that makes system calls.
type victim struct {
	dir      string
	careless bool // the control
	kept     []any
	before   held
	told     int          // errors
	meant    error        // that they must be; nil: any
	release  func() error // takes the limit away; nil: there is none
}

func newVictim(args []string) *victim {
	v := &victim{dir: args[0], careless: args[1] == "true"}
	if err := os.MkdirAll(v.dir, 0o700); err != nil {
		panic(err)
	}
	v.before = heldNow()
	return v
}

// try does something until it works: one call fails, so it must work the next time.
func (v *victim) try(what string, do func() error) bool {
	var err error
	for range 3 { // other threads may make a call that fails as well
		if err = do(); err == nil {
			return true
		}
		v.refused(what, err)
	}
	say("wrong not the next time: %s: %v", what, err)
	return false
}

// refused is told an error, which must be one of the library's.
func (v *victim) refused(what string, err error) {
	if v.release != nil {
		v.release()
	}
	v.told++
	say("refused %s: %v", what, err)
	var e *mapfile.Error
	if !errors.As(err, &e) || v.meant != nil && !errors.Is(err, v.meant) {
		say("wrong errors: %s: of the wrong kind: %v", what, err)
	}
	if v.careless {
		v.keep()
	}
}

// keep forgets to clean up.
func (v *victim) keep() {
	file, err := os.Open("/proc/self/exe")
	if err == nil {
		mapping, err := unix.Mmap(int(file.Fd()), 0, 1, unix.PROT_READ, unix.MAP_SHARED)
		v.kept = append(v.kept, file, mapping, err)
	}
	go func() { select {} }()
}

// everythingWorks once no call fails any more. The Go runtime makes some of the calls, too, not always
// equally many, so the one that fails may be a bit late.
func (v *victim) everythingWorks(name string) {
	for range 2 {
		told := v.told
		if v.everything(name); v.told == told {
			return
		}
	}
	say("wrong not the next time: %s", name)
}

// nothingIsLeft: all is closed, so this process holds what it held.
func (v *victim) nothingIsLeft() {
	patience := endPatience
	if v.careless {
		patience = 100 * time.Millisecond
	}
	after := heldAtLast(v.before, patience)
	for _, kind := range []struct {
		name          string
		after, before int64
	}{
		{"files", after.Files, v.before.Files},
		{"mappings", after.Mappings, v.before.Mappings},
		{"goroutines", after.Goroutines, v.before.Goroutines},
	} {
		if kind.after != kind.before {
			say("wrong left over %s: %d, were %d", kind.name, kind.after, kind.before)
		}
	}
}

// everything makes every kind of call, in a directory of that name.
func (v *victim) everything(name string) {
	dir := filepath.Join(v.dir, name)
	if os.Mkdir(dir, 0o700) != nil { // that was the call that fails
		os.Mkdir(dir, 0o700)
	}
	path := filepath.Join(dir, "a.map")
	v.live(path)
	// A name that could not be removed goes with the next file that is made there.
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		v.live(path)
	}
	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		say("wrong left over: %v", entries)
	}
	if os.RemoveAll(dir) != nil {
		os.RemoveAll(dir)
	}
}

// live is the life of a file.
func (v *victim) live(path string) {
	var mf *mapfile.MapFile
	open := mapfile.Create
	if !v.try("Create", func() (err error) {
		mf, err = open(path, mapfile.WithMode(0o640), mapfile.WithLockTimeout(endPatience))
		open = mapfile.OpenOrCreate // the file may be there
		return err
	}) {
		return
	}
	v.produce(mf, path)
	v.try("Close", mf.Close)
	v.try("RemoveDead", func() error { return mapfile.RemoveDead(path) })
}

// produce does what producers do, and has a reader look now and then.
func (v *victim) produce(mf *mapfile.MapFile, path string) {
	var slots []*mapfile.Slot
	for i := range uint64(3) {
		v.try("Add", func() error {
			slot, err := mf.Add(fmt.Sprint("s", i), rawOf(makePayload(nil, 100, stamp{1, 1, i})))
			if err == nil {
				slots = append(slots, slot)
			}
			return err
		})
	}
	if len(slots) < 3 {
		return
	}
	for _, slot := range slots {
		v.try("Update", slot.Update)
	}
	v.read(mf, path, 1)
	if err := slots[1].Set(rawOf(makePayload(nil, 300_000, stamp{2, 2, 1}))); err != nil {
		say("wrong errors: Set: %v", err)
	}
	v.try("growth", slots[1].Update)
	v.try("commit", func() error { return mf.UpdateSlots(slots...) })
	v.try("Sync", mf.Sync)
	v.join(path)
	v.try("Remove", func() error { return mf.Remove("s2") })
	v.read(mf, path, 2)
	var again *mapfile.MapFile
	if v.try("Recreate", func() (err error) { again, err = mapfile.Recreate(path); return err }) {
		v.try("Close of the new one", again.Close)
	}
}

// join is another session, for a moment.
func (v *victim) join(path string) {
	var mf *mapfile.MapFile
	if !v.try("join", func() (err error) {
		mf, err = mapfile.OpenOrCreate(path, mapfile.WithLockTimeout(endPatience))
		return err
	}) {
		return
	}
	v.try("Add of the second", func() error {
		_, err := mf.Add("t", rawOf(makePayload(nil, 50, stamp{1, 1, 7})))
		return err
	})
	v.try("Update of the second", func() error { return mf.Update() })
	v.try("Close of the second", mf.Close)
}

// read reads by a fresh reader. What it gets must be right.
func (v *victim) read(producer *mapfile.MapFile, path string, number uint64) {
	var mf *mapfile.MapFile
	if !v.try("Open", func() (err error) { mf, err = mapfile.Open(path); return err }) {
		return
	}
	for i, want := range []uint64{1, number} {
		var raw mapfile.Raw
		v.try("Get", func() error { return mf.GetInto(fmt.Sprint("s", i), &raw) })
		if s, err := checkPayload(raw.Payload, uint64(i)); err != nil || s.Number != want {
			say("wrong values: s%d: number %d, not %d: %v", i, s.Number, want, err)
		}
	}
	v.try("Stat", func() error { _, err := mf.Stat(); return err })
	v.try("Snapshot", func() error { _, err := mf.Snapshot(); return err })
	v.try("Verify", func() error {
		var all error
		for _, err := range mf.Verify() {
			all = errors.Join(all, err)
		}
		return all
	})
	v.try("Watch", func() error { return v.watch(producer, mf) })
	v.try("Close of a reader", mf.Close)
}

// watch must be woken by an update.
func (v *victim) watch(producer, mf *mapfile.MapFile) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*endPatience)
	defer cancel()
	seen := 0
	for ev, err := range mf.Watch(ctx, "s0") {
		if err != nil {
			return err
		}
		if ev.Kind != mapfile.EventPublished {
			continue
		}
		if seen++; seen == 2 {
			return nil
		}
		time.Sleep(2 * time.Millisecond) // the waiter is asleep again
		v.try("Update", func() error { return producer.Update("s0") })
	}
	return errors.New("the watcher ends without an error")
}
