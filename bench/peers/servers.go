package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// This chapter is what peers with a server share: a server that is a process of its own, as brokers are,
// and the values of one inside the producer.

// A server is a process that a publisher starts; it does not outlive it. It may run on all processors,
// whatever those of the publisher are.
type server struct {
	process *os.Process
	ended   chan struct{}
	log     string
}

// startServer starts a program in dir, where its output goes, too.
func startServer(dir, program string, args ...string) (*server, error) {
	s := &server{ended: make(chan struct{}), log: filepath.Join(dir, filepath.Base(program)+".log")}
	log, err := os.Create(s.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		// The server is killed when the thread that started it ends, and inherits its processors. So this
		// thread waits for the server and does nothing else; the others stay where the publisher is pinned.
		runtime.LockOSThread()
		var all unix.CPUSet
		for i := range all {
			all[i] = ^all[i]
		}
		unix.SchedSetaffinity(0, &all) // at worst the server shares the publisher's
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
			close(s.ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	s.process = cmd.Process
	return s, nil
}

// await tries until ready has no error.
func (s *server) await(ready func() error) error {
	deadline := time.After(10 * time.Second)
	for {
		err := ready()
		if err == nil {
			return nil
		}
		select {
		case <-s.ended:
			err = errors.New("it has ended")
		case <-deadline:
		case <-time.After(5 * time.Millisecond):
			continue
		}
		s.stop()
		said, _ := os.ReadFile(s.log)
		return fmt.Errorf("the server is not ready: %w: %s", err, bytes.TrimSpace(said[max(0, len(said)-300):]))
	}
}

// helperTime is what all threads of the server have used.
func (s *server) helperTime() int64 {
	const perProcess, scheduled = 0, 2 // as clock_getcpuclockid(3) makes the number of a process's clock
	clock := int32(^s.process.Pid)<<3 | perProcess | scheduled
	var t unix.Timespec
	if unix.ClockGettime(clock, &t) != nil {
		return 0
	}
	return t.Nano()
}

func (s *server) stop() {
	s.process.Kill()
	<-s.ended
}

// installed says why a program is not there.
func installed(program string) func() string {
	return func() string {
		if _, err := exec.LookPath(program); err != nil {
			return program + " is not installed: run ./setup-servers.sh"
		}
		return ""
	}
}

// served are the values in a producer that answers requests for them. To publish is to copy under a
// lock; the requests are then answered by other goroutines, which take the producer's processor.
type served struct {
	slots []servedSlot
}

type servedSlot struct {
	mu    sync.Mutex
	value []byte
}

func newServed(sizes []int) *served {
	s := &served{make([]servedSlot, len(sizes))}
	for i, size := range sizes {
		s.slots[i].value = make([]byte, size)
	}
	return s
}

func (s *served) publish(slot int, value []byte) error {
	v := &s.slots[slot]
	v.mu.Lock()
	defer v.mu.Unlock()
	copy(v.value, value)
	return nil
}

// appendTo appends the value of a slot, if there is such a slot.
func (s *served) appendTo(buf []byte, slot int) ([]byte, error) {
	if slot < 0 || slot >= len(s.slots) {
		return buf, fmt.Errorf("there is no slot %d", slot)
	}
	v := &s.slots[slot]
	v.mu.Lock()
	defer v.mu.Unlock()
	return append(buf, v.value...), nil
}

// listen makes the socket of a server in the producer; answers says whether it is there; socketIn is
// where.
func listen(dir string) (net.Listener, error) { return net.Listen("unix", socketIn(dir)) }

func answers(dir string) error {
	conn, err := net.Dial("unix", socketIn(dir))
	if err != nil {
		return err
	}
	return conn.Close()
}

func socketIn(dir string) string { return filepath.Join(dir, "socket") }
