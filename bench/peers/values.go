package main

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// This chapter measures stores of a single value: one process publishes it, others read it. The
// publisher is pinned to one processor and all readers to another, so that what it feels is not that they
// take its processor.
const (
	publisherCPU = "0"
	readerCPU    = "1"
)

// allSizes are those of single values, if the command line says nothing else: bytes.
var allSizes = []int{64, 850, 4 << 10, 16 << 10, 64 << 10, 1 << 20}

// fewSizes are those of experiments and peers that take long.
var fewSizes = []int{64, 4 << 10, 64 << 10}

// fewer are the sizes where all would take long: of these, those that were chosen; or what was chosen.
func (h *harness) fewer(sizes ...int) (some []int) {
	for _, size := range sizes {
		for _, chosen := range h.sizes {
			if size == chosen {
				some = append(some, size)
			}
		}
	}
	if some == nil {
		return h.sizes
	}
	return some
}

func sizeName(size int) string {
	switch {
	case size >= 1<<20 && size%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", size>>20)
	case size >= 1<<10 && size%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", size>>10)
	}
	return fmt.Sprintf("%d B", size)
}

// singles are the peers that hold single values, for one size; those that copy through a server or a file
// only if asked for. Slow peers have three sizes, and 16 KiB, which tells where prefetching stops to pay,
// is for lock-free peers.
func (h *harness) singles(servers bool, size int) (some []*peer) {
	for _, p := range h.peers {
		switch {
		case p.only || p.kind == copying && !servers:
		case p.slow && !slices.Contains(fewSizes, size) && slices.Contains(allSizes, size):
		case size == 16<<10 && p.kind != lockFree:
		default:
			some = append(some, p)
		}
	}
	return some
}

// A rig is the workers of one peer and one size.
type rig struct {
	*peer
	dir       string
	publisher *process
	elsewhere *process // publishes into another store; nil: there is none
	readers   []*process
	failed    bool
}

// rigs starts the workers: of each peer a publisher, readers of its store on the processors readersOn,
// and, if elsewhere is asked for, a publisher of another store. Of a lone peer there are no readers.
func (h *harness) rigs(experiment string, peers []*peer, size int, elsewhere bool, readersOn ...string) (all []*rig) {
	name := experiment + ", " + sizeName(size)
	for _, p := range peers {
		h.progress("%s: start %s", name, p.name)
		r := &rig{peer: p}
		var err error
		if r.dir, err = h.dir(); err == nil {
			r.publisher, err = h.start(p, "publish", r.dir, strconv.Itoa(size), publisherCPU)
		}
		if err == nil && elsewhere {
			var other string
			if other, err = h.dir(); err == nil {
				r.elsewhere, err = h.start(p, "publish", other, strconv.Itoa(size), publisherCPU)
			}
		}
		if !p.lone {
			for _, cpu := range readersOn {
				if err != nil {
					break
				}
				var reader *process
				if reader, err = h.start(p, "read", r.dir, strconv.Itoa(size), cpu); err == nil {
					r.readers = append(r.readers, reader)
				}
			}
		}
		if err != nil {
			h.skip(p.name, name, err.Error())
			continue
		}
		all = append(all, r)
	}
	return all
}

// warm has everybody run once and counts nothing.
func (h *harness) warm(experiment string, size int, all []*rig) {
	for _, r := range all {
		jobs := append([]job{{r.publisher, "mean"}}, r.reading(len(r.readers))...)
		_, err := h.runFor(min(h.length, 20*time.Millisecond), jobs...)
		if err == nil && r.elsewhere != nil {
			_, err = h.runFor(min(h.length, 20*time.Millisecond), job{r.elsewhere, "mean"})
		}
		h.fail(r, experiment, size, err)
	}
}

// fail leaves a rig out from here on, if there is an error.
func (h *harness) fail(r *rig, experiment string, size int, err error) {
	if err != nil && !r.failed {
		r.failed = true
		h.skip(r.name, experiment+", "+sizeName(size), err.Error())
	}
}

// reading are the jobs of so many of its readers.
func (r *rig) reading(n int) (jobs []job) {
	for _, reader := range r.readers[:n] {
		jobs = append(jobs, job{reader, "mean"})
	}
	return jobs
}

// steady is run, and again where it was disturbed if the peer is one that never sleeps.
func (h *harness) steady(r *rig, jobs ...job) ([]result, error) {
	if r.kind == lockFree {
		return h.runBusy(jobs...)
	}
	return h.run(jobs...)
}

// each does once for each rig that works and can have so many readers, in the order of this round.
func (h *harness) each(experiment string, size, readers int, all []*rig, once func(*rig) error) {
	for i := range all {
		if r := all[(i+h.round)%len(all)]; !r.failed && len(r.readers) >= readers {
			h.fail(r, experiment, size, once(r))
		}
	}
}

func perCall(r result) float64 { return float64(r.Nanos) / float64(max(r.Calls, 1)) }

// together are several readers of one processor as one.
func together(results []result) (sum result) {
	for _, r := range results {
		sum.Calls += r.Calls
		sum.Distinct += r.Distinct
		sum.Torn += r.Torn
		sum.Back += r.Back
		sum.Nanos = max(sum.Nanos, r.Nanos)
	}
	return sum
}

func readersName(n int) string {
	switch n {
	case 0:
		return "nobody"
	case 1:
		return "1 reader"
	}
	return fmt.Sprintf("%d readers", n)
}

// crcPeer is a row of its own: a checksum (CRC-32C, as in our files) of the same bytes in the same
// rounds, and nothing else.
const crcPeer = "crc"

func (h *harness) startCRC(experiment string, size int, processors string) *process {
	w, err := h.start(ourselves(), "crc", "none", strconv.Itoa(size), processors)
	if err != nil {
		h.skip(crcPeer, experiment, err.Error())
		return nil
	}
	return w
}

func (h *harness) noteCRC(experiment, situation string, w *process) error {
	if w == nil {
		return nil
	}
	results, err := h.runBusy(job{w, "mean"})
	if err == nil {
		h.note(experiment, situation, crcPeer, "ns", perCall(results[0]))
	}
	return err
}

const aboutPublish = `One process publishes a value as fast as it can; so many others read it as fast as they can.
*elsewhere* is the control: the readers are as busy, but with another store of the same peer, in which nobody publishes; what it costs more than
*nobody* is not the protocol's, but the machine's. ns is the time of one publish, ns/read that of one read, ns/distinct the time for each
version that a reader had not seen before (who publishes fast, but lets the reader wait, is found out here); of several readers on
their one processor it is the time of that processor.`

func experimentPublish(h *harness) error {
	most := 0
	for _, n := range h.readers {
		most = max(most, n)
	}
	for _, size := range h.sizes {
		readersOn := make([]string, most)
		for i := range readersOn {
			readersOn[i] = readerCPU
		}
		all := h.rigs("publish", h.singles(true, size), size, most > 0, readersOn...)
		crc := h.startCRC("publish", size, publisherCPU)
		h.warm("publish", size, all)
		for range h.everyRound() {
			h.progress("publish, %s: round %d of %d", sizeName(size), h.round+1, h.rounds)
			for _, n := range h.readers {
				if n > 1 && !slices.Contains(fewSizes, size) && slices.Contains(allSizes, size) {
					continue // with one reader all is seen but what several do to one another
				}
				situation := sizeName(size) + ", " + readersName(n)
				if n == 0 {
					if err := h.noteCRC("publish", situation, crc); err != nil {
						return err
					}
				}
				h.each("publish", size, n, all, func(r *rig) error {
					return h.publishing(r, situation, n)
				})
				if n > 0 {
					h.each("publish", size, n, all, func(r *rig) error {
						results, err := h.steady(r, append([]job{{r.elsewhere, "mean"}}, r.reading(n)...)...)
						if err == nil {
							h.note("publish", situation+" elsewhere", r.name, "ns", perCall(results[0]))
						}
						return err
					})
				}
			}
		}
		h.clear()
	}
	return nil
}

// publishing measures a publisher with n readers. One that nobody reads publishes into the store that nobody
// has read in the rounds before either: some peers remember that for long (LMDB has to go through all pages
// that became free while readers were slow).
func (h *harness) publishing(r *rig, situation string, n int) error {
	publisher := r.publisher
	if n == 0 && r.elsewhere != nil {
		publisher = r.elsewhere
	}
	results, err := h.steady(r, append([]job{{publisher, "mean"}}, r.reading(n)...)...)
	if err != nil {
		return err
	}
	h.note("publish", situation, r.name, "ns", perCall(results[0]))
	if n == 0 {
		return nil
	}
	readers := together(results[1:])
	h.note("publish", situation, r.name, "ns/read", perCall(readers))
	h.note("publish", situation, r.name, "distinct/s", float64(readers.Distinct)/float64(readers.Nanos)*1e9)
	if readers.Distinct > 0 {
		h.note("publish", situation, r.name, "ns/distinct", float64(readers.Nanos)/float64(readers.Distinct))
	}
	h.noteWrong("publish", situation, r.name, readers)
	return nil
}

// noteWrong notes what readers saw that should not be.
func (h *harness) noteWrong(experiment, situation, peer string, readers result) {
	h.note(experiment, situation, peer, "torn", float64(readers.Torn))
	h.note(experiment, situation, peer, "back", float64(readers.Back))
}

const aboutRead = `One process reads a value as fast as it can, copying it into memory of its own, while nobody publishes.`

func experimentRead(h *harness) error {
	for _, size := range h.sizes {
		all := h.rigs("read", h.singles(true, size), size, false, readerCPU)
		crc := h.startCRC("read", size, readerCPU)
		h.warm("read", size, all)
		for _, r := range all {
			if r.lone {
				r.publisher.stop()
				reader, err := h.start(r.peer, "read", r.dir, strconv.Itoa(size), readerCPU)
				r.readers = []*process{reader}
				h.fail(r, "read", size, err)
			}
		}
		for range h.everyRound() {
			h.progress("read, %s: round %d of %d", sizeName(size), h.round+1, h.rounds)
			if err := h.noteCRC("read", sizeName(size), crc); err != nil {
				return err
			}
			h.each("read", size, 1, all, func(r *rig) error {
				results, err := h.steady(r, job{r.readers[0], "mean"})
				if err == nil {
					h.note("read", sizeName(size), r.name, "ns", perCall(results[0]))
				}
				return err
			})
		}
		h.clear()
	}
	return nil
}

const aboutTwo = `Two processes on two processors read the same value while nobody publishes, against one alone: reads a second of both together.
Who counts readers in memory that they share is found out here. Peers with a server, or that read files, are left out.`

func experimentTwo(h *harness) error {
	for _, size := range h.fewer(64, 4<<10) {
		all := h.rigs("two", h.singles(false, size), size, false, readerCPU, publisherCPU)
		h.warm("two", size, all)
		for range h.everyRound() {
			h.progress("two, %s: round %d of %d", sizeName(size), h.round+1, h.rounds)
			for n, situation := range []string{"one reads", "two read"} {
				h.each("two", size, 2, all, func(r *rig) error {
					results, err := h.steady(r, r.reading(n+1)...)
					if err != nil {
						return err
					}
					sum := 0.0
					for _, one := range results {
						sum += 1e9 / perCall(one)
					}
					h.note("two", sizeName(size)+", "+situation, r.name, "reads/s", sum)
					return nil
				})
			}
		}
		h.clear()
	}
	return nil
}

const (
	tailReaders = 4
	aboutTails  = `The time of each single publish, while one or four others read as fast as they can, and while four others spin on the same
processor and read nothing: what the machine does to a publisher by itself is in *spinners*, and the difference is what readers do to it.
Looking at the clock is in these times. Peers with a server, or that write files, are left out.`
)

func experimentTails(h *harness) error {
	for _, size := range h.fewer(64, 850, 4<<10, 64<<10) {
		all := h.rigs("tails", h.singles(false, size), size, false, readerCPU, readerCPU, readerCPU, readerCPU)
		var spinners []job
		for range tailReaders {
			w, err := h.start(ourselves(), "spin", "none", strconv.Itoa(size), readerCPU)
			if err != nil {
				return err
			}
			spinners = append(spinners, job{w, "mean"})
		}
		h.warm("tails", size, all)
		for range h.everyRound() {
			h.progress("tails, %s: round %d of %d", sizeName(size), h.round+1, h.rounds)
			for _, c := range []struct {
				situation string
				readers   int
				others    func(*rig) []job
			}{
				{"nobody", 0, func(*rig) []job { return nil }},
				{"spinners", 0, func(*rig) []job { return spinners }},
				{"1 reader", 1, func(r *rig) []job { return r.reading(1) }},
				{"4 readers", tailReaders, func(r *rig) []job { return r.reading(tailReaders) }},
			} {
				situation := sizeName(size) + ", " + c.situation
				h.each("tails", size, c.readers, all, func(r *rig) error {
					results, err := h.steady(r, append([]job{{r.publisher, "tails"}}, c.others(r)...)...)
					if err != nil {
						return err
					}
					h.note("tails", situation, r.name, "p50 ns", float64(results[0].P50))
					h.note("tails", situation, r.name, "p99.9 ns", float64(results[0].P999))
					h.note("tails", situation, r.name, "worst ns", float64(results[0].Worst))
					if c.readers > 0 {
						h.noteWrong("tails", situation, r.name, together(results[1:]))
					}
					return nil
				})
			}
		}
		h.clear()
	}
	return nil
}

const aboutCalm = `What a publisher that is as fast as it can be feels of one viewer that looks 10 times a second, or that waits for news and looks at
each, but not more than 1,000 times a second: ns for a publish, without a viewer and with it, in turns.`

func experimentCalm(h *harness) error {
	const turns = 5 // in a round; a part of each situation in each turn
	for _, size := range h.fewer(fewSizes...) {
		all := h.rigs("calm", h.chosen("mapfile", "mapfile-off"), size, false, readerCPU)
		h.warm("calm", size, all)
		for range h.everyRound() {
			h.progress("calm, %s: round %d of %d", sizeName(size), h.round+1, h.rounds)
			h.each("calm", size, 1, all, func(r *rig) error {
				situations := []string{"nobody", "10 looks/s", "Watch, 1 kHz"}
				hows := []string{"", "every 100000000", "watch 1000000"}
				var nanos, calls [3]int64
				for range turns {
					for i, how := range hows {
						jobs := []job{{r.publisher, "mean"}}
						if how != "" {
							jobs = append(jobs, job{r.readers[0], how})
						}
						results, err := h.steady(r, jobs...)
						if err != nil {
							return err
						}
						nanos[i] += results[0].Nanos
						calls[i] += results[0].Calls
					}
				}
				for i, situation := range situations {
					h.note("calm", sizeName(size)+", "+situation, r.name, "ns", float64(nanos[i])/float64(max(calls[i], 1)))
				}
				return nil
			})
		}
		h.clear()
	}
	return nil
}
