package mapfile_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
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
	if ev := w.next(t, 5*time.Second); ev.Stamp.Version != 1 {
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
	if ev := w.next(t, time.Second); ev.Kind != mapfile.EventPublished || ev.Stamp.Version != 2 {
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
	if ev := w.next(t, time.Second); ev.Kind != mapfile.EventPublished || ev.Stamp.Version != 3 {
		t.Fatal(ev.Kind, ev.Stamp)
	}
}
