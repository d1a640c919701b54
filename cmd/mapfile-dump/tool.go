package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/mapfile"
)

// A tool is one run of the program: where it writes, what the flags for all commands say, and the
// worst trouble so far. A trouble with one file or slot is a line on stderr, and the run goes on.
type tool struct {
	ctx    context.Context
	out    *output
	stderr io.Writer
	clock  *clock
	flags  globalFlags
	paint  painter

	fullScreen atomic.Bool // the terminal must be given back before the process ends

	dirOnce sync.Once // guards the default directory
	dir     string
	dirErr  error

	mu   sync.Mutex
	code int
}

func newTool(ctx context.Context, stdout, stderr *os.File) *tool {
	t := &tool{ctx: ctx, stderr: stderr}
	t.out = newOutput(stdout, t)
	return t
}

// fail reports an error and keeps its exit code.
func (t *tool) fail(err error) {
	if err == nil {
		return
	}
	err = t.cause(err)
	code := t.keepCode(err)
	if errors.Is(err, syscall.EPIPE) || code == exitInterrupted || err.Error() == "" {
		return // who reads us has gone, or knows
	}
	t.complain(err)
}

// keepCode keeps the exit code of an error, if it is the highest.
func (t *tool) keepCode(err error) int {
	code := exitCode(err)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.code = max(t.code, code)
	return code
}

// complain writes one line about an error, after what was printed before it.
func (t *tool) complain(err error) { t.note(t.describe(err)) }

// note writes one line to stderr.
func (t *tool) note(text string) {
	t.out.Flush() // its error is met again at the end
	fmt.Fprintf(t.stderr, "mapfile-dump: %s\n", show.Visible(text))
}

// describe is an error's text for people: the library's errors without the operation, which the user
// knows, and with the file as the user knows it.
func (t *tool) describe(err error) string {
	var missing *slotError
	if errors.As(err, &missing) {
		return t.showPath(missing.path) + ": " + missing.text
	}
	var e *mapfile.Error
	if !errors.As(err, &e) || e.Err == nil {
		return err.Error()
	}
	text := e.Err.Error()
	var path *fs.PathError
	if errors.As(e.Err, &path) && path.Path == e.Path { // the path comes first already
		text = strings.Replace(text, path.Op+" "+path.Path+": ", "", 1)
	}
	if e.Slot != "" {
		text = "slot " + e.Slot + ": " + text
	}
	if e.Path != "" {
		text = t.showPath(e.Path) + ": " + text
	}
	return text
}

// A clock ends the run when nothing came out of it for too long. It stands still while a reader of
// our output makes us wait, and starts again with each finished file or slot.
type clock struct {
	mu      sync.Mutex
	limit   time.Duration // 0: none
	end     time.Time
	timer   *time.Timer
	expired func()
}

func newClock(expired func()) *clock { return &clock{expired: expired} }

// start sets the limit and starts the clock.
func (c *clock) start(limit time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if limit > 0 {
		c.limit, c.end = limit, time.Now().Add(limit)
		c.timer = time.AfterFunc(limit, c.expired)
	}
}

// progress gives the whole time again.
func (c *clock) progress() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer != nil && c.timer.Stop() {
		c.end = time.Now().Add(c.limit)
		c.timer.Reset(c.limit)
	}
}

// pause stops the clock until the function that it returns is called. It must not be nested.
func (c *clock) pause() (resume func()) {
	if c == nil {
		return func() {}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer == nil || !c.timer.Stop() {
		return func() {}
	}
	left := time.Until(c.end)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.end = time.Now().Add(left)
		c.timer.Reset(left)
	}
}
