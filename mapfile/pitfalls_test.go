package mapfile_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	jsoncodec "github.com/gomapfile/mapfile/codec/json"
	podcodec "github.com/gomapfile/mapfile/codec/pod"
	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/mapfile/internal/shm"
	"github.com/gomapfile/mapfile/mapfile/region"
	"github.com/gomapfile/mapfile/registry"
)

// What goes wrong when processes share objects, each pitfall in its simplest form: first the way that
// breaks, where it can be shown to, then what happens here. docs/why.md tells the story around it.

func init() {
	roles["pitfall write in place"] = writeInPlace
	roles["pitfall update"] = updateAllTheTime
	roles["pitfall store"] = storeAndWait
	roles["pitfall look"] = lookAndWait
	roles["pitfall set"] = setOnCommand
	roles["pitfall publish"] = publishAndWait
}

// naive is shared memory as one makes it by hand: a file that is mapped, and in it what the processes
// agree on. It is what the tests below compare with.
func naive(t testing.TB, n int) (path string, m shm.Mem) {
	t.Helper()
	path = filepath.Join(testDir(t), "naive")
	must(os.WriteFile(path, make([]byte, n), 0o600))
	return path, openNaive(t, path)
}

// openNaive maps it; t is nil in a role, where the end of the process unmaps it.
func openNaive(t testing.TB, path string) shm.Mem {
	r := must1(region.Open(path, true))
	if t != nil {
		t.Cleanup(func() { r.Close() })
	}
	return shm.Writable(shm.NewView(r.View()))
}

// tornLen takes a processor so long to copy that it is overtaken now and then.
const tornLen = 256 << 10

// tornValues are what the writers below write by turns. With three of them no buffer of a slot gets the same one again.
func tornValues() [3][]byte {
	return [3][]byte{stampPayload(nil, tornLen, 1), stampPayload(nil, tornLen, 2), stampPayload(nil, tornLen, 3)}
}

// untilParent tells whether the parent still waits.
func untilParent() func() bool {
	var done atomic.Bool
	go func() { waitForParent(); done.Store(true) }()
	return func() bool { return !done.Load() }
}

func writeInPlace(args []string) {
	m, values, goOn := openNaive(nil, args[0]), tornValues(), untilParent()
	m.Write(0, values[0])
	fmt.Println("ready")
	for i := 0; goOn(); i++ {
		m.Write(0, values[i%3])
	}
}

func updateAllTheTime(args []string) {
	mf, values, goOn := must1(mapfile.OpenOrCreate(args[0], mapfile.WithoutCheck())), tornValues(), untilParent()
	raw := rawPayload(tornLen, 1)
	slot := must1(mf.Add("x", raw, mapfile.WithBuffers(2))) // the fewest: readers are overtaken all the time
	must(slot.Update())
	fmt.Println("ready")
	for i := 0; goOn(); i++ {
		raw.Payload = values[i%3]
		must(slot.Update())
	}
}

// Data races: a reader that copies while a writer writes gets half of each. The control has to find
// some. The map file has no checksum, so that it is the protocol that is tried.
func TestPitfallTornReads(t *testing.T) {
	path, m := naive(t, tornLen)
	c := start(t, "pitfall write in place", path)
	c.Expect("ready")
	copied, torn := make([]byte, tornLen), false
	for began := time.Now(); !torn && time.Since(began) < 20*time.Second; {
		shm.Copy(copied, m.Bytes(0, tornLen))
		_, err := payloadNumber(copied)
		torn = err != nil
	}
	if !torn {
		t.Error("a reader of naive memory has seen nothing torn in 20 s: this shows nothing")
	}
	c.Kill() // it takes the time of those below

	path = filepath.Join(testDir(t), "a.map")
	start(t, "pitfall update", path).Expect("ready")
	reader := openFile(t, path, mapfile.WithoutCheck()).Reader("x")
	var raw mapfile.Raw
	versions, began := map[uint64]bool{}, time.Now()
	for time.Since(began) < time.Duration(times(1, 20))*time.Second || len(versions) < 100 {
		if time.Since(began) > 60*time.Second {
			t.Fatalf("%d versions were seen: the writer is not at work", len(versions))
		}
		stamp, err := reader.GetInto(&raw)
		if errors.Is(err, mapfile.ErrBusy) {
			continue // overtaken too often, and said so
		}
		if err == nil {
			_, err = payloadNumber(raw.Payload)
		}
		if err != nil {
			t.Fatal(err)
		}
		versions[stamp.Version] = true
	}
	t.Logf("%d versions seen, nothing torn", len(versions))
}

// storeAndWait is somebody who has taken a lock, or counted itself, in shared memory.
func storeAndWait(args []string) {
	openNaive(nil, args[0]).Store(0, 1)
	fmt.Println("stored")
	waitForParent()
}

// Locks: a word in shared memory stays locked when its owner is killed. Here the kernel holds the lock,
// and frees it.
func TestPitfallLockOfTheDead(t *testing.T) {
	path, m := naive(t, 4096)
	c := start(t, "pitfall store", path)
	c.Expect("stored")
	c.Kill()
	if m.Load(0) != 1 {
		t.Error("a word has unlocked itself: this shows nothing")
	}

	path = filepath.Join(testDir(t), "a.map")
	c = start(t, "own", path, "x")
	c.Expect("owns")
	mf, x := createFile(t, path), int64(2)
	if _, err := mf.Add("x", &x); !errors.Is(err, mapfile.ErrOwned) {
		t.Errorf("Add beside a living owner: %v", err)
	}
	c.Kill()
	if got := get[int64](t, mf, "x"); got != 1 {
		t.Errorf("the dead owner's last value is %d", got)
	}
	must(addSlot(t, mf, "x", &x).Update())
	if got := get[int64](t, mf, "x"); got != 2 {
		t.Errorf("the successor's value is %d", got)
	}
}

func lookAndWait(args []string) {
	mf := must1(mapfile.Open(args[0]))
	fmt.Println("seen", must1(mapfile.Get[int64](mf, "x")))
	waitForParent()
}

// Shared counts: who is killed does not count itself down, and what it held is held for ever. Here
// readers are not counted: while one is there, and after its death, not a byte of the file differs.
func TestPitfallCountOfTheDead(t *testing.T) {
	path, m := naive(t, 4096)
	c := start(t, "pitfall store", path)
	c.Expect("stored")
	c.Kill()
	if m.Load(0) != 1 {
		t.Error("a count has gone down by itself: this shows nothing")
	}

	path = filepath.Join(testDir(t), "a.map")
	mf, x := createFile(t, path), int64(1)
	must(addSlot(t, mf, "x", &x).Update())
	mf.Close() // its heartbeats would change the file
	sum := func() [32]byte { return sha256.Sum256(must1(os.ReadFile(path))) }
	before := sum()
	c = start(t, "pitfall look", path)
	c.Expect("seen 1")
	during := sum()
	c.Kill()
	if after := sum(); during != before || after != before {
		t.Error("a reader has changed the file")
	}
	mf = createFile(t, path)
	addSlot(t, mf, "x", &x)
	if err := mf.Remove("x"); err != nil {
		t.Errorf("Remove of what a killed reader had in use: %v", err)
	}
}

// setOnCommand stores each number that it reads, in naive memory and in a slot.
func setOnCommand(args []string) {
	m, mf, v := openNaive(nil, args[0]), must1(mapfile.OpenOrCreate(args[1])), &rich{}
	slot := must1(mf.Add("x", v))
	for line, ok := "1", true; ok; line, ok = nextCommand() {
		n := must1(strconv.Atoi(line))
		m.Store(0, uint64(n))
		*v = rich{Number: n, List: []int{n, n}, Next: &rich{Number: n}}
		must(slot.Update())
		fmt.Println("set", n)
	}
}

// Ownership: a pointer into shared memory changes under the hands of who holds it. What Get returns is
// the caller's: nobody changes it, and whatever is done to it reaches nobody.
func TestPitfallValueIsTheCallersOwn(t *testing.T) {
	path, m := naive(t, 4096)
	file := filepath.Join(testDir(t), "a.map")
	c := start(t, "pitfall set", path, file)
	c.Expect("set 1")
	view := m.Bytes(0, 8)
	r := openFile(t, file)
	got := get[*rich](t, r, "x")
	if binary.LittleEndian.Uint64(view) != 1 || got.Number != 1 {
		t.Fatal(view, got)
	}
	c.Send("2")
	c.Expect("set 2")
	if now := binary.LittleEndian.Uint64(view); now != 2 {
		t.Errorf("a view of shared memory still shows %d: this shows nothing", now)
	}
	if got.Number != 1 || got.List[1] != 1 || got.Next.Number != 1 {
		t.Errorf("what was got has changed: %s", show(got))
	}
	got.Number, got.List[0], got.Next.Number = 7, 7, 7
	if now := get[*rich](t, r, "x"); now.Number != 2 || now.List[0] != 2 || now.Next.Number != 2 {
		t.Errorf("what was done to a value shows in the file: %s", show(now))
	}
	if got.Number != 7 || got.List[0] != 7 || got.Next.Number != 7 {
		t.Errorf("another Get has changed what was got before: %s", show(got))
	}
}

// What follows are two programs of different age, or of different opinion, about the same types.
type (
	quoteOld struct {
		Price float64
		Count uint64
	}
	quoteNew struct {
		Count uint64
		Price float64
	}

	// Two types that share a name, with methods that differ.
	euros struct{ N int }
	cents struct{ N int }
)

func (e euros) Price() int { return e.N * vat }
func (c cents) Price() int { return c.N * 100 * vat }

type priced interface{ Price() int }

// vat is a global: each process has its own.
var vat = 1

// publishAndWait is a producer with types of its own in a registry of its own: it publishes one value
// under its kind.
func publishAndWait(args []string) {
	path, kind := args[0], args[1]
	reg := &registry.Registry{}
	var v any
	switch kind {
	case "quote":
		must(registry.RegisterIn[quoteOld](reg, "pitfall.Quote", podcodec.Codec))
		v = &quoteOld{Price: 1.5, Count: 3}
	case "price":
		must(registry.RegisterIn[euros](reg, "pitfall.Price", jsoncodec.Codec))
		vat = 2
		v = &euros{N: 10}
	default:
		v = settingsFor(kind, reg)
	}
	mf := must1(mapfile.OpenOrCreate(path, mapfile.WithRegistry(reg)))
	must(must1(mf.Add(kind, v)).Update())
	if p, ok := v.(priced); ok {
		fmt.Println("price", p.Price())
	}
	fmt.Println("published")
	waitForParent()
	mf.Close()
}

// Method tables: what a process calls is its own. An interface in shared memory would be two addresses
// of the producer's; here the payload has fields only, and the methods are those of the type that the
// reader has registered under the name.
func TestPitfallMethodsAreTheReadersOwn(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	c := start(t, "pitfall publish", path, "price")
	if there := c.Expect("price"); there != "20" {
		t.Fatalf("the producer's price is %s", there)
	}
	c.Expect("published")
	reg := &registry.Registry{}
	must(registry.RegisterIn[cents](reg, "pitfall.Price", jsoncodec.Codec))
	got := get[priced](t, openFile(t, path, mapfile.WithRegistry(reg)), "price")
	if _, ok := got.(*cents); !ok || got.Price() != 1000 {
		t.Errorf("%T, price %d", got, got.Price())
	}
	// The one codec that copies memory refuses interfaces and functions, and names the field.
	type withInterface struct {
		A   int64
		Has priced
	}
	type withFunc struct{ Calls func() int }
	for field, err := range map[string]error{
		"Has":   registry.RegisterIn[withInterface](reg, "pitfall.WithInterface", podcodec.Codec),
		"Calls": registry.RegisterIn[withFunc](reg, "pitfall.WithFunc", podcodec.Codec),
	} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// Statics: a global that a method uses is not part of the object. The producer has set its own to 2,
// here it is 1, and the same fields have another price. The same goes for the registry: that one process knows
// a type teaches nobody else.
func TestPitfallStaticsAreNotShared(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	c := start(t, "pitfall publish", path, "price")
	there := c.Expect("price")
	c.Expect("published")
	reg := &registry.Registry{}
	r := openFile(t, path, mapfile.WithRegistry(reg))
	if _, err := r.Get("price"); !errors.Is(err, mapfile.ErrUnregistered) || !strings.Contains(err.Error(), "pitfall.Price") {
		t.Errorf("a type that only the producer has registered: %v", err)
	}
	must(registry.RegisterIn[euros](reg, "pitfall.Price", jsoncodec.Codec))
	if here := get[*euros](t, r, "price"); there != "20" || here.Price() != 10 || vat != 1 {
		t.Errorf("price %s there, %d here, where vat is %d", there, here.Price(), vat)
	}
}

// ABI: two programs with another layout of a type. Memory is read without complaint, as other numbers; here it
// is an error that names the field.
func TestPitfallOtherLayoutIsRefused(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	start(t, "pitfall publish", path, "quote").Expect("published")
	reg := &registry.Registry{}
	must(registry.RegisterIn[quoteNew](reg, "pitfall.Quote", podcodec.Codec))
	r := openFile(t, path, mapfile.WithRegistry(reg))
	var raw mapfile.Raw
	must(r.GetInto("quote", &raw))
	var wrong quoteNew
	if err := binary.Read(bytes.NewReader(raw.Payload), binary.LittleEndian, &wrong); err != nil || wrong == (quoteNew{3, 1.5}) {
		t.Errorf("the bytes in the other layout: %+v, %v: this shows nothing", wrong, err)
	}
	if v, err := r.Get("quote"); !errors.Is(err, mapfile.ErrSchema) || v != nil || !strings.Contains(err.Error(), "Price") {
		t.Errorf("%+v, %v", v, err)
	}
}

// Raw memory seen as an object: nothing here is one before type, layout and checksum have been looked at.
func TestPitfallBytesAreNoObjectUntilChecked(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	slot := addSlot(t, mf, "x", &fixed{A: 77})
	r := openFile(t, path)
	if v, err := r.Get("x"); !errors.Is(err, mapfile.ErrNotPublished) || v != nil {
		t.Errorf("memory that nobody has written yet: %v, %v", v, err)
	}
	must(slot.Update())
	if v, err := mapfile.Get[*rich](r, "x"); !errors.Is(err, mapfile.ErrType) || v != nil {
		t.Errorf("as another type: %v, %v", v, err)
	}
	if v, err := openFile(t, path, mapfile.WithRegistry(&registry.Registry{})).Get("x"); !errors.Is(err, mapfile.ErrUnregistered) || v != nil {
		t.Errorf("as an unknown type: %v, %v", v, err)
	}
	mf.Close()
	var payload mapfile.Field
	for field, err := range r.Layout("x") {
		if must(err); field.Name == "payload" {
			payload = field
		}
	}
	r.Close()
	b := must1(os.ReadFile(path))
	b[payload.Offset] ^= 1
	must(os.WriteFile(path, b, 0o600))
	// Whoever takes memory for what it is meant to be takes this for a value: 76.
	if raw := b[payload.Offset:]; binary.LittleEndian.Uint64(raw) != 76 {
		t.Errorf("% x: this shows nothing", raw[:8])
	}
	if v, err := openFile(t, path).Get("x"); !errors.Is(err, mapfile.ErrCorrupt) || v != nil {
		t.Errorf("with a bit that somebody else has changed: %v, %v", v, err)
	}
}

// Lifetimes: the producer ends while a consumer uses its value, and then the file is removed, too.
func TestPitfallValueOutlivesItsProducer(t *testing.T) {
	for name, end := range map[string]func(c *child){
		"ends":   func(c *child) { c.MustEnd() },
		"killed": func(c *child) { c.Kill() },
	} {
		path := filepath.Join(testDir(t), "a.map")
		c := start(t, "pitfall publish", path, "json young")
		c.Expect("published")
		reg := &registry.Registry{}
		registerSettings[settingsYoung](reg)
		r := openFile(t, path, mapfile.WithRegistry(reg))
		got := get[*settingsYoung](t, r, "json young")
		snap := must1(r.Snapshot())
		end(c)
		after := get[*settingsYoung](t, r, "json young")
		r.Close()
		must(os.Remove(path))
		for when, v := range map[string]*settingsYoung{
			"got before": got, "got after": after, "of the snapshot": get[*settingsYoung](t, snap, "json young"),
		} {
			if v.Limit != 2 || len(v.Hosts) != 2 || v.Hosts[1] != "b" {
				t.Errorf("%s, %s: %+v", name, when, v)
			}
		}
	}
}
