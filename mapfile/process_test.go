package mapfile_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// This file is how tests get real processes: the test binary starts itself again in a role. Test
// files add their roles in init:
//
//	func init() { roles["add"] = func(args []string) { … fmt.Println("ready") … } }
//
// and use them with start(t, "add", path).

// roles are what a child process can be, by name. A role ends by returning, or by panicking, which
// the parent sees as a failure.
var roles = map[string]func(args []string){}

// roleVar names the role in the environment of a child.
const roleVar = "MAPFILE_TEST_ROLE"

// long makes tests repeat more often.
var long = flag.Bool("long", false, "run the long forms of tests")

func TestMain(m *testing.M) {
	if name := os.Getenv(roleVar); name != "" {
		role, ok := roles[name]
		if !ok {
			panic("no role " + name)
		}
		role(os.Args[1:])
		return
	}
	flag.Parse()
	os.Exit(m.Run())
}

// times scales the number of repetitions of a test.
func times(short, longer int) int {
	if *long {
		return longer
	}
	return short
}

// testDir returns an empty directory on a tmpfs, where there is one: no disk is waited for.
func testDir(t testing.TB) string {
	t.Helper()
	if info, err := os.Stat("/dev/shm"); err != nil || !info.IsDir() {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp("/dev/shm", "mapfile-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// child is a process in a role. Its standard input stays open until the parent closes it or dies, so
// that it can wait for that; see waitForParent.
type child struct {
	t     testing.TB
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines chan string // its standard output
	ended chan struct{}
	err   error // valid after ended
}

// command prepares a child that startCommand starts: for tests that change its user, environment or
// the program that runs it.
func command(role string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	// The race detector would sleep for a second at the end of each process.
	cmd.Env = append(os.Environ(), roleVar+"="+role, "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	return cmd
}

// start starts a process in a role. It is killed when the test ends.
func start(t testing.TB, role string, args ...string) *child {
	t.Helper()
	return startCommand(t, command(role, args...))
}

func startCommand(t testing.TB, cmd *exec.Cmd) *child {
	t.Helper()
	c := &child{t: t, cmd: cmd, lines: make(chan string, 1000), ended: make(chan struct{})}
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		c.stdin, err = cmd.StdinPipe()
	}
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
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
	t.Cleanup(func() { c.Kill() })
	return c
}

// Line returns the next line that the child prints; the test fails if it ends or takes too long.
func (c *child) Line() string {
	c.t.Helper()
	select {
	case line, ok := <-c.lines:
		if !ok {
			<-c.ended
			c.t.Fatalf("child ended: %v", c.err)
		}
		return line
	case <-time.After(30 * time.Second):
		c.t.Fatal("child says nothing for 30 s")
		return ""
	}
}

// Expect fails the test unless the child's next line begins so. It returns the rest of it.
func (c *child) Expect(prefix string) string {
	c.t.Helper()
	line := c.Line()
	rest, ok := strings.CutPrefix(line, prefix)
	if !ok {
		c.t.Fatalf("child says %q, not %q", line, prefix)
	}
	return strings.TrimSpace(rest)
}

// Send writes a line to the child.
func (c *child) Send(line string) {
	c.t.Helper()
	if _, err := fmt.Fprintln(c.stdin, line); err != nil {
		c.t.Fatal(err)
	}
}

// Kill ends the child without a chance to clean up, and returns when it is gone.
func (c *child) Kill() {
	c.cmd.Process.Kill()
	c.drain()
}

// Wait closes the child's standard input and returns how it ended.
func (c *child) Wait() error {
	c.t.Helper()
	c.stdin.Close()
	timeout := time.AfterFunc(60*time.Second, func() { c.cmd.Process.Kill() })
	defer timeout.Stop()
	c.drain()
	return c.err
}

// MustEnd is Wait for a child that must end by itself and well.
func (c *child) MustEnd() {
	c.t.Helper()
	if err := c.Wait(); err != nil {
		c.t.Fatalf("child: %v", err)
	}
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

// soonest is the best of some tries: on a busy machine any one of them may take long.
func soonest(limit time.Duration, try func() time.Duration) time.Duration {
	took := try()
	for range 9 {
		if took <= limit {
			break
		}
		took = min(took, try())
	}
	return took
}

// awaitValues returns when another process has published each of the slots.
func awaitValues(t testing.TB, path string, slots ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := mapfile.Wait(ctx, path, slots...); err != nil {
		t.Fatal(err)
	}
}

// commands is what a child reads line by line from its parent.
var commands = bufio.NewScanner(os.Stdin)

// nextCommand is for roles: the next line from the parent; false when it closes or is gone.
func nextCommand() (string, bool) {
	ok := commands.Scan()
	return commands.Text(), ok
}

// waitForParent is for roles: it returns when the parent closes the child's input or is gone.
func waitForParent() {
	for commands.Scan() {
	}
}

// must is for roles, where the child ends with the error, and for what cannot fail in a test.
func must(err error) {
	if err != nil {
		if os.Getenv(roleVar) == "" {
			panic(err)
		}
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(1)
	}
}

// must1 is must for calls that return a value too.
func must1[T any](v T, err error) T {
	must(err)
	return v
}
