package mapfile_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// Producers are killed at random instants, again and again, in one file. A reader and a watcher that
// are there all along, and a fresh reader after each death, must never see a torn value, an older one
// than before, or a mixture of commits; and the next producer goes on. Values carry numbers that grow
// over all producers.

// torture is what a producer does until it is killed.
type torture struct {
	slots    []string // that it keeps all the time
	atomic   bool     // all of them are always published together
	versions bool     // slots are never removed, so their versions never go back
	run      func(mf *mapfile.MapFile, n uint64)
}

var tortures = map[string]torture{
	"single": {slots: singleSlots, versions: true, run: tortureSingle},
	"commit": {slots: commitSlots, versions: true, atomic: true, run: tortureCommit},
	"grow":   {slots: growSlots, run: tortureGrow},
	"churn":  {slots: churnSlots, run: tortureChurn},
}

var (
	singleSlots = names("s/", 3)
	commitSlots = names("c/", 12)
	growSlots   = names("g/", 3)
	churnSlots  = names("k/", 40)
)

func names(prefix string, n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprint(prefix, i))
	}
	return list
}

func init() {
	roles["torture"] = func(args []string) { // kind, path, first number
		n := must1(strconv.ParseUint(args[2], 10, 64))
		tortures[args[0]].run(must1(mapfile.OpenOrCreate(args[1])), n)
	}
}

func addRaws(mf *mapfile.MapFile, list []string, n uint64) (raws []*mapfile.Raw, slots []*mapfile.Slot) {
	for i, name := range list {
		raws = append(raws, rawPayload(40+170*i, n))
		slots = append(slots, must1(mf.Add(name, raws[i])))
	}
	return raws, slots
}

func tortureSingle(mf *mapfile.MapFile, n uint64) {
	raws, slots := addRaws(mf, singleSlots, n)
	fmt.Println("ready")
	for ; ; n++ {
		i := n % 3
		raws[i].Payload = stampPayload(raws[i].Payload, 40+170*int(i)+int(n%97), n)
		must(slots[i].Update())
	}
}

func tortureCommit(mf *mapfile.MapFile, n uint64) {
	raws, _ := addRaws(mf, commitSlots, n)
	// The first commit of a successor has other slots: it must not complete what its predecessor left.
	must1(mf.Add("extra", rawPayload(50, n)))
	must(mf.Update("extra"))
	fmt.Println("ready")
	for ; ; n++ {
		for i, raw := range raws {
			raw.Payload = stampPayload(raw.Payload, 40+170*i+int(n%97), n)
		}
		must(mf.Update())
	}
}

func tortureGrow(mf *mapfile.MapFile, n uint64) {
	list := growSlots
	fmt.Println("ready")
	for {
		var raws []*mapfile.Raw
		var slots []*mapfile.Slot
		for i, name := range list {
			raws = append(raws, rawPayload(20, n))
			slots = append(slots, must1(mf.Add(name, raws[i], mapfile.WithBuffers(2+2*i))))
		}
		for size := 30; size < 200_000; size *= 2 {
			for i, slot := range slots {
				n++
				raws[i].Payload = stampPayload(raws[i].Payload, size*(i+1), n)
				must(slot.Update())
			}
			n++
			for i, raw := range raws {
				raw.Payload = stampPayload(raw.Payload, size*(i+1)+1, n)
			}
			must(mf.Update())
		}
		must(mf.RemoveAll())
	}
}

func tortureChurn(mf *mapfile.MapFile, n uint64) {
	list := churnSlots
	slots := make([]*mapfile.Slot, len(list))
	rng := rand.New(rand.NewPCG(n, n))
	fmt.Println("ready")
	for ; ; n++ {
		i := rng.IntN(len(list))
		raw := rawPayload(20+rng.IntN(1<<rng.IntN(14)), n)
		switch {
		case slots[i] == nil:
			slots[i] = must1(mf.Add(list[i], raw, mapfile.WithTitle(fmt.Sprint("title ", n))))
			must(slots[i].Update())
		case rng.IntN(3) == 0:
			must(slots[i].Set(raw))
			must(slots[i].Update())
		default:
			must(mf.Remove(list[i]))
			slots[i] = nil
		}
	}
}

// C21, A20, B12 and all of DESIGN section 4 that says what a death leaves.
func TestKilledProducersLeaveTheLastCommitReadable(t *testing.T) {
	for kind, what := range tortures {
		t.Run(kind, func(t *testing.T) {
			path := filepath.Join(testDir(t), "a.map")
			must1(mapfile.Create(path)).Close()
			w := newWitness(t, path, what)
			rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
			for round := range uint64(times(40, 5000)) {
				if t.Failed() {
					break
				}
				c := start(t, "torture", kind, path, fmt.Sprint((round+1)<<32))
				c.Expect("ready")
				time.Sleep(time.Duration(rng.IntN(4000)) * time.Microsecond)
				c.Kill()
				w.afterDeath()
				if !what.atomic { // who joins repairs; the commits are left to the next round
					checkStructure(t, path)
				}
			}
			w.end()
		})
	}
}

// checkStructure joins as a producer, which repairs, and looks at all that the file is made of.
func checkStructure(t *testing.T, path string) {
	t.Helper()
	mf, err := mapfile.OpenOrCreate(path)
	if err != nil {
		t.Error(err)
		return
	}
	defer mf.Close()
	if err := mapfile.CheckInvariants(mf); err != nil {
		t.Error("after a death:", err)
	}
	info, err := mf.Stat()
	if err != nil || info.Size > 256<<20 {
		t.Errorf("the file grows with each death: %d bytes, %v", info.Size, err)
	}
}

// witness reads and watches all along.
type witness struct {
	t    *testing.T
	path string
	what torture
	r    *mapfile.MapFile
	stop chan struct{}
	wg   sync.WaitGroup

	mu      sync.Mutex
	seen    map[string]mapfile.Stamp // last that a read gave
	number  map[string]uint64
	watched map[string]mapfile.Stamp // last that the watcher was told
	reads   int
}

func newWitness(t *testing.T, path string, what torture) *witness {
	w := &witness{
		// Without the library's checksum: the sequence protocol alone must exclude torn values.
		r: openFile(t, path, mapfile.WithoutCheck()),
		t: t, path: path, what: what, stop: make(chan struct{}),
		seen: map[string]mapfile.Stamp{}, number: map[string]uint64{}, watched: map[string]mapfile.Stamp{},
	}
	w.wg.Go(func() { w.read() })
	w.wg.Go(func() { w.watch() })
	return w
}

func (w *witness) end() {
	close(w.stop)
	w.r.Close()
	w.wg.Wait()
	if w.reads == 0 {
		w.t.Error("nothing was ever read")
	}
	w.t.Log(w.reads, "values read")
}

func (w *witness) read() {
	readers := map[string]*mapfile.SlotReader{}
	var raw mapfile.Raw
	var snap mapfile.Snapshot
	for i := 0; !w.t.Failed(); i++ {
		select {
		case <-w.stop:
			return
		default:
		}
		for _, name := range w.what.slots {
			if readers[name] == nil {
				readers[name] = w.r.Reader(name)
			}
			stamp, err := readers[name].GetInto(&raw)
			w.check("Get", name, &raw, stamp, err)
		}
		if err := w.r.SnapshotInto(&snap); err != nil {
			if !errors.Is(err, mapfile.ErrBusy) && !errors.Is(err, mapfile.ErrClosed) {
				w.t.Error(err)
			}
			continue
		}
		w.checkSnapshot(&snap)
	}
}

func (w *witness) checkSnapshot(snap *mapfile.Snapshot) {
	var raw mapfile.Raw
	first := uint64(0)
	for _, name := range w.what.slots {
		err := snap.GetInto(name, &raw)
		w.check("Snapshot", name, &raw, raw.Stamp, err)
		if !w.what.atomic || err != nil {
			continue
		}
		if number, _ := payloadNumber(raw.Payload); first == 0 {
			first = number
		} else if number != first {
			w.t.Errorf("a snapshot mixes commits: %s has %x, others %x", name, number, first)
		}
	}
}

// check looks at one value that was read.
func (w *witness) check(how, name string, raw *mapfile.Raw, stamp mapfile.Stamp, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err == nil:
	case errors.Is(err, mapfile.ErrNotPublished), errors.Is(err, mapfile.ErrNoSlot):
		if _, ok := w.number[name]; ok && w.what.versions {
			w.t.Errorf("%s of %s, which had a value: %v", how, name, err)
		}
		return
	case errors.Is(err, mapfile.ErrBusy), errors.Is(err, mapfile.ErrClosed):
		return
	default:
		w.t.Errorf("%s of %s: %v", how, name, err)
		return
	}
	number, torn := payloadNumber(raw.Payload)
	if torn != nil {
		w.t.Errorf("%s of %s, version %d: %v", how, name, stamp.Version, torn)
	}
	w.reads++
	if number < w.number[name] {
		w.t.Errorf("%s of %s went back from %x to %x", how, name, w.number[name], number)
	}
	old := w.seen[name]
	if w.what.versions && (stamp.Version < old.Version || stamp.Session < old.Session || stamp.Commit < old.Commit) {
		w.t.Errorf("%s of %s went back from %+v to %+v", how, name, old, stamp)
	}
	if w.what.versions && stamp.Version == old.Version && number != w.number[name] {
		w.t.Errorf("%s of %s: version %d is %x and was %x", how, name, stamp.Version, number, w.number[name])
	}
	w.seen[name], w.number[name] = stamp, number
}

func (w *witness) watch() {
	for ev, err := range w.r.Watch(w.t.Context(), "*/*") {
		switch {
		case errors.Is(err, mapfile.ErrClosed) && ev.Name == "":
			return
		case errors.Is(err, mapfile.ErrBusy):
			continue
		case err != nil:
			w.t.Error("watch:", err)
			continue
		case ev.Kind != mapfile.EventPublished:
			continue
		}
		w.mu.Lock()
		if old := w.watched[ev.Name]; w.what.versions && ev.Stamp.Version <= old.Version {
			w.t.Errorf("the watcher is told of version %d of %s after %d", ev.Stamp.Version, ev.Name, old.Version)
		}
		w.watched[ev.Name] = ev.Stamp
		w.mu.Unlock()
	}
}

// afterDeath looks at the file while nobody produces.
func (w *witness) afterDeath() {
	w.t.Helper()
	fresh, err := mapfile.Open(w.path)
	if err != nil {
		w.t.Error(err)
		return
	}
	defer fresh.Close()
	for check, err := range fresh.Verify() {
		if err != nil {
			w.t.Errorf("verify: %s: %v", check.Slot, err)
		}
	}
	snap, err := fresh.Snapshot()
	if err != nil {
		w.t.Error("snapshot of a fresh reader:", err)
		return
	}
	values := map[string]uint64{}
	last := map[string]mapfile.Stamp{}
	for _, name := range w.what.slots {
		var raw, again mapfile.Raw
		if err := fresh.GetInto(name, &raw); err != nil {
			w.check("fresh Get", name, nil, mapfile.Stamp{}, err)
			continue
		}
		values[name], err = payloadNumber(raw.Payload)
		if err != nil {
			w.t.Error("fresh reader:", name, err)
		}
		last[name] = raw.Stamp
		if err := snap.GetInto(name, &again); err != nil || again.Stamp != raw.Stamp {
			w.t.Errorf("a snapshot of what nobody writes differs from Get: %s: %+v, %+v, %v", name, again.Stamp, raw.Stamp, err)
		}
		if w.what.atomic && values[name] != values[w.what.slots[0]] {
			w.t.Errorf("a commit is half visible: %s has %x, %s has %x", name, values[name], w.what.slots[0], values[w.what.slots[0]])
		}
	}
	w.watcherIsTold(last)
}

// watcherIsTold waits until the watcher knows everything: at the latest after its next look.
func (w *witness) watcherIsTold(last map[string]mapfile.Stamp) {
	w.t.Helper()
	for begin := time.Now(); ; time.Sleep(time.Millisecond) {
		missing := ""
		w.mu.Lock()
		for name, stamp := range last {
			if w.watched[name].Version != stamp.Version {
				missing = fmt.Sprintf("version %d of %s, the last it knows is %d", stamp.Version, name, w.watched[name].Version)
			}
		}
		w.mu.Unlock()
		if missing == "" || w.t.Failed() {
			return
		}
		if time.Since(begin) > 20*time.Second {
			w.t.Error("the watcher was not told of", missing)
			return
		}
	}
}
