package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// top: the CPU time of a process that watches all slots on a pseudo-terminal.

// warmUp is how long a process may take to come to its steady state.
const warmUp = 2 * time.Second

func measureTop(b *bench) error {
	path, err := b.manySlots()
	if err != nil {
		return err
	}
	for _, view := range []struct {
		columns, rows int
		what, keys    string
	}{{80, 24, "", ""}, {200, 50, "", ""}, {200, 50, ", one opened", "\r"}} {
		percent, screen, err := b.watchTop(path, view.columns, view.rows, view.keys)
		if err != nil {
			return err
		}
		b.add("top", fmt.Sprintf("top of %d slots at 1 Hz, %dx%d%s", b.slots, view.columns, view.rows, view.what), percent, "%", 5,
			"of one core, over %v; %d bytes/s to the terminal", b.period, int(float64(screen)/b.period.Seconds()))
	}
	return nil
}

// watchTop runs top on a pseudo-terminal, types keys and returns the percentage of a core that it takes then,
// and the bytes that it wrote meanwhile.
func (b *bench) watchTop(path string, columns, rows int, keys string) (percent float64, written int, err error) {
	terminal, cmd, err := onTerminal(exec.CommandContext(b.ctx, b.binary, "top", path), columns, rows)
	if err != nil {
		return 0, 0, err
	}
	defer terminal.Close()
	var screen screen
	go screen.read(terminal)
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	defer func() {
		terminal.WriteString("q")
		select {
		case endErr := <-exited:
			if endErr != nil && err == nil {
				err = fmt.Errorf("top ended with %w:\n%s", endErr, screen.last())
			}
		case <-time.After(5 * time.Second):
			cmd.Process.Kill()
			if err == nil {
				err = fmt.Errorf("top did not end at q:\n%s", screen.last())
			}
		}
	}()
	time.Sleep(warmUp / 2)
	if _, err := terminal.WriteString(keys); err != nil {
		return 0, 0, err
	}
	time.Sleep(warmUp / 2)
	if !strings.Contains(screen.last(), "ch000") {
		return 0, 0, fmt.Errorf("no slot on the screen of top:\n%s", screen.last())
	}
	start, bytesBefore := time.Now(), screen.bytes()
	before, err := cpuTime(cmd.Process.Pid)
	if err != nil {
		return 0, 0, err
	}
	select {
	case <-time.After(b.period):
	case <-b.ctx.Done():
		return 0, 0, b.ctx.Err()
	}
	after, err := cpuTime(cmd.Process.Pid)
	if err != nil {
		return 0, 0, err
	}
	return 100 * (after - before).Seconds() / time.Since(start).Seconds(), screen.bytes() - bytesBefore, nil
}

// A screen is what came out of a pseudo-terminal.
type screen struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (s *screen) read(terminal *os.File) {
	buf := make([]byte, 64<<10)
	for {
		n, err := terminal.Read(buf)
		s.mu.Lock()
		s.all.Write(buf[:n])
		s.mu.Unlock()
		if err != nil {
			return // the other side was closed
		}
	}
}

func (s *screen) bytes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all.Len()
}

// last is the end of it, for people.
func (s *screen) last() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.all.Bytes()
	return fmt.Sprintf("%q", all[max(0, len(all)-20000):])
}
