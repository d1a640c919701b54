package mapfile_test

import (
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"sync"

	jsoncodec "github.com/gomapfile/mapfile/codec/json"
	zstdcodec "github.com/gomapfile/mapfile/codec/zstd"
	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/mapfile/mapfiletest"
	"github.com/gomapfile/mapfile/registry"
)

// One example for each verb of a producer; those of a consumer are in example_consumer_test.go. They
// open producer and consumer in one process, to be short: nothing changes when these are two.

// A Config is what the examples share. Both programs import its package, and with it the name that
// the file knows the type by.
type Config struct {
	Limit int
	Hosts []string `json:",omitempty"`
}

func init() { registry.Register[Config]("shop.Config", jsoncodec.Codec) }

// scratch names a file in a directory that done removes.
func scratch(name string) (path string, done func()) {
	dir, err := os.MkdirTemp("", "mapfile-example-")
	check(err)
	return filepath.Join(dir, name), func() { os.RemoveAll(dir) }
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func Example() {
	path, done := scratch("shop.map")
	defer done()

	// The producer.
	mf, err := mapfile.OpenOrCreate(path)
	check(err)
	defer mf.Close()
	orders := int64(0)
	slot, err := mf.Add("orders", &orders)
	check(err)
	for range 3 {
		orders++
		check(slot.Update())
	}

	// A consumer, in whatever process.
	r, err := mapfile.Open(path)
	check(err)
	defer r.Close()
	fmt.Println(mapfile.Get[int64](r, "orders"))
	// Output: 3 <nil>
}

// A type of one's own takes one line beside it: a name that stays for ever, and a codec.
func Example_registerAType() {
	path, done := scratch("shop.map")
	defer done()
	// type Config struct { … }
	// func init() { registry.Register[Config]("shop.Config", jsoncodec.Codec) }

	mf, err := mapfile.Create(path)
	check(err)
	defer mf.Close()
	_, err = mf.Add("config", &Config{Limit: 5})
	check(err)
	type private struct{ Limit int }
	_, err = mf.Add("private", &private{Limit: 5})
	fmt.Println(errors.Is(err, mapfile.ErrUnregistered))
	// Output: true
}

func ExampleCreate() {
	path, done := scratch("shop.map")
	defer done()

	mf, err := mapfile.Create(path, mapfile.WithTitle("the shop"), mapfile.WithMode(0o640))
	check(err)
	defer mf.Close()

	_, err = mapfile.Create(path)
	fmt.Println(errors.Is(err, fs.ErrExist))
	// Output: true
}

// A producer that restarts joins its file, takes its slots over, and goes on counting.
func ExampleOpenOrCreate() {
	path, done := scratch("shop.map")
	defer done()

	for range 3 { // three lives of one program
		mf, err := mapfile.OpenOrCreate(path)
		check(err)
		var orders int64
		slot, err := mf.Add("orders", &orders)
		check(err)
		if err := mf.GetInto("orders", &orders); err != nil && !errors.Is(err, mapfile.ErrNotPublished) {
			log.Fatal(err) // ErrNotPublished: this is the first life
		}
		orders += 10
		check(slot.Update())
		fmt.Println(orders, "version", slot.Version())
		mf.Close()
	}
	// Output:
	// 10 version 1
	// 20 version 2
	// 30 version 3
}

// Recreate starts from nothing. Who has the old file open is told, and does not mistake old values
// for new ones.
func ExampleRecreate() {
	path, done := scratch("shop.map")
	defer done()
	orders := int64(7)
	old, err := mapfile.Create(path)
	check(err)
	defer old.Close()
	slot, err := old.Add("orders", &orders)
	check(err)
	check(slot.Update())
	r, err := mapfile.Open(path) // with WithFollow it would go on with the new file
	check(err)
	defer r.Close()

	mf, err := mapfile.Recreate(path)
	check(err)
	defer mf.Close()

	_, err = r.Get("orders")
	fmt.Println(errors.Is(err, mapfile.ErrSuperseded), errors.Is(slot.Update(), mapfile.ErrSuperseded))
	// Output: true true
}

func ExampleMapFile_Add() {
	path, done := scratch("shop.map")
	defer done()
	mf, err := mapfile.Create(path)
	check(err)
	defer mf.Close()

	temperature := 21.5
	_, err = mf.Add("hall/temperature", &temperature, mapfile.WithTitle("temperature;time;°C"))
	check(err)
	_, err = mf.Get("hall/temperature") // Add publishes nothing
	fmt.Println(errors.Is(err, mapfile.ErrNotPublished))
	_, err = mf.Add("hall/temperature", &temperature)
	fmt.Println(errors.Is(err, mapfile.ErrSlotExists))
	_, err = mf.Add("/hall", &temperature) // names are those of fs.ValidPath
	fmt.Println(errors.Is(err, mapfile.ErrName))
	// Output:
	// true
	// true
	// true
}

// A slot belongs to one producer as long as it lives.
func ExampleMapFile_Add_owned() {
	path, done := scratch("shop.map")
	defer done()
	mf, err := mapfile.Create(path)
	check(err)
	defer mf.Close()
	orders := int64(0)
	_, err = mf.Add("orders", &orders)
	check(err)

	other, err := mapfile.OpenOrCreate(path)
	check(err)
	defer other.Close()
	_, err = other.Add("orders", &orders)
	fmt.Println(errors.Is(err, mapfile.ErrOwned))
	_, err = other.Add("returns", &orders) // another slot of the same file
	fmt.Println(err)
	// Output:
	// true
	// <nil>
}

// The hot path: no name is looked up, and nothing allocated but by the codec.
func ExampleSlot_Update() {
	path, done := scratch("shop.map")
	defer done()
	mf, err := mapfile.Create(path)
	check(err)
	defer mf.Close()
	price := 0.0
	slot, err := mf.Add("price", &price)
	check(err)

	for _, price = range []float64{9.5, 9.75, 10} {
		check(slot.Update())
	}
	fmt.Println(slot.Name(), slot.Version())
	// Output: price 3
}

// A fresh object for each Update needs no lock at all: nobody touches it after Set.
func ExampleSlot_Set() {
	path, done := scratch("shop.map")
	defer done()
	mf, err := mapfile.Create(path)
	check(err)
	defer mf.Close()
	slot, err := mf.Add("config", &Config{Limit: 5})
	check(err)

	check(slot.Set(&Config{Limit: 7, Hosts: []string{"a", "b"}}))
	check(slot.Update())
	c, err := mapfile.Get[Config](mf, "config")
	fmt.Println(c.Limit, c.Hosts, err)
	// Output: 7 [a b] <nil>
}

// Several slots, one commit: a Snapshot shows all of it or nothing. If one of them fails, none is
// published.
func ExampleMapFile_Update() {
	path, done := scratch("bank.map")
	defer done()
	mf, err := mapfile.Create(path)
	check(err)
	defer mf.Close()
	from, to := int64(100), int64(0)
	_, err = mf.Add("account/from", &from)
	check(err)
	_, err = mf.Add("account/to", &to)
	check(err)

	check(mf.Update("account/from", "account/to"))
	from, to = from-30, to+30
	check(mf.Update()) // without names: all of this producer

	snap, err := mf.Snapshot()
	check(err)
	a, err := mapfile.Get[int64](snap, "account/from")
	check(err)
	b, err := mapfile.Get[int64](snap, "account/to")
	check(err)
	fmt.Println(a, "+", b, "in commit", snap.Commit())
	fmt.Println(errors.Is(mf.Update("account/from", "account/nobody"), mapfile.ErrNoSlot))
	// Output:
	// 70 + 30 in commit 2
	// true
}

// UpdateSlots is Update for those who have the slots at hand.
func ExampleMapFile_UpdateSlots() {
	path, done := scratch("bank.map")
	defer done()
	mf, err := mapfile.Create(path)
	check(err)
	defer mf.Close()
	var slots []*mapfile.Slot
	for _, name := range []string{"x", "y"} {
		slot, err := mf.Add(name, new(float64))
		check(err)
		slots = append(slots, slot)
	}
	check(mf.UpdateSlots(slots...))
	fmt.Println(slots[0].Version(), slots[1].Version())
	// Output: 1 1
}

// Update holds the locker only while it encodes the object.
func ExampleWithLocker() {
	path, done := scratch("shop.map")
	defer done()
	mf, err := mapfile.Create(path)
	check(err)
	defer mf.Close()

	var mu sync.RWMutex
	hits := int64(0)
	slot, err := mf.Add("hits", &hits, mapfile.WithLocker(mu.RLocker()))
	check(err)
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			mu.Lock()
			hits++
			mu.Unlock()
			check(slot.Update()) // never while holding mu
		})
	}
	workers.Wait()
	fmt.Println(mapfile.Get[int64](mf, "hits"))
	// Output: 4 <nil>
}

// A slot may use another codec than the one that its type is registered with.
func ExampleWithCodec() {
	path, done := scratch("shop.map")
	defer done()
	mf, err := mapfile.Create(path)
	check(err)
	defer mf.Close()
	c := zstdcodec.Wrap(jsoncodec.Codec)
	check(registry.Default.AddCodec(c)) // what a reader needs

	slot, err := mf.Add("config", &Config{Limit: 5}, mapfile.WithCodec(c))
	check(err)
	check(slot.Update())
	info, err := mf.Reader("config").Stat()
	check(err)
	got, err := mapfile.Get[Config](mf, "config")
	fmt.Println(info.Type.Name, info.Type.Codec, got.Limit, err)
	// Output: shop.Config zstd+json 5 <nil>
}

// Readers see a value as soon as it is published. Sync is for those who want it after a power cut.
func ExampleMapFile_Sync() {
	path, done := scratch("bank.map")
	defer done()
	mf, err := mapfile.Create(path)
	check(err)
	defer mf.Close()
	balance := int64(100)
	slot, err := mf.Add("balance", &balance)
	check(err)
	check(slot.Update())
	fmt.Println(mf.Sync())
	// Output: <nil>
}

func ExampleMapFile_Remove() {
	path, done := scratch("shop.map")
	defer done()
	mf, err := mapfile.Create(path)
	check(err)
	defer mf.Close()
	orders := int64(3)
	slot, err := mf.Add("orders", &orders)
	check(err)
	check(slot.Update())

	check(mf.Remove("orders"))
	_, err = mf.Get("orders")
	fmt.Println(errors.Is(err, mapfile.ErrNoSlot), errors.Is(slot.Update(), mapfile.ErrNoSlot))
	// Output: true true
}

// A file outlives its producer. RemoveDead never takes it away from a live one.
func ExampleRemoveDead() {
	path, done := scratch("shop.map")
	defer done()
	mf, err := mapfile.Create(path)
	check(err)

	fmt.Println(errors.Is(mapfile.RemoveDead(path), mapfile.ErrOwned))
	mapfiletest.Kill(mf) // as if by SIGKILL
	fmt.Println(mapfile.RemoveDead(path))
	// Output:
	// true
	// <nil>
}
