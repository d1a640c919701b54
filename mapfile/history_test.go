package mapfile

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/gomapfile/mapfile/mapfile/internal/layout"
)

// This file runs random histories of slots that come, grow, shrink and go, by two producers of one
// file, and looks after each at all the file's bookkeeping. See CheckInvariants.

// history is a file with two producers and a reader, and what should be in it.
type history struct {
	t         *testing.T
	r         *rand.Rand
	producers [2]*MapFile
	reader    *MapFile
	slots     map[string]*historySlot
	full      int // calls that ended in ErrFull
}

type historySlot struct {
	producer  int
	handle    *Slot
	bound     []byte // what the handle points to
	published []byte // nil: nothing yet
}

func newHistory(t *testing.T, seed uint64, opts ...Option) *history {
	t.Helper()
	path := filepath.Join(fastDir(t), "history.map")
	h := &history{t: t, r: rand.New(rand.NewPCG(seed, 0)), slots: map[string]*historySlot{}}
	for i := range h.producers {
		mf, err := OpenOrCreate(path, opts...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { mf.Close() })
		h.producers[i] = mf
	}
	var err error
	if h.reader, err = Open(path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.reader.Close() })
	return h
}

// fastDir is a directory on a tmpfs, where there is one.
func fastDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "mapfile-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// may fails the test unless err is nil or, in a file that may get full, says just that.
func (h *history) may(err error) bool {
	h.t.Helper()
	if errors.Is(err, ErrFull) {
		h.full++
		return false
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return true
}

// step does one random thing.
func (h *history) step(maxLen int) {
	name := fmt.Sprintf("slot/%03d", h.r.IntN(200))
	s := h.slots[name]
	switch {
	case s == nil:
		h.add(name, maxLen)
	case h.r.IntN(3) == 0:
		if h.may(h.producers[s.producer].Remove(name)) {
			delete(h.slots, name)
		}
	default:
		s.bound = h.bytes(maxLen)
		if h.may(s.handle.Update()) {
			s.published = s.bound
		}
	}
}

func (h *history) add(name string, maxLen int) {
	s := &historySlot{producer: h.r.IntN(2), bound: h.bytes(maxLen)}
	opts := []SlotOption{WithCapacity(h.r.IntN(maxLen))}
	if h.r.IntN(2) == 0 {
		opts = append(opts, WithBuffers(2+h.r.IntN(15)))
	}
	if h.r.IntN(2) == 0 {
		opts = append(opts, WithTitle(string(h.bytes(200))))
	}
	handle, err := h.producers[s.producer].Add(name, &s.bound, opts...)
	if h.may(err) {
		s.handle, h.slots[name] = handle, s
	}
}

// addType makes the file know another type; what a file knows of types stays.
func (h *history) addType(i int) {
	raw := &Raw{Type: TypeInfo{Name: fmt.Sprint("type", i), Codec: "none"}}
	if _, err := h.producers[0].Add("typed", raw, WithCapacity(1000)); h.may(err) {
		h.may(h.producers[0].Remove("typed"))
	}
}

// bytes are random, of a random length that is mostly short.
func (h *history) bytes(maxLen int) []byte {
	p := make([]byte, h.r.IntN(1+h.r.IntN(maxLen)))
	for i := range p {
		p[i] = byte(h.r.Uint32())
	}
	return p
}

// check compares bookkeeping and values with what should be.
func (h *history) check(step int) {
	h.t.Helper()
	if err := CheckInvariants(h.reader); err != nil {
		h.t.Fatalf("after step %d:\n%v", step, err)
	}
	for name, s := range h.slots {
		got, err := Get[[]byte](h.reader, name)
		if s.published == nil {
			if !errors.Is(err, ErrNotPublished) {
				h.t.Fatalf("after step %d: %s, not published: %v", step, name, err)
			}
			continue
		}
		if err != nil || !bytes.Equal(got, s.published) {
			h.t.Fatalf("after step %d: %s: %d bytes, %v; want %d", step, name, len(got), err, len(s.published))
		}
	}
	n := 0
	for info, err := range h.reader.Slots() {
		if n++; err != nil || h.slots[info.Name] == nil {
			h.t.Fatalf("after step %d: Slots has %q, %v", step, info.Name, err)
		}
	}
	if n != len(h.slots) {
		h.t.Fatalf("after step %d: Slots has %d of %d", step, n, len(h.slots))
	}
}

func TestRandomHistoriesLeaveNoOverlapAndNoLeak(t *testing.T) { // B02 B12 B13
	const steps = 10_000
	h := newHistory(t, 1)
	for step := range steps {
		h.step(20_000)
		if step%1000 == 0 {
			h.check(step)
		}
	}
	h.check(steps)
	for _, mf := range h.producers {
		if err := mf.RemoveAll(); err != nil {
			t.Fatal(err)
		}
	}
	clear(h.slots)
	h.check(steps)
}

func TestHistoriesInAFileThatIsOftenFullLoseNothing(t *testing.T) { // A21 C18
	const limit, steps = 1 << 20, 4000
	h := newHistory(t, 2, WithMaxSize(limit))
	for step := range steps {
		h.step(30_000)
		if step%10 == 0 {
			h.addType(step)
		}
		if step%250 == 0 {
			h.check(step)
		}
	}
	h.check(steps)
	info, err := os.Stat(h.reader.Path())
	if err != nil || info.Size() > limit {
		t.Errorf("the file has %d bytes, %v", info.Size(), err)
	}
	if h.full == 0 {
		t.Error("the file was never full: this shows nothing")
	}
}

func TestRebuildFindsTheSameBookkeeping(t *testing.T) {
	h := newHistory(t, 3)
	for range 3000 {
		h.step(5000)
	}
	h.check(3000)
	before := h.used()
	for i := range 16 {
		h.breakOff(i)
		h.add(fmt.Sprint("after/", i), 5000) // the next holder
		h.check(i)
	}
	clearAll(h)
	if after := h.used(); after > before {
		t.Errorf("%d bytes in use before, %d of no slot after", before, after)
	}
}

func clearAll(h *history) {
	for _, mf := range h.producers {
		if err := mf.RemoveAll(); err != nil {
			h.t.Fatal(err)
		}
	}
	clear(h.slots)
	h.check(-1)
}

func (h *history) used() int64 {
	info, err := h.reader.Stat()
	if err != nil {
		h.t.Fatal(err)
	}
	return info.Used
}

// breakOff leaves the file as a holder of the structure lock may that dies at work: words odd, space
// marked that nothing leads to, an entry taken from the list, the index half made.
func (h *history) breakOff(i int) {
	m := h.producers[0].s.mem()
	m.Store(layout.StructureOff, m.Load(layout.StructureOff)|1)
	if i&1 != 0 {
		m.Store(layout.ChangesOff, m.Load(layout.ChangesOff)|1)
	}
	if unit, ok := findRun(m, 5); ok && i&2 != 0 {
		mark(m, unit, 5, true)
	}
	if next := m.Load(layout.FreeEntriesOff); next != 0 && i&4 != 0 {
		m.Store(layout.FreeEntriesOff, uint64(m.Load32(entryOff(m.View, uint32(next-1))+layout.EntryNextOff)))
	}
	if index := layout.IndexWord(m.Load(layout.IndexOff)); i&8 != 0 {
		m.Zero(index.Off(), 2*index.Buckets())
	}
}

func TestTypeThatFindsNoRoomLeavesNothingBehind(t *testing.T) {
	h := newHistory(t, 4, WithMaxSize(1<<20))
	raw := &Raw{Type: TypeInfo{Name: "huge", Codec: "none", Schema: make([]byte, 2<<20)}}
	for range 3 {
		if _, err := h.producers[0].Add("x", raw); !errors.Is(err, ErrFull) {
			t.Fatal(err)
		}
		h.check(0)
	}
}

// The same bytes at two addresses: nothing in the file is an address. DESIGN section 9.
func TestTwoMappingsAtDifferentAddressesAgree(t *testing.T) {
	h := newHistory(t, 5)
	bases := map[any]bool{}
	for _, mf := range []*MapFile{h.producers[0], h.producers[1], h.reader} {
		base, _ := mf.file.Load().region.View()
		bases[base] = true
	}
	if len(bases) != 3 {
		t.Fatalf("%d addresses: this shows nothing", len(bases))
	}
	for step := range 150 {
		h.step(5000)
		for name, s := range h.slots {
			for i, mf := range h.producers {
				got, err := Get[[]byte](mf, name)
				if s.published != nil && (err != nil || !bytes.Equal(got, s.published)) {
					t.Fatalf("step %d: %s through mapping %d: %v", step, name, i, err)
				}
			}
		}
	}
	h.check(150)
}
