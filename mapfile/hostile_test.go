package mapfile_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
)

// Files that lie. Who may write a file can put anything into it; readers must neither crash nor hang nor
// take memory out of proportion, and say what is wrong.

// No call that ends by itself takes so long, on whatever machine; and what a reader may take. Of a file of
// n bytes that is 2n for the values of a Snapshot, about as much for lists of what is in it, and a fixed rest.
const (
	longestCall = 10 * time.Second
	fixedMemory = 48 << 20
)

// Each lie alone, against a fresh reader and one that was there before.
func TestLiesAreErrorsNotCrashesHangsOrMemory(t *testing.T) {
	whole := hostileImage(t)
	for _, lie := range lies {
		t.Run(lie.name, func(t *testing.T) {
			path := filepath.Join(testDir(t), "a.map")
			must(os.WriteFile(path, whole, 0o600))
			before := openFile(t, path)
			useAll(t, before) // so that it knows cursors and types
			b := bytes.Clone(whole)
			lie.tell(b)
			overwrite(t, path, b)
			useAll(t, before)
			after, err := mapfile.Open(path)
			if err != nil {
				mustBeTyped(t, "open", err)
				return
			}
			useAll(t, after)
			after.Close()
		})
	}
}

// Lies, against those who write: an error, never a crash, and no disk filled by a size that is not true.
func TestLiesDoNotCrashProducers(t *testing.T) {
	whole := hostileImage(t)
	for _, lie := range lies {
		t.Run(lie.name, func(t *testing.T) {
			path := filepath.Join(testDir(t), "a.map")
			must(os.WriteFile(path, whole, 0o600))
			before := createFile(t, path, mapfile.WithLockTimeout(200*time.Millisecond))
			n := int64(1)
			slot := addSlot(t, before, "n/3", &n)
			b := must1(os.ReadFile(path))
			lie.tell(b)
			overwrite(t, path, b)
			grown := make([]float64, 20_000)
			produce := func(mf *mapfile.MapFile) {
				for _, call := range []func() error{
					func() error { _, err := mf.Add("n/5", &n); return err },
					func() error { _, err := mf.Add("absent", &grown); return err },
					func() error { return mf.Update() },
					func() error { return mf.Remove("n/7") },
					mf.Sync, mf.RemoveAll,
				} {
					if err := call(); err != nil {
						mustBeTyped(t, "produce", err)
					}
				}
			}
			if err := slot.Update(); err != nil {
				mustBeTyped(t, "update", err)
			}
			produce(before)
			before.Close()
			if after, err := mapfile.OpenOrCreate(path, mapfile.WithLockTimeout(200*time.Millisecond)); err == nil {
				produce(after)
				after.Close()
			} else {
				mustBeTyped(t, "join", err)
			}
			if info := must1(os.Stat(path)); info.Size() > 8<<20 {
				t.Errorf("the file was made %d bytes long", info.Size())
			}
		})
	}
}

// overwrite puts bytes into the file that others have mapped.
func overwrite(t testing.TB, path string, b []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteAt(b, 0)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// typed are all errors that a file may cause.
var typed = []error{
	mapfile.ErrNotMapFile, mapfile.ErrFormatVersion, mapfile.ErrCorrupt, mapfile.ErrSuperseded, mapfile.ErrNoSlot, mapfile.ErrNotPublished,
	mapfile.ErrBusy, mapfile.ErrLocked, mapfile.ErrOwned, mapfile.ErrFull, mapfile.ErrTooLarge, mapfile.ErrType, mapfile.ErrSchema, mapfile.ErrCodec, mapfile.ErrUnregistered, mapfile.ErrDecode,
	mapfile.ErrSlotExists, fs.ErrExist, context.DeadlineExceeded,
}

func mustBeTyped(t testing.TB, what string, err error) {
	t.Helper()
	var e *mapfile.Error
	if !errors.As(err, &e) {
		t.Errorf("%s: not an *Error: %v", what, err)
	}
	for _, sentinel := range typed {
		if errors.Is(err, sentinel) {
			return
		}
	}
	t.Errorf("%s: an error of no kind: %v", what, err)
}

// useAll does everything that a reader can do, and checks how long each call takes, and how much memory.
func useAll(t testing.TB, mf *mapfile.MapFile) {
	t.Helper()
	useNow(t, mf)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	for _, err := range mf.Watch(ctx) {
		if err != nil {
			mustBeTyped(t, "Watch", err)
		}
	}
}

// useNow is useAll but for what waits.
func useNow(t testing.TB, mf *mapfile.MapFile) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	did := func(what string, err error) {
		t.Helper()
		if took := time.Since(start); took > longestCall {
			t.Errorf("%s took %v", what, took)
		}
		if err != nil {
			mustBeTyped(t, what, err)
		}
		start = time.Now()
	}
	names := []string{"big", "n/1", "n/3", "absent"}
	for info, err := range mf.Slots() {
		did("Slots", err)
		if err == nil && len(names) < 20 {
			names = append(names, info.Name)
		}
	}
	var raw mapfile.Raw
	for _, name := range names {
		_, err := mf.Get(name)
		did("Get", err)
		did("GetInto", mf.GetInto(name, &raw))
		r := mf.Reader(name)
		r.Version()
		_, err = r.Stat()
		did("Stat", err)
		_, _, err = r.Inspect()
		did("Inspect", err)
	}
	for _, patterns := range [][]string{nil, {"n/*"}, {"n/1", "n/2"}} {
		snap, err := mf.Snapshot(patterns...)
		did("Snapshot", err)
		for info := range snap.Slots() {
			if err := snap.GetInto(info.Name, &raw); err != nil {
				did("Snapshot.GetInto", err)
			}
		}
	}
	_, err := mf.Stat()
	did("Stat", err)
	for _, err := range mf.Verify() {
		did("Verify", err)
	}
	for _, err := range mf.Layout() {
		did("Layout", err)
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > fixedMemory && !raceEnabled { // the detector takes its own
		t.Errorf("took %d MiB of memory", took>>20)
	}
}

// A name that is looked for in a chain that goes in a circle is not looked for as often as the file says
// that there are entries, nor the circle walked a hundred times because the directory seems to change.
func TestCircularChainsAreWalkedOnce(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path, mapfile.WithSize(256<<20)) // room for two million entries
	n := int64(1)
	addSlot(t, mf, "a", &n)
	addSlot(t, mf, "b", &n)
	mustUpdate(t, mf)
	mf.Close()
	b := image(must1(os.ReadFile(path)))
	b.put(layout.ChangesOff, b.word(layout.ChangesOff)|1)
	b.put(layout.NumEntriesOff, 1<<40)
	for bucket := range uint64(64) {
		b.put32(layout.IndexWord(b.word(layout.IndexOff)).Off()+4*bucket, 1)
	}
	b.put32(b.entry(0)+layout.EntryNextOff, 2)
	b.put32(b.entry(1)+layout.EntryNextOff, 1)
	for i := range 2 {
		b.put(layout.EntryChunksOff+8*uint64(i)+8, 0) // the scan ends where the second chunk would be
	}
	overwrite(t, path, b)
	reader := openFile(t, path)
	start := time.Now()
	_, err := reader.Get("absent")
	if took := time.Since(start); took > longestCall || err == nil {
		t.Errorf("took %v: %v", took, err)
	}
}

// Slots that claim to lie at one place cannot make a Snapshot larger than the file.
func TestSnapshotOfSlotsThatShareSpaceIsBounded(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	big := make([]byte, 1<<20)
	addSlot(t, mf, "big", &big, mapfile.WithBuffers(2))
	n := int64(1)
	for i := 1; i < 60; i++ {
		addSlot(t, mf, fmt.Sprint(i), &n, mapfile.WithBuffers(2))
	}
	mustUpdate(t, mf)
	mf.Close()
	b := image(must1(os.ReadFile(path)))
	for i := range 60 {
		b.put(b.entry(i)+layout.EntryExtOff, b.word(b.entry(0)+layout.EntryExtOff))
	}
	overwrite(t, path, b)
	reader := openFile(t, path)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	snap, err := reader.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 3*uint64(len(b)) && !raceEnabled { // the detector takes its own
		t.Errorf("a Snapshot of a file of %d MiB took %d MiB", len(b)>>20, took>>20)
	}
	for i := 1; i < 60; i++ {
		if _, err := snap.Get(fmt.Sprint(i)); !errors.Is(err, mapfile.ErrCorrupt) {
			t.Fatalf("slot %d: %v", i, err)
		}
	}
}

// A value may name any type record; that a reader remembers types does not mean that it remembers as many
// megabytes as somebody makes it read.
func TestTypeRecordsThatAreRememberedAreBounded(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	value := &mapfile.Raw{Type: mapfile.TypeInfo{Name: "test.Big", Codec: "test", Schema: make([]byte, 2<<20)}, Payload: []byte("x")}
	addSlot(t, mf, "a", value, mapfile.WithBuffers(2))
	mustUpdate(t, mf)
	mf.Close()
	b := image(must1(os.ReadFile(path)))
	const types = 100
	b.put(layout.NumTypesOff, types)
	record := b.word(b.word(layout.TypeChunksOff))
	pub := layout.PublishWord(b.word(b.entry(0) + layout.EntryPubOff))
	ext := b.extent(0)
	at := ext.Buffer(pub.Index())
	for chunk := range uint64(4) { // tables of types that lie in the record's own schema, and all name that record
		place := record*layout.UnitLen + 4096 + chunk*1024
		b.put(layout.TypeChunksOff+8*chunk, place)
		for i := range uint64(128) {
			b.put(place+8*i, record)
		}
	}
	var rec layout.TypeRecord
	n, _ := layout.TypeRecordLen(b[record*layout.UnitLen:])
	whole := b[record*layout.UnitLen:][:n]
	rec.Name, rec.Codec, rec.Schema = "test.Big", "test", bytes.Clone(whole[layout.TypeRecordHeadLen+len("test.Big")+len("test"):])
	rec.ID = binary.LittleEndian.Uint64(whole[16:])
	layout.PutTypeRecord(whole, &rec)
	reader := openFile(t, path)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range uint32(types) {
		var head layout.Buffer
		layout.GetBuffer(b[at:], &head)
		head.Type = i
		salt := layout.Salt(0, b.word32(b.entry(0)+layout.EntryGenOff))
		head.Check = layout.Check(pub.Version(), &head, salt, []byte("x"))
		layout.PutBuffer(b[at:], &head)
		overwrite(t, path, b)
		var raw mapfile.Raw
		if err := reader.GetInto("a", &raw); err != nil {
			t.Fatal(i, err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if keeps := int64(after.HeapAlloc) - int64(before.HeapAlloc); keeps > 100<<20 {
		t.Errorf("after %d types of 2 MiB the reader keeps %d MiB", types, keeps>>20)
	}
	runtime.KeepAlive(reader)
}

// A word that is looked at twice may say two things. A mark of replacement that comes and goes between the looks
// must not make a read succeed that has copied nothing: it would give out what the read before it had found.
func TestMarkThatComesAndGoesMakesNoValue(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	addSlot(t, mf, "small", rawPayload(100, 1))
	addSlot(t, mf, "large", rawPayload(5000, 2))
	mustUpdate(t, mf)
	mf.Close()
	reader := openFile(t, path)
	small, large := reader.Reader("small"), reader.Reader("large")
	file := must1(os.OpenFile(path, os.O_WRONLY, 0))
	defer file.Close()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for n := uint64(1); ; n++ {
			select {
			case <-stop:
				return
			default:
				file.WriteAt(binary.LittleEndian.AppendUint64(nil, n&1), layout.SupersededOff)
			}
		}
	}()
	var raw mapfile.Raw
	for start := time.Now(); time.Since(start) < 500*time.Millisecond; {
		for want, r := range []*mapfile.SlotReader{small, large} {
			_, err := r.GetInto(&raw)
			if err != nil {
				mustBeTyped(t, "GetInto", err)
				continue
			}
			if number, err := payloadNumber(raw.Payload); err != nil || number != uint64(want)+1 {
				t.Fatalf("payload %d of %d bytes, %v", number, len(raw.Payload), err)
			}
		}
	}
	close(stop)
	<-stopped
}
