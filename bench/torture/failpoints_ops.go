package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// The operations that failpoints dies in. Most begin with a file of three slots with number 1.

var (
	before    = state{"a": 1, "b": 1, "c": 1}
	committed = state{"a": 2, "b": 2, "c": 2}
)

var operations []*operation

func init() {
	operations = []*operation{
		{"update", makeThree, owner(func(o *own) error { return o.publish(100, "a") }),
			[]state{before, before.with("a", 2)}},
		{"first update", makeUnpublished, owner(func(o *own) error { return o.publish(100, "a") }),
			[]state{{"a": 0, "b": 0, "c": 0}, {"a": 2, "b": 0, "c": 0}}},
		{"update that grows", makeThree, owner(func(o *own) error { return o.publish(5000, "a") }),
			[]state{before, before.with("a", 2)}},
		{"update of a pinned slot that grows", makeThree, owner(syncFirst, func(o *own) error { return o.publish(5000, "a") }),
			[]state{before, before.with("a", 2)}},
		{"sync", makeThree, owner(func(o *own) error { return o.mf.Sync() }), []state{before}},
		{"commit", makeThree, owner(commitAll), []state{before, committed}},
		{"commit in which slots grow", makeThree, owner(func(o *own) error { return o.publish(70000, "a", "b", "c") }), []state{before, committed}},
		{"commit that fails", makeThree, owner(commitTooMuch), []state{before}},
		{"add", makeThree, owner(add("d", "torture.Other", 0)), []state{before, before.with("d", 0)}},
		{"add of the 65th slot", makeMany, owner(add("d", "torture.Other", 0)), []state{many, many.with("d", 0)}},
		{"add where one was removed", makeHole, owner(add("d", "torture.Payload", 0)), []state{before.without("b"), before.without("b").with("d", 0)}},
		{"add that makes the file longer", makeThree, owner(add("d", "torture.Payload", 3<<20)), []state{before, before.with("d", 0)}},
		{"remove", makeThree, owner(func(o *own) error { return o.mf.Remove("b") }), []state{before, before.without("b")}},
		{"remove all", makeOne, owner(func(o *own) error { return o.mf.RemoveAll() }), []state{{"a": 1}, {}}},
		{"remove of a dead producer's", makeMarked(true), stranger(func(mf *mapfile.MapFile) error { return mf.Remove("b") }),
			[]state{committed, committed.without("b")}},
		{"close", makeThree, owner(func(o *own) error { return o.mf.Close() }), []state{before}},
		{"take-over of what was closed", makeThree, stranger(takeAll(mapfile.WithTitle("another"))), []state{before}},
		{"take-over with more room", makeThree, stranger(takeAll(mapfile.WithCapacity(9000))), []state{before}},
		{"take-over of what was committed", makeMarked(true), stranger(takeAll()), []state{committed}},
		{"take-over of what was not committed", makeMarked(false), stranger(takeAll()), []state{before}},
		{"session in a dead one's record, committed", makeFullRecords(true), join, []state{committed}},
		{"session in a dead one's record, not committed", makeFullRecords(false), join, []state{before}},
		{"rebuild", makeHalfRemoved, join, []state{before.without("b")}},
		{"create", nil, creator(mapfile.Create), []state{nil, {}}},
		{"open or create", nil, creator(mapfile.OpenOrCreate), []state{nil, {}}},
		{"recreate", makeThree, creator(mapfile.Recreate), []state{before, {}}},
		{"remove dead", makeThree, func(path string) (func() error, error) {
			return func() error { return mapfile.RemoveDead(path) }, nil
		}, []state{before, nil}},
		{"replace after a reboot", makeRebooted, join, []state{before}},
	}
}

// own is the producer that will die, with slots of its own.
type own struct {
	mf    *mapfile.MapFile
	slots map[string]*mapfile.Slot
	raws  map[string]*mapfile.Raw
}

// quiet keeps the heartbeat from storing: every run has the same steps.
var quiet = mapfile.WithHeartbeat(time.Hour)

// openOwn takes the file's slots over.
func openOwn(path string) (*own, error) {
	mf, err := mapfile.OpenOrCreate(path, quiet, mapfile.WithMaxSize(8<<20))
	if err != nil {
		return nil, err
	}
	o := &own{mf: mf, slots: map[string]*mapfile.Slot{}, raws: map[string]*mapfile.Raw{}}
	var names []string
	for info, err := range mf.Slots() {
		if err != nil {
			return nil, err
		}
		names = append(names, info.Name)
	}
	for _, name := range names {
		if err := o.add(name); err != nil {
			return nil, err
		}
	}
	return o, nil
}

func (o *own) add(name string) (err error) {
	o.raws[name] = numbered(name, 100, 1)
	o.slots[name], err = o.mf.Add(name, o.raws[name])
	return err
}

// publish publishes number 2 in these slots.
func (o *own) publish(size int, names ...string) error {
	var slots []*mapfile.Slot
	for _, name := range names {
		o.raws[name].Payload = numbered(name, size, 2).Payload
		slots = append(slots, o.slots[name])
	}
	if len(slots) == 1 {
		return slots[0].Update()
	}
	return o.mf.UpdateSlots(slots...)
}

// owner dies in the last of these, as a producer that has the slots already.
func owner(does ...func(*own) error) func(path string) (func() error, error) {
	return func(path string) (func() error, error) {
		o, err := openOwn(path)
		last := len(does) - 1
		for _, do := range does[:last] {
			if err == nil {
				err = do(o)
			}
		}
		return func() error { return does[last](o) }, err
	}
}

// stranger dies as a producer that has no slots.
func stranger(do func(*mapfile.MapFile) error) func(path string) (func() error, error) {
	return func(path string) (func() error, error) {
		mf, err := mapfile.OpenOrCreate(path, quiet)
		return func() error { return do(mf) }, err
	}
}

func creator(create func(string, ...mapfile.Option) (*mapfile.MapFile, error)) func(path string) (func() error, error) {
	return func(path string) (func() error, error) {
		return func() error { return keep(create(path, quiet, mapfile.WithTitle("new"))) }, nil
	}
}

// join becomes a producer, and nothing else.
func join(path string) (func() error, error) {
	return func() error { return keep(mapfile.OpenOrCreate(path, quiet)) }, nil
}

// keep holds a producer until this process dies.
func keep(mf *mapfile.MapFile, err error) error {
	kept = append(kept, mf)
	return err
}

var kept []*mapfile.MapFile

func syncFirst(o *own) error { return o.mf.Sync() }

func commitAll(o *own) error { return o.publish(100, "a", "b", "c") }

// commitTooMuch fails at the last slot, when the others are filled.
func commitTooMuch(o *own) error {
	o.raws["c"].Payload = numbered("c", 16<<20, 2).Payload
	o.raws["a"].Payload = numbered("a", 100, 2).Payload
	o.raws["b"].Payload = numbered("b", 100, 2).Payload
	err := o.mf.UpdateSlots(o.slots["a"], o.slots["b"], o.slots["c"])
	if !errors.Is(err, mapfile.ErrFull) {
		return fmt.Errorf("a commit of more than the file can hold: %v", err)
	}
	return nil
}

func add(name, typeName string, capacity int) func(*own) error {
	return func(o *own) error {
		raw := numbered(name, 100, 2)
		raw.Type.Name = typeName
		var opts []mapfile.SlotOption
		if capacity > 0 {
			opts = append(opts, mapfile.WithCapacity(capacity))
		}
		_, err := o.mf.Add(name, raw, opts...)
		return err
	}
}

func takeAll(opts ...mapfile.SlotOption) func(*mapfile.MapFile) error {
	return func(mf *mapfile.MapFile) error {
		for _, name := range []string{"a", "b", "c"} {
			if _, err := mf.Add(name, numbered(name, 100, 2), opts...); err != nil {
				return err
			}
		}
		return nil
	}
}
