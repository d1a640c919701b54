package mapfile_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
)

// watching collects the events of a Watch in a goroutine.
type watching struct {
	events chan mapfile.Event
	end    chan error // what ended the loop
}

func watch(t *testing.T, mf *mapfile.MapFile, patterns ...string) *watching {
	w := &watching{events: make(chan mapfile.Event, 10000), end: make(chan error, 1)}
	go func() {
		for ev, err := range mf.Watch(t.Context(), patterns...) {
			if err != nil && ev.Name == "" {
				w.end <- err
				return
			}
			w.events <- ev
		}
		w.end <- nil
	}()
	return w
}

// next returns the next event within d.
func (w *watching) next(t *testing.T, d time.Duration) mapfile.Event {
	t.Helper()
	select {
	case ev := <-w.events:
		return ev
	case err := <-w.end:
		t.Fatal("the watch ended:", err)
	case <-time.After(d):
		t.Fatalf("no event within %v", d)
	}
	return mapfile.Event{}
}

// none fails if there is an event within d.
func (w *watching) none(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case ev := <-w.events:
		t.Errorf("unexpected event: %v %s version %d", ev.Kind, ev.Name, ev.Stamp.Version)
	case err := <-w.end:
		t.Error("the watch ended:", err)
	case <-time.After(d):
	}
}

// fileWords looks into a map file from outside, and changes its words.
type fileWords struct {
	t *testing.T
	f *os.File
}

func openWords(t *testing.T, path string) fileWords {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return fileWords{t, f}
}

func (w fileWords) load(off uint64) uint64 {
	var b [8]byte
	if _, err := w.f.ReadAt(b[:], int64(off)); err != nil {
		w.t.Fatal(err)
	}
	return binary.LittleEndian.Uint64(b[:])
}

func (w fileWords) store(off, v uint64) {
	if _, err := w.f.WriteAt(binary.LittleEndian.AppendUint64(nil, v), int64(off)); err != nil {
		w.t.Fatal(err)
	}
}

// A producer that dies between its commit point and the publish words has committed: Get shows it, so
// the watcher must tell, although nobody rings.
func TestWatcherIsToldOfACommitWhoseProducerDiedAtTheCommitPoint(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	x := int64(1)
	addSlot(t, mf, "x", &x)
	for x = 1; x <= 2; x++ {
		if err := mf.Update(); err != nil {
			t.Fatal(err)
		}
	}
	mf.Close()
	// Take the file back to the instant before the second commit was decided.
	words := openWords(t, path)
	entry := words.load(layout.EntryChunksOff)
	salt := layout.Salt(0, uint32(words.load(entry+layout.EntryGenOff)))
	pub := layout.PublishWord(words.load(entry + layout.EntryPubOff))
	ext := layout.ExtentWord(words.load(entry + layout.EntryExtOff)).Decode()
	if pub.Version() != 2 {
		t.Fatal("version", pub.Version())
	}
	first := -1
	for b := range ext.K {
		if words.load(ext.Buffer(b)) == 2 {
			first = b
		}
	}
	words.store(layout.SessionOff(0)+layout.SessionCommitOff, 1)
	words.store(entry+layout.EntryPubOff, uint64(layout.NewPublishWord(1, first, pub.Index(), salt)))

	r := openFile(t, path)
	w := watch(t, r)
	if ev := w.next(t, 20*time.Second); ev.Stamp.Version != 1 {
		t.Fatal("version", ev.Stamp.Version)
	}
	w.none(t, 400*time.Millisecond) // not decided
	if got := must1(mapfile.Get[int64](r, "x")); got != 1 {
		t.Fatal("Get", got)
	}
	words.store(layout.SessionOff(0)+layout.SessionCommitOff, 2) // decided
	if got := must1(mapfile.Get[int64](r, "x")); got != 2 {
		t.Fatal("Get", got)
	}
	if ev := w.next(t, 20*time.Second); ev.Kind != mapfile.EventPublished || ev.Stamp.Version != 2 {
		t.Fatal(ev.Kind, ev.Stamp)
	}
	w.none(t, 600*time.Millisecond) // once
	// The successor publishes what was committed; the watcher knows it already.
	next := createFile(t, path)
	x = 3
	slot := addSlot(t, next, "x", &x)
	w.none(t, 400*time.Millisecond)
	if err := slot.Update(); err != nil {
		t.Fatal(err)
	}
	if ev := w.next(t, 20*time.Second); ev.Kind != mapfile.EventPublished || ev.Stamp.Version != 3 {
		t.Fatal(ev.Kind, ev.Stamp)
	}
}

// E05
func TestWatchersTellRemovalGrowthAndNewTypesApart(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	r := openFile(t, path)
	w := watch(t, r, "x")
	n := []byte("a")
	slot := addSlot(t, mf, "x", &n)
	w.none(t, 50*time.Millisecond) // Add alone is no news: there is no value
	expect := func(kind mapfile.EventKind, typeName string) mapfile.Event {
		t.Helper()
		ev := w.next(t, 20*time.Second)
		if ev.Kind != kind || ev.Name != "x" || ev.Type.Name != typeName {
			t.Fatalf("%v %s %s, want %v %s", ev.Kind, ev.Name, ev.Type.Name, kind, typeName)
		}
		return ev
	}
	for range 3 {
		if err := slot.Update(); err != nil {
			t.Fatal(err)
		}
		first := expect(mapfile.EventPublished, "[]uint8")
		n = make([]byte, first.Capacity+1)
		if err := slot.Update(); err != nil {
			t.Fatal(err)
		}
		if grown := expect(mapfile.EventPublished, "[]uint8"); grown.Capacity <= first.Capacity || grown.Length != int64(len(n)) || grown.Stamp.Version <= first.Stamp.Version {
			t.Errorf("after growth: %+v", grown.SlotInfo)
		}
		if err := mf.Remove("x"); err != nil {
			t.Fatal(err)
		}
		expect(mapfile.EventRemoved, "")
		s := "text"
		slot = addSlot(t, mf, "x", &s)
		if err := slot.Update(); err != nil {
			t.Fatal(err)
		}
		expect(mapfile.EventPublished, "string")
		if err := mf.Remove("x"); err != nil {
			t.Fatal(err)
		}
		n = []byte("a")
		slot = addSlot(t, mf, "x", &n) // at once: in the same entry, perhaps before the watcher looks
		expect(mapfile.EventRemoved, "")
	}
}

// Of changes that follow one another faster than the watcher looks, the last one is always told.
func TestWatcherKnowsTheLastVersionOfEveryBurst(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	raws, _ := addRaws(mf, names("b/", 20), 1)
	r := openFile(t, path)
	var mu sync.Mutex
	told := map[string]uint64{}
	go func() {
		for ev, err := range r.Watch(t.Context(), "b/*") {
			if err != nil {
				return
			}
			mu.Lock()
			told[ev.Name] = ev.Stamp.Version
			mu.Unlock()
		}
	}()
	rng := rand.New(rand.NewPCG(5, 6))
	late, n := 0, times(300, 20000)
	for range n {
		for range rng.IntN(20) {
			if err := mf.Update(fmt.Sprint("b/", rng.IntN(len(raws)))); err != nil {
				t.Fatal(err)
			}
		}
		if err := mf.Update(); err != nil {
			t.Fatal(err)
		}
		last, poll, gap := time.Now(), time.Now(), time.Duration(0)
		for missing := true; missing; time.Sleep(20 * time.Microsecond) {
			gap, poll = max(gap, time.Since(poll)), time.Now()
			mu.Lock()
			missing = false
			for info := range must1(r.Snapshot()).Slots() {
				missing = missing || told[info.Name] != info.Stamp.Version
			}
			mu.Unlock()
			if time.Since(last) > 20*time.Second {
				t.Fatal("a version was not told")
			}
		}
		if took := time.Since(last); took > 200*time.Millisecond+5*gap {
			t.Logf("a version was told after %v; this loop stood still for %v", took, gap)
			late++
		}
	}
	// The 250 ms of the safety net must not be what delivers. A busy machine may stop the watcher alone, but rarely.
	if late > n/50 {
		t.Errorf("of %d versions %d were told late", n, late)
	}
}

// E06
func TestCancelledWatchEndsAtOnce(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	createFile(t, path)
	r := openFile(t, path)
	before := mapfileGoroutines()
	end := func(watchers int) time.Duration {
		ctx, cancel := context.WithCancelCause(context.Background())
		ended := make(chan error, watchers)
		for range watchers {
			go func() {
				var last error
				for _, err := range r.Watch(ctx) {
					last = err
				}
				ended <- last
			}()
		}
		time.Sleep(20 * time.Millisecond) // asleep in the kernel by now
		begin := time.Now()
		cancel(errors.New("enough"))
		for range watchers {
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
		return time.Since(begin)
	}
	const limit = 50 * time.Millisecond
	for _, watchers := range []int{1, 10} {
		// Five in a row: the look that comes every 250 ms anyway would end one or two in time.
		worst := soonest(limit, func() (worst time.Duration) {
			for range 5 {
				worst = max(worst, end(watchers))
			}
			return worst
		})
		if worst > limit {
			t.Errorf("%d watchers needed %v to end", watchers, worst)
		}
	}
	noMoreGoroutines(t, before)
}

// H09, for Watch and Wait: a context that is cancelled already.
func TestCancelledContextHasNoSideEffect(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	x := int64(1)
	if err := addSlot(t, mf, "x", &x).Update(); err != nil {
		t.Fatal(err)
	}
	before := mapfileGoroutines()
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	late, cancelLate := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer cancelLate()
	for ctx, want := range map[context.Context]error{cancelled: context.Canceled, late: context.DeadlineExceeded} {
		n := 0
		for ev, err := range mf.Watch(ctx, "x") {
			n++
			if !errors.Is(err, want) || ev.Name != "" {
				t.Error(ev.Name, err)
			}
		}
		if n != 1 {
			t.Errorf("%d events", n)
		}
		missing := filepath.Join(testDir(t), "missing.map")
		for _, p := range []string{path, missing} {
			if err := mapfile.Wait(ctx, p, "x"); !errors.Is(err, want) {
				t.Error(err)
			}
		}
		if _, err := os.Stat(missing); !errors.Is(err, fs.ErrNotExist) {
			t.Error("Wait has made a file")
		}
	}
	noMoreGoroutines(t, before)
}

// E08: a slow body skips versions and costs nothing.
func TestSlowWatcherGetsTheNewestNext(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	x := int64(0)
	slot := addSlot(t, mf, "x", &x)
	r := openFile(t, path)
	stop, updates := make(chan struct{}), make(chan int64)
	go func() {
		for {
			select {
			case <-stop:
				updates <- x
				return
			default:
				x++
				if err := slot.Update(); err != nil {
					t.Error(err)
				}
			}
		}
	}()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var before, after runtime.MemStats
	events, last, newest := 0, uint64(0), uint64(0)
	for ev, err := range r.Watch(ctx, "x") {
		if err != nil {
			break
		}
		if ev.Stamp.Version < newest {
			t.Errorf("event %d is of version %d, %d was published when the body ended", events, ev.Stamp.Version, newest)
		}
		if ev.Stamp.Version <= last {
			t.Errorf("version %d after %d", ev.Stamp.Version, last)
		}
		last = ev.Stamp.Version
		if events == 0 {
			runtime.GC()
			runtime.ReadMemStats(&before)
		}
		if events++; events == times(5, 30) {
			runtime.GC()
			runtime.ReadMemStats(&after)
			cancel()
		}
		time.Sleep(100 * time.Millisecond)
		newest = r.Reader("x").Version()
	}
	close(stop)
	total := <-updates
	if total < 10*int64(events) {
		t.Errorf("only %d updates", total)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
		t.Errorf("%d updates in %d events: the heap has grown by %d bytes", total, events, grown)
	}
}

// E15
func TestPatternsMeanTheSameEverywhere(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	all := []string{"a", "a/b", "a/b/c", "a/b2", "run1/hpx", "run1/x/hpx", "run2/hpx", "run10/hpy", "a*b", "é/ü"}
	addRaws(mf, all, 1)
	if err := mf.Update(); err != nil {
		t.Fatal(err)
	}
	r := openFile(t, path)
	listed := func(patterns []string) (names []string, err error) {
		for info, err := range r.Slots(patterns...) {
			if err != nil {
				return nil, err
			}
			names = append(names, info.Name)
		}
		return names, nil
	}
	others := map[string]func([]string) ([]string, error){
		"Snapshot": func(patterns []string) (names []string, err error) {
			snap, err := r.Snapshot(patterns...)
			for info := range snap.Slots() {
				names = append(names, info.Name)
			}
			return names, err
		},
		"Watch": func(patterns []string) (names []string, err error) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			for ev, err := range r.Watch(ctx, patterns...) {
				if err != nil {
					return names, err
				}
				if names = append(names, ev.Name); !ev.More {
					break
				}
			}
			return names, nil
		},
		"Match": func(patterns []string) (names []string, err error) {
			for _, name := range all {
				chosen := len(patterns) == 0
				for _, pattern := range patterns {
					matches, err := mapfile.Match(pattern, name)
					if err != nil {
						return nil, err
					}
					chosen = chosen || matches
				}
				if chosen {
					names = append(names, name)
				}
			}
			return names, nil
		},
		"Verify": func(patterns []string) (names []string, err error) {
			for check, err := range r.Verify(patterns...) {
				if err != nil {
					return names, err
				}
				names = append(names, check.Slot)
			}
			return names, nil
		},
	}
	for _, c := range []struct {
		patterns []string
		want     []string
	}{
		{nil, all},
		{[]string{"**"}, all},
		{[]string{"a"}, []string{"a"}},
		{[]string{"*"}, []string{"a", "a*b"}},
		{[]string{"a/*"}, []string{"a/b", "a/b2"}},
		{[]string{"a/**"}, []string{"a", "a/b", "a/b/c", "a/b2"}},
		{[]string{"**/hpx"}, []string{"run1/hpx", "run1/x/hpx", "run2/hpx"}},
		{[]string{"run?/hpx"}, []string{"run1/hpx", "run2/hpx"}},
		{[]string{"run[12]/**/hpx", "run1/*"}, []string{"run1/hpx", "run1/x/hpx", "run2/hpx"}},
		{[]string{"run[^1]/*"}, []string{"run2/hpx"}},
		{[]string{`a\*b`}, []string{"a*b"}},
		{[]string{"?/?"}, []string{"a/b", "é/ü"}},
		{[]string{"a", "a/b", "a"}, []string{"a", "a/b"}},
	} {
		want := slices.Sorted(slices.Values(c.want))
		got, err := listed(c.patterns)
		if slices.Sort(got); err != nil || !slices.Equal(got, want) {
			t.Errorf("Slots(%q): %q, %v, want %q", c.patterns, got, err, want)
		}
		for name, list := range others {
			got, err := list(c.patterns)
			if slices.Sort(got); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s(%q): %q, %v, want %q", name, c.patterns, got, err, want)
			}
		}
	}
	for _, bad := range []string{"[", "a/[", "x**", "**x/a", "a//b", "", "/", "a/", `a\`, "[]a]", "[a-"} {
		if _, err := listed([]string{"a", bad}); !errors.Is(err, mapfile.ErrName) {
			t.Errorf("Slots(%q): %v", bad, err)
		}
		for name, list := range others {
			if _, err := list([]string{"a", bad}); !errors.Is(err, mapfile.ErrName) {
				t.Errorf("%s(%q): %v", name, bad, err)
			}
		}
	}
	// A pattern without wildcards must exist in a Snapshot; a Watch waits for it.
	if _, err := r.Snapshot("a", "nope"); !errors.Is(err, mapfile.ErrNoSlot) || !containsSlotError(err, "nope") {
		t.Error(err)
	}
	if snap, err := r.Snapshot("nope*"); err != nil || len(slices.Collect(snap.Slots())) != 0 {
		t.Error(err)
	}
}
