package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

const aboutMany = `A producer publishes all of its slots once a second, and four viewers, each a process, read all of them once a second into memory of
their own: one slot after the other, or, as *mapfile-snapshot*, as of one commit. CPU s/s is the processor time of producer, viewers and servers together, per second. Values are of many lengths: median 4 KiB, 1 % above
64 KiB. memory/held is what a viewer has of its own (private, anonymous) for each byte of the values.
As histograms: each slot is a histogram of 100 bins that gets one more entry each second, and viewers end with objects that they can ask.
Stress: small slots at random flat out on one processor, and on the other a viewer that reads all of them again and again.`

// The situations, which are the titles of their tables.
const (
	manyM          = "M: 3,000 slots"
	manyHistograms = "M as histograms: encoded, decoded"
	manyL          = "L: 20,000 slots"
	manyStress     = "stress: 20,000 slots of 64 B at random"
)

const (
	slotsM     = 3_000
	slotsL     = 20_000
	stressSize = 64

	manyViewers = 4
	manyRounds  = 3  // at most: each takes long
	secondsM    = 40 // of the length of a measurement: 4 s of 100 ms
	callsM      = 4  // in this time
	secondsL    = 20
	callsL      = 2
	manyWarm    = 10 // of a measurement's length, so that each buffer of a slot has been written
)

// manyM's peers are those that can hold so many, and of which one is enough of its kind.
var manyPeers = []string{"mapfile", "mapfile-off", "mapfile-snapshot", "floor", "chronicle", "lmdb", "socket", "http", "file", "redis", "nats", "grpc"}

func experimentMany(h *harness) error {
	for _, load := range []manyLoad{
		{manyM, lengths(slotsM), manyPeers, secondsM, callsM},
		{manyHistograms, equalLengths(slotsM, 16), []string{"mapfile-hbook", "prom"}, secondsL, callsL},
		{manyL, lengths(slotsL), []string{"mapfile", "mapfile-off", "mapfile-snapshot", "floor"}, secondsL, callsL},
	} {
		if err := h.manyOf(load); err != nil {
			return err
		}
		h.clear()
	}
	return h.stress()
}

// lengths are n lengths whose logarithms are normally distributed, always the same: median 4 KiB, one in a
// hundred above 64 KiB.
func lengths(n int) []int {
	const median, above, normal99 = 4 << 10, 16, 2.3263
	sigma := math.Log(above) / normal99
	sizes := make([]int, n)
	for i := range sizes {
		quantile := (float64(i) + 0.5) / float64(n)
		sizes[i] = int(median * math.Exp(sigma*math.Sqrt2*math.Erfinv(2*quantile-1)))
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(n, func(i, j int) { sizes[i], sizes[j] = sizes[j], sizes[i] })
	return sizes
}

func equalLengths(n, size int) []int {
	sizes := make([]int, n)
	for i := range sizes {
		sizes[i] = size
	}
	return sizes
}

// A manyLoad is what some peers are measured with.
type manyLoad struct {
	situation string
	sizes     []int
	peers     []string
	lengths   int // how many measurements' lengths it takes
	calls     int // publishes and looks of each viewer in that time; it stands for so many seconds
}

// sizesFile writes the lengths for workers, and returns the word that they are told.
func (h *harness) sizesFile(sizes []int) (string, error) {
	dir, err := h.dir()
	if err != nil {
		return "", err
	}
	var lines strings.Builder
	for _, size := range sizes {
		fmt.Fprintln(&lines, size)
	}
	path := filepath.Join(dir, "sizes")
	return "@" + path, os.WriteFile(path, []byte(lines.String()), 0o600)
}

// A crowd is the workers of one peer: a publisher and the viewers.
type crowd struct {
	*peer
	publisher *process
	viewers   []*process
	failed    bool
}

// crowds starts them: all on all processors, unless some are named.
func (h *harness) crowds(load manyLoad, viewers int, publisherOn, viewersOn string) ([]*crowd, error) {
	sizes, err := h.sizesFile(load.sizes)
	if err != nil {
		return nil, err
	}
	var all []*crowd
	for _, p := range h.chosen(load.peers...) {
		h.progress("many, %s: start %s", load.situation, p.name)
		c, err := h.crowd(p, sizes, viewers, publisherOn, viewersOn)
		if err == nil {
			err = c.warm(manyWarm * h.length)
		}
		if err != nil {
			h.skip(p.name, "many, "+load.situation, err.Error())
			continue
		}
		all = append(all, c)
	}
	return all, nil
}

func (h *harness) crowd(p *peer, sizes string, viewers int, publisherOn, viewersOn string) (*crowd, error) {
	dir, err := h.dir()
	if err != nil {
		return nil, err
	}
	c := &crowd{peer: p}
	if c.publisher, err = h.start(p, "publish", dir, sizes, publisherOn); err != nil {
		return nil, err
	}
	for range viewers {
		v, err := h.start(p, "read", dir, sizes, viewersOn)
		if err != nil {
			return nil, err
		}
		c.viewers = append(c.viewers, v)
	}
	return c, nil
}

// warm has each work for a while, so that memory is there and what is to be looked up has been.
func (c *crowd) warm(length time.Duration) error {
	for _, w := range append([]*process{c.publisher}, c.viewers...) {
		if _, err := w.run(length, "mean"); err != nil {
			return err
		}
		length = time.Millisecond // a viewer needs one look
	}
	return nil
}

// eachCrowd does once for each that works, in the order of this round, and for so many rounds as such a
// long experiment has.
func (h *harness) eachCrowd(situation string, all []*crowd, once func(*crowd) error) {
	for range h.everyRound() {
		if h.round == manyRounds {
			return
		}
		h.progress("many, %s: round %d of %d", situation, h.round+1, min(h.rounds, manyRounds))
		for i := range all {
			c := all[(i+h.round)%len(all)]
			if c.failed {
				continue
			}
			if err := once(c); err != nil {
				c.failed = true
				h.skip(c.name, "many, "+situation, err.Error())
			}
		}
	}
}

func (h *harness) manyOf(load manyLoad) error {
	all, err := h.crowds(load, manyViewers, "", "")
	if err != nil {
		return err
	}
	held := 0
	for _, size := range load.sizes {
		held += size
	}
	h.eachCrowd(load.situation, all, func(c *crowd) error {
		length := time.Duration(load.lengths) * h.length
		producer, viewers, err := c.work(length, load.calls)
		if err != nil {
			return err
		}
		// A call stands for a second.
		seconds := float64(producer.CPU) / float64(producer.Calls) / 1e9
		h.note("many", load.situation, c.name, "producer CPU s/s", seconds)
		memory := int64(0)
		for _, v := range viewers {
			seconds += float64(v.CPU) / float64(v.Calls) / 1e9
			memory = max(memory, v.Memory)
		}
		h.note("many", load.situation, c.name, "CPU s/s", seconds)
		if load.situation != manyHistograms { // their values are not these bytes
			h.note("many", load.situation, c.name, "memory/held", float64(memory)/float64(held))
		}
		h.noteWrong("many", load.situation, c.name, together(viewers))
		return nil
	})
	return nil
}

// work has all work for so long, each at a time of its own: every viewer looks so often while the producer
// publishes so often, so that all requests to a server in the producer are within its run.
func (c *crowd) work(length time.Duration, calls int) (producer result, viewers []result, err error) {
	period := length / time.Duration(calls)
	how := "every " + strconv.FormatInt(period.Nanoseconds(), 10)
	if err := c.publisher.begin(length, how); err != nil {
		return producer, nil, err
	}
	for _, v := range c.viewers {
		time.Sleep(period / (manyViewers + 1))
		if err := v.begin(length, how); err != nil {
			return producer, nil, err
		}
	}
	for _, v := range c.viewers {
		r, err := v.end(length)
		if err != nil {
			return producer, nil, err
		}
		viewers = append(viewers, r)
	}
	producer, err = c.publisher.end(length)
	return producer, viewers, err
}

func (h *harness) stress() error {
	load := manyLoad{situation: manyStress, sizes: equalLengths(slotsL, stressSize), peers: []string{"mapfile-snapshot", "mapfile", "floor"}}
	all, err := h.crowds(load, 1, publisherCPU, readerCPU)
	if err != nil {
		return err
	}
	h.eachCrowd(manyStress, all, func(c *crowd) error {
		const lengths = 5 // of a measurement: a look at all takes long
		results, err := h.runFor(lengths*h.length, job{c.publisher, "random"}, job{c.viewers[0], "mean"})
		if err != nil {
			return err
		}
		h.note("many", manyStress, c.name, "ns/publish", perCall(results[0]))
		h.note("many", manyStress, c.name, "ns/slot read", perCall(results[1])/slotsL)
		h.noteWrong("many", manyStress, c.name, results[1])
		return nil
	})
	return nil
}

// ourSnapshots is this library with a reader that takes all slots as of one commit.
type ourSnapshots struct{ ours }

func (s ourSnapshots) open(dir string, sizes []int) (reader, error) {
	slots, err := s.ours.open(dir, sizes)
	if err != nil {
		return nil, err
	}
	r := &ourSnapshotReader{ourReader: slots.(*ourReader)}
	for i := range sizes {
		r.names = append(r.names, slotName(i))
	}
	return r, nil
}

type ourSnapshotReader struct {
	*ourReader
	names    []string
	snapshot mapfile.Snapshot
}

// readAll copies twice: a Snapshot is private memory already, which a codec would decode in place, but here
// the bytes are to be where those of all peers are.
func (r *ourSnapshotReader) readAll(bufs [][]byte) error {
	if err := r.mf.SnapshotInto(&r.snapshot); err != nil {
		return err
	}
	for i, buf := range bufs {
		r.raw.Payload = buf
		if err := r.snapshot.GetInto(r.names[i], &r.raw); err != nil {
			return err
		}
	}
	return nil
}

func manyTargets() (all []target) {
	const metric = "CPU s/s"
	for _, f := range forms {
		all = append(all, target{
			What: "3,000 slots, producer and four viewers at 1 Hz", Check: f.check, Unit: "× floor", Limit: 1.5,
			of:      []figureKey{{"many", manyM, f.peer, metric}, {"many", manyM, "floor", metric}},
			combine: ratio,
		})
	}
	for _, f := range forms {
		all = append(all, target{
			What: "the same", Check: f.check, Unit: "× best peer", Limit: 1,
			of:      append([]figureKey{{"many", manyM, f.peer, metric}}, others("many", manyM, metric, everyPeer)...),
			combine: toBest, some: true,
		})
	}
	for _, f := range forms {
		all = append(all, target{
			What: "the same: memory of a viewer", Check: f.check, Unit: "× the bytes it holds", Limit: 3,
			of:      []figureKey{{"many", manyM, f.peer, "memory/held"}},
			combine: itself,
		})
	}
	return append(all, target{
		What: "3,000 histograms, encoded and decoded", Check: on.check, Unit: "× Prometheus text", Limit: none,
		of:      []figureKey{{"many", manyHistograms, "mapfile-hbook", metric}, {"many", manyHistograms, "prom", metric}},
		combine: ratio,
	})
}
