package mapfile_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
)

// States that random deaths and random readers meet too seldom are made on purpose here.

// An extent that was given away may still show the sequence that a slow reader looks for, while others
// write into the middle of it: the extent word tells. The sizes are such that the new owner's payloads
// go around the old buffer's sequence.
func TestExtentThatWasGivenAwayIsNotTakenForTheSlots(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path, mapfile.WithSize(4<<20))
	r := openFile(t, path, mapfile.WithoutCheck())
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := uint64(1); ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			big, err := mf.Add("big", rawPayload(60_000, n), mapfile.WithBuffers(2), mapfile.WithCapacity(1<<16))
			if err == nil {
				err = big.Update() // in the second buffer
			}
			for begin := time.Now(); time.Since(begin) < 20*time.Microsecond; {
			}
			if err = errors.Join(err, mf.Remove("big")); err != nil {
				t.Error(err)
				return
			}
			small := rawPayload(7000, n<<32)
			other, err := mf.Add("other", small, mapfile.WithBuffers(15), mapfile.WithCapacity(1<<13))
			for range 15 {
				err = errors.Join(err, other.Update())
			}
			if err = errors.Join(err, mf.Remove("other")); err != nil {
				t.Error(err)
				return
			}
		}
	})
	reader := r.Reader("big")
	var raw mapfile.Raw
	values, last := 0, uint64(0)
	for begin := time.Now(); time.Since(begin) < time.Duration(times(700, 60_000))*time.Millisecond && !t.Failed(); {
		_, err := reader.GetInto(&raw)
		switch {
		case errors.Is(err, mapfile.ErrNoSlot), errors.Is(err, mapfile.ErrNotPublished), errors.Is(err, mapfile.ErrBusy):
			continue
		case err != nil:
			t.Error(err)
		}
		number, torn := payloadNumber(raw.Payload)
		if torn != nil || number < last || number >= 1<<32 {
			t.Error(number, "after", last, torn)
		}
		last = number
		values++
	}
	close(stop)
	wg.Wait()
	if t.Log(values, "values"); values == 0 {
		t.Error("nothing was read")
	}
}

// What a failed commit wrote is never seen, also not by a Snapshot that looks for older versions: its
// number is used again.
func TestWhatAFailedCommitWroteIsNeverSeen(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path, mapfile.WithMaxSize(1<<20))
	r := openFile(t, path)
	addRaws(mf, names("a/", 20), 1)
	value, other := int64(0), int64(0)
	good := addSlot(t, mf, "z/good", &value, mapfile.WithBuffers(16))
	second := addSlot(t, mf, "z/other", &other, mapfile.WithBuffers(16))
	if err := mf.Update(); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	big := []byte("x")
	bigSlot := addSlot(t, mf, "z/big", &big)
	if err := bigSlot.Update(); err != nil {
		t.Fatal(err)
	}
	huge := make([]byte, 1<<20) // the file must not grow so far
	wg.Go(func() {
		for n := int64(1); ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			value, big = -n, huge
			if err := mf.UpdateSlots(good, bigSlot); !errors.Is(err, mapfile.ErrFull) {
				t.Error(err)
				return
			}
			value, big, other = n, big[:1], n
			if err := errors.Join(mf.UpdateSlots(second), mf.UpdateSlots(good)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	last := int64(0)
	var snap mapfile.Snapshot
	for begin := time.Now(); time.Since(begin) < time.Duration(times(700, 60_000))*time.Millisecond && !t.Failed(); {
		if err := r.SnapshotInto(&snap); errors.Is(err, mapfile.ErrBusy) {
			continue
		} else if err != nil {
			t.Error(err)
			break
		}
		got := must1(mapfile.Get[int64](&snap, "z/good"))
		ahead := must1(mapfile.Get[int64](&snap, "z/other"))
		if got < last || got != ahead && got != ahead-1 {
			t.Errorf("a snapshot shows %d after %d, and %d", got, last, ahead)
		}
		last = got
	}
	close(stop)
	wg.Wait()
	if last == 0 {
		t.Error("nothing was read")
	}
}

// What a producer left that died within a commit is put in order by whoever takes its slots or its
// record over, and stays right however often records are given out again.
func TestTakeOverOfACommitUnderWay(t *testing.T) {
	for _, decided := range []bool{false, true} {
		t.Run(fmt.Sprint("decided ", decided), func(t *testing.T) {
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
			words := openWords(t, path)
			entry := words.load(layout.EntryChunksOff)
			salt := layout.Salt(0, uint32(words.load(entry+layout.EntryGenOff)))
			pub := layout.PublishWord(words.load(entry + layout.EntryPubOff))
			ext := layout.ExtentWord(words.load(entry + layout.EntryExtOff)).Decode()
			second := ext.Buffer(pub.Index())
			first := 0
			for words.load(ext.Buffer(first)) != 2 {
				first++
			}
			words.store(entry+layout.EntryPubOff, uint64(layout.NewPublishWord(1, first, pub.Index(), salt)))
			words.store(layout.SessionOff(0)+layout.SessionEndedOff, layout.SessionOpen)
			want := int64(2)
			if !decided {
				want = 1
				words.store(layout.SessionOff(0)+layout.SessionCommitOff, 1)
			}
			r := openFile(t, path)
			check := func(when string) {
				t.Helper()
				for how, from := range map[string]mapfile.Getter{"reader": r, "fresh reader": openFile(t, path), "snapshot": must1(r.Snapshot())} {
					if got, err := mapfile.Get[int64](from, "x"); err != nil || got != want {
						t.Fatalf("%s, %s: %d, %v, want %d", when, how, got, err, want)
					}
				}
			}
			check("before")
			for i := range layout.NumSessions + 5 {
				producer, err := mapfile.OpenOrCreate(path)
				if err != nil {
					t.Fatal(err)
				}
				if i%50 == 0 {
					check(fmt.Sprint("after ", i, " sessions"))
				}
				producer.Close()
			}
			check("after all records were given out again")
			if now := layout.PublishWord(words.load(entry + layout.EntryPubOff)); now.Marked() {
				t.Error("the mark of a session that has no record any more")
			}
			if seq := words.load(second); !decided && seq%2 == 0 {
				t.Errorf("what was never committed is complete, sequence %d: its commit number will be used again", seq)
			}
			next := createFile(t, path)
			x = 7
			slot := addSlot(t, next, "x", &x)
			check("after Add")
			if err := slot.Update(); err != nil {
				t.Fatal(err)
			}
			if want = 7; slot.Version() != 3 { // version 2 was used, whatever became of it
				t.Error("version", slot.Version())
			}
			check("after Update")
		})
	}
}
