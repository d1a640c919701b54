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

// The program starts itself again to have producers and clients in processes of their own. Parent and
// child talk in lines: the child says "ready" and answers what it is asked; it ends when its input ends.

// roles are what a child can be, by name. ask has the lines of the parent.
var roles = map[string]func(args []string, ask *bufio.Scanner) error{
	"slots": roleSlots, "files": roleFiles, "fanout": roleFanout, "clients": roleClients,
}

// roleVar names the role in the environment of a child.
const roleVar = "MAPFILE_BENCH_VIEWER_ROLE"

// playRole plays the role that this process was started for, if it was started for one.
func playRole() bool {
	role, ok := roles[os.Getenv(roleVar)]
	if !ok {
		return false
	}
	if err := role(os.Args[1:], bufio.NewScanner(os.Stdin)); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", os.Getenv(roleVar), err)
		os.Exit(1)
	}
	return true
}

// say writes a line to the parent.
func say(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// A child is a process in a role.
type child struct {
	role  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Scanner
}

// startRole starts a process in a role and waits until it is ready.
func (b *bench) startRole(role string, args ...any) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var texts []string
	for _, a := range args {
		texts = append(texts, fmt.Sprint(a))
	}
	c := &child{role: role, cmd: exec.CommandContext(b.ctx, self, texts...)}
	c.cmd.Env = append(os.Environ(), roleVar+"="+role)
	c.cmd.Stderr = b.log
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	c.lines = bufio.NewScanner(stdout)
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	if line, err := c.line(); err != nil || line != "ready" {
		return nil, errors.Join(fmt.Errorf("%s says %q instead of ready", role, line), err, c.end())
	}
	return c, nil
}

// line is what the child says next.
func (c *child) line() (string, error) {
	if !c.lines.Scan() {
		return "", errors.Join(fmt.Errorf("%s has ended", c.role), c.lines.Err())
	}
	return c.lines.Text(), nil
}

// ask sends a line and returns the answer.
func (c *child) ask(format string, args ...any) (string, error) {
	if _, err := fmt.Fprintf(c.stdin, format+"\n", args...); err != nil {
		return "", err
	}
	return c.line()
}

// end lets the child end.
func (c *child) end() error {
	if c == nil {
		return nil
	}
	c.stdin.Close()
	stop := time.AfterFunc(10*time.Second, func() { c.cmd.Process.Kill() })
	defer stop.Stop()
	return c.cmd.Wait()
}

// A lockedWriter is for several processes that may write at the same time.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// timed runs mapfile-dump to its end and returns how long the process took, and its output.
func (b *bench) timed(args ...string) (time.Duration, string, error) {
	var out, errs strings.Builder
	cmd := exec.CommandContext(b.ctx, b.binary, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	start := time.Now()
	err := cmd.Run()
	took := time.Since(start)
	if err != nil {
		return 0, "", fmt.Errorf("mapfile-dump %s: %w: %s", strings.Join(args, " "), err, errs.String())
	}
	return took, out.String(), nil
}

// medianOf times mapfile-dump b.runs times, once before for the caches. check looks at the output of each.
func (b *bench) medianOf(check func(out string) error, args ...string) (float64, string, error) {
	var took []time.Duration
	for range b.runs + 1 {
		d, out, err := b.timed(args...)
		if err == nil {
			err = check(out)
		}
		if err != nil {
			return 0, "", err
		}
		took = append(took, d)
	}
	median, rest := milliseconds(took[1:])
	return median, rest, nil
}
