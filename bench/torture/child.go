package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// This file is how proofs get real processes: the program starts itself again in a role. Proofs add
// their roles in init:
//
//	func init() { roles["kill.producer"] = func(args []string) error { … say("ready") … } }
//
// and use them with p.start("kill.producer", path). Parent and child talk in lines: the child's
// standard output, and its input, which stays open until the parent closes it or dies.

// roles are what a child process can be, by name. An error ends the process with exit code 1 and is
// the last thing it writes to standard error.
var roles = map[string]func(args []string) error{}

// roleVar names the role in the environment of a child.
const roleVar = "MAPFILE_TORTURE_ROLE"

// playRole plays the role that this process was started for, if it was started for one.
func playRole() bool {
	name := os.Getenv(roleVar)
	if name == "" {
		return false
	}
	role, ok := roles[name]
	if !ok {
		panic("no role " + name)
	}
	go readParent()
	if err := role(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, name+":", err)
		os.Exit(1)
	}
	return true
}

// A child is a process in a role.
type child struct {
	role  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines chan string // its standard output
	ended chan struct{}
	err   error // how it ended; valid after ended
	words tail  // its standard error
}

// errSilent: a child said nothing for so long that it must hang.
var errSilent = errors.New("says nothing")

// command prepares a child that startCommand starts: for proofs that change its user, environment or
// the program that runs it.
func command(role string, args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), roleVar+"="+role)
	return cmd
}

// start starts a process in a role. Whoever starts one ends it: by Kill or Wait.
func start(role string, args ...string) (*child, error) {
	return startCommand(role, command(role, args...))
}

func startCommand(role string, cmd *exec.Cmd) (*child, error) {
	c := &child{role: role, cmd: cmd, lines: make(chan string, 1000), ended: make(chan struct{})}
	cmd.Stderr = &c.words
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if c.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		scanner := bufio.NewScanner(stdout)
		scanner.Buffer(nil, 1<<20)
		for scanner.Scan() {
			c.lines <- scanner.Text()
		}
		close(c.lines)
		c.err = cmd.Wait()
		close(c.ended)
	}()
	return c, nil
}

// Line returns the next line that the child prints: io.EOF if it ended well, else how it ended, or
// errSilent after the timeout.
func (c *child) Line(timeout time.Duration) (string, error) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case line, ok := <-c.lines:
		if !ok {
			<-c.ended
			if c.err == nil {
				return "", io.EOF
			}
			return "", c.failed()
		}
		return line, nil
	case <-timer.C:
		return "", fmt.Errorf("%s[%d] %w for %v", c.role, c.Pid(), errSilent, timeout)
	}
}

// Expect returns the rest of the child's next line, which must begin so.
func (c *child) Expect(prefix string, timeout time.Duration) (string, error) {
	line, err := c.Line(timeout)
	if err != nil {
		return "", err
	}
	rest, ok := strings.CutPrefix(line, prefix)
	if !ok {
		return "", fmt.Errorf("%s says %q, not %q", c.role, line, prefix)
	}
	return strings.TrimSpace(rest), nil
}

// Send writes a line to the child.
func (c *child) Send(format string, args ...any) error {
	_, err := fmt.Fprintf(c.stdin, format+"\n", args...)
	return err
}

// Ask sends a line and returns the answer.
func (c *child) Ask(timeout time.Duration, format string, args ...any) (string, error) {
	if err := c.Send(format, args...); err != nil {
		return "", errors.Join(err, c.Wait(time.Second))
	}
	return c.Line(timeout)
}

// Kill ends the child by SIGKILL and returns when it is gone. What it had printed is forgotten.
func (c *child) Kill() {
	c.cmd.Process.Kill()
	c.drain()
}

// isGone tells whether the child has ended.
func (c *child) isGone() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// Gone waits for a child that ends by itself and tells whether a signal killed it.
func (c *child) Gone() (killed bool) {
	c.drain()
	return c.cmd.ProcessState.ExitCode() == -1
}

// Wait closes the child's standard input and returns how it ended; errSilent if it had to be killed
// after the timeout.
func (c *child) Wait(timeout time.Duration) error {
	c.stdin.Close()
	timer := time.AfterFunc(timeout, func() { c.cmd.Process.Kill() })
	c.drain()
	if !timer.Stop() {
		return fmt.Errorf("%s did not end within %v: %w", c.role, timeout, errSilent)
	}
	return c.failed()
}

// failed says how the child ended, with its last words; nil if well.
func (c *child) failed() error {
	if c.err == nil {
		return nil
	}
	return fmt.Errorf("%s[%d]: %w: %s", c.role, c.Pid(), c.err, c.words.String())
}

// drain reads on until the child is gone.
func (c *child) drain() {
	for range c.lines {
	}
	<-c.ended
	c.stdin.Close()
}

// Pid is the child's process id.
func (c *child) Pid() int { return c.cmd.Process.Pid }

// tail keeps the beginning and the end of what is written to it: a panic's message and its last words.
type tail struct {
	mu   sync.Mutex
	head []byte
	end  []byte
}

const tailLen = 2000

func (w *tail) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(len(p), tailLen-len(w.head))
	w.head = append(w.head, p[:n]...)
	w.end = append(w.end, p[n:]...)
	if extra := len(w.end) - tailLen; extra > 0 {
		w.end = append(w.end[:0], w.end[extra:]...)
	}
	return len(p), nil
}

func (w *tail) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.TrimSpace(string(w.head) + string(w.end))
}

// What follows is for roles.

// parentLines are the lines from the parent; closed when it closes the input or is gone.
var parentLines = make(chan string, 100)

// readParent reads them. A child whose parent is gone and that does not end by itself ends after a
// while: no run leaves processes behind.
func readParent() {
	scanner := bufio.NewScanner(os.Stdin)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		parentLines <- scanner.Text()
	}
	close(parentClosed)
	close(parentLines)
	time.Sleep(20 * time.Second)
	os.Exit(3)
}

// parentClosed is closed when the parent closes the child's input or is gone.
var parentClosed = make(chan struct{})

// say writes a line to the parent.
func say(format string, args ...any) { fmt.Printf(format+"\n", args...) }
