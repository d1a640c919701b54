package mapfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
)

// Producers that leave payloads out of the checksum (WithoutCheck). The header keeps its own: what is lost
// is only that a stray write into a payload, or what a power cut left of it, is noticed.

// producings are the ways to become a producer.
var producings = map[string]func(string, ...mapfile.Option) (*mapfile.MapFile, error){
	"Create": mapfile.Create, "OpenOrCreate": mapfile.OpenOrCreate, "Recreate": mapfile.Recreate,
}

// byChecked are a producer with checksums and one without.
var byChecked = map[bool][]mapfile.Option{true: nil, false: {mapfile.WithoutCheck()}}

// publishedBuffer returns where the published buffer of the slot lies that was added as number i.
func publishedBuffer(w fileWords, i int) uint64 {
	entry := w.load(layout.EntryChunksOff) + uint64(i)*layout.EntryLen
	ext := layout.ExtentWord(w.load(entry + layout.EntryExtOff)).Decode()
	return ext.Buffer(layout.PublishWord(w.load(entry + layout.EntryPubOff)).Index())
}

// flip changes a bit, 0 to 63, of the word at off.
func (w fileWords) flip(off uint64, bit int) { w.store(off, w.load(off)^1<<bit) }

// mustBeChecked: the payload of that slot's published buffer has a checksum, or not.
func mustBeChecked(t *testing.T, w fileWords, i int, want bool, when string) {
	t.Helper()
	if _, unchecked := layout.PayloadLen(uint32(w.load(publishedBuffer(w, i) + layout.BufferLengthOff))); unchecked == want {
		t.Errorf("slot %d, %s: with a checksum: %v, not %v", i, when, !unchecked, want)
	}
}

// allWays is a producer with a slot for each way in which a payload gets into a buffer.
type allWays struct {
	mf      *mapfile.MapFile
	raws    []*mapfile.Raw // as they are, small and in pieces
	text    string         // in place, by codec basic
	grown   []byte         // it outgrows its slot
	pod     fixed          // in place, by codec pod
	foreign foreignNumber  // in private memory
	slots   []*mapfile.Slot
}

func newAllWays(t *testing.T, mf *mapfile.MapFile) *allWays {
	t.Helper()
	t.Cleanup(func() { mf.Close() })
	w := &allWays{mf: mf}
	for i, n := range []int{20, 100, 4096, 4097, 8192, 8193, 16_384, 16_385, 256 << 10, 256<<10 + 1} { // around the sizes of pieces
		w.raws = append(w.raws, rawPayload(n, 0))
		w.slots = append(w.slots, addSlot(t, mf, fmt.Sprint("raw", i), w.raws[i]))
	}
	w.slots = append(w.slots, addSlot(t, mf, "text", &w.text), addSlot(t, mf, "grown", &w.grown), addSlot(t, mf, "pod", &w.pod), addSlot(t, mf, "foreign", &w.foreign))
	return w
}

// set gives every object the number n.
func (w *allWays) set(n int) {
	for _, raw := range w.raws {
		raw.Payload = stampPayload(raw.Payload, len(raw.Payload), uint64(n))
	}
	w.text = fmt.Sprint("text ", n)
	w.grown = stampPayload(nil, 20+n*3000, uint64(n))
	w.pod.A, w.pod.B[3] = int64(n), float64(n)
	w.foreign.N = int64(n)
}

// check compares what is to be read with the number n.
func (w *allWays) check(t *testing.T, from mapfile.Getter, n int, when string) {
	t.Helper()
	for i := range w.raws {
		var raw mapfile.Raw
		err := from.GetInto(fmt.Sprint("raw", i), &raw)
		if number, torn := payloadNumber(raw.Payload); err != nil || torn != nil || number != uint64(n) {
			t.Errorf("%s: raw%d: %d, %v, %v", when, i, number, err, torn)
		}
	}
	if got, err := mapfile.Get[string](from, "text"); err != nil || got != fmt.Sprint("text ", n) {
		t.Errorf("%s: text: %q, %v", when, got, err)
	}
	grown, err := mapfile.Get[[]byte](from, "grown")
	if number, torn := payloadNumber(grown); err != nil || torn != nil || number != uint64(n) {
		t.Errorf("%s: grown: %d, %v, %v", when, number, err, torn)
	}
	if got, err := mapfile.Get[fixed](from, "pod"); err != nil || got.A != int64(n) || got.B[3] != float64(n) {
		t.Errorf("%s: pod: %+v, %v", when, got, err)
	}
	if got, err := mapfile.Get[foreignNumber](from, "foreign"); err != nil || got.N != int64(n) {
		t.Errorf("%s: foreign: %+v, %v", when, got, err)
	}
}

func TestEveryWayOfPublishingFollowsWithoutCheck(t *testing.T) {
	for opening, produce := range producings {
		for checked, opts := range byChecked {
			path := filepath.Join(testDir(t), "a.map")
			w := newAllWays(t, must1(produce(path, opts...)))
			words := openWords(t, path)
			readers := []*mapfile.MapFile{openFile(t, path), openFile(t, path, mapfile.WithoutCheck()), w.mf}
			n := 0
			step := func(how string, update func() error) {
				t.Helper()
				n++
				w.set(n)
				if err := update(); err != nil {
					t.Fatal(err)
				}
				when := fmt.Sprintf("%s, checksums %v, %s", opening, checked, how)
				for i := range w.slots {
					mustBeChecked(t, words, i, checked, when)
				}
				for _, r := range readers {
					w.check(t, r, n, when)
					w.check(t, must1(r.Snapshot()), n, when+", snapshot")
				}
			}
			oneByOne := func() (err error) {
				for _, slot := range w.slots {
					err = errors.Join(err, slot.Update())
				}
				return err
			}
			inPlace := w.slots[:len(w.slots)-1]
			foreign := w.slots[len(w.slots)-1]
			step("the first ones", oneByOne)
			step("single", oneByOne)
			step("a commit of all", func() error { return w.mf.Update() })
			step("a commit in place", func() error { return errors.Join(w.mf.UpdateSlots(inPlace...), foreign.Update()) })
			step("single again", oneByOne)
			if err := verify(readers[0]); err != nil {
				t.Errorf("%s, checksums %v: %v", opening, checked, err)
			}
			mustBeInOrder(t, w.mf)
			complete := false
			for field, err := range readers[0].Layout() {
				if err != nil {
					t.Fatal(err)
				}
				switch field.Name {
				case "sequence": // the first of a buffer's header
					complete = strings.HasSuffix(field.Value, " complete)")
				case "length":
					if says := strings.HasSuffix(field.Value, ", without checksum"); complete && says == checked {
						t.Errorf("%s, checksums %v: Layout shows the length as %q", opening, checked, field.Value)
					}
				}
			}
		}
	}
}

// reads are the ways to read a slot, which should all notice damage.
func reads(r *mapfile.MapFile, name string) map[string]func() error {
	return map[string]func() error{
		"Get":         func() error { _, err := r.Get(name); return err },
		"GetInto":     func() error { return r.GetInto(name, new(fixed)) },
		"raw GetInto": func() error { return r.GetInto(name, new(mapfile.Raw)) },
		"Inspect":     func() error { _, _, err := r.Reader(name).Inspect(); return err },
		"Verify": func() (err error) {
			for _, e := range r.Verify(name) {
				err = errors.Join(err, e)
			}
			return err
		},
		"Snapshot": func() error {
			snap, err := r.Snapshot(name)
			if err == nil {
				err = snap.GetInto(name, new(mapfile.Raw))
			}
			return err
		},
	}
}

// twoKinds is a file with two producers: the slot "on" has checksums, the slot "off" has none.
func twoKinds(t *testing.T, path string) (on, off *mapfile.Slot, onValue, offValue *fixed) {
	t.Helper()
	onValue, offValue = &fixed{A: 1}, &fixed{A: 1}
	off = addSlot(t, createFile(t, path, mapfile.WithoutCheck()), "off", offValue) // the first entry
	checked := createFile(t, path)
	on = addSlot(t, checked, "on", onValue)
	addSlot(t, checked, "namesake", &mapfile.Raw{Type: mapfile.TypeInfo{Name: "test.Fixed", Codec: "another"}}) // of the same type ID
	for range 2 {                                                                                               // in private memory, and in place
		if err := errors.Join(off.Update(), on.Update()); err != nil {
			t.Fatal(err)
		}
	}
	return on, off, onValue, offValue
}

func TestFlippedPayloadIsNoticedOnlyWithAChecksum(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	on, off, _, _ := twoKinds(t, path)
	words := openWords(t, path)
	mustBeChecked(t, words, 0, false, "off")
	mustBeChecked(t, words, 1, true, "on")
	r, lax := openFile(t, path), openFile(t, path, mapfile.WithoutCheck())
	payload := func(i int) uint64 { return publishedBuffer(words, i) + layout.BufferHeadLen }
	for i := range 2 {
		words.flip(payload(i), 1) // of fixed.A: 1 becomes 3
	}
	for how, read := range reads(r, "on") {
		if err := read(); !errors.Is(err, mapfile.ErrCorrupt) {
			t.Errorf("with a checksum, %s: %v", how, err)
		}
	}
	for _, from := range []*mapfile.MapFile{r, lax} {
		for how, read := range reads(from, "off") {
			if err := read(); err != nil {
				t.Errorf("without a checksum, %s: %v", how, err)
			}
		}
		for _, g := range []mapfile.Getter{from, must1(from.Snapshot())} {
			if got, err := mapfile.Get[fixed](g, "off"); err != nil || got.A != 3 {
				t.Errorf("without a checksum: %+v, %v", got, err)
			}
		}
	}
	// A reader that does not check is not told of either; decoding checks all the same.
	var raw mapfile.Raw
	if err := lax.GetInto("on", &raw); err != nil || raw.Payload[0] != 3 {
		t.Errorf("%v, %v", raw.Payload, err)
	}
	if _, err := lax.Get("on"); !errors.Is(err, mapfile.ErrCorrupt) {
		t.Error("Get of a reader WithoutCheck:", err)
	}
	// The owners' next updates make everything whole.
	if err := errors.Join(on.Update(), off.Update()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"on", "off"} {
		if got, err := mapfile.Get[fixed](r, name); err != nil || got.A != 1 {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// The header has a checksum whoever publishes: of 448 bits each is noticed, among them the one that says
// that the payload has none.
func TestFlippedHeaderIsNoticedWithoutAChecksumToo(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	twoKinds(t, path)
	words := openWords(t, path)
	readers := []*mapfile.MapFile{openFile(t, path), openFile(t, path, mapfile.WithoutCheck())}
	for i, name := range []string{"off", "on"} {
		head := publishedBuffer(words, i)
		for bit := range 8 * layout.BufferHeadLen {
			at, of := head+uint64(bit/64*8), bit%64
			words.flip(at, of)
			for lax, r := range readers {
				for how, read := range reads(r, name) {
					switch {
					case how == "Snapshot": // see below
						continue
					case how == "raw GetInto" && lax == 1:
						continue
					}
					if err := read(); !errors.Is(err, mapfile.ErrCorrupt) {
						t.Errorf("%s, bit %d of the header, %s: %v", name, bit, how, err)
					}
				}
			}
			words.flip(at, of)
		}
		for field, off := range map[string]uint64{"length": layout.BufferLengthOff, "check": layout.BufferLengthOff + 4, "type ID": layout.BufferTypeIDOff,
			"session": layout.BufferSessionOff,
			"wall":    layout.BufferWallOff, "boot": layout.BufferBootOff, "type": layout.BufferTypeOff, "rate": layout.BufferRateOff} {
			words.flip(head+off&^7, int(off&7*8))
			if err := reads(readers[0], name)["Snapshot"](); !errors.Is(err, mapfile.ErrCorrupt) {
				t.Errorf("%s, %s, Snapshot: %v", name, field, err)
			}
			words.flip(head+off&^7, int(off&7*8))
		}
		// By the commit a Snapshot chooses: one that was never made is newer than it, so it takes the version before.
		words.flip(head+layout.BufferCommitOff, 0)
		var raw mapfile.Raw
		if err := must1(readers[0].Snapshot(name)).GetInto(name, &raw); err != nil || raw.Stamp.Version != 1 {
			t.Errorf("%s, commit, Snapshot: version %d, %v", name, raw.Stamp.Version, err)
		}
		words.flip(head+layout.BufferCommitOff, 0)
		for how, read := range reads(readers[0], name) {
			if err := read(); err != nil {
				t.Errorf("%s, with everything turned back, %s: %v", name, how, err)
			}
		}
	}
}

// A slot changes its kind with its producer; snapshots and moves take along what there was.
func TestSlotChangesItsKindWithItsProducer(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	var value []byte
	r := (*mapfile.MapFile)(nil)
	for n := uint64(1); n <= 8; n++ {
		checked := n%2 == 0
		mf := createFile(t, path, byChecked[checked]...)
		if r == nil {
			r = openFile(t, path)
		}
		words := openWords(t, path)
		value = stampPayload(nil, 100, n)
		slot := addSlot(t, mf, "a", &value)
		if n > 1 {
			mustBeChecked(t, words, 0, !checked, "taken over")
		}
		if err := slot.Update(); err != nil {
			t.Fatal(err)
		}
		mustBeChecked(t, words, 0, checked, "updated")
		if n == 4 { // a move takes a payload without checksum along, as it is
			mf.Close()
			mf = createFile(t, path)
			addSlot(t, mf, "a", &value, mapfile.WithCapacity(50_000))
			mustBeChecked(t, words, 0, true, "moved")
		}
		if n == 5 {
			mf.Close()
			mf = createFile(t, path)
			addSlot(t, mf, "a", &value, mapfile.WithCapacity(200_000))
			mustBeChecked(t, words, 0, false, "moved")
		}
		for _, from := range []mapfile.Getter{r, must1(r.Snapshot())} {
			if number, err := payloadNumber(get[[]byte](t, from, "a")); err != nil || number != n {
				t.Errorf("%d, %v; not %d", number, err, n)
			}
		}
		if err := verify(r); err != nil {
			t.Error(n, err)
		}
		mf.Close()
	}
}

// After the machine went down only checksums count. A value without one is damaged, and the message says
// so; where an older version has one, that is the value. The first producer logs what it loses.
func TestValuesWithoutAChecksumAreLostWithTheMachine(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	first := createFile(t, path) // with checksums
	older := int64(1)
	addSlot(t, first, "older", &older)
	mustUpdate(t, first)
	first.Close()
	mf := createFile(t, path, mapfile.WithoutCheck())
	older = 2
	addSlot(t, mf, "older", &older)
	addSlot(t, mf, "none", &older)
	mustUpdate(t, mf)
	mustUpdate(t, mf)
	on := createFile(t, path)
	kept := int64(3)
	addSlot(t, on, "kept", &kept)
	mustUpdate(t, on)
	mf.Close()
	on.Close()
	live := openFile(t, path)
	if got := get[int64](t, live, "none"); got != 2 { // before the machine goes down all is well
		t.Error(got)
	}
	ageByABoot(t, path)

	for _, opts := range byChecked {
		r := openFile(t, path, opts...)
		for how, read := range reads(r, "none") {
			if err := read(); how != "GetInto" && (!errors.Is(err, mapfile.ErrCorrupt) || !strings.Contains(err.Error(), "without a checksum")) {
				t.Errorf("%s does not say that there is no checksum: %v", how, err)
			}
		}
		for _, from := range []mapfile.Getter{r, must1(r.Snapshot())} {
			if got := get[int64](t, from, "older"); got != 1 {
				t.Errorf("older: %d, not the last that has a checksum", got)
			}
			if got := get[int64](t, from, "kept"); got != 3 {
				t.Errorf("kept: %d", got)
			}
		}
		names := 0
		for info, err := range r.Slots() {
			if names++; err != nil {
				t.Error(info.Name, err)
			}
		}
		if names != 3 {
			t.Error(names, "slots are listed")
		}
	}

	var log bytes.Buffer
	next := createFile(t, path, mapfile.WithLogger(slog.New(slog.NewTextHandler(&log, nil))), mapfile.WithoutCheck())
	line := ""
	for l := range strings.Lines(log.String()) {
		if strings.Contains(l, "slot=none") {
			line += l
		}
	}
	if strings.Count(line, "\n") != 1 || !strings.Contains(line, "level=WARN") || !strings.Contains(line, "without a checksum") {
		t.Errorf("the loss is logged as %q", line)
	}
	if !strings.Contains(log.String(), "lost=1") {
		t.Errorf("the log does not count one loss: %s", log.String())
	}
	r := openFile(t, path)
	if _, err := r.Get("none"); !errors.Is(err, mapfile.ErrNoSlot) {
		t.Errorf("what was lost is there: %v", err)
	}
	if a, b := get[int64](t, r, "older"), get[int64](t, r, "kept"); a != 1 || b != 3 {
		t.Errorf("%d, %d were copied, not 1, 3", a, b)
	}
	words := openWords(t, path)
	for i := range 2 { // whoever copies has checked
		mustBeChecked(t, words, i, true, "copied")
	}
	older = 7
	addSlot(t, next, "older", &older)
	addSlot(t, next, "none", &older)
	mustUpdate(t, next)
	if a, b := get[int64](t, r, "older"), get[int64](t, r, "none"); a != 7 || b != 7 {
		t.Error(a, b)
	}
	if err := verify(r); err != nil {
		t.Error(err)
	}
	mustBeInOrder(t, next)
}
