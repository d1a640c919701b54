package mapfile_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
)

// What a Snapshot knows besides values is put together when somebody asks. It is what was true when the
// Snapshot was taken, however late that is, and whatever has become of the file.

// described is what a Snapshot says of its slots, without the ages, which are checked apart.
func described(t *testing.T, snap *mapfile.Snapshot) (list []mapfile.SlotInfo, ages []time.Duration) {
	t.Helper()
	for info := range snap.Slots() {
		one, err := snap.Stat(info.Name)
		if err != nil {
			t.Error(err)
		}
		ages = append(ages, info.Age, one.Age)
		info.Age, one.Age = 0, 0
		if !reflect.DeepEqual(info, one) {
			t.Errorf("Slots and Stat differ: %+v, %+v", info, one)
		}
		list = append(list, info)
	}
	return list, ages
}

func TestSnapshotDescribesWhatItWasTakenOf(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	n, text, never := int64(1), "one", int64(0)
	slot := addSlot(t, mf, "n", &n, mapfile.WithTitle("a number"))
	addSlot(t, mf, "text", &text)
	addSlot(t, mf, "zz/never", &never)
	mustUpdate(t, mf, "n", "text")
	mustUpdate(t, mf, "n", "text")
	r := openFile(t, path)
	snap := must1(r.Snapshot())
	before, _ := described(t, snap)
	if len(before) != 3 || before[0].Name != "n" || before[0].Title != "a number" || before[0].Type.Name != "int64" || before[0].Type.Codec != "basic" ||
		before[0].Stamp.Version != 2 || before[0].Stamp.Commit != 2 || before[0].Length != 8 || before[0].Capacity < 8 || before[0].Producer.State != mapfile.StateLive ||
		before[0].Producer.PID != os.Getpid() || before[1].Length != 3 || before[1].Type.Name != "string" || before[2].Stamp.Version != 0 || before[2].Length != 0 || before[2].Capacity == 0 {
		t.Fatalf("%+v", before)
	}
	unchanged := func(when string) {
		t.Helper()
		if now, _ := described(t, snap); !reflect.DeepEqual(now, before) {
			t.Errorf("%s it is told as\n%+v, was\n%+v", when, now, before)
		}
		if a, b := get[int64](t, snap, "n"), get[string](t, snap, "text"); a != 1 || b != "one" {
			t.Error(when, a, b)
		}
		if snap.Commit() != 2 {
			t.Error(when, "commit", snap.Commit())
		}
		if _, err := snap.Get("zz/never"); !errors.Is(err, mapfile.ErrNotPublished) {
			t.Error(when, err)
		}
		if _, err := snap.Stat("absent"); !errors.Is(err, mapfile.ErrNoSlot) {
			t.Error(when, err)
		}
	}
	for n = 2; n < 30; n++ { // every buffer is another one by now
		mustUpdate(t, mf, "n")
	}
	text = string(make([]byte, 100_000)) // moves
	never = 1
	mustUpdate(t, mf)
	unchanged("after updates")
	if err := errors.Join(mf.Remove("n"), mf.Remove("zz/never")); err != nil || slot.Update() == nil {
		t.Fatal(err)
	}
	other := "another type"
	addSlot(t, mf, "n", &other, mapfile.WithTitle("another title"))
	mustUpdate(t, mf)
	unchanged("after it was removed and added as something else")
	r.Close()
	unchanged("after Close")
	mf.Close()
	createFile(t, path+"2").Close()
	if err := os.Rename(path+"2", path); err != nil {
		t.Fatal(err)
	}
	unchanged("after the file was replaced")
}

// A slot that is damaged when the same Snapshot is taken again is not described by what it was before.
func TestSnapshotAgainOfASlotThatIsDamagedNow(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	x := int64(1)
	addSlot(t, mf, "x", &x, mapfile.WithTitle("title"))
	addSlot(t, mf, "y", &x)
	mustUpdate(t, mf)
	r := openFile(t, path)
	var snap mapfile.Snapshot
	if err := r.SnapshotInto(&snap); err != nil {
		t.Fatal(err)
	}
	words := openWords(t, path)
	words.flip(publishedBuffer(words, 0), 1) // its sequence
	if err := r.SnapshotInto(&snap); err != nil {
		t.Fatal(err)
	}
	if _, err := snap.Get("x"); !errors.Is(err, mapfile.ErrCorrupt) {
		t.Error(err)
	}
	info, err := snap.Stat("x")
	if !errors.Is(err, mapfile.ErrCorrupt) || info.Title != "title" || info.Stamp.Version != 0 || info.Length != 0 || info.Type.Name != "" || info.Age != 0 {
		t.Errorf("%+v, %v", info, err)
	}
	if got := get[int64](t, &snap, "y"); got != 1 {
		t.Error(got)
	}
	words.flip(publishedBuffer(words, 0), 1)
	if err := r.SnapshotInto(&snap); err != nil || get[int64](t, &snap, "x") != 1 {
		t.Error(err)
	}
}

// An age is that of the value when the Snapshot was taken. It does not grow while one looks.
func TestAgeInASnapshotDoesNotGrow(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	x := int64(1)
	for i := range 3 {
		addSlot(t, mf, fmt.Sprint("x", i), &x)
	}
	mustUpdate(t, mf)
	const pause = 100 * time.Millisecond
	time.Sleep(pause)
	// On a busy machine anything may take long; but not each time.
	worst := soonest(pause/2, func() time.Duration {
		r := openFile(t, path)
		begin := time.Now()
		snap := must1(r.Snapshot())
		first := must1(snap.Stat("x0")).Age
		slack := time.Since(begin)
		if first < pause-slack {
			t.Errorf("a value that is older than %v is %v old", pause, first)
		}
		time.Sleep(pause)
		r.Close()
		worst := must1(snap.Stat("x0")).Age - first
		for info := range snap.Slots() { // a body that takes long
			worst = max(worst, info.Age-first)
			time.Sleep(pause)
		}
		return worst
	})
	if worst > pause/2 {
		t.Errorf("the age has grown by %v", worst)
	}
}

func TestCommitOfASnapshotIsThatOfItsOnlyProducer(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	r := openFile(t, path)
	var snap mapfile.Snapshot
	mustBeCommit := func(want uint64, patterns ...string) {
		t.Helper()
		if err := r.SnapshotInto(&snap, patterns...); err != nil || snap.Commit() != want {
			t.Errorf("commit %d, %v; not %d", snap.Commit(), err, want)
		}
	}
	x := int64(1)
	slot := addSlot(t, mf, "a/x", &x)
	addSlot(t, mf, "a/y", &x)
	mustBeCommit(0) // nothing is published
	for range 3 {
		mustUpdate(t, mf)
	}
	mustBeCommit(3)
	if err := slot.Update(); err != nil {
		t.Fatal(err)
	}
	mustBeCommit(3)
	mustUpdate(t, mf, "a/y")
	mustBeCommit(4)
	mustBeCommit(4, "a/x") // as of that commit, though it has no part in it
	second := createFile(t, path)
	addSlot(t, second, "b/x", &x)
	mustBeCommit(4) // b/x has no value yet
	mustUpdate(t, second)
	mustBeCommit(0) // of two producers
	mustBeCommit(4, "a/*")
	mustBeCommit(5, "b/*") // a producer goes on from the highest number in the file when it began
	second.Close()
	mustBeCommit(0)
	mustBeCommit(5, "b/*")
	if err := r.SnapshotInto(&snap, "absent"); !errors.Is(err, mapfile.ErrNoSlot) || snap.Commit() != 0 {
		t.Errorf("commit %d, %v", snap.Commit(), err)
	}
}

// One Snapshot for many files: nothing of the one is left in the other.
func TestSnapshotIntoGoesFromFileToFile(t *testing.T) {
	dir := testDir(t)
	const files = 4
	var producers [files][]*mapfile.MapFile
	var readers [files]*mapfile.MapFile
	var values [files]int64
	texts := [files]string{}
	for i := range files {
		path := filepath.Join(dir, fmt.Sprint(i, ".map"))
		for j := range min(i+1, 3) { // files with one, two and three producers, and two that differ in nothing but values
			mf := createFile(t, path)
			addSlot(t, mf, fmt.Sprint("p", j), &values[i], mapfile.WithTitle(fmt.Sprint("file ", i)))
			producers[i] = append(producers[i], mf)
		}
		addSlot(t, producers[i][0], "same", &texts[i])
		readers[i] = openFile(t, path)
	}
	var snap mapfile.Snapshot
	for round := range 20 {
		for i := range files {
			values[i], texts[i] = int64(100*i+round), fmt.Sprint(i, " ", round)
			for _, mf := range producers[i] {
				mustUpdate(t, mf)
			}
		}
		for _, i := range []int{0, 2, 3, 1, 0, 1, 3, 2, 2, 0} {
			if err := readers[i].SnapshotInto(&snap); err != nil {
				t.Fatal(err)
			}
			count := 0
			for info := range snap.Slots() {
				count++
				if info.Name == "same" {
					continue
				}
				if got := get[int64](t, &snap, info.Name); got != values[i] || info.Title != fmt.Sprint("file ", i) || info.Producer.Session != info.Stamp.Session || info.Stamp.Version != uint64(round)+1 {
					t.Fatalf("round %d, file %d: %s is %d, %+v", round, i, info.Name, got, info)
				}
			}
			if got := get[string](t, &snap, "same"); got != texts[i] || count != len(producers[i])+1 {
				t.Fatalf("round %d, file %d: %q, %d slots", round, i, got, count)
			}
			if want := uint64(round) + 1; i == 0 && snap.Commit() != want || i > 0 && snap.Commit() != 0 {
				t.Fatalf("round %d, file %d: commit %d", round, i, snap.Commit())
			}
		}
	}
}

// A Snapshot that is filled again sees whoever has joined meanwhile, in a record that nobody had, and in
// one that another session had before; also where the slot has got another type with its producer.
func TestSnapshotIntoSeesProducersThatJoin(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	first := createFile(t, path)
	value := int64(0)
	addSlot(t, first, "first", &value)
	mustUpdate(t, first)
	r := openFile(t, path)
	var snap mapfile.Snapshot
	if err := r.SnapshotInto(&snap); err != nil {
		t.Fatal(err)
	}
	var same mapfile.Snapshot // always of the same slots: it need not look for them
	reader := r.Reader("joined")
	last := uint64(0)
	for i := range layout.NumSessions + 20 { // more than there are records
		mf := createFile(t, path)
		number, text := int64(1000*i), ""
		addSlot(t, mf, "joined", []any{&number, &text}[i%2])
		for range 2 {
			number++
			text = fmt.Sprint(number)
			if err := errors.Join(mf.Update(), r.SnapshotInto(&snap, "joined"), r.SnapshotInto(&same, "joined")); err != nil {
				t.Fatal(i, err)
			}
			for _, read := range []func() (any, error){
				func() (any, error) { return snap.Get("joined") },
				func() (any, error) { return same.Get("joined") },
				func() (any, error) { v, _, err := reader.Get(); return v, err },
			} {
				if got, err := read(); err != nil || !reflect.DeepEqual(got, []any{&number, &text}[i%2]) {
					t.Fatalf("session %d: %T, %v, published is %d", i, got, err, number)
				}
			}
		}
		info := must1(snap.Stat("joined"))
		if info.Stamp.Session <= last || snap.Commit() != info.Stamp.Commit || info.Producer.Session != info.Stamp.Session || info.Producer.State != mapfile.StateLive {
			t.Fatalf("session %d, after session %d: %+v, commit %d", i, last, info, snap.Commit())
		}
		last = info.Stamp.Session
		mf.Close()
		if err := r.SnapshotInto(&snap); err != nil || get[int64](t, &snap, "first") != 0 {
			t.Fatalf("session %d, after its end: %v", i, err)
		}
	}
}
