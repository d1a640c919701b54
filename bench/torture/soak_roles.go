package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// Those that live long. Each does one step after the other and, between two of them, says what it holds;
// so what a step needs for itself is given back by then.

func init() {
	for name, begin := range map[string]func(l *longLived) (longLife, error){
		"producer": beginProducer, "reader": beginReader, "watchers": beginWatchers, "follower": beginFollower,
	} {
		roles["soak."+name] = func(args []string) error { return liveLong(name, args, begin) }
	}
}

// longLife is what such a process does.
type longLife interface {
	step() error
	close() error
}

// longLived is what they have in common.
type longLived struct {
	name, dir string
	rng       *rand.Rand
	leaks     bool // the control
	leaked    []any

	mu     sync.Mutex
	counts map[string]int64
	last   map[string]uint64 // number of each slot's last value
}

// endPatience is for what ends by itself, on a slow machine.
const endPatience = 10 * time.Second

func liveLong(name string, args []string, begin func(l *longLived) (longLife, error)) error {
	seed, err := strconv.ParseUint(args[1], 10, 64)
	if err != nil {
		return err
	}
	l := &longLived{name: name, dir: args[0], rng: rand.New(rand.NewPCG(seed, 9)), leaks: args[2] == "true",
		counts: map[string]int64{}, last: map[string]uint64{}}
	before := heldNow()
	life, err := begin(l)
	if err != nil {
		return err
	}
	say("ready")
	for {
		select {
		case _, ok := <-parentLines:
			if !ok {
				err := life.close()
				l.endHolding(before)
				say("ended")
				return err
			}
			if err := l.report(); err != nil {
				return err
			}
		default:
			if err := life.step(); err != nil {
				return err
			}
		}
	}
}

// endHolding: what was held is given back, all of it.
func (l *longLived) endHolding(before held) {
	if l.leaks {
		return // that was told before
	}
	if after := heldAtLast(before, endPatience); !after.sameAs(before) {
		l.wrong("left over", "%+v, was %+v", after, before)
	}
}

func (l *longLived) report() error {
	if l.leaks {
		if err := l.leak(); err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	text, err := json.Marshal(soakReport{heldNow(), l.counts})
	say("report %s", text)
	return err
}

// leak keeps a bit more each time, for the control.
func (l *longLived) leak() error {
	var err error
	switch l.name {
	case "producer":
		l.leaked = append(l.leaked, make([]byte, 2<<20))
	case "reader":
		var file *os.File
		file, err = os.Open(mainPath(l.dir))
		l.leaked = append(l.leaked, file)
	case "watchers":
		go func() { select {} }()
	case "follower":
		var mf *mapfile.MapFile
		mf, err = mapfile.Open(mainPath(l.dir))
		l.leaked = append(l.leaked, mf)
	}
	return err
}

func (l *longLived) count(name string, n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts[name] += n
}

// wrong tells the parent that a promise was broken.
func (l *longLived) wrong(name, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	say("wrong %s: %s", name, strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " "))
}

// get reads a slot, which must be whole and not older than before. Slots of others come and go.
func (l *longLived) get(from mapfile.Getter, name string) {
	l.mu.Lock()
	before := l.last[name]
	l.mu.Unlock()
	number, err := numberOf(from, name)
	switch {
	case errors.Is(err, mapfile.ErrNoSlot), errors.Is(err, mapfile.ErrSuperseded):
		l.count("not there", 1)
	case errors.Is(err, mapfile.ErrBusy):
		l.count("busy", 1)
	case isTyped(err):
		l.wrong("errors", "%s: %v", name, err)
	case err != nil:
		l.wrong("torn", "%s: %v", name, err)
	case number == 0: // not published yet
	case number < before:
		l.wrong("gone back", "%s: number %d after %d", name, number, before)
	default:
		l.count("reads", 1)
		l.mu.Lock()
		l.last[name] = max(l.last[name], number)
		l.mu.Unlock()
	}
}

// oneCommit takes a snapshot of slots that are always published together.
func (l *longLived) oneCommit(mf *mapfile.MapFile, prefix string) {
	snap, err := mf.Snapshot(prefix + "*")
	switch {
	case errors.Is(err, mapfile.ErrBusy), errors.Is(err, mapfile.ErrSuperseded):
		l.count("busy", 1)
		return
	case err != nil:
		l.wrong("errors", "Snapshot: %v", err)
		return
	}
	var numbers [groupSize]uint64
	for i := range numbers {
		numbers[i], err = numberOf(snap, fmt.Sprintf("%s%d", prefix, i))
		if err != nil && !errors.Is(err, mapfile.ErrNoSlot) {
			l.wrong("torn", "Snapshot: %v", err)
		}
		if numbers[i] != numbers[0] {
			l.wrong("mixed", "one commit, but %v", numbers)
			return
		}
	}
	l.count("snapshots", 1)
}

// soakSingles slots of the producer are updated one by one, and two come, grow and go.
const soakSingles = 40

func soakSingle(i int) string { return fmt.Sprintf("single/%02d", i) }

// soakProducer owns the file.
type soakProducer struct {
	*longLived
	mf              *mapfile.MapFile
	singles         []*writtenSlot
	group           []*writtenSlot
	growing, coming *writtenSlot
	value           uint64
	view            *mapfile.Publisher[uint64]
	n               int
}

func beginProducer(l *longLived) (longLife, error) {
	p := &soakProducer{longLived: l, growing: &writtenSlot{name: growingName}, coming: &writtenSlot{name: comingName}}
	var err error
	// One that joins may be slow with the structure lock.
	if p.mf, err = mapfile.Create(mainPath(l.dir), mapfile.WithLockTimeout(hangs)); err != nil {
		return nil, err
	}
	for i := range soakSingles {
		p.singles = append(p.singles, &writtenSlot{name: soakSingle(i)})
	}
	for i := range groupSize {
		p.group = append(p.group, &writtenSlot{name: groupName(i)})
	}
	for i, w := range append(p.singles, p.group...) {
		err := w.add(p.mf)
		if err == nil && i < soakSingles {
			err = w.update(singleSize(i))
		}
		if err != nil {
			return nil, err
		}
	}
	if p.view, err = mapfile.Publish(viewPath(l.dir), &p.value); err != nil {
		return nil, err
	}
	return p, p.commit()
}

func singleSize(i int) int { return 8 << (i % 14) }

// commit publishes the group, with one number.
func (p *soakProducer) commit() error {
	size := stampLen + p.rng.IntN(8000)
	var slots []*mapfile.Slot
	for _, w := range p.group {
		w.number++
		w.raw.Payload = makePayload(w.raw.Payload, size, stamp{Number: w.number, Slot: slotNumber(w.name)})
		slots = append(slots, w.slot)
	}
	return p.mf.UpdateSlots(slots...)
}

// step does a bit of everything that a producer can do.
func (p *soakProducer) step() error {
	for range 50 {
		i := p.rng.IntN(soakSingles)
		if err := p.singles[i].update(singleSize(i) - p.rng.IntN(singleSize(i)/2)); err != nil {
			return err
		}
	}
	p.n++
	p.value++
	err := errors.Join(
		p.commit(),
		p.view.Update(),
		comeAndGo(p.mf, p.coming, p.n, 5, func(int) int { return 100 }),
		comeAndGo(p.mf, p.growing, p.n, 15, func(i int) int { return 8 << (i - 1) }),
	)
	if p.n%20 == 0 {
		err = errors.Join(err, p.fail(), p.second())
	}
	if p.n%100 == 0 {
		err = errors.Join(err, p.mf.Sync())
	}
	p.count("updates", 50)
	p.count("commits", 1)
	time.Sleep(3 * time.Millisecond)
	return err
}

// fail does what must be refused.
func (p *soakProducer) fail() error {
	if _, err := p.mf.Add(soakSingle(0), rawOf(nil)); !errors.Is(err, mapfile.ErrSlotExists) {
		return fmt.Errorf("a second Add: %v", err)
	}
	if _, err := mapfile.Create(mainPath(p.dir)); !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("a second Create: %v", err)
	}
	return nil
}

// second is another session of this process, for a moment.
func (p *soakProducer) second() error {
	mf, err := mapfile.OpenOrCreate(mainPath(p.dir), mapfile.WithLockTimeout(hangs))
	if err != nil {
		return err
	}
	_, err = mf.Add("second", numbered("second", 500, uint64(p.n)))
	if err == nil {
		err = mf.Update()
	}
	return errors.Join(err, mf.Close())
}

func (p *soakProducer) close() error { return errors.Join(p.view.Close(), p.mf.Close()) }
