package mapfile_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/codec"
	binarycodec "github.com/gomapfile/mapfile/codec/binary"
	gobcodec "github.com/gomapfile/mapfile/codec/gob"
	jsoncodec "github.com/gomapfile/mapfile/codec/json"
	msgpackcodec "github.com/gomapfile/mapfile/codec/msgpack"
	podcodec "github.com/gomapfile/mapfile/codec/pod"
	protobufcodec "github.com/gomapfile/mapfile/codec/protobuf"
	zstdcodec "github.com/gomapfile/mapfile/codec/zstd"
	"github.com/gomapfile/mapfile/mapfile"
	mapfilepb "github.com/gomapfile/mapfile/proto"
	"github.com/gomapfile/mapfile/registry"
)

// Codecs as they are used through map files. What a codec does alone is tested in its own package.

// rich has everything that decoders forget to reset.
type rich struct {
	Number int
	Text   string
	List   []int
	Table  map[string]int
	Inner  struct{ A, B float64 }
	Pairs  []struct{ X, Y int }
	Bytes  []byte
	Deep   map[string][]string
	Next   *rich
}

// fixed has no pointers.
type fixed struct {
	A int64
	B [4]float64
	C struct{ D, E uint32 }
}

// merger is a Streamer that only adds: UnmarshalBinary relies on a zero receiver, and keeps its input.
type merger struct {
	Items []string
	kept  []byte
}

func (m *merger) MarshalBinary() ([]byte, error) {
	if len(m.Items) > 0 && m.Items[0] == "refuse" {
		return nil, errors.New("this one cannot be written")
	}
	if len(m.Items) > 0 && m.Items[0] == "panic" {
		panic("a bad day")
	}
	return json.Marshal(m.Items)
}

func (m *merger) UnmarshalBinary(p []byte) error {
	var items []string
	if err := json.Unmarshal(p, &items); err != nil {
		return err
	}
	m.Items, m.kept = append(m.Items, items...), p
	return nil
}

// scribbler writes into what it is given to read.
type scribbler struct{ Text string }

func (s *scribbler) MarshalBinary() ([]byte, error) { return []byte(s.Text), nil }

func (s *scribbler) UnmarshalBinary(p []byte) error {
	s.Text = string(p)
	for i := range p {
		p[i] = '!'
	}
	return nil
}

// lazy keeps its input as it is.
type lazy struct {
	Raw   json.RawMessage
	Plain []byte
}

func init() {
	registry.Register[rich]("test.Rich", jsoncodec.Codec)
	registry.Register[fixed]("test.Fixed", podcodec.Codec)
	registry.Register[merger]("test.Merger", binarycodec.Codec)
	registry.Register[scribbler]("test.Scribbler", binarycodec.Codec)
	registry.Register[lazy]("test.Lazy", jsoncodec.Codec)
	for _, c := range []codec.Codec{gobcodec.Codec, msgpackcodec.Codec, zstdcodec.Wrap(jsoncodec.Codec), zstdcodec.Wrap(podcodec.Codec)} {
		if err := registry.Default.AddCodec(c); err != nil {
			panic(err)
		}
	}
}

// codecCases are values of different shape for each codec, the fullest first.
func codecCases() map[string]codecCase {
	full := &rich{Number: 1, Text: "a long text", List: []int{1, 2, 3, 4}, Table: map[string]int{"a": 1, "b": 2}, Bytes: []byte("bytes"),
		Pairs: []struct{ X, Y int }{{1, 2}, {3, 4}}, Deep: map[string][]string{"x": {"p", "q"}, "y": {"r"}}, Next: &rich{Number: 2, List: []int{9}}}
	full.Inner.A, full.Inner.B = 1, 2
	some := &rich{List: []int{7}, Table: map[string]int{"c": 3}, Pairs: []struct{ X, Y int }{{5, 0}}, Deep: map[string][]string{"x": {"s"}}, Next: &rich{Text: "t"}}
	riches := []any{full, some, &rich{Text: "only"}, &rich{}, full}
	fixeds := []any{&fixed{1, [4]float64{1, 2, 3, 4}, struct{ D, E uint32 }{5, 6}}, &fixed{A: 2}, &fixed{}}
	floats := func(f ...float64) any { return &f }
	return map[string]codecCase{
		"json":      {codec: jsoncodec.Codec, values: riches},
		"gob":       {codec: gobcodec.Codec, values: riches},
		"msgpack":   {codec: msgpackcodec.Codec, values: riches},
		"zstd+json": {codec: zstdcodec.Wrap(jsoncodec.Codec), values: riches},
		"pod":       {values: fixeds},
		"zstd+pod":  {codec: zstdcodec.Wrap(podcodec.Codec), values: fixeds},
		"binary":    {values: []any{&merger{Items: []string{"a", "b", "c"}}, &merger{Items: []string{"d"}}, &merger{Items: []string{}}}, equal: func(a, b any) bool { return reflect.DeepEqual(a.(*merger).Items, b.(*merger).Items) }},
		"func":      {values: []any{&foreignNumber{N: 1}, &foreignNumber{N: -5}, &foreignNumber{}}},
		"basic":     {values: []any{floats(1, 2, 3, 4), floats(5), floats(math.Inf(1), math.Copysign(0, -1)), floats()}},
		"text":      {values: []any{ptr("long text"), ptr("x"), ptr("")}},
		"protobuf": {values: []any{
			&mapfilepb.H1D{Name: "h", Title: "t", X: &mapfilepb.Axis{Bins: 2, Edges: []float64{1, 2, 3}}, SumW: []float64{1, 2}, Entries: []int64{3, 4}, Total: &mapfilepb.Sums{Entries: 7}},
			&mapfilepb.H1D{Title: "u", SumW: []float64{9}},
			&mapfilepb.H1D{},
		}, equal: func(a, b any) bool { return show(a) == show(b) }},
	}
}

type codecCase struct {
	codec  codec.Codec // nil: as registered
	values []any
	equal  func(a, b any) bool
}

func ptr[T any](v T) *T { return &v }

func (c *codecCase) same(a, b any) bool {
	if c.equal != nil {
		return c.equal(a, b)
	}
	return reflect.DeepEqual(a, b)
}

func (c *codecCase) add(t *testing.T, mf *mapfile.MapFile, name string) *mapfile.Slot {
	t.Helper()
	if c.codec != nil {
		return addSlot(t, mf, name, c.values[0], mapfile.WithCodec(c.codec))
	}
	return addSlot(t, mf, name, c.values[0])
}

// G01: GetInto makes of any used object what a fresh Get gives, from a file and from a snapshot.
// G02: what an earlier call gave is never changed by a later one.
func TestGetIntoAUsedObjectGivesWhatGetGives(t *testing.T) {
	for name, c := range codecCases() {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(testDir(t), "a.map")
			mf := createFile(t, path)
			slot := c.add(t, mf, "x")
			r := openFile(t, path)
			reader := r.Reader("x")
			used := reflect.New(reflect.TypeOf(c.values[0]).Elem()).Interface()
			usedToo := reflect.New(reflect.TypeOf(c.values[0]).Elem()).Interface()
			type kept struct {
				got  any
				text string
			}
			var keep []kept
			for i := range times(100, 1000) {
				want := c.values[i*i%len(c.values)]
				if err := errors.Join(slot.Set(want), slot.Update()); err != nil {
					t.Fatal(err)
				}
				fresh, _, err := reader.Get()
				if err != nil {
					t.Fatal(err)
				}
				if _, err := reader.GetInto(used); err != nil {
					t.Fatal(err)
				}
				snap := must1(r.Snapshot("x"))
				if err := snap.GetInto("x", usedToo); err != nil {
					t.Fatal(err)
				}
				if !c.same(used, fresh) || !c.same(usedToo, fresh) || name != "gob" && !c.same(fresh, want) {
					t.Fatalf("round %d: want %s\nGet %s\nGetInto %s\nof a snapshot %s", i, show(want), show(fresh), show(used), show(usedToo))
				}
				fromSnap := must1(snap.Get("x"))
				keep = append(keep, kept{fresh, show(fresh)}, kept{fromSnap, show(fromSnap)})
				if i%7 == 0 { // a used object that is given away is not touched again
					keep = append(keep, kept{used, show(used)})
					used = reflect.New(reflect.TypeOf(c.values[0]).Elem()).Interface()
				}
			}
			for range 1000 {
				reader.GetInto(used)
			}
			for i, k := range keep {
				if now := show(k.got); now != k.text {
					t.Fatalf("result %d was %s and is %s", i, k.text, now)
				}
			}
		})
	}
}

// message is what all protocol buffer messages are.
type message interface {
	ProtoMessage()
	String() string
}

func show(v any) string {
	if m, ok := v.(message); ok {
		return string(must1(protobufcodec.Codec.Append(nil, m)))
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("%#v", v)
	}
	return string(b)
}

// G03: decoders that keep their input, or write into it, are given bytes of their own.
func TestDecodersMayKeepAndWriteTheirInput(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	m, s := &merger{Items: []string{"one", "two"}}, &scribbler{Text: "scribbled"}
	l := &lazy{Raw: json.RawMessage(`{"a":[1,2,3]}`), Plain: []byte("plain")}
	addSlot(t, mf, "merger", m)
	addSlot(t, mf, "scribbler", s)
	addSlot(t, mf, "lazy", l)
	if err := mf.Update(); err != nil {
		t.Fatal(err)
	}
	r := openFile(t, path)
	snap := must1(r.Snapshot())
	image := func() (text string) {
		for _, name := range []string{"merger", "scribbler", "lazy"} {
			var raw mapfile.Raw
			must(r.GetInto(name, &raw))
			text += string(raw.Payload)
		}
		return text
	}
	before := image()
	var kept []*merger
	var lazies []*lazy
	var usedMerger merger
	var usedScribbler scribbler
	var usedLazy lazy
	for range times(500, 10_000) {
		for _, from := range []mapfile.Getter{r, snap} {
			a, b, c := must1(mapfile.Get[*merger](from, "merger")), must1(mapfile.Get[*scribbler](from, "scribbler")), must1(mapfile.Get[*lazy](from, "lazy"))
			must(from.GetInto("merger", &usedMerger))
			must(from.GetInto("scribbler", &usedScribbler))
			must(from.GetInto("lazy", &usedLazy))
			for _, m := range []*merger{a, &usedMerger} {
				if !reflect.DeepEqual(m.Items, []string{"one", "two"}) || string(m.kept) != `["one","two"]` {
					t.Fatalf("%+v", m)
				}
			}
			if b.Text != "scribbled" || usedScribbler.Text != "scribbled" {
				t.Fatal(b.Text, usedScribbler.Text)
			}
			kept, lazies = append(kept, a), append(lazies, c)
		}
	}
	for i := range kept {
		if string(kept[i].kept) != `["one","two"]` || !reflect.DeepEqual(lazies[i], l) {
			t.Fatalf("input that result %d has kept is now %s, %s", i, kept[i].kept, lazies[i].Raw)
		}
	}
	if image() != before {
		t.Error("the file has changed")
	}
}

// G04: what cannot be encoded fails Add or Update with type, field and slot; the old value stays.
func TestValuesThatCannotBeEncoded(t *testing.T) {
	type withChannel struct{ Ch chan int }
	type withFunc struct{ F func() }
	type withAny struct{ Value any }
	type withText struct{ Text string }
	r := &registry.Registry{}
	must(registry.RegisterIn[withAny](r, "test.WithAny", gobcodec.Codec))
	must(registry.RegisterIn[withText](r, "test.WithText", jsoncodec.Codec))
	must(registry.RegisterIn[merger](r, "test.Merger", binarycodec.Codec))
	must(registry.RegisterIn[map[string]float64](r, "test.Numbers", jsoncodec.Codec))
	must(registry.RegisterIn[[]*fixed](r, "test.Pointers", gobcodec.Codec))
	for _, c := range []codec.Codec{jsoncodec.Codec, gobcodec.Codec, msgpackcodec.Codec, podcodec.Codec} {
		for _, err := range []error{registry.RegisterIn[withChannel](r, "test.WithChannel", c), registry.RegisterIn[withFunc](r, "test.WithFunc", c)} {
			if err == nil || !strings.Contains(err.Error(), "Ch") && !strings.Contains(err.Error(), "F") {
				t.Errorf("codec %s: %v", c.Name(), err)
			}
		}
	}
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path, mapfile.WithRegistry(r))
	for _, v := range []any{&withChannel{}, ptr(func() {}), ptr(make(chan int))} {
		if _, err := mf.Add("never", v); !errors.Is(err, mapfile.ErrUnregistered) || !containsSlotError(err, "never") || !strings.Contains(err.Error(), reflect.TypeOf(v).Elem().String()) {
			t.Error(err)
		}
	}
	if _, err := mf.Add("never", &withText{}, mapfile.WithCodec(podcodec.Codec)); !errors.Is(err, mapfile.ErrEncode) || !strings.Contains(err.Error(), "Text") {
		t.Error(err)
	}
	for _, c := range []struct {
		name      string
		good, bad any
		text      []string // of the error
	}{
		{"json NaN", &map[string]float64{"a": 1}, &map[string]float64{"x": math.NaN()}, []string{"NaN", "float64"}},
		{"gob unregistered", &withAny{Value: 1}, &withAny{Value: withText{"x"}}, []string{"withAny"}},
		{"gob nil element", &[]*fixed{{A: 1}}, &[]*fixed{nil}, []string{"fixed"}},
		{"streamer refuses", &merger{Items: []string{"a"}}, &merger{Items: []string{"refuse"}}, []string{"merger", "cannot be written"}},
		{"streamer panics", &merger{Items: []string{"a"}}, &merger{Items: []string{"panic"}}, []string{"merger", "a bad day"}},
		{"protobuf text", &mapfilepb.H1D{Title: "t"}, &mapfilepb.H1D{Title: "\xff"}, []string{"mapfile.v1.H1D"}},
	} {
		mf := mf
		if _, ok := c.good.(message); ok {
			mf = createFile(t, filepath.Join(testDir(t), "b.map"))
		}
		slot, err := mf.Add(c.name, c.good)
		if err == nil {
			err = slot.Update()
		}
		if err != nil {
			t.Error(c.name, err)
			continue
		}
		good := show(must1(mf.Get(c.name)))
		if err := slot.Set(c.bad); err != nil {
			t.Error(err)
		}
		for how, err := range map[string]error{"Slot.Update": slot.Update(), "Update": mf.Update(c.name), "UpdateSlots": mf.UpdateSlots(slot)} {
			if !errors.Is(err, mapfile.ErrEncode) || !containsSlotError(err, c.name) {
				t.Errorf("%s, %s: %v", c.name, how, err)
				continue
			}
			for _, text := range c.text {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%s, %s: %v: does not say %q", c.name, how, err, text)
				}
			}
		}
		if now := show(must1(mf.Get(c.name))); now != good || slot.Version() != 1 {
			t.Errorf("%s: the value was %s and is %s, version %d", c.name, good, now, slot.Version())
		}
		if err := errors.Join(slot.Set(c.good), slot.Update()); err != nil {
			t.Errorf("%s: after a failed Update: %v", c.name, err)
		}
	}
}

// G14
func TestGetSaysWhichTypeASlotHas(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	addSlot(t, mf, "fixed", &fixed{A: 1})
	addSlot(t, mf, "h", &mapfilepb.H1D{Title: "t"})
	if err := mf.Update(); err != nil {
		t.Fatal(err)
	}
	r := openFile(t, path)
	if got := must1(mapfile.Get[*fixed](r, "fixed")); got.A != 1 {
		t.Error(got)
	}
	if got := must1(mapfile.Get[fixed](r, "fixed")); got.A != 1 {
		t.Error(got)
	}
	if got := must1(mapfile.Get[message](r, "h")); got.(*mapfilepb.H1D).Title != "t" {
		t.Error(got)
	}
	if got := must1(mapfile.Get[any](r, "h")); got.(*mapfilepb.H1D).Title != "t" {
		t.Error(got)
	}
	_, wrong := mapfile.Get[*rich](r, "fixed")
	_, pointer := mapfile.Get[**fixed](r, "fixed")
	_, iface := mapfile.Get[fmt.Formatter](r, "fixed")
	into := r.GetInto("fixed", &rich{})
	value := r.GetInto("fixed", fixed{})
	set := addSlot(t, mf, "other", &fixed{}).Set(&rich{})
	for name, err := range map[string]error{"another type": wrong, "a pointer to a pointer": pointer, "an interface": iface, "GetInto": into, "GetInto a value": value, "Set": set} {
		if !errors.Is(err, mapfile.ErrType) || !strings.Contains(err.Error(), "fixed") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if !strings.Contains(wrong.Error(), "rich") || !strings.Contains(into.Error(), "rich") {
		t.Error(wrong, into)
	}
}

// G16: a reader whose type differs from the producer's gets a correct value or ErrSchema.
func TestReadersWithAnotherVersionOfTheType(t *testing.T) {
	type v1 struct{ A, B int32 }
	type v2 struct {
		A, B int32
		C    string `json:",omitempty" msgpack:",omitempty"`
	}
	type p1 struct{ A, B int32 }
	type p2 struct{ A, B, C int32 }
	type p3 struct{ B, A int32 }
	for _, c := range []codec.Codec{jsoncodec.Codec, gobcodec.Codec, msgpackcodec.Codec, zstdcodec.Wrap(jsoncodec.Codec)} {
		old, young := &registry.Registry{}, &registry.Registry{}
		must(registry.RegisterIn[v1](old, "test.V", c))
		must(registry.RegisterIn[v2](young, "test.V", c))
		path := filepath.Join(testDir(t), "a.map")
		must(addSlot(t, createFile(t, path, mapfile.WithRegistry(old)), "old", &v1{1, 2}).Update())
		must(addSlot(t, createFile(t, path, mapfile.WithRegistry(young)), "young", &v2{3, 4, "c"}).Update())
		readOld, readYoung := openFile(t, path, mapfile.WithRegistry(old)), openFile(t, path, mapfile.WithRegistry(young))
		if got, err := mapfile.Get[v1](readOld, "young"); err != nil || got != (v1{3, 4}) {
			t.Errorf("%s: an old reader gets %+v, %v", c.Name(), got, err)
		}
		if got, err := mapfile.Get[v2](readYoung, "old"); err != nil || got != (v2{1, 2, ""}) {
			t.Errorf("%s: a young reader gets %+v, %v", c.Name(), got, err)
		}
	}
	regs := make([]*registry.Registry, 3)
	for i := range regs {
		regs[i] = &registry.Registry{}
	}
	must(registry.RegisterIn[p1](regs[0], "test.P", podcodec.Codec))
	must(registry.RegisterIn[p2](regs[1], "test.P", podcodec.Codec))
	must(registry.RegisterIn[p3](regs[2], "test.P", podcodec.Codec))
	path := filepath.Join(testDir(t), "a.map")
	for i, v := range []any{&p1{1, 2}, &p2{1, 2, 3}, &p3{1, 2}} {
		must(addSlot(t, createFile(t, path, mapfile.WithRegistry(regs[i])), fmt.Sprint(i), v).Update())
	}
	for i, reg := range regs {
		r := openFile(t, path, mapfile.WithRegistry(reg))
		for j := range regs {
			v, err := r.Get(fmt.Sprint(j))
			if i == j && err != nil || i != j && (!errors.Is(err, mapfile.ErrSchema) || v != nil) {
				t.Errorf("pod: reader %d of %d: %+v, %v", i, j, v, err)
			}
			if err := r.GetInto(fmt.Sprint(j), &mapfile.Raw{}); err != nil {
				t.Error("a Raw needs no schema:", err)
			}
		}
	}
}

// G18
func TestUnknownCodecAndUnknownTypeConcernTheirSlotOnly(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	addSlot(t, mf, "good", ptr(int64(5)))
	addSlot(t, mf, "codec", &rich{Number: 1}, mapfile.WithCodec(msgpackcodec.Codec))
	addSlot(t, mf, "type", &fixed{A: 1})
	if err := mf.Update(); err != nil {
		t.Fatal(err)
	}
	reg := &registry.Registry{}
	must(registry.RegisterIn[rich](reg, "test.Rich", jsoncodec.Codec))
	r := openFile(t, path, mapfile.WithRegistry(reg))
	snap := must1(r.Snapshot())
	for _, from := range []mapfile.Getter{r, snap} {
		if _, err := from.Get("codec"); !errors.Is(err, mapfile.ErrCodec) || !strings.Contains(err.Error(), `"msgpack"`) || errors.Is(err, mapfile.ErrCorrupt) {
			t.Error(err)
		}
		if _, err := from.Get("type"); !errors.Is(err, mapfile.ErrUnregistered) || !strings.Contains(err.Error(), `"test.Fixed"`) {
			t.Error(err)
		}
		if got, err := mapfile.Get[int64](from, "good"); err != nil || got != 5 {
			t.Error(got, err)
		}
		for _, name := range []string{"codec", "type"} {
			var raw mapfile.Raw
			if err := from.GetInto(name, &raw); err != nil || len(raw.Payload) == 0 || raw.Type.Name == "" || raw.Type.Codec == "" {
				t.Error(raw, err)
			}
		}
	}
	n := 0
	for info, err := range r.Slots() {
		if n++; err != nil || info.Type.Codec == "" {
			t.Error(info.Name, err)
		}
	}
	if n != 3 {
		t.Error(n, "slots")
	}
	// What is registered late is found late.
	if err := reg.AddCodec(msgpackcodec.Codec); err != nil {
		t.Fatal(err)
	}
	if got, err := mapfile.Get[rich](r, "codec"); err != nil || got.Number != 1 {
		t.Error(got, err)
	}
}

// G20: an encoder that uses the file it is encoding for.
func TestEncoderMayUseTheMapFile(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	x := int64(1)
	other := addSlot(t, mf, "other", &x)
	if err := other.Update(); err != nil {
		t.Fatal(err)
	}
	slot := addSlot(t, mf, "f", &foreignNumber{N: 1})
	n := 0
	for name, use := range map[string]func() error{
		"Get":         func() error { _, err := mf.Get("other"); return err },
		"Slot.Update": other.Update,
		"Update":      func() error { return mf.Update("other") },
		"UpdateSlots": func() error { return mf.UpdateSlots(other) },
		"Add, Remove": func() error { n++; name := fmt.Sprint("n", n); must1(mf.Add(name, &x)); return mf.Remove(name) },
		"growth": func() error {
			n++
			raw := rawPayload(n*5000, 1)
			must1(mf.Add(fmt.Sprint("g", n), raw))
			return mf.Update(fmt.Sprint("g", n))
		},
		"Set of itself": func() error { return slot.Set(&foreignNumber{N: 2}) },
		"Version":       func() error { slot.Version(); return nil },
		"Snapshot":      func() error { _, err := mf.Snapshot(); return err },
		"Stat":          func() error { _, err := mf.Stat(); return err },
		"Sync":          mf.Sync,
		"Slots": func() error {
			for range mf.Slots() {
			}
			return nil
		},
	} {
		whileEncoding(t, func() {
			if err := use(); err != nil && !errors.Is(err, mapfile.ErrNotPublished) {
				t.Errorf("%s in an encoder: %v", name, err)
			}
		})
		for how, update := range map[string]func() error{"Slot.Update": slot.Update, "Update": func() error { return mf.Update("f", "other") }} {
			within(t, 20*time.Second, name+" in an encoder", func() {
				if err := update(); err != nil {
					t.Errorf("%s with %s in the encoder: %v", how, name, err)
				}
			})
		}
	}
	// Remove of the slot that is being encoded.
	whileEncoding(t, func() { mf.Remove("f") })
	within(t, 20*time.Second, "Remove in an encoder", func() {
		if err := slot.Update(); !errors.Is(err, mapfile.ErrNoSlot) {
			t.Error(err)
		}
	})
}

// A codec of others may keep what it was given to append to, and use it whenever it likes.
func TestEncoderThatKeepsItsBufferHurtsNoValue(t *testing.T) {
	var kept [][]byte
	reg := &registry.Registry{}
	must(registry.RegisterIn[lazy](reg, "test.Keeper", codec.Func("keeper",
		func(dst []byte, v *lazy) ([]byte, error) {
			out := append(dst, v.Plain...)
			kept = append(kept, out, dst[:cap(dst)])
			return out, nil
		},
		func(src []byte, v *lazy) error { v.Plain = src; return nil })))
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path, mapfile.WithRegistry(reg))
	v := &lazy{}
	slot := addSlot(t, mf, "x", v)
	r := openFile(t, path, mapfile.WithRegistry(reg))
	for i := range 100 {
		v.Plain = bytes.Repeat([]byte{byte(i)}, 100)
		if err := slot.Update(); err != nil {
			t.Fatal(err)
		}
		for _, p := range kept {
			for j := range p {
				p[j] = 0xee
			}
		}
		if got, err := mapfile.Get[lazy](r, "x"); err != nil || !bytes.Equal(got.Plain, v.Plain) {
			t.Fatal(i, got, err)
		}
	}
}
