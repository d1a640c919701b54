//go:build unix

package examples_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// This file is about processes that are killed, stopped and interrupted.

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// stop stops the process, and returns when it stands.
func (p *process) stop() {
	p.t.Helper()
	p.signal(syscall.SIGSTOP)
	var status syscall.WaitStatus
	_, err := syscall.Wait4(p.Process.Pid, &status, syscall.WUNTRACED, nil)
	for err == syscall.EINTR {
		_, err = syscall.Wait4(p.Process.Pid, &status, syscall.WUNTRACED, nil)
	}
	if err != nil || !status.Stopped() {
		p.t.Fatalf("it has not stopped: %v, %v", status, err)
	}
}

func TestKilledProducerLeavesACommitAndIsContinued(t *testing.T) { // J12
	path := mapPath(t)
	consumer := start(t, "consumer", "-file", path, "-json")
	last := int64(0)
	for range 5 {
		producer := start(t, "producer", "-file", path) // at full speed
		waitFor(t, path, last+1000)
		producer.signal(syscall.SIGKILL)
		producer.end(-1)
		n := entries(t, path)
		if n < last+1000 || n%10 != 0 {
			t.Fatalf("%d entries after the kill, which is no commit", n)
		}
		if out := run(t, "mapfile-dump", "ls", path); strings.Count(out, "DEAD") != 3 {
			t.Errorf("mapfile-dump ls says\n%s", out)
		}
		for _, slot := range []string{"hpx", "hpxpy", "hprof"} {
			if out := run(t, "mapfile-dump", "get", path, slot); !strings.Contains(out, fmt.Sprintf("entries %d ", n)) {
				t.Errorf("%d entries, but mapfile-dump get says\n%s", n, out)
			}
		}
		last = n
	}
	total := last + *events/10 + 3
	run(t, "producer", "-file", path, "-events", strconv.FormatInt(total, 10))
	waitFor(t, path, total)
	if n := entries(t, path); n != total {
		t.Errorf("%d entries, want %d", n, total)
	}
	time.Sleep(300 * time.Millisecond) // the consumer may be a little behind
	consumer.signal(syscall.SIGINT)
	consumer.end(0)
	all := consumer.lines()
	if got := all[len(all)-1].Entries[0]; got != total {
		t.Errorf("the consumer that saw it all ended with %d entries, want %d", got, total)
	}
}

func TestProducerEndsCleanlyWithASignal(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		path := mapPath(t)
		producer := start(t, "producer", "-file", path, "-rate", "1111")
		waitFor(t, path, 10)
		producer.signal(s)
		producer.end(0)
		if out := run(t, "mapfile-dump", "ls", path); strings.Count(out, "CLOSED") != 3 {
			t.Errorf("after %v mapfile-dump ls says\n%s", s, out)
		}
		entries(t, path)
	}
}

func TestStoppedProducerIsStillRead(t *testing.T) { // C08
	path := mapPath(t)
	producer := start(t, "producer", "-file", path)
	waitFor(t, path, 1000)
	for i := range 20 { // wherever it is when it stops
		producer.stop()
		before := entries(t, path)
		if i%5 == 0 {
			begin := time.Now()
			run(t, "consumer", "-file", path, "-until", "1000", "-timeout", "30s")
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("a consumer took %v to read the file of a stopped producer", took)
			}
		}
		if after := entries(t, path); after != before {
			t.Errorf("a stopped producer went on from %d to %d entries", before, after)
		}
		producer.signal(syscall.SIGCONT)
		waitFor(t, path, before+10)
	}
	producer.signal(syscall.SIGTERM)
	producer.end(0)
}

func TestStoppedConsumerDoesNotDisturbTheProducer(t *testing.T) {
	const rate = 20_000
	path := mapPath(t)
	producer := start(t, "producer", "-file", path, "-rate", strconv.Itoa(rate))
	consumer := start(t, "consumer", "-file", path, "-json")
	waitFor(t, path, rate/10)
	measured := func() float64 {
		begin, n := time.Now(), entries(t, path)
		time.Sleep(700 * time.Millisecond)
		return float64(entries(t, path)-n) / time.Since(begin).Seconds()
	}
	running := measured()
	for range 3 { // wherever it is when it stops
		consumer.stop()
		if stopped := measured(); stopped < 0.5*rate {
			t.Errorf("%.0f events/s with a stopped consumer, %.0f before, %d wanted", stopped, running, rate)
		}
		consumer.signal(syscall.SIGCONT)
	}
	n := entries(t, path)
	waitFor(t, path, n+rate/10)
	producer.signal(syscall.SIGTERM)
	producer.end(0)
	time.Sleep(300 * time.Millisecond)
	consumer.signal(syscall.SIGINT)
	consumer.end(0)
	all := consumer.lines()
	if got, want := all[len(all)-1].Entries[0], entries(t, path); got != want {
		t.Errorf("the consumer that was stopped ended with %d entries, want %d", got, want)
	}
}

func TestDemoCleansUpInEveryEnding(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGKILL} {
		t.Run(s.String(), func(t *testing.T) {
			dir := t.TempDir()
			demo := startIn(t, []string{"TMPDIR=" + dir}, "demo", "-plain")
			var left []os.DirEntry
			for deadline := time.Now().Add(20 * time.Second); len(left) == 0 && time.Now().Before(deadline); {
				time.Sleep(20 * time.Millisecond)
				left = must(os.ReadDir(dir))(t)
			}
			if len(left) != 1 {
				t.Fatalf("its temporary files are %v", left)
			}
			path := dir + "/" + left[0].Name() + "/demo.map"
			waitFor(t, path, 100)
			demo.signal(s)
			if s == syscall.SIGKILL {
				demo.end(-1) // and, as Wait waits for the ends of the pipes: the children have ended, too
			} else {
				demo.end(0)
			}
			if left := must(os.ReadDir(dir))(t); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}
