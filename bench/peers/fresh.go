package main

import (
	"fmt"
	"strconv"
	"time"
)

const aboutFresh = `A value of 64 B is published about every 2 ms by a process on one processor; how old is it when a viewer on the other processor has
it? The viewer sleeps until there is news (for *mapfile* that is Watch, and a read by handle), or looks all the time without sleeping.
*futex* is what the machine needs to wake a process, without Go and without anything else. The last table is what a viewer costs that
sleeps while nobody publishes, and is woken once at the end: that is counted.`

const (
	freshSize     = 64
	freshWatched  = "viewers that sleep until there is news"
	freshPolled   = "viewers that look all the time"
	freshSleeping = "viewers that sleep, nobody publishes"

	freshAges  = 10 // of the length of a measurement: p99 needs many
	freshSleep = 5
)

// freshPolling are the peers whose viewers also look without sleeping.
var freshPolling = []string{"mapfile", "mapfile-off", "floor", "iceoryx2"}

// freshEvery is the time between two publishes, another one in each round.
func (h *harness) freshEvery() string {
	return "every " + strconv.Itoa(2_000_000+17_003*h.round)
}

func experimentFresh(h *harness) error {
	all := h.freshStores()
	for range h.everyRound() {
		h.progress("fresh: round %d of %d", h.round+1, h.rounds)
		for i := range all {
			s := all[(i+h.round)%len(all)]
			if s.failed {
				continue
			}
			if err := h.freshOf(s); err != nil {
				s.failed = true
				h.skip(s.name, "fresh", err.Error())
			}
		}
	}
	return nil
}

// A freshStore is a peer's store with one value, and who publishes it.
type freshStore struct {
	*peer
	dir       string
	publisher *process
	polled    bool
	failed    bool
}

func (h *harness) freshStores() (all []*freshStore) {
	polling := map[string]bool{}
	for _, p := range h.chosen(freshPolling...) {
		polling[p.name] = true
	}
	for _, p := range h.peers {
		if !p.wait && !polling[p.name] {
			continue
		}
		s := &freshStore{peer: p, polled: polling[p.name]}
		var err error
		if s.dir, err = h.dir(); err == nil {
			s.publisher, err = h.start(p, "publish", s.dir, strconv.Itoa(freshSize), publisherCPU)
		}
		if err != nil {
			h.skip(p.name, "fresh", err.Error())
			continue
		}
		all = append(all, s)
	}
	return all
}

// freshOf measures a peer in one round. The viewer is a new process in each: for the one before, news may
// still be queued.
func (h *harness) freshOf(s *freshStore) error {
	viewer, err := h.start(s.peer, "read", s.dir, strconv.Itoa(freshSize), readerCPU)
	if err != nil {
		return err
	}
	defer viewer.stop()
	if _, err := viewer.run(time.Millisecond, "mean"); err != nil { // what was published before is not new
		return err
	}
	if s.wait {
		if _, err := h.asleep(s, viewer, time.Millisecond); err != nil { // the first wait sets up things
			return err
		}
		r, err := h.asleep(s, viewer, freshSleep*h.length)
		if err != nil {
			return err
		}
		h.note("fresh", freshSleeping, s.name, "CPU s/s", float64(r.CPU)/float64(r.Nanos))
		if r, err = h.viewing(s, viewer, "watch"); err != nil {
			return err
		}
		h.noteFresh(freshWatched, s.name, r)
	}
	if s.polled {
		r, err := h.viewing(s, viewer, "poll")
		if err != nil {
			return err
		}
		h.noteFresh(freshPolled, s.name, r)
	}
	return nil
}

func (h *harness) noteFresh(situation, peer string, r result) {
	h.note("fresh", situation, peer, "p50 ns", float64(r.P50))
	h.note("fresh", situation, peer, "p99 ns", float64(r.P99))
	h.note("fresh", situation, peer, "worst ns", float64(r.Worst))
	h.noteWrong("fresh", situation, peer, r)
}

// freshGrace is how much longer the publisher publishes than the viewer looks: one that sleeps ends with
// the first news after its time.
const freshGrace = 200 * time.Millisecond

// asleep has the viewer wait for so long for what is not published until then.
func (h *harness) asleep(s *freshStore, viewer *process, length time.Duration) (result, error) {
	if err := viewer.begin(length, "watch"); err != nil {
		return result{}, err
	}
	time.Sleep(length + freshGrace/4)
	return s.release(viewer, length)
}

// viewing is how old the values are that the viewer gets. On a busy machine there may be none in a short
// time; then it is done again.
func (h *harness) viewing(s *freshStore, viewer *process, how string) (r result, err error) {
	length := freshAges * h.length
	for range 1 + again {
		if err := s.publisher.begin(length+freshGrace, h.freshEvery()); err != nil {
			return r, err
		}
		if err := viewer.begin(length, how); err != nil {
			return r, err
		}
		if _, err := s.publisher.end(length + freshGrace); err != nil {
			return r, err
		}
		if r, err = s.release(viewer, length); err != nil || r.Distinct > 0 {
			return r, err
		}
	}
	return r, fmt.Errorf("%s: the viewer saw no news", how)
}

// release publishes now and then until the viewer has ended. Once is enough, unless the viewer began late:
// then that was before its time was over.
func (s *freshStore) release(viewer *process, length time.Duration) (result, error) {
	type outcome struct {
		result
		error
	}
	ended := make(chan outcome, 1)
	go func() {
		r, err := viewer.end(length)
		ended <- outcome{r, err}
	}()
	for {
		if _, err := s.publisher.run(time.Millisecond, "every 1000000"); err != nil {
			return result{}, err
		}
		select {
		case o := <-ended:
			return o.result, o.error
		case <-time.After(freshGrace / 2):
		}
	}
}

func freshTargets() (all []target) {
	for _, f := range forms {
		for _, metric := range []struct {
			name  string
			limit float64
		}{{"p50 ns", 1.25}, {"p99 ns", 2.5}} {
			all = append(all, target{
				What: "publish to having the value by Watch", Check: f.check, At: metric.name[:3], Unit: "× futex", Limit: metric.limit,
				of:      []figureKey{{"fresh", freshWatched, f.peer, metric.name}, {"fresh", freshWatched, "futex", metric.name}},
				combine: ratio,
			})
		}
	}
	for _, f := range forms {
		all = append(all, target{
			What: "the same, polling a handle", Check: f.check, At: "p50", Unit: "ns", Limit: 1000,
			of:      []figureKey{{"fresh", freshPolled, f.peer, "p50 ns"}},
			combine: itself,
		})
	}
	for _, f := range forms {
		all = append(all, target{
			What: "processor time of a viewer that sleeps", Check: f.check, Unit: "CPU s/s", Limit: 0.001,
			of:      []figureKey{{"fresh", freshSleeping, f.peer, "CPU s/s"}},
			combine: itself,
		})
	}
	return all
}
