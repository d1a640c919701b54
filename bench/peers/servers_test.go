package main

import (
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// goStores are the peers of goPeers that are there, with a test for each.
func goStores(t *testing.T, each func(t *testing.T, p *peer)) {
	for i := range goPeers {
		p := &goPeers[i]
		t.Run(p.name, func(t *testing.T) {
			if p.missing != nil {
				if reason := p.missing(); reason != "" {
					t.Skip(reason)
				}
			}
			each(t, p)
		})
	}
}

// shortDir is a directory whose path is short enough for a socket in it.
func shortDir(t *testing.T) string {
	dir, err := os.MkdirTemp("", "peers-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// own says that a peer's numbers are its own, not those of the publisher: it shares histograms.
func own(p *peer) bool { return p.name == "prom" || p.name == "mapfile-hbook" }

func TestReaderSeesWhatWasPublished(t *testing.T) {
	sizes := []int{64, 850, 70_000}
	goStores(t, func(t *testing.T, p *peer) {
		dir := shortDir(t)
		publisher, err := p.store.create(dir, sizes)
		if err != nil {
			t.Fatal(err)
		}
		publishing := &publishing{publisher: publisher, values: makeValues(sizes), number: 1}
		closed := false
		defer func() {
			if !closed {
				publisher.close()
			}
		}()
		if p.name == "bbolt" {
			if _, err := p.store.open(dir, sizes); err == nil {
				t.Error("a reader opens it beside the publisher; the text about it says that none can")
			}
			if err := errors.Join(publishing.call(nil), publisher.close()); err != nil {
				t.Fatal(err)
			}
			closed = true
		}
		r, err := p.store.open(dir, sizes)
		if err != nil {
			t.Fatal(err)
		}
		reading := &reading{reader: r, values: makeValues(sizes), last: make([]uint64, len(sizes))}
		defer r.close()

		for i := range 5 {
			if !closed {
				if err := publishing.call(nil); err != nil {
					t.Fatal(err)
				}
			}
			res := eventually(t, reading, func(res result) bool { return closed && i > 0 || res.Distinct == int64(len(sizes)) })
			if res.Torn != 0 || res.Back != 0 {
				t.Fatalf("call %d: %d torn, %d older than one before", i, res.Torn, res.Back)
			}
		}
		if !own(p) {
			for i, last := range reading.last {
				if last != publishing.number {
					t.Errorf("slot %d has number %d, not %d", i, last, publishing.number)
				}
			}
			publishing.choose("random")
			reading.choose("random")
		}
		if own(p) || closed {
			return
		}
		for range 20 {
			if err := publishing.call(nil); err != nil {
				t.Fatal(err)
			}
		}
		for i := range sizes {
			if err := reading.readOne(&result{}, i); err != nil {
				t.Error(err)
			}
		}
		if newest := slices.Max(reading.last); newest != publishing.number {
			t.Errorf("one by one, the newest value has number %d, not %d", newest, publishing.number)
		}
	})
}

// eventually reads until all is as it should be: NATS sends what is new a little later.
func eventually(t *testing.T, r *reading, ok func(result) bool) (res result) {
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		if err := r.call(&res); err != nil {
			t.Fatal(err)
		}
		if ok(res) {
			return res
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d new values after 5 s, not %d", res.Distinct, len(r.values))
		}
	}
}

func TestWaitingReaderIsWoken(t *testing.T) {
	goStores(t, func(t *testing.T, p *peer) {
		if !p.wait {
			t.Skip("its readers cannot wait")
		}
		dir, sizes := shortDir(t), []int{64}
		publisher, err := p.store.create(dir, sizes)
		if err != nil {
			t.Fatal(err)
		}
		defer publisher.close()
		r, err := p.store.open(dir, sizes)
		if err != nil {
			t.Fatal(err)
		}
		defer r.close()
		seen, failed := make(chan uint64, 100), make(chan error, 1)
		go func() {
			for buf := make([]byte, 64); ; {
				if err := errors.Join(r.(waiter).wait(), r.read(0, buf)); err != nil {
					failed <- err
					return
				}
				number, whole := numberOf(buf)
				if !whole {
					failed <- errors.New("a torn value")
					return
				}
				seen <- number
				if number == 3 {
					return
				}
			}
		}()
		value := make([]byte, 64)
		for number := uint64(1); number <= 3; number++ {
			// The first may come before the reader waits; then it is published again.
			for woken, tries := false, 0; !woken; tries++ {
				stampValue(value, number)
				if err := publisher.publish(0, value); err != nil {
					t.Fatal(err)
				}
				for again := time.After(200 * time.Millisecond); !woken; {
					select {
					case n := <-seen:
						woken = n == number
						continue
					case err := <-failed:
						t.Fatal(err)
					case <-again:
					}
					break
				}
				if tries == 50 {
					t.Fatalf("nobody was woken by number %d", number)
				}
			}
		}
	})
}

func TestReaderWithoutPublisherSaysSo(t *testing.T) {
	goStores(t, func(t *testing.T, p *peer) {
		if r, err := p.store.open(shortDir(t), []int{64}); err == nil {
			r.close()
			t.Error("it opens what is not there")
		}
	})
}

func TestServerEndsWithItsPublisher(t *testing.T) {
	goStores(t, func(t *testing.T, p *peer) {
		publisher, err := p.store.create(shortDir(t), []int{64})
		if err != nil {
			t.Fatal(err)
		}
		var started *server
		switch p := publisher.(type) {
		case *redisPublisher:
			started = p.server
		case *natsPublisher:
			started = p.server
		default:
			publisher.close()
			t.Skip("it starts no process")
		}
		if started.helperTime() <= 0 {
			t.Error("the server has used no processor time")
		}
		publisher.close()
		if err := syscall.Kill(started.process.Pid, 0); err != syscall.ESRCH {
			t.Errorf("the server is still there: %v", err)
		}
	})
}

func TestServerThatCannotStartIsExplained(t *testing.T) {
	dir := shortDir(t)
	s, err := startServer(dir, "/bin/sh", "-c", "echo no such luck >&2; exit 1")
	if err != nil {
		t.Fatal(err)
	}
	err = s.await(func() error { return errors.New("not there") })
	if err == nil || !strings.Contains(err.Error(), "no such luck") {
		t.Errorf("the error is %v", err)
	}
	if _, err := startServer(dir, "/no/such/program"); err == nil {
		t.Error("a program that is not there starts")
	}
}

func TestLengthsOfManySlots(t *testing.T) {
	sizes := lengths(slotsM)
	sorted := slices.Sorted(slices.Values(sizes))
	if median := sorted[slotsM/2]; math.Abs(float64(median)/4096-1) > 0.01 {
		t.Errorf("the median is %d", median)
	}
	if p99 := sorted[slotsM*99/100]; math.Abs(float64(p99)/65536-1) > 0.02 {
		t.Errorf("1 %% are above %d", p99)
	}
	if sorted[0] < 16 {
		t.Errorf("one has %d bytes, which is less than a value must have", sorted[0])
	}
	if slices.IsSorted(sizes) || !slices.Equal(sizes, lengths(slotsM)) {
		t.Error("they are in order, or others each time")
	}
}

// smallest is a harness for the smallest run of an experiment.
func smallest(t *testing.T, peers ...string) *harness {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	h := &harness{rounds: 1, length: 5 * time.Millisecond, shown: func(line string) { t.Log(line) }}
	for _, name := range peers {
		h.peers = append(h.peers, peerNamed(name))
	}
	t.Cleanup(h.clear)
	return h
}

// figured checks that a figure is there once, and positive.
func figured(t *testing.T, h *harness, experiment, situation, peer, metric string) {
	f := h.byKey[figureKey{experiment, situation, peer, metric}]
	if f == nil || len(f.Rounds) != 1 || !(f.Rounds[0] > 0) {
		t.Errorf("%s of %s in %s is %v", metric, peer, situation, f)
	}
}

func TestFreshHasFigures(t *testing.T) {
	h := smallest(t, "mapfile", "mapfile-off", "floor", "file", "socket")
	if err := experimentFresh(h); err != nil {
		t.Fatal(err)
	}
	for _, s := range h.skipped {
		t.Errorf("%s was skipped: %s", s.Peer, s.Reason)
	}
	for _, peer := range []string{"mapfile", "mapfile-off", "file"} {
		figured(t, h, "fresh", freshWatched, peer, "p50 ns")
		figured(t, h, "fresh", freshWatched, peer, "p99 ns")
		figured(t, h, "fresh", freshSleeping, peer, "CPU s/s")
	}
	figured(t, h, "fresh", freshPolled, "mapfile", "p50 ns")
	figured(t, h, "fresh", freshPolled, "floor", "p50 ns")
	if f := h.byKey[figureKey{"fresh", freshWatched, "socket", "p50 ns"}]; f != nil {
		t.Errorf("a peer whose readers cannot wait has %v", f)
	}
	for _, v := range freshTargets() {
		if j := v.judge(h.byKey); j.Result == notMeasured && v.Unit != "× futex" {
			t.Errorf("%s (%s) was not judged: %s", v.What, v.Check, j.Why)
		}
	}
}

func TestManyHasFigures(t *testing.T) {
	h := smallest(t, "mapfile", "floor", "socket")
	few := manyLoad{manyM, lengths(50), manyPeers, secondsM, callsM}
	if err := h.manyOf(few); err != nil {
		t.Fatal(err)
	}
	for _, s := range h.skipped {
		t.Errorf("%s was skipped: %s", s.Peer, s.Reason)
	}
	for _, peer := range []string{"mapfile", "floor", "socket"} {
		figured(t, h, "many", manyM, peer, "CPU s/s")
		figured(t, h, "many", manyM, peer, "memory/held")
		for _, wrong := range []string{"torn", "back"} {
			if f := h.byKey[figureKey{"many", manyM, peer, wrong}]; f == nil || f.Rounds[0] != 0 {
				t.Errorf("%s has %s %v", peer, wrong, f)
			}
		}
	}
	// A server in the producer works for its viewers: that is the producer's time.
	producer := func(peer string) float64 {
		return h.byKey[figureKey{"many", manyM, peer, "producer CPU s/s"}].Rounds[0]
	}
	if producer("socket") <= producer("floor") {
		t.Errorf("the producer with a server took %v s/s, the one without %v", producer("socket"), producer("floor"))
	}
}
