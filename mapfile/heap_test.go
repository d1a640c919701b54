package mapfile

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/mapfile/internal/shm"
	"github.com/gomapfile/mapfile/mapfile/region"
)

// The race detector does not see mapped memory. Here the whole engine runs over memory of Go's heap
// instead: files, locks and wake-ups are the real ones, only the bytes are elsewhere, the same for all
// handles of a file. With -race the detector then sees every word and every write of the protocol. What
// it is not told are the looks that readers take at memory that may be written, or given to others,
// meanwhile (shm.Copy, shm.Peek, layout.GetBuffer): they ask afterwards, and may have to throw away
// what they saw. That they do so is what the numbers in the values show.

// heapLen is the size of the memory that stands in for a file, and the limit of the file.
const heapLen = 4 << 20

// overHeap lets files that are opened during the test have their bytes on the heap. Each file must stay
// open somewhere until the end of the test: else another one may get its number.
func overHeap(t *testing.T) {
	var mu sync.Mutex
	views := map[region.FileID]shm.View{}
	mapped := viewOf
	viewOf = func(r *region.Region) shm.View {
		mu.Lock()
		defer mu.Unlock()
		v, ok := views[r.ID()]
		if !ok {
			v = shm.Heap(heapLen)
			views[r.ID()] = v
		}
		return v
	}
	t.Cleanup(func() { viewOf = mapped })
}

// heapRun is goroutines that use one file. They share nothing else: what they had in common would put
// in order for the detector what the protocol has to.
type heapRun struct {
	t      *testing.T
	path   string
	stop   atomic.Bool
	wg     sync.WaitGroup
	rounds []*atomic.Int64 // of each goroutine
}

func newHeapRun(t *testing.T) *heapRun {
	overHeap(t)
	return &heapRun{t: t, path: filepath.Join(fastDir(t), "heap.map")}
}

// loop calls one again and again, in a goroutine of its own.
func (h *heapRun) loop(one func(r *rand.Rand) error) {
	rounds := new(atomic.Int64)
	h.rounds = append(h.rounds, rounds)
	seed := uint64(len(h.rounds))
	h.wg.Go(func() {
		for r := rand.New(rand.NewPCG(seed, 0)); !h.stop.Load(); rounds.Add(1) {
			if err := one(r); err != nil {
				h.t.Error(err)
				h.stop.Store(true)
			}
		}
	})
}

// run returns when each goroutine has done so many rounds or, on a slow machine, fewer.
func (h *heapRun) run(rounds int64) {
	deadline := time.Now().Add(10 * time.Second)
	for _, n := range h.rounds {
		for !h.stop.Load() && n.Load() < rounds && (n.Load() == 0 || time.Now().Before(deadline)) {
			time.Sleep(time.Millisecond)
		}
	}
	h.stop.Store(true)
	h.wg.Wait()
}

// allowed takes the errors away that others' doings explain.
func allowed(err error, these ...error) error {
	for _, e := range these {
		if errors.Is(err, e) {
			return nil
		}
	}
	return err
}

// fillNumber makes n bytes that are whole only if all of them are of the same number.
func fillNumber(p []byte, n int, number uint64) []byte {
	p = p[:0]
	for range n/8 + 1 {
		p = binary.LittleEndian.AppendUint64(p, number)
	}
	return p
}

func numberIn(p []byte) (uint64, error) {
	if len(p) < 8 || len(p)%8 != 0 {
		return 0, fmt.Errorf("torn: %d bytes", len(p))
	}
	first := binary.LittleEndian.Uint64(p)
	for i := 0; i < len(p); i += 8 {
		if n := binary.LittleEndian.Uint64(p[i:]); n != first {
			return 0, fmt.Errorf("torn: %d at 0, %d at %d", first, n, i)
		}
	}
	return first, nil
}

// heapSlots is how many slots of a producer have the same number in each of its commits.
const heapSlots = 4

// heapProducer is a producer that comes, publishes for a while, and ends in one way or another. Whoever
// comes next with its name takes its slots over.
func (h *heapRun) heapProducer(name string) func(r *rand.Rand) error {
	number := uint64(0)
	return func(r *rand.Rand) error {
		mf, err := OpenOrCreate(h.path, WithMaxSize(heapLen))
		if err != nil {
			return allowed(err, ErrSuperseded, ErrBusy, ErrLocked)
		}
		defer mf.Close()
		p := &heapSession{mf: mf, name: name}
		err = p.add(r)
		for n := 1 + r.IntN(10); n > 0 && err == nil; n-- {
			number++
			err = p.publish(r, number)
		}
		if err == nil {
			err = p.end(r)
		}
		return allowed(err, ErrSuperseded, ErrFull, ErrLocked)
	}
}

type heapSession struct {
	mf     *MapFile
	name   string
	values [heapSlots][]byte
	slots  [heapSlots]*Slot
	alone  Raw // in a slot that is updated by itself, too
	single *Slot
}

func (p *heapSession) add(r *rand.Rand) (err error) {
	for i := range p.slots {
		if p.slots[i], err = p.mf.Add(fmt.Sprintf("%s/%d", p.name, i), &p.values[i], WithCapacity(r.IntN(500))); err != nil {
			return err
		}
	}
	p.alone.Type = TypeInfo{Name: "number", Codec: "none"}
	p.single, err = p.mf.Add(p.name+"/alone", &p.alone)
	return err
}

// publish makes a commit, and mostly something beside it.
func (p *heapSession) publish(r *rand.Rand, number uint64) error {
	for i := range p.values {
		p.values[i] = fillNumber(p.values[i], r.IntN(1<<(3+r.IntN(12))), number)
	}
	p.alone.Payload = fillNumber(p.alone.Payload, r.IntN(3000), number)
	err := p.mf.Update()
	switch r.IntN(12) {
	case 0:
		return errors.Join(err, p.single.Update(), p.mf.UpdateSlots(p.slots[:]...))
	case 1:
		return errors.Join(err, p.mf.Sync())
	case 2: // goroutines of one session, at the same slots
		var errs [4]error
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() { errs[i] = []func() error{p.single.Update, func() error { return p.mf.Update() }}[i%2]() })
		}
		wg.Wait()
		return errors.Join(append(errs[:], err)...)
	case 3: // enough of them that the index grows
		var passing []string
		for i := range 30 {
			name := fmt.Sprintf("%s/passing/%d", p.name, i)
			if _, addErr := p.mf.Add(name, &p.values[0], WithTitle("comes and goes"), WithBuffers(2)); addErr != nil {
				return errors.Join(err, addErr)
			}
			passing = append(passing, name)
		}
		err = errors.Join(err, p.mf.Update(passing...))
		for _, name := range passing {
			err = errors.Join(err, p.mf.Remove(name))
		}
	}
	return err
}

func (p *heapSession) end(r *rand.Rand) error {
	switch r.IntN(4) {
	case 0:
		return p.mf.RemoveAll()
	case 1: // a death
		p.mf.closed.Store(true)
		p.mf.s.abandon()
	}
	return nil
}

// heapReader reads in every way there is. Only Verify and Layout are left out: they take looks without a
// lock at what is changed under one, and look again.
func heapReader(mf *MapFile, producers []string) func(r *rand.Rand) error {
	normal := []error{ErrNoSlot, ErrNotPublished, ErrBusy, ErrSuperseded, context.DeadlineExceeded}
	var snap Snapshot
	return func(r *rand.Rand) error {
		name := producers[r.IntN(len(producers))]
		err := func() error {
			switch r.IntN(8) {
			case 0, 1:
				var raw Raw
				if err := mf.GetInto(name+"/alone", &raw); err != nil {
					return err
				}
				_, err := numberIn(raw.Payload)
				return err
			case 2, 3:
				value, err := Get[[]byte](mf, fmt.Sprintf("%s/%d", name, r.IntN(heapSlots)))
				if err != nil {
					return err
				}
				_, err = numberIn(value)
				return err
			case 4:
				if err := mf.SnapshotInto(&snap, name+"/[0-9]"); err != nil {
					return err
				}
				return sameNumber(&snap)
			case 5:
				for _, err := range mf.Slots() {
					if err := allowed(err, normal...); err != nil {
						return err
					}
				}
			case 6:
				_, err := mf.Stat()
				return err
			case 7:
				ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
				defer cancel()
				for _, err := range mf.Watch(ctx, name+"/*") {
					if err := allowed(err, normal...); err != nil {
						return err
					}
				}
			}
			return nil
		}()
		return allowed(err, normal...)
	}
}

// sameNumber: the slots of a commit are of one number.
func sameNumber(snap *Snapshot) error {
	want, from := uint64(0), ""
	for info := range snap.Slots() {
		value, err := Get[[]byte](snap, info.Name)
		if errors.Is(err, ErrNotPublished) {
			continue
		}
		number, torn := numberIn(value)
		if err := errors.Join(err, torn); err != nil {
			return err
		}
		if from != "" && number != want {
			return fmt.Errorf("a snapshot mixes commits: %s has %d, %s has %d", from, want, info.Name, number)
		}
		want, from = number, info.Name
	}
	return nil
}

// startHeapRun makes a file, three producers of it and three readers, each with two goroutines.
func startHeapRun(t *testing.T, opts ...Option) *heapRun {
	h := newHeapRun(t)
	first, err := Create(h.path, WithMaxSize(heapLen))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { first.Close() })
	producers := []string{"a", "b", "c"}
	for range 3 {
		mf, err := Open(h.path, opts...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { mf.Close() })
		h.loop(heapReader(mf, producers))
		h.loop(heapReader(mf, producers))
	}
	for _, name := range producers {
		h.loop(h.heapProducer(name))
	}
	return h
}

// C06: producers that come, die, take over and move their slots, and readers, with everything to be
// seen by the race detector.
func TestProtocolOverHeapMemory(t *testing.T) {
	h := startHeapRun(t)
	h.run(12)
	last, err := OpenOrCreate(h.path) // repairs what the dead have left
	if err != nil {
		t.Fatal(err)
	}
	defer last.Close()
	if err := CheckInvariants(last); err != nil {
		t.Error(err)
	}
}

// The same, with files that are replaced, and readers that follow.
func TestProtocolOverHeapMemoryAcrossRecreates(t *testing.T) {
	h := startHeapRun(t, WithFollow())
	var files []*MapFile // open to the end, see overHeap
	h.loop(func(r *rand.Rand) error {
		time.Sleep(5 * time.Millisecond)
		if len(files) == 5 {
			return nil
		}
		mf, err := Recreate(h.path, WithMaxSize(heapLen))
		if err == nil {
			files = append(files, mf)
		}
		return allowed(err, ErrBusy, ErrLocked)
	})
	h.run(12)
	for _, mf := range files {
		mf.Close()
	}
	if len(files) == 0 {
		t.Error("the file was never replaced: this shows nothing")
	}
}
