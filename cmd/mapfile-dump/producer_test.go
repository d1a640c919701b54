package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"go-hep.org/x/hep/hbook"

	binarycodec "github.com/gomapfile/mapfile/codec/binary"
	gobcodec "github.com/gomapfile/mapfile/codec/gob"
	_ "github.com/gomapfile/mapfile/codec/hbook"
	jsoncodec "github.com/gomapfile/mapfile/codec/json"
	msgpackcodec "github.com/gomapfile/mapfile/codec/msgpack"
	"github.com/gomapfile/mapfile/codec/pod"
	zstdcodec "github.com/gomapfile/mapfile/codec/zstd"
	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/registry"
)

// The command producer of the scripts: producer SCENARIO FILE [END]. It makes the file, plays the
// scenario, and ends as END says:
//
//	close     the usual
//	die       os.Exit without Close
//	soon      the same, a second later
//	stay      goes on until killed
//	new       the same, in a new file in place of the old one
//	recreate  such files one after the other, until killed
//
// Types are registered here and not in mapfile-dump's process, so that the tool knows none of them.

type shopConfig struct {
	Limit int
	Names []string
}

type labEvent struct {
	ID    int64
	Big   uint64
	Tags  map[string]float64
	At    time.Time
	Inner *labEvent
}

type podPoint struct {
	X, Y float64
	N    [3]int32
}

type ownBytes struct{ b []byte }

func (o *ownBytes) MarshalBinary() ([]byte, error) { return o.b, nil }
func (o *ownBytes) UnmarshalBinary(b []byte) error { o.b = slices.Clone(b); return nil }

type gobValue struct {
	Name  string
	Count int
}

type gobNumbers struct{ N []int }

// A scenario adds and publishes; step is called again and again while the producer stays.
type scenario func(mf *mapfile.MapFile) (step func() error, err error)

var scenarios = map[string]scenario{
	"basics": basics, "codecs": codecs, "hists": hists, "one": one, "empty": empty, "hostile": hostile,
	"many": many, "tick": tick, "changes": changes, "gob": gobs, "unchecked": one,
}

// openings are options of a scenario's producer beside the title.
var openings = map[string][]mapfile.Option{"unchecked": {mapfile.WithoutCheck()}}

func produce(args []string) int {
	if len(args) < 2 || scenarios[args[0]] == nil {
		fmt.Fprintln(os.Stderr, "usage: producer SCENARIO FILE [close|die|soon|stay|new|recreate]")
		return 2
	}
	end := "close"
	if len(args) > 2 {
		end = args[2]
	}
	if err := play(args[0], args[1], end); err != nil {
		fmt.Fprintln(os.Stderr, "producer:", err)
		return 1
	}
	return 0
}

func play(name, path, end string) error {
	s := scenarios[name]
	opened := mapfile.OpenOrCreate
	if end == "recreate" || end == "new" {
		opened = mapfile.Recreate
	}
	for {
		mf, err := opened(path, append([]mapfile.Option{mapfile.WithTitle("a title")}, openings[name]...)...)
		if err != nil {
			return err
		}
		step, err := s(mf)
		if err != nil {
			return err
		}
		switch end {
		case "die":
			os.Exit(0)
		case "close":
			return mf.Close()
		case "recreate":
			if err := mf.Close(); err != nil {
				return err
			}
			time.Sleep(10 * time.Millisecond)
			continue
		}
		for start := time.Now(); err == nil; {
			if end == "soon" && time.Since(start) > time.Second {
				os.Exit(0)
			}
			time.Sleep(20 * time.Millisecond)
			if step != nil {
				err = step()
			}
		}
		return err
	}
}

// put adds a slot and publishes it.
func put(mf *mapfile.MapFile, err error, name string, v any, opts ...mapfile.SlotOption) error {
	if err != nil {
		return err
	}
	s, err := mf.Add(name, v, opts...)
	if err != nil {
		return err
	}
	return s.Update()
}

func basics(mf *mapfile.MapFile) (step func() error, err error) {
	n, text, list, big, never := int64(42), "hello", []float64{1, 2.5}, uint64(1<<53+1), int64(0)
	err = put(mf, err, "run1/n", &n, mapfile.WithTitle("a number;x;y"))
	err = put(mf, err, "run1/list", &list)
	err = put(mf, err, "run2/text", &text)
	err = put(mf, err, "big", &big)
	if err == nil {
		_, err = mf.Add("never", &never)
	}
	return nil, err
}

func codecs(mf *mapfile.MapFile) (step func() error, err error) {
	registry.Register[shopConfig]("shop.Config", jsoncodec.Codec)
	registry.Register[labEvent]("lab.Event", msgpackcodec.Codec)
	registry.Register[podPoint]("pod.Point", pod.Codec)
	registry.Register[ownBytes]("own.Bytes", binarycodec.Codec)
	err = put(mf, err, "json", &shopConfig{Limit: 5, Names: []string{"a", "b"}})
	event := labEvent{ID: -7, Big: 1 << 63, Tags: map[string]float64{"k": 0.5}, At: time.Unix(1763700000, 0), Inner: &labEvent{ID: 1}}
	err = put(mf, err, "msgpack", &event)
	err = put(mf, err, "pod", &podPoint{1, -2, [3]int32{1, 2, 3}})
	err = put(mf, err, "binary", &ownBytes{[]byte("\x00\x01own")})
	err = put(mf, err, "zstd", &event, mapfile.WithCodec(zstdcodec.Wrap(msgpackcodec.Codec)))
	return nil, err
}

func gobs(mf *mapfile.MapFile) (step func() error, err error) {
	registry.Register[gobValue]("my.Gob", gobcodec.Codec)
	err = put(mf, err, "gob", &gobValue{"n", 3})
	err = put(mf, err, "packed", &gobValue{"p", 4}, mapfile.WithCodec(zstdcodec.Wrap(gobcodec.Codec)))
	long := gobNumbers{make([]int, 8<<20)}
	registry.Register[gobNumbers]("my.Numbers", gobcodec.Codec)
	err = put(mf, err, "long", &long)
	bomb := mapfile.Raw{Type: mapfile.TypeInfo{Name: "bomb", Codec: "gob"}, Payload: []byte{0xf8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}
	err = put(mf, err, "zbomb", &bomb)
	return nil, err
}

func hists(mf *mapfile.MapFile) (step func() error, err error) {
	h1, h2, p1 := hbook.NewH1D(100, -4, 4), hbook.NewH2D(20, -4, 4, 10, -4, 4), hbook.NewP1D(40, 0, 40)
	for i := range 10000 {
		x := (float64(i%100) - 49.5) / 20
		h1.Fill(x, float64(1+i%7))
		h2.Fill(x, -x, 1)
		p1.Fill(float64(i%40), float64(i%40*i%3), 1)
	}
	h1.Fill(5, 12)
	h1.Ann["title"] = "px"
	err = put(mf, err, "crate00/h1", h1, mapfile.WithTitle("ADC"))
	err = put(mf, err, "crate00/h2", h2)
	err = put(mf, err, "crate01/p1", p1)
	return nil, err
}

func one(mf *mapfile.MapFile) (step func() error, err error) {
	text := "the only payload"
	return nil, put(mf, err, "value", &text)
}

func empty(*mapfile.MapFile) (step func() error, err error) { return nil, nil }

func hostile(mf *mapfile.MapFile) (step func() error, err error) {
	n := int64(1)
	err = put(mf, err, "two\nlines", &n, mapfile.WithTitle("\x1b[31mred\u009b0m\u202eevil"))
	err = put(mf, err, "-dash", &n)
	err = put(mf, err, "bin[1]", &n)
	err = put(mf, err, "star*", &n)
	text := "\x1b]0;owned\x07"
	err = put(mf, err, "text", &text)
	return nil, err
}

func many(mf *mapfile.MapFile) (step func() error, err error) {
	n := 2000
	if v := os.Getenv("SLOTS"); v != "" {
		n, _ = strconv.Atoi(v)
	}
	size := 1024
	if v := os.Getenv("SIZE"); v != "" {
		size, _ = strconv.Atoi(v)
	}
	payload := make([]byte, size)
	for i := range n {
		if _, err := mf.Add(fmt.Sprintf("slot/%06d", i), &payload); err != nil {
			return nil, err
		}
	}
	return nil, mf.Update()
}

// tick publishes a counter and a text all the time.
func tick(mf *mapfile.MapFile) (step func() error, err error) {
	n, text := int64(0), "tick"
	err = put(mf, err, "n", &n)
	err = put(mf, err, "text", &text)
	return func() error { n++; return mf.Update() }, err
}

// changes removes a slot, adds it with another type, and lets one grow.
func changes(mf *mapfile.MapFile) (step func() error, err error) {
	n, text, grows := int64(1), "another type", "short"
	err = put(mf, err, "changes", &n)
	err = put(mf, err, "grows", &grows, mapfile.WithCapacity(64))
	i := 0
	return func() error {
		switch i++; i {
		case 25:
			return mf.Remove("changes")
		case 50:
			return put(mf, nil, "changes", &text)
		case 75:
			grows = string(make([]byte, 10000))
			return mf.Update("grows")
		case 100:
			return mf.Close()
		case 101:
			os.Exit(0)
		}
		return nil
	}, err
}
