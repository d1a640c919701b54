package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// This chapter starts workers and has them run, from the side of the harness.

// A process is a worker that was started.
type process struct {
	what       string
	processors string
	cmd        *exec.Cmd
	stdin      io.WriteCloser
	lines      *bufio.Scanner
	words      strings.Builder // its standard error; to be read when it has ended
	stopped    bool
}

// patience is how long a worker may be silent beyond the time that it was told to run.
const patience = 30 * time.Second

// launch starts a worker of a peer on the processors, such as "0" or "0-1"; "" is all. sizes is as
// parseSizes reads it.
func launch(p *peer, role, dir, sizes, processors string) (*process, error) {
	args := append(p.command(), role, p.name, dir, sizes)
	if processors != "" {
		args = append([]string{"taskset", "-c", processors}, args...)
	}
	w := &process{what: p.name + ", " + role, processors: processors, cmd: exec.Command(args[0], args[1:]...)}
	w.cmd.Stderr = &w.words
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the harness, which then stops them
	w.cmd.WaitDelay = patience                              // for the standard error of what the worker leaves behind
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if w.stdin, err = w.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	w.lines = bufio.NewScanner(out)
	return w, w.cmd.Start()
}

// ready waits until the worker can run.
func (w *process) ready() error {
	line, err := w.line(patience)
	if err == nil && line != "ready" {
		err = fmt.Errorf("%s: printed %q, not ready", w.what, line)
	}
	return err
}

// line returns the next line that the worker prints. One that hangs is killed.
func (w *process) line(timeout time.Duration) (string, error) {
	var hung atomic.Bool
	timer := time.AfterFunc(timeout, func() {
		hung.Store(true)
		w.cmd.Process.Kill()
	})
	defer timer.Stop()
	if w.lines.Scan() {
		return w.lines.Text(), nil
	}
	w.stop() // after it, words are all that it said
	words := strings.TrimSpace(w.words.String())
	words = words[max(0, len(words)-500):]
	switch {
	case hung.Load():
		return "", fmt.Errorf("%s: silent for %v, and killed: %s", w.what, timeout, words)
	case words != "":
		return "", fmt.Errorf("%s: %s", w.what, words)
	default:
		return "", fmt.Errorf("%s: ended early: %v", w.what, w.cmd.ProcessState)
	}
}

// begin has the worker run; end waits for it and gives what it did.
func (w *process) begin(length time.Duration, how string) error {
	_, err := fmt.Fprintf(w.stdin, "run %d %s\n", length.Milliseconds(), how)
	return err
}

func (w *process) end(length time.Duration) (r result, err error) {
	line, err := w.line(length + patience)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal([]byte(line), &r); err != nil {
		return r, fmt.Errorf("%s: %q is no result: %w", w.what, line, err)
	}
	return r, nil
}

// run is begin and end.
func (w *process) run(length time.Duration, how string) (result, error) {
	if err := w.begin(length, how); err != nil {
		return result{}, err
	}
	return w.end(length)
}

// stop ends the worker, unless it has ended.
func (w *process) stop() {
	if w.stopped {
		return
	}
	w.stopped = true
	w.stdin.Close()
	timer := time.AfterFunc(patience, func() { w.cmd.Process.Kill() })
	defer timer.Stop()
	w.cmd.Wait()
}
