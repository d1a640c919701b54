package mapfile_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	jsoncodec "github.com/gomapfile/mapfile/codec/json"
	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/registry"
)

// One example for each verb of a consumer, and for Publish and Attach. What a producer has done is in
// shopFile.

// shopFile makes a file with two published slots; changes are up to the caller.
func shopFile() (mf *mapfile.MapFile, orders *int64, config *Config, done func()) {
	path, remove := scratch("shop.map")
	mf, err := mapfile.Create(path)
	check(err)
	orders, config = new(int64), &Config{Limit: 5, Hosts: []string{"a"}}
	*orders = 41
	_, err = mf.Add("stats/orders", orders, mapfile.WithTitle("orders accepted"))
	check(err)
	_, err = mf.Add("config", config)
	check(err)
	check(mf.Update())
	return mf, orders, config, func() { mf.Close(); remove() }
}

// Open needs read permission only, and never writes.
func ExampleOpen() {
	mf, _, _, done := shopFile()
	defer done()

	r, err := mapfile.Open(mf.Path())
	check(err)
	defer r.Close()
	_, err = r.Add("mine", new(int64))
	fmt.Println(errors.Is(err, mapfile.ErrReadOnly))
	// Output: true
}

// Get as a pointer, as a value, or as any interface that the type has.
func ExampleGet() {
	mf, _, _, done := shopFile()
	defer done()

	c, err := mapfile.Get[*Config](mf, "config")
	fmt.Println(c.Limit, err)
	n, err := mapfile.Get[int64](mf, "stats/orders")
	fmt.Println(n, err)
	_, err = mapfile.Get[string](mf, "config")
	fmt.Println(errors.Is(err, mapfile.ErrType))
	// Output:
	// 5 <nil>
	// 41 <nil>
	// true
}

// What Get returns is the caller's own: nothing changes it any more.
func ExampleMapFile_Get() {
	mf, _, config, done := shopFile()
	defer done()

	before, err := mf.Get("config")
	check(err)
	config.Limit = 6
	check(mf.Update("config"))
	now, err := mf.Get("config")
	check(err)
	fmt.Println(before.(*Config).Limit, now.(*Config).Limit)
	// Output: 5 6
}

// GetInto makes a used object just what a fresh one would be: nothing is merged.
func ExampleMapFile_GetInto() {
	mf, _, config, done := shopFile()
	defer done()

	var c Config
	check(mf.GetInto("config", &c))
	fmt.Println(c.Limit, c.Hosts)
	config.Hosts = nil
	check(mf.Update("config"))
	check(mf.GetInto("config", &c))
	fmt.Println(c.Limit, c.Hosts)
	// Output:
	// 5 [a]
	// 5 []
}

// For reading one slot often: Version tells by one load whether there is anything new.
func ExampleMapFile_Reader() {
	mf, orders, _, done := shopFile()
	defer done()

	reader := mf.Reader("stats/orders")
	var n int64
	stamp, err := reader.GetInto(&n)
	check(err)
	fmt.Println(n, "version", stamp.Version)
	fmt.Println(reader.Version() > stamp.Version)
	*orders++
	check(mf.Update("stats/orders"))
	fmt.Println(reader.Version() > stamp.Version)
	// Output:
	// 41 version 1
	// false
	// true
}

// Inspect decodes by the schema in the file, without the Go type.
func ExampleSlotReader_Inspect() {
	mf, _, _, done := shopFile()
	defer done()

	node, _, err := mf.Reader("config").Inspect()
	check(err)
	for _, field := range node.Children {
		fmt.Println(field.Name, field.Value, len(field.Children))
	}
	// Output:
	// Limit 5 0
	// Hosts <nil> 1
}

// A Snapshot is one commit, and private memory: it outlives updates, Remove and Close.
func ExampleMapFile_Snapshot() {
	mf, orders, config, done := shopFile()
	defer done()

	snap, err := mf.Snapshot("stats/**", "config")
	check(err)
	*orders, config.Limit = 42, 6
	check(mf.Update())
	n, err := mapfile.Get[int64](snap, "stats/orders")
	check(err)
	c, err := mapfile.Get[*Config](snap, "config")
	check(err)
	fmt.Println("commit", snap.Commit(), "orders", n, "limit", c.Limit)

	check(mf.SnapshotInto(snap)) // the same memory again; without patterns: everything
	n, err = mapfile.Get[int64](snap, "stats/orders")
	fmt.Println("commit", snap.Commit(), "orders", n, err)
	// Output:
	// commit 1 orders 41 limit 5
	// commit 2 orders 42 <nil>
}

// Watch is woken by the kernel. It begins with what is there, and shows the newest: a slow body skips
// versions.
func ExampleMapFile_Watch() {
	mf, orders, _, done := shopFile()
	defer done()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	for ev, err := range mf.Watch(ctx, "stats/*") {
		check(err)
		n, err := mapfile.Get[int64](mf, ev.Name)
		check(err)
		fmt.Println(ev.Kind, ev.Name, n)
		if n == 43 {
			break
		}
		*orders++ // in real life, another process
		check(mf.Update("stats/orders"))
	}
	// Output:
	// published stats/orders 41
	// published stats/orders 42
	// published stats/orders 43
}

// Slots lists without decoding, also types that this program does not know.
func ExampleMapFile_Slots() {
	mf, _, _, done := shopFile()
	defer done()

	for info, err := range mf.Slots() {
		check(err)
		fmt.Printf("%s %q: %s by %s, version %d, %d bytes, %v\n", info.Name, info.Title,
			info.Type.Name, info.Type.Codec, info.Stamp.Version, info.Length, info.Producer.State)
	}
	// Output:
	// stats/orders "orders accepted": int64 by basic, version 1, 8 bytes, LIVE
	// config "": shop.Config by json, version 1, 25 bytes, LIVE
}

func ExampleMapFile_Stat() {
	mf, _, _, done := shopFile()
	defer done()

	info, err := mf.Stat()
	check(err)
	fmt.Println("format version", info.FormatVersion, "slots", info.NumSlots)
	for _, p := range info.Producers {
		fmt.Println("session", p.Session, "commit", p.Commit, p.State)
	}
	// Output:
	// format version 1 slots 2
	// session 1 commit 1 LIVE
}

// Verify reads every structure and checksum, also beside live producers.
func ExampleMapFile_Verify() {
	mf, _, _, done := shopFile()
	defer done()

	for checked, err := range mf.Verify() {
		fmt.Println(checked.Slot, checked.Buffers, "buffers", err)
	}
	// Output:
	// stats/orders 8 buffers <nil>
	// config 8 buffers <nil>
}

// Layout shows the bytes themselves, named.
func ExampleMapFile_Layout() {
	mf, _, _, done := shopFile()
	defer done()

	for field, err := range mf.Layout("config") {
		check(err)
		if field.Name == "payload" {
			fmt.Printf("%d bytes: %s\n", field.Length, field.Bytes)
		}
	}
	// Output: 25 bytes: {"Limit":5,"Hosts":["a"]}
}

// A consumer that may be started before its producer.
func ExampleWait() {
	path, done := scratch("late.map")
	defer done()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	go func() { // in real life, another process
		p, err := mapfile.Publish(path, &Config{Limit: 5})
		check(err)
		p.Close()
	}()
	check(mapfile.Wait(ctx, path, "value"))
	r, err := mapfile.Open(path)
	check(err)
	defer r.Close()
	c, err := mapfile.Get[Config](r, "value")
	fmt.Println(c.Limit, err)
	// Output: 5 <nil>
}

// One object in a file of its own.
func ExamplePublish() {
	path, done := scratch("config.map")
	defer done()

	cfg := &Config{Limit: 5}
	pub, err := mapfile.Publish(path, cfg) // makes or joins the file
	check(err)
	defer pub.Close()
	cfg.Limit = 6
	check(pub.Update())                 // after each change
	check(pub.Set(&Config{Limit: 100})) // or another object

	view, err := mapfile.Attach[Config](path)
	check(err)
	defer view.Close()
	c, err := view.Get()
	fmt.Println(c.Limit, err)
	// Output: 100 <nil>
}

// A viewer goes on when its producer is restarted, also with a new file.
func ExampleAttach() {
	path, done := scratch("config.map")
	defer done()
	pub, err := mapfile.Publish(path, &Config{Limit: 1})
	check(err)
	defer pub.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	view, err := mapfile.Attach[Config](path)
	check(err)
	defer view.Close()
	for c, err := range view.Watch(ctx) {
		check(err)
		fmt.Println(c.Limit)
		if c.Limit == 3 {
			break
		}
		check(pub.Set(&Config{Limit: c.Limit + 1})) // in real life, another process
	}
	// Output:
	// 1
	// 2
	// 3
}

// The raw form moves payloads as they are, with neither registry nor codec: a relay, a recorder.
func ExampleRaw() {
	mf, _, _, done := shopFile()
	defer done()
	path, remove := scratch("copy.map")
	defer remove()

	var raw mapfile.Raw
	check(mf.GetInto("config", &raw))
	fmt.Println(raw.Type.Name, raw.Type.Codec, string(raw.Payload))

	relay, err := mapfile.Create(path)
	check(err)
	defer relay.Close()
	slot, err := relay.Add("shop/config", &raw)
	check(err)
	check(slot.Update())
	c, err := mapfile.Get[Config](relay, "shop/config")
	fmt.Println(c.Limit, err)
	// Output:
	// shop.Config json {"Limit":5,"Hosts":["a"]}
	// 5 <nil>
}

// Types for one handle only: in tests, or for plugins that may clash.
func ExampleWithRegistry() {
	path, done := scratch("a.map")
	defer done()
	type point struct{ X, Y float64 }
	types := &registry.Registry{}
	check(registry.RegisterIn[point](types, "geo.Point", jsoncodec.Codec))

	mf, err := mapfile.Create(path, mapfile.WithRegistry(types))
	check(err)
	defer mf.Close()
	slot, err := mf.Add("here", &point{X: 1, Y: 2})
	check(err)
	check(slot.Update())
	fmt.Println(mapfile.Get[point](mf, "here"))
	// Output: {1 2} <nil>
}

// All map files of a directory, kept open from look to look.
func ExampleOpenDir() {
	mf, _, _, done := shopFile()
	defer done()

	dir, err := mapfile.OpenDir(filepath.Dir(mf.Path()))
	check(err)
	defer dir.Close()
	for f, err := range dir.Files() {
		check(err)
		n, err := mapfile.Get[int64](f, "stats/orders")
		fmt.Println(filepath.Base(f.Path()), n, err)
	}
	// Output: shop.map 41 <nil>
}
