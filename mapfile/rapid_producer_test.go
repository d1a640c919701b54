package mapfile_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/codec"
	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/mapfile/mapfiletest"
	"github.com/gomapfile/mapfile/registry"
)

// This file is the producers of TestHistoriesAreWhatTheModelSays. A producer does as it is told, order
// by order, in this process or in another.

// order is what a producer is told to do.
type order struct {
	Do       string // a key of deeds
	Path     string
	Names    []string             // of slots
	Values   map[string]someValue // what the objects of these slots are set to before
	Kind     string               // for add: of the object
	Title    string
	Capacity int
	Buffers  int
	DieAt    int // the process kills itself in front of that many'th store; 0: never
}

// answer is how it went: the sentinel of the error, or "".
type answer struct{ Err, Text string }

// someValue stands for a value of any kind.
type someValue struct {
	N   int64
	Len int // of values that have a length
}

func (v someValue) bytes() []byte {
	return bytes.Repeat([]byte(strconv.FormatInt(v.N, 36)+"."), v.Len)[:v.Len]
}

// pickyNumber is of a foreign codec, which refuses negative numbers.
type pickyNumber struct{ N int64 }

func init() {
	registry.Register[pickyNumber]("test.PickyNumber", codec.Func("test-picky",
		func(dst []byte, v *pickyNumber) ([]byte, error) {
			if v.N < 0 {
				return nil, errors.New("a negative number")
			}
			return codec.Basic.Append(dst, &v.N)
		},
		func(src []byte, v *pickyNumber) error { return codec.Basic.Decode(src, &v.N) }))
}

// kinds are the kinds of objects: how one is made, set, and what the type is called in the file.
var kinds = map[string]struct {
	typeName string
	make     func() any
	set      func(object any, v someValue)
}{
	"bytes":  {"[]uint8", func() any { return new([]byte) }, func(o any, v someValue) { *o.(*[]byte) = v.bytes() }},
	"text":   {"string", func() any { return new(string) }, func(o any, v someValue) { *o.(*string) = string(v.bytes()) }},
	"number": {"int64", func() any { return new(int64) }, func(o any, v someValue) { *o.(*int64) = v.N }},
	"picky":  {"test.PickyNumber", func() any { return new(pickyNumber) }, func(o any, v someValue) { o.(*pickyNumber).N = v.N }},
	"raw": {"test.Raw", func() any { return &mapfile.Raw{Type: mapfile.TypeInfo{Name: "test.Raw", Codec: "none"}} },
		func(o any, v someValue) { o.(*mapfile.Raw).Payload = v.bytes() }},
}

// object is what a reader must get for a value.
func (v someValue) object(kind string) any {
	o := kinds[kind].make()
	kinds[kind].set(o, v)
	return o
}

// sentinelNames are the sentinels by name, so that another process can name them.
var sentinelNames = map[string]error{
	"ErrClosed": mapfile.ErrClosed, "ErrReadOnly": mapfile.ErrReadOnly, "ErrNoSlot": mapfile.ErrNoSlot, "ErrNotPublished": mapfile.ErrNotPublished,
	"ErrSlotExists": mapfile.ErrSlotExists, "ErrOwned": mapfile.ErrOwned, "ErrLocked": mapfile.ErrLocked, "ErrBusy": mapfile.ErrBusy,
	"ErrName": mapfile.ErrName, "ErrType": mapfile.ErrType, "ErrEncode": mapfile.ErrEncode, "ErrFull": mapfile.ErrFull,
	"ErrTooLarge": mapfile.ErrTooLarge, "ErrSuperseded": mapfile.ErrSuperseded, "ErrCorrupt": mapfile.ErrCorrupt,
}

func sentinelOf(err error) string {
	if err == nil {
		return ""
	}
	for name, sentinel := range sentinelNames {
		if errors.Is(err, sentinel) {
			return name
		}
	}
	return "no sentinel"
}

// obedient is a producer that does as it is told.
type obedient struct {
	mf      *mapfile.MapFile
	slots   map[string]*mapfile.Slot
	objects map[string]any
	kinds   map[string]string
	removed *mapfile.Slot // the handle of some slot that was removed
}

func (p *obedient) obey(o order) answer {
	for name, v := range o.Values {
		if object := p.objects[name]; object != nil {
			kinds[p.kinds[name]].set(object, v)
		}
	}
	err := deeds[o.Do](p, o)
	if err == nil {
		return answer{}
	}
	return answer{sentinelOf(err), err.Error()}
}

var deeds = map[string]func(p *obedient, o order) error{
	"open": func(p *obedient, o order) error {
		return p.begin(mapfile.OpenOrCreate(o.Path, mapfile.WithHeartbeat(time.Hour)))
	},
	"recreate": func(p *obedient, o order) error {
		return p.begin(mapfile.Recreate(o.Path, mapfile.WithHeartbeat(time.Hour)))
	},
	"add":    (*obedient).add,
	"update": func(p *obedient, o order) error { return p.mf.Update(o.Names...) },
	"update slot": func(p *obedient, o order) error {
		slot := p.slots[o.Names[0]]
		err := slot.Update()
		if err == nil && slot.Version() == 0 {
			return errors.New("Slot.Version is 0 after Update")
		}
		return err
	},
	"update slots": func(p *obedient, o order) error {
		var slots []*mapfile.Slot
		for _, name := range o.Names {
			slots = append(slots, p.slots[name])
		}
		return p.mf.UpdateSlots(slots...)
	},
	"update removed": func(p *obedient, o order) error { return p.removed.Update() },
	"remove":         (*obedient).remove,
	"remove all":     (*obedient).removeAll,
	"sync":           func(p *obedient, o order) error { return p.mf.Sync() },
	"close":          func(p *obedient, o order) error { return p.mf.Close() },
	"kill": func(p *obedient, o order) error {
		if p.mf != nil {
			mapfiletest.Kill(p.mf)
		}
		return nil
	},
	"add no pointer": func(p *obedient, o order) error { _, err := p.mf.Add("value", 7); return err },
}

func (p *obedient) begin(mf *mapfile.MapFile, err error) error {
	if err == nil {
		*p = obedient{mf: mf, slots: map[string]*mapfile.Slot{}, objects: map[string]any{}, kinds: map[string]string{}}
	}
	return err
}

func (p *obedient) add(o order) error {
	name, object := o.Names[0], kinds[o.Kind].make()
	opts := []mapfile.SlotOption{mapfile.WithCapacity(o.Capacity)}
	if o.Title != "" {
		opts = append(opts, mapfile.WithTitle(o.Title))
	}
	if o.Buffers != 0 {
		opts = append(opts, mapfile.WithBuffers(o.Buffers))
	}
	slot, err := p.mf.Add(name, object, opts...)
	if err == nil {
		p.slots[name], p.objects[name], p.kinds[name] = slot, object, o.Kind
		kinds[o.Kind].set(object, o.Values[name])
	}
	return err
}

func (p *obedient) remove(o order) error {
	name := o.Names[0]
	err := p.mf.Remove(name)
	if err == nil && p.slots[name] != nil {
		p.removed = p.slots[name]
		delete(p.slots, name)
		delete(p.objects, name)
	}
	return err
}

func (p *obedient) removeAll(order) error {
	err := p.mf.RemoveAll()
	if err == nil {
		for _, name := range slices.Sorted(maps.Keys(p.slots)) {
			p.removed = p.slots[name]
		}
		clear(p.slots)
		clear(p.objects)
	}
	return err
}

// The same in another process: an order is a line of JSON, and so is the answer.
func init() {
	roles["obedient"] = func([]string) {
		p := &obedient{}
		for line, ok := nextCommand(); ok; line, ok = nextCommand() {
			var o order
			must(json.Unmarshal([]byte(line), &o))
			if o.DieAt > 0 {
				var stores atomic.Int64 // also those of the heartbeat and the ringer
				mapfiletest.OnStore(func() {
					if stores.Add(1) == int64(o.DieAt) {
						must(must1(os.FindProcess(os.Getpid())).Kill())
						select {}
					}
				})
			}
			a := p.obey(o)
			mapfiletest.OnStore(nil)
			fmt.Println(string(must1(json.Marshal(a))))
		}
	}
}

// remote is an obedient producer in a process of its own, which is started when it is needed.
type remote struct {
	t     *testing.T
	child *child
}

// obey returns false if the process has died.
func (r *remote) obey(o order) (answer, bool) {
	if r.child == nil {
		r.child = start(r.t, "obedient")
	}
	r.child.Send(string(must1(json.Marshal(o))))
	select {
	case line, ok := <-r.child.lines:
		if !ok {
			r.kill()
			return answer{}, false
		}
		var a answer
		must(json.Unmarshal([]byte(line), &a))
		return a, true
	case <-time.After(time.Minute):
		panic("a producer says nothing for a minute: " + fmt.Sprint(o))
	}
}

// kill ends the process, if there is one.
func (r *remote) kill() {
	if r.child != nil {
		r.child.Kill()
		r.child = nil
	}
}
