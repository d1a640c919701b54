package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// Those who suffer from the scribbler of hostile: readers in every way, and a producer.

// hostileVictim is what the roles of this proof count.
type hostileVictim struct {
	limit                 time.Duration
	calls, errs, values   atomic.Int64
	others                atomic.Int64
	events, longest, slow atomic.Int64
}

// did notes a call that has ended, and begins the next.
func (v *hostileVictim) did(what string, start *time.Time, err error) {
	took := time.Since(*start)
	v.calls.Add(1)
	for old := v.longest.Load(); took.Microseconds() > old && !v.longest.CompareAndSwap(old, took.Microseconds()); old = v.longest.Load() {
	}
	if took > v.limit && v.slow.Add(1) < 5 {
		say("slow %s took %v (%v)", what, took, err)
	}
	if err != nil {
		v.errs.Add(1)
		if !isTyped(err) && !errors.Is(err, context.DeadlineExceeded) {
			say("strange-errors %s: %v", what, err)
		}
	}
	*start = time.Now()
}

// report tells the parent what was counted.
func (v *hostileVictim) report() {
	say("calls %d\nerrors %d\nvalues %d\nothers %d\nevents %d\nlongest %d", v.calls.Load(), v.errs.Load(), v.values.Load(), v.others.Load(), v.events.Load(), v.longest.Load())
}

// check says so if a value is not what was published. What the producer publishes is not counted: its checksums
// are right, and as the scribbler puts the directory back to what it was before, the producer gets an entry in the same
// generation as another slot. Who may write can lie about values.
func (v *hostileVictim) check(how, name string, raw *mapfile.Raw) {
	slot, err := strconv.ParseUint(strings.TrimPrefix(name, "s/"), 10, 64)
	if err != nil {
		return
	}
	if raw.Stamp.Session != 1 {
		v.others.Add(1)
		return
	}
	v.values.Add(1)
	if _, err := checkPayload(raw.Payload, slot); err != nil {
		say("wrong-values %s of %s: %v (version %d, commit %d, session %d, type %q)", how, name, err, raw.Stamp.Version, raw.Stamp.Commit, raw.Stamp.Session, raw.Type.Name)
	}
}

// hostileReader reads in every way, for a while.
func hostileReader(args []string) error {
	path := args[0]
	seed, _ := strconv.ParseUint(args[1], 10, 64)
	span, _ := time.ParseDuration(args[2])
	limit, _ := time.ParseDuration(args[3])
	bound, _ := strconv.ParseInt(args[4], 10, 64)
	v := &hostileVictim{limit: limit}
	ctx, cancel := context.WithTimeout(context.Background(), span)
	defer cancel()
	var most atomic.Int64
	go watchMemory(ctx, bound, &most)
	var all sync.WaitGroup
	for i := range 4 {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		all.Go(func() {
			for ctx.Err() == nil {
				v.useFile(ctx, path, r, i)
			}
		})
	}
	all.Wait()
	v.report()
	say("memory %d", most.Load())
	return nil
}

// useFile opens the file and reads it for a while: until it has become unreadable, or long enough.
func (v *hostileVictim) useFile(ctx context.Context, path string, r *rand.Rand, kind int) {
	start := time.Now()
	var opts []mapfile.Option
	if r.IntN(3) == 0 {
		opts = append(opts, mapfile.WithFollow())
	}
	mf, err := mapfile.Open(path, opts...)
	v.did("Open", &start, err)
	if err != nil {
		time.Sleep(time.Millisecond)
		return
	}
	defer mf.Close()
	readers := map[string]*mapfile.SlotReader{}
	for range 20 {
		name := fmt.Sprintf("s/%d", r.IntN(200))
		readers[name] = mf.Reader(name)
	}
	snap := &mapfile.Snapshot{}
	until := start.Add(time.Duration(r.IntN(1000)) * time.Millisecond)
	for ctx.Err() == nil && time.Now().Before(until) {
		if kind == 0 {
			v.watch(ctx, mf, until)
			continue
		}
		v.useOnce(mf, r, readers, snap)
	}
}

// useOnce makes one call, or walks one list.
func (v *hostileVictim) useOnce(mf *mapfile.MapFile, r *rand.Rand, readers map[string]*mapfile.SlotReader, snap *mapfile.Snapshot) {
	var raw mapfile.Raw
	start := time.Now()
	name := fmt.Sprintf("s/%d", r.IntN(200))
	switch r.IntN(12) {
	case 0:
		err := mf.SnapshotInto(snap, [][]string{nil, {"s/*"}, {"s/1", "s/2"}, {"**/1?"}}[r.IntN(4)]...)
		v.did("Snapshot", &start, err)
		for info := range snap.Slots() {
			if snap.GetInto(info.Name, &raw) == nil {
				v.check("Snapshot", info.Name, &raw)
			}
		}
	case 1:
		for _, err := range mf.Slots() {
			v.did("Slots", &start, err)
		}
	case 2:
		for _, err := range mf.Verify() {
			v.did("Verify", &start, err)
		}
	case 3:
		for _, err := range mf.Layout() {
			v.did("Layout", &start, err)
		}
	case 4:
		_, err := mf.Stat()
		v.did("Stat", &start, err)
	case 5:
		_, err := mf.Get("number")
		v.did("Get", &start, err)
	case 6:
		err := mf.GetInto("absent/"+name, &raw)
		v.did("GetInto of no slot", &start, err)
	case 7:
		err := mf.GetInto(name, &raw)
		v.did("GetInto", &start, err)
		if err == nil {
			v.check("GetInto", name, &raw)
		}
	case 8:
		_, err := mf.Reader(name).Stat()
		v.did("SlotReader.Stat", &start, err)
	default:
		for name, reader := range readers {
			_, err := reader.GetInto(&raw)
			v.did("SlotReader.GetInto", &start, err)
			if err == nil {
				v.check("SlotReader", name, &raw)
			}
			reader.Version()
			v.did("SlotReader.Version", &start, nil)
		}
	}
}

// watch watches until then; a second without an end of the loop after that is a hang.
func (v *hostileVictim) watch(ctx context.Context, mf *mapfile.MapFile, until time.Time) {
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	for _, err := range mf.Watch(ctx) {
		v.events.Add(1)
		if err != nil && !isTyped(err) && !errors.Is(err, context.DeadlineExceeded) {
			say("strange-errors Watch: %v", err)
		}
	}
	deadline, _ := ctx.Deadline()
	if ctx.Err() == nil { // it ended by itself
		deadline = time.Now()
		time.Sleep(time.Millisecond)
	}
	v.did("Watch, to end", &deadline, nil)
}

// hostileProducer produces. What it does may fail, and wait for locks, but not crash.
func hostileProducer(args []string) error {
	path := args[0]
	span, _ := time.ParseDuration(args[2])
	v := &hostileVictim{limit: 5 * time.Second}
	for over := time.Now().Add(span); time.Now().Before(over); {
		start := time.Now()
		// The limit keeps a lie about sizes from filling the disk of whoever runs this.
		mf, err := mapfile.OpenOrCreate(path, mapfile.WithLockTimeout(time.Second), mapfile.WithMaxSize(256<<20))
		v.did("OpenOrCreate", &start, err)
		if err != nil {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		n := int64(1)
		for i := range 20 {
			slot, err := mf.Add(fmt.Sprintf("p/%d", i), &n)
			v.did("Add", &start, err)
			if err == nil {
				v.did("Update", &start, slot.Update())
			}
		}
		grows, err := mf.Add("p/grows", rawOf(makePayload(nil, 100, stamp{})))
		v.did("Add", &start, err)
		for i := range 30 {
			if err == nil {
				err = grows.Set(rawOf(makePayload(nil, 100<<(i%10), stamp{})))
				v.did("Update", &start, grows.Update())
			}
			v.did("Update", &start, mf.Update())
			time.Sleep(5 * time.Millisecond)
			start = time.Now()
		}
		v.did("RemoveAll", &start, mf.RemoveAll())
		mf.Close()
		v.did("Close", &start, nil)
	}
	v.report()
	return nil
}
