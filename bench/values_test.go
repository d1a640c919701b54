package bench_test

import (
	"encoding/binary"
	"errors"
	"math"
	"path"
	"testing"

	"github.com/gomapfile/mapfile/codec"
	binarycodec "github.com/gomapfile/mapfile/codec/binary"
	gobcodec "github.com/gomapfile/mapfile/codec/gob"
	hbookcodec "github.com/gomapfile/mapfile/codec/hbook"
	jsoncodec "github.com/gomapfile/mapfile/codec/json"
	msgpackcodec "github.com/gomapfile/mapfile/codec/msgpack"
	"github.com/gomapfile/mapfile/codec/pod"
	"github.com/gomapfile/mapfile/codec/protobuf"
	zstdcodec "github.com/gomapfile/mapfile/codec/zstd"
	"github.com/gomapfile/mapfile/mapfile"
	mapfilepb "github.com/gomapfile/mapfile/proto"
	"github.com/gomapfile/mapfile/registry"
	"go-hep.org/x/hep/hbook"
)

// Objects, one or more for each codec.

// An event is a small record as an experiment has it: about 200 bytes.
type event struct {
	Number, Nanos uint64
	Run           uint32
	Good          bool
	Energy        [22]float64
}

func newEvent() *event {
	e := &event{Number: 4711, Nanos: 1_700_000_000_000_000_000, Run: 12, Good: true}
	for i := range e.Energy {
		e.Energy[i] = 100 * math.Sqrt(float64(i))
	}
	return e
}

// A marshaler is a type with an encoding of its own.
type marshaler struct{ values []float64 }

func (m *marshaler) MarshalBinary() ([]byte, error) {
	return binary.Append(nil, binary.LittleEndian, m.values)
}

func (m *marshaler) UnmarshalBinary(payload []byte) error {
	if len(payload)%8 != 0 {
		return errors.New("a part of a number")
	}
	m.values = make([]float64, len(payload)/8)
	_, err := binary.Decode(payload, binary.LittleEndian, m.values)
	return err
}

// The bins of histograms here are filled evenly, each many times.

func newH1D() *hbook.H1D {
	h := hbook.NewH1D(100, -4, 4)
	for i := range 10_000 {
		h.Fill(spread(i, 977), 1)
	}
	return h
}

// newH2D is filled with weights, so that it has a square of its own in each bin.
func newH2D() *hbook.H2D {
	h := hbook.NewH2D(100, -4, 4, 100, -4, 4)
	for i := range 100_000 {
		h.Fill(spread(i, 977), spread(i, 811), 0.25*float64(1+i%7))
	}
	return h
}

func newP1D() *hbook.P1D {
	p := hbook.NewP1D(100, -4, 4)
	for i := range 10_000 {
		p.Fill(spread(i, 977), float64(i%33), 1)
	}
	return p
}

func spread(i, steps int) float64 { return float64(i%steps)/float64(steps)*8 - 4 }

// newTrio makes the three histograms that the examples share: hpx, hpxpy and hprof.
func newTrio() [3]any {
	h2 := hbook.NewH2D(40, -4, 4, 40, -4, 4)
	for i := range 100_000 {
		h2.Fill(spread(i, 977), spread(i, 811), 1)
	}
	return [3]any{newH1D(), h2, newP1D()}
}

func addTrio(tb testing.TB, mf *mapfile.MapFile, dir string, trio [3]any) (slots []*mapfile.Slot) {
	tb.Helper()
	for i, name := range []string{"hpx", "hpxpy", "hprof"} {
		slots = append(slots, add(tb, mf, path.Join(dir, name), trio[i]))
	}
	return slots
}

// columnsOf returns the same histograms as messages: the producer has columns, not bins.
func columnsOf(tb testing.TB, trio [3]any) [3]any {
	tb.Helper()
	messages := [3]any{&mapfilepb.H1D{}, &mapfilepb.H2D{}, &mapfilepb.P1D{}}
	for i, m := range messages {
		payload, err := hbookcodec.Codec.Append(nil, trio[i])
		if err == nil {
			err = protobuf.Codec.Decode(payload, m)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	return messages
}

// A sample is an object whose type is known to a registry with one codec for it.
type sample struct {
	name     string // of the benchmark
	object   any    // a pointer
	empty    func() any
	registry *registry.Registry
}

// sampleOf makes a sample. Each has a registry of its own, so that one type can have many codecs;
// without a codec it is the default one, for types that need no registration.
func sampleOf[T any](tb testing.TB, name string, object *T, c codec.Codec) sample {
	tb.Helper()
	s := sample{name: name, object: object, empty: func() any { return new(T) }, registry: registry.Default}
	if c != nil {
		s.registry = &registry.Registry{}
		if err := registry.RegisterIn[T](s.registry, "bench.Sample", c); err != nil {
			tb.Fatal(err)
		}
	}
	return s
}

func samples(tb testing.TB) []sample {
	tb.Helper()
	numbers := make([]float64, 100)
	for i := range numbers {
		numbers[i] = spread(i, 100)
	}
	message := columnsOf(tb, newTrio())[0].(*mapfilepb.H1D)
	return []sample{
		sampleOf(tb, "codec=basic/type=float64", &numbers[1], nil),
		sampleOf(tb, "codec=basic/type=float64s", &numbers, nil),
		sampleOf(tb, "codec=pod/type=event", newEvent(), pod.Codec),
		sampleOf(tb, "codec=binary/type=marshaler", &marshaler{numbers}, binarycodec.Codec),
		sampleOf(tb, "codec=msgpack/type=event", newEvent(), msgpackcodec.Codec),
		sampleOf(tb, "codec=protobuf/type=H1D", message, nil),
		sampleOf(tb, "codec=json/type=event", newEvent(), jsoncodec.Codec),
		sampleOf(tb, "codec=gob/type=event", newEvent(), gobcodec.Codec),
		sampleOf(tb, "codec=hbook/type=H1D", newH1D(), nil),
		sampleOf(tb, "codec=hbook/type=H2D", newH2D(), nil),
		sampleOf(tb, "codec=hbook/type=P1D", newP1D(), nil),
		sampleOf(tb, "codec=zstd+json/type=event", newEvent(), zstdcodec.Wrap(jsoncodec.Codec)),
		sampleOf(tb, "codec=zstd+hbook/type=H2D", newH2D(), zstdcodec.Wrap(hbookcodec.Codec)),
	}
}

// share publishes the sample in a file of its own. It returns its slot, a reader of it in another
// mapping, and the length of its payload.
func (s sample) share(tb testing.TB) (*mapfile.Slot, *mapfile.SlotReader, int) {
	tb.Helper()
	mf := create(tb, mapfile.WithRegistry(s.registry))
	slot := add(tb, mf, "value", s.object)
	settle(tb, mf)
	r := open(tb, mf, mapfile.WithRegistry(s.registry)).Reader("value")
	info, err := r.Stat()
	if err != nil {
		tb.Fatal(err)
	}
	return slot, r, int(info.Length)
}
