package mapfile_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// Commits and goroutines of one process. What kills do to commits is in death_test.go.

// C13
func TestWhichSlotsAnUpdatePublishes(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	r := openFile(t, path)
	var x, y, z int64
	a, b := addSlot(t, mf, "a", &x), addSlot(t, mf, "b", &y)
	if err := mf.Update(); err != nil {
		t.Fatal(err)
	}
	other := createFile(t, filepath.Join(testDir(t), "other.map"))
	foreign := addSlot(t, other, "a", &z)
	commit := func() uint64 {
		info, err := r.Stat()
		if err != nil {
			t.Fatal(err)
		}
		return info.Producers[0].Commit
	}
	for _, c := range []struct {
		name    string
		update  func() error
		want    error
		da, db  uint64 // by how much the versions go up
		commits uint64
	}{
		{"all", func() error { return mf.Update() }, nil, 1, 1, 1},
		{"an empty list", func() error { return mf.Update([]string{}...) }, nil, 1, 1, 1},
		{"one", func() error { return mf.Update("a") }, nil, 1, 0, 1},
		{"one twice", func() error { return mf.Update("a", "a") }, nil, 1, 0, 1},
		{"both, one twice", func() error { return mf.Update("b", "a", "b") }, nil, 1, 1, 1},
		{"unknown name", func() error { return mf.Update("a", "nope") }, mapfile.ErrNoSlot, 0, 0, 0},
		{"unknown name first", func() error { return mf.Update("nope", "a") }, mapfile.ErrNoSlot, 0, 0, 0},
		{"bad name", func() error { return mf.Update("a", "/") }, mapfile.ErrNoSlot, 0, 0, 0},
		{"no slots", func() error { return mf.UpdateSlots() }, nil, 0, 0, 0},
		{"a slot twice", func() error { return mf.UpdateSlots(a, b, a) }, nil, 1, 1, 1},
		{"a nil slot", func() error { return mf.UpdateSlots(a, nil) }, mapfile.ErrNoSlot, 0, 0, 0},
		{"a zero slot", func() error { return mf.UpdateSlots(a, &mapfile.Slot{}) }, mapfile.ErrNoSlot, 0, 0, 0},
		{"a slot of another file", func() error { return mf.UpdateSlots(a, foreign) }, mapfile.ErrNoSlot, 0, 0, 0},
		{"single", a.Update, nil, 1, 0, 0},
	} {
		va, vb, n := a.Version(), b.Version(), commit()
		x, y = x+1, y+1
		if err := c.update(); !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", c.name, err, c.want)
		}
		if da, db, dn := a.Version()-va, b.Version()-vb, commit()-n; da != c.da || db != c.db || dn != c.commits {
			t.Errorf("%s: versions went up by %d and %d in %d commits, want %d, %d, %d", c.name, da, db, dn, c.da, c.db, c.commits)
		}
		if got, err := mapfile.Get[int64](r, "a"); err != nil || c.da > 0 && got != x {
			t.Errorf("%s: a = %d, %v, want %d", c.name, got, err, x)
		}
	}
	// Every name that failed is in the error.
	err := mf.Update("x1", "a", "x2")
	for _, name := range []string{"x1", "x2"} {
		if err == nil || !containsSlotError(err, name) {
			t.Errorf("%v does not name %s", err, name)
		}
	}
	// Nothing added: no commit.
	empty := createFile(t, filepath.Join(testDir(t), "empty.map"))
	if err := empty.Update(); err != nil {
		t.Error(err)
	}
	if info, err := empty.Stat(); err != nil || info.Producers[0].Commit != 0 {
		t.Error("an Update of nothing made a commit", info.Producers, err)
	}
}

// containsSlotError tells whether err has an *Error for that slot.
func containsSlotError(err error, slot string) bool {
	var e *mapfile.Error
	if list, ok := err.(interface{ Unwrap() []error }); ok {
		return slices.ContainsFunc(list.Unwrap(), func(err error) bool { return containsSlotError(err, slot) })
	}
	return errors.As(err, &e) && (e.Slot == slot || e.Err != nil && containsSlotError(e.Err, slot))
}

// C13: a removed slot and its successor, which has moved into the same entry.
func TestUpdateOfARemovedAndANewSlotOfOneEntry(t *testing.T) {
	mf := createFile(t, filepath.Join(testDir(t), "a.map"))
	x := int64(1)
	old := addSlot(t, mf, "a", &x)
	if err := mf.Remove("a"); err != nil {
		t.Fatal(err)
	}
	now := addSlot(t, mf, "a", &x)
	done := make(chan error, 1)
	go func() { done <- mf.UpdateSlots(old, now, old) }()
	select {
	case err := <-done:
		if !errors.Is(err, mapfile.ErrNoSlot) || now.Version() != 0 {
			t.Error(err, now.Version())
		}
	case <-time.After(20 * time.Second):
		t.Fatal("UpdateSlots hangs")
	}
}

// Update is all or nothing, and names every slot that failed.
func TestFailedMemberKeepsAllOfACommitBack(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path, mapfile.WithMaxSize(1<<20))
	r := openFile(t, path)
	good, big := int64(0), []byte("x")
	addSlot(t, mf, "good", &good)
	addSlot(t, mf, "big", &big)
	for i := range int64(20) {
		good, big = i, []byte("x")
		if err := mf.Update(); err != nil {
			t.Fatal(err)
		}
		good, big = -1, make([]byte, 1<<20)
		if err := mf.Update(); !errors.Is(err, mapfile.ErrFull) || !containsSlotError(err, "big") || containsSlotError(err, "good") {
			t.Fatal(err)
		}
		for _, from := range []mapfile.Getter{r, openFile(t, path), must1(r.Snapshot())} {
			if got, err := mapfile.Get[int64](from, "good"); err != nil || got != i {
				t.Fatalf("after a failed commit a reader gets %d, %v, want %d", got, err, i)
			}
		}
		good = i // the number of the failed commit is used again
		big = nil
		if err := mf.Update("big"); err != nil {
			t.Fatal(err)
		}
		if got, err := mapfile.Get[int64](must1(r.Snapshot()), "good"); err != nil || got != i {
			t.Fatalf("what was never committed is seen: %d, %v, want %d", got, err, i)
		}
	}
}

// C06
func TestGoroutinesUpdateSlotsOfOneFile(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	r := openFile(t, path)
	const n = 8
	var wg sync.WaitGroup
	last := times(2000, 100000)
	for g := range n {
		name := fmt.Sprint("g", g)
		raw := rawPayload(20+300*g, 0)
		slot := addSlot(t, mf, name, raw)
		wg.Go(func() {
			for i := 1; i <= last; i++ {
				raw.Payload = stampPayload(raw.Payload, 20+300*g+i%100, uint64(i))
				if err := slot.Update(); err != nil {
					t.Error(name, err)
					return
				}
			}
		})
		wg.Go(func() {
			reader, seen := r.Reader(name), uint64(0)
			var got mapfile.Raw
			for seen < uint64(last) && !t.Failed() {
				stamp, err := reader.GetInto(&got)
				if errors.Is(err, mapfile.ErrNotPublished) || errors.Is(err, mapfile.ErrBusy) {
					continue
				}
				number, torn := payloadNumber(got.Payload)
				if err != nil || torn != nil || number < seen || number != stamp.Version {
					t.Error(name, stamp, number, "after", seen, err, torn)
					return
				}
				seen = number
			}
		})
	}
	wg.Wait()
}

// C07
func TestUpdateAgainstRemove(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	r := openFile(t, path)
	names := []string{"a", "b", "c"}
	allowed := func(err error, also ...error) {
		for _, ok := range append(also, nil, mapfile.ErrNoSlot) {
			if errors.Is(err, ok) {
				return
			}
		}
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(times(1500, 60000))*time.Millisecond)
	defer cancel()
	var wg sync.WaitGroup
	var updates atomic.Int64
	for g := range 2 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(g), 1))
			for ctx.Err() == nil {
				name := names[rng.IntN(3)]
				slot, err := mf.Add(name, rawPayload(20+rng.IntN(5000), 1))
				allowed(err, mapfile.ErrSlotExists)
				for err == nil && ctx.Err() == nil {
					if err = slot.Update(); err == nil {
						updates.Add(1)
					}
					allowed(err)
				}
			}
		})
	}
	wg.Go(func() {
		for ctx.Err() == nil {
			allowed(mf.Update())
			allowed(mf.Update("a", "c"))
		}
	})
	wg.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			allowed(mf.Remove(names[i%3]))
			if i%7 == 0 {
				allowed(mf.RemoveAll())
			}
		}
	})
	wg.Go(func() {
		for ctx.Err() == nil {
			for _, name := range names {
				var raw mapfile.Raw
				if err := r.GetInto(name, &raw); err == nil {
					if _, torn := payloadNumber(raw.Payload); torn != nil {
						t.Error(torn)
					}
				} else {
					allowed(err, mapfile.ErrNotPublished, mapfile.ErrBusy)
				}
			}
		}
	})
	wg.Wait()
	if err := mf.RemoveAll(); err != nil {
		t.Error(err)
	}
	if info, err := r.Stat(); err != nil || info.NumSlots != 0 {
		t.Error("slots left:", info.NumSlots, err)
	}
	t.Log(updates.Load(), "updates")
}

// C11: without a Locker the caller's object may change while it is encoded. Then its fields may mix,
// but what is in the file stays a value.
func TestObjectThatChangesDuringUpdate(t *testing.T) {
	if raceEnabled {
		t.Skip("this test is a race of the caller's own")
	}
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	r := openFile(t, path)
	columns := make([]float64, 2000)
	slot := addSlot(t, mf, "a", &columns)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				columns[i%len(columns)]++
			}
		}
	})
	for range times(3000, 100000) {
		if err := slot.Update(); err != nil {
			t.Fatal(err)
		}
		// The checksum is taken of what was written, or the read would be ErrCorrupt.
		if got, err := mapfile.Get[[]float64](r, "a"); err != nil || len(got) != len(columns) {
			t.Fatal(len(got), err)
		}
	}
	close(stop)
	wg.Wait()
}

// C20
func TestSnapshotOverTwoProducers(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for p := range 2 {
		mf := createFile(t, path)
		var slots []*mapfile.Raw
		for i := range 4 {
			slots = append(slots, rawPayload(100, 0))
			addSlot(t, mf, fmt.Sprintf("p%d/%d", p, i), slots[i])
		}
		if err := mf.Update(); err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			for n := uint64(1); ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				for _, raw := range slots {
					raw.Payload = stampPayload(raw.Payload, 100+int(n%50), n)
				}
				if err := mf.Update(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	r := openFile(t, path)
	var last [2]uint64
	for range times(2000, 100000) {
		snap, err := r.Snapshot("**")
		if errors.Is(err, mapfile.ErrBusy) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for p := range 2 {
			n := snapshotNumber(t, snap, fmt.Sprintf("p%d/", p), 4)
			if n < last[p] {
				t.Fatalf("snapshot of producer %d went back from %d to %d", p, last[p], n)
			}
			last[p] = n
		}
		if snap.Commit() != 0 {
			t.Fatal("a snapshot over two producers says it shows commit", snap.Commit())
		}
	}
	close(stop)
	wg.Wait()
	if last[0] < 2 || last[1] < 2 {
		t.Error("the producers did not run:", last)
	}
}

// snapshotNumber returns the number that all n slots of a prefix carry; the test fails if they differ.
func snapshotNumber(t testing.TB, snap *mapfile.Snapshot, prefix string, n int) uint64 {
	t.Helper()
	number, first := uint64(0), true
	for i := range n {
		var raw mapfile.Raw
		name := prefix + fmt.Sprint(i)
		if err := snap.GetInto(name, &raw); err != nil {
			t.Fatal(err)
		}
		got, err := payloadNumber(raw.Payload)
		if err != nil {
			t.Fatal(name, err)
		}
		if !first && got != number {
			t.Fatalf("a snapshot mixes commits: %s carries %d, others %d", name, got, number)
		}
		number, first = got, false
	}
	return number
}

// C03, the short form of 3,000 slots at 1 Hz.
func TestManySlotsAreSnapshotWithinTheirPeriod(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path, mapfile.WithSize(64<<20))
	const n = 3000
	raws := make([]*mapfile.Raw, n)
	for i := range raws {
		raws[i] = rawPayload(500+i%4000, 0)
		addSlot(t, mf, fmt.Sprint("h/", i), raws[i])
	}
	update := func(number uint64) {
		for _, raw := range raws {
			raw.Payload = stampPayload(raw.Payload, len(raw.Payload), number)
		}
		if err := mf.Update(); err != nil {
			t.Error(err)
		}
	}
	update(1)
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(times(3, 60))*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			r := openFile(t, path)
			var snap mapfile.Snapshot
			best := time.Hour // on a busy machine any one of them may take long
			defer func() {
				if best > time.Second && !raceEnabled { // ten times slower then
					t.Errorf("the fastest snapshot took %v", best)
				}
			}()
			for last := uint64(0); ctx.Err() == nil; time.Sleep(100 * time.Millisecond) {
				start := time.Now()
				err := r.SnapshotInto(&snap, "h/*")
				if errors.Is(err, mapfile.ErrBusy) && time.Since(start) > time.Second {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				best = min(best, time.Since(start))
				var raw mapfile.Raw
				for i := range n {
					name := fmt.Sprint("h/", i)
					err := snap.GetInto(name, &raw)
					number, torn := payloadNumber(raw.Payload)
					if i == 0 {
						if number < last {
							t.Error("went back")
						}
						last = number
					}
					if err != nil || torn != nil || number != last {
						t.Error(name, number, "in a snapshot of", last, err, torn)
						return
					}
				}
			}
		})
	}
	for number := uint64(2); ctx.Err() == nil; number++ {
		update(number)
		select {
		case <-ctx.Done():
		case <-time.After(300 * time.Millisecond):
		}
	}
	wg.Wait()
}
