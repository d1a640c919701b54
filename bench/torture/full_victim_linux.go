package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/mapfile/region"
)

func init() {
	roles["full.victim"] = fullVictim
	roles["full.careless"] = fullCareless
}

// fullCareless maps a file that is longer than there is room for, and stores into all of it.
func fullCareless(args []string) error {
	kind, dir := args[0], args[1]
	if kind == "address" {
		return nil // a mapping that fails is seen by everybody
	}
	signal.Ignore(unix.SIGXFSZ) // as Go does for the library: the limit shows as an error
	if _, err := squeeze(kind, dir); err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(dir, "careless"))
	if err != nil {
		return err
	}
	const length = 2 << 20
	if err := file.Truncate(length); err != nil {
		return nil // the limit on the length of files was told: nothing to be careless with
	}
	mem, err := unix.Mmap(int(file.Fd()), 0, length, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	for i := range mem {
		mem[i] = 1
	}
	return nil
}

// fullVictim publishes, has its room taken away, and goes on trying.
func fullVictim(args []string) error {
	kind, dir := args[0], args[1]
	rounds, _ := strconv.Atoi(args[2])
	for range rounds {
		if kind == "address" {
			if err := runOutOfAddresses(filepath.Join(dir, "a.map")); err != nil {
				return err
			}
			say("rounds")
			continue
		}
		v := &poorProducer{kind: kind, dir: dir, path: filepath.Join(dir, "a.map")}
		if err := v.run(); err != nil {
			return err
		}
		say("rounds")
	}
	return nil
}

type poorProducer struct {
	kind, dir, path string
	mf, reader      *mapfile.MapFile
	slots           []*mapfile.Slot
	published       [][]byte
}

func (v *poorProducer) run() (err error) {
	defer os.Remove(v.path)
	if v.mf, err = mapfile.Create(v.path); err != nil {
		return err
	}
	defer v.mf.Close()
	if err := v.begin(); err != nil {
		return err
	}
	if v.reader, err = mapfile.Open(v.path); err != nil {
		return err
	}
	defer v.reader.Close()
	release, err := squeeze(v.kind, v.dir)
	if err != nil {
		return err
	}
	v.create()
	v.add()
	v.grow()
	v.commit()
	v.replace()
	v.intact("after all", v.reader)
	if fresh, err := mapfile.Open(v.path); err == nil {
		v.intact("to a fresh reader", fresh)
		fresh.Close()
	} else {
		say("wrong a fresh Open: %v", err)
	}
	if err := release(); err != nil {
		return err
	}
	return v.recover()
}

// begin publishes some values.
func (v *poorProducer) begin() error {
	for i, n := range []int{8, 100, 3000} {
		payload := makePayload(nil, n, stamp{1, 1, uint64(i)})
		slot, err := v.mf.Add(fmt.Sprint("s", i), rawOf(payload))
		if err != nil {
			return err
		}
		v.slots, v.published = append(v.slots, slot), append(v.published, payload)
	}
	return v.mf.Update()
}

// mustBeFull says whether an error is the right one.
func (v *poorProducer) mustBeFull(what string, err error) {
	switch {
	case err == nil:
		say("wrong %s worked", what)
	case errors.Is(err, mapfile.ErrFull):
		say("refused")
	default:
		say("wrong %s: %v", what, err)
	}
}

func (v *poorProducer) create() {
	if v.kind == "length" { // there is room for a small file
		return
	}
	before := v.names()
	other, err := mapfile.Create(filepath.Join(v.dir, "b.map"))
	v.mustBeFull("Create", err)
	if err == nil {
		other.Close()
	}
	if after := v.names(); after != before {
		say("wrong Create left something: %s, was %s", after, before)
	}
}

func (v *poorProducer) names() string {
	entries, err := os.ReadDir(v.dir)
	return fmt.Sprint(entries, err)
}

// add adds slots until there is no room.
func (v *poorProducer) add() {
	var err error
	n := 0
	for ; n < 3000 && err == nil; n++ {
		_, err = v.mf.Add(fmt.Sprintf("more/%d", n), rawOf(nil), mapfile.WithCapacity(16<<10))
	}
	v.mustBeFull("the last Add", err)
	v.intact("after Add", v.reader)
	if err := v.slots[0].Update(); err != nil {
		say("wrong an Update that needs no room: %v", err)
	}
	for i := range n - 1 {
		if err := v.mf.Remove(fmt.Sprintf("more/%d", i)); err != nil {
			say("wrong Remove: %v", err)
		}
	}
}

// grow lets a value outgrow its slot and the file.
func (v *poorProducer) grow() {
	version := v.slots[1].Version()
	err := v.slots[1].Set(rawOf(makePayload(nil, 60<<20, stamp{2, 2, 1})))
	if err == nil {
		err = v.slots[1].Update()
	}
	v.mustBeFull("growth", err)
	if err != nil && v.slots[1].Version() != version {
		say("wrong growth failed, the version went from %d to %d", version, v.slots[1].Version())
	}
	v.intact("after growth", v.reader)
}

// commit updates all, of which one has no room: all or nothing.
func (v *poorProducer) commit() {
	err := v.slots[0].Set(rawOf(makePayload(nil, 8, stamp{3, 3, 0})))
	if err == nil {
		err = v.mf.Update("s0", "s1", "s2")
	}
	v.mustBeFull("a commit", err)
	v.intact("after a commit", v.reader)
	if err := v.mf.Sync(); err != nil {
		say("wrong Sync of what has its room: %v", err)
	}
}

// replace tries to put another file in place of this one.
func (v *poorProducer) replace() {
	if v.kind == "length" {
		return
	}
	mf, err := mapfile.Recreate(v.path)
	v.mustBeFull("Recreate", err)
	if err == nil {
		mf.Close()
	}
}

// intact says so if something is not readable that was published.
func (v *poorProducer) intact(when string, mf *mapfile.MapFile) {
	for i, want := range v.published {
		var raw mapfile.Raw
		if err := mf.GetInto(fmt.Sprint("s", i), &raw); err != nil || !bytes.Equal(raw.Payload, want) {
			say("wrong %s: s%d: %d bytes, %v", when, i, len(raw.Payload), err)
		}
	}
	say("checked")
}

// recover does again what was refused, now that there is room.
func (v *poorProducer) recover() error {
	defer os.Remove(filepath.Join(v.dir, "b.map"))
	if mf, err := mapfile.Create(filepath.Join(v.dir, "b.map")); err != nil {
		say("wrong Create with room: %v", err)
	} else {
		mf.Close()
	}
	larger := makePayload(nil, 40<<10, stamp{4, 4, 1})
	v.published[0], v.published[1] = makePayload(nil, 8, stamp{3, 3, 0}), larger
	if err := errors.Join(v.slots[1].Set(rawOf(larger)), v.mf.Update("s0", "s1", "s2")); err != nil {
		say("wrong a commit with room: %v", err)
	}
	if _, err := v.mf.Add("late", rawOf(nil), mapfile.WithCapacity(16<<10)); err != nil {
		say("wrong Add with room: %v", err)
	}
	v.intact("with room again", v.reader)
	for _, err := range v.reader.Verify() {
		if err != nil {
			say("wrong Verify: %v", err)
		}
	}
	if mf, err := mapfile.Recreate(v.path); err != nil {
		say("wrong Recreate with room: %v", err)
	} else {
		mf.Close()
	}
	return nil
}

// startThreads has the Go runtime start threads, which stay: one that cannot be started ends any Go program, and a
// thread's stack is address space.
func startThreads() {
	var all sync.WaitGroup
	for range 30 {
		all.Go(func() {
			pause := unix.NsecToTimespec(50e6)
			unix.Nanosleep(&pause, nil)
		})
	}
	all.Wait()
}

// runOutOfAddresses opens a file until there is no address space for another mapping, and lets a producer grow that
// has a small one.
func runOutOfAddresses(path string) error {
	defer os.Remove(path)
	// Go ends when it gets no memory for itself: it gets all that it needs before, and a little room is left to it.
	startThreads()
	runtime.KeepAlive(make([]byte, 128<<20)) // Go keeps the addresses: what it needs later it has already
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	large := makePayload(nil, 24<<20, stamp{2, 2, 0})
	want := makePayload(nil, 1<<20, stamp{1, 1, 0})
	raw := mapfile.Raw{Payload: make([]byte, 0, len(large))}
	used, err := addressSpaceInUse()
	if err != nil {
		return err
	}
	release, err := lower(unix.RLIMIT_AS, used+160<<20) // no large window fits in, and Go has what it needs
	if err != nil {
		return err
	}
	producer, err := mapfile.Create(path)
	if err != nil {
		return err
	}
	defer producer.Close()
	slot, err := producer.Add("a", rawOf(want))
	if err == nil {
		err = slot.Update()
	}
	if err != nil {
		return err
	}
	var open []*mapfile.MapFile
	for len(open) < 10_000 {
		mf, err := mapfile.Open(path)
		if err != nil {
			if !errors.Is(err, region.ErrAddressSpace) {
				say("wrong Open: %v", err)
			}
			say("refused")
			break
		}
		open = append(open, mf)
	}
	if len(open) < 3 || len(open) == 10_000 {
		say("wrong %d files could be opened", len(open))
		return nil
	}
	open[len(open)-1].Close()
	if err = slot.Set(rawOf(large)); err == nil {
		err = slot.Update()
	}
	if err != nil && !errors.Is(err, region.ErrAddressSpace) && !errors.Is(err, mapfile.ErrFull) {
		say("wrong growth: %v", err)
	} else if err != nil {
		say("refused")
	} else {
		want = large
	}
	for _, mf := range open[:3] {
		err := mf.GetInto("a", &raw)
		if bytes.Equal(want, large) && errors.Is(err, region.ErrAddressSpace) { // it cannot reach where the value has moved
			say("refused")
		} else if err != nil || !bytes.Equal(raw.Payload, want) {
			say("wrong %d bytes, %v", len(raw.Payload), err)
		}
		say("checked")
	}
	for _, mf := range open {
		mf.Close()
	}
	if err := release(); err != nil {
		return err
	}
	if err := slot.Update(); err != nil {
		say("wrong growth with room: %v", err)
	}
	mf, err := mapfile.Open(path)
	if err != nil {
		say("wrong Open with room: %v", err)
		return nil
	}
	defer mf.Close()
	if err := mf.GetInto("a", &raw); err != nil || !bytes.Equal(raw.Payload, large) {
		say("wrong with room: %d bytes, %v", len(raw.Payload), err)
	}
	say("checked")
	return nil
}
