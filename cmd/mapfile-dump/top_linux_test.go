package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/listing"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/top"
	"github.com/gomapfile/mapfile/mapfile"
)

// Tests of top on a terminal of our own: however it ends, the terminal is as it was before.

// A pty is a terminal: what is written to it is kept, and hands can type.
type pty struct {
	t             *testing.T
	hands, screen *os.File // our side, and that of the program

	mu      sync.Mutex
	written bytes.Buffer
	before  unix.Termios
	noColor string
}

func newPTY(t *testing.T) *pty {
	t.Helper()
	hands, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no pseudo-terminal: %v", err)
	}
	t.Cleanup(func() { hands.Close() })
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(unix.IoctlSetPointerInt(int(hands.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(hands.Fd()), unix.TIOCGPTN)
	must(err)
	screen, err := os.OpenFile(fmt.Sprint("/dev/pts/", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	must(err)
	t.Cleanup(func() { screen.Close() })
	must(unix.IoctlSetWinsize(int(hands.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: 80, Row: 24}))
	p := &pty{t: t, hands: hands, screen: screen, before: termios(t, screen)}
	go io.Copy(p, hands)
	return p
}

func termios(t *testing.T, f *os.File) unix.Termios {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return *state
}

func (p *pty) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.written.Write(b)
}

func (p *pty) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.written.String()
}

func (p *pty) wait(text string) {
	p.t.Helper()
	for start := time.Now(); !strings.Contains(p.text(), text); time.Sleep(10 * time.Millisecond) {
		if time.Since(start) > 30*time.Second {
			p.t.Fatalf("the terminal never got %q: %q", text, p.text())
		}
	}
}

// wantRestored checks that the terminal is as it was: what has been switched on is off, and the other
// way round.
func (p *pty) wantRestored() {
	p.t.Helper()
	const (
		alternate, normal       = "\x1b[?1049h", "\x1b[?1049l"
		hideCursor, showCursor  = "\x1b[?25l", "\x1b[?25h"
		mouse, noMouse          = "\x1b[?1002h", "\x1b[?1002l"
		paste, noPaste          = "\x1b[?2004h", "\x1b[?2004l"
		keyboard, usualKeyboard = "\x1b[>1u", "\x1b[<1u"
	)
	p.wait(normal)
	time.Sleep(50 * time.Millisecond) // the rest of the same write
	text := p.text()
	for _, pair := range [][2]string{{alternate, normal}, {hideCursor, showCursor}, {mouse, noMouse}, {paste, noPaste}, {keyboard, usualKeyboard}} {
		on, off := strings.LastIndex(text, pair[0]), strings.LastIndex(text, pair[1])
		if on < 0 || off < on {
			p.t.Errorf("%q at %d, %q at %d of %q", pair[0], on, pair[1], off, text)
		}
	}
	if after := termios(p.t, p.screen); after != p.before {
		p.t.Errorf("the terminal's settings are %+v, they were %+v", after, p.before)
	}
}

// start runs a command with the terminal as its own.
func (p *pty) start(name string, args ...string) (cmd *exec.Cmd, stderr *bytes.Buffer) {
	p.t.Helper()
	cmd, stderr = exec.Command(name, args...), &bytes.Buffer{}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.screen, p.screen, stderr
	cmd.Env = append(os.Environ(), "TERM=xterm-256color", "NO_COLOR="+p.noColor)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { cmd.Process.Kill() })
	return cmd, stderr
}

// ended waits for the end of a command.
func ended(t *testing.T, cmd *exec.Cmd) (code int) {
	t.Helper()
	done := make(chan struct{})
	go func() { cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatalf("%v does not end", cmd.Args)
	}
	return cmd.ProcessState.ExitCode()
}

// I09, I31: by keys and by signals.
func TestTopLeavesTheTerminalAsItWas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.map")
	produceFile(t, "basics", path)
	for _, c := range []struct {
		name string
		keys string
		sig  os.Signal
		code int
	}{
		{"q", "q", nil, 0},
		{"Ctrl-C", "\x03", nil, 130},
		{"SIGINT", "", os.Interrupt, 130},
		{"SIGTERM", "", syscall.SIGTERM, 0},
		{"SIGHUP", "", syscall.SIGHUP, 0},
		{"SIGTERM of an opened slot", "\r", syscall.SIGTERM, 0},
		{"Ctrl-C while a filter is typed", "/ru\x03", nil, 130},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPTY(t)
			cmd, stderr := p.start("mapfile-dump", "top", path)
			p.wait("run2/text")
			io.WriteString(p.hands, c.keys)
			if c.sig != nil {
				if c.keys != "" {
					p.wait("version 1")
				}
				cmd.Process.Signal(c.sig)
			}
			if code := ended(t, cmd); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if stderr.Len() > 0 {
				t.Errorf("stderr: %q", stderr)
			}
			p.wantRestored()
		})
	}
}

// I13: colours as the user wants them; the list itself is the same.
func TestTopHasColoursAsTheUserWants(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.map")
	background(t, "producer", "tick", path, "stay")
	if out, err := exec.Command("mapfile-dump", "get", path, "n", "--wait", "10s").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	hue := regexp.MustCompile("\x1b\\[(?:\\d+;)*[34]\\d")
	for _, c := range []struct {
		noColor string
		args    []string
		want    bool
	}{
		{"", nil, true}, {"0", nil, true}, {"1", nil, false}, {"1", []string{"--color", "always"}, true}, {"", []string{"--color", "never"}, false},
	} {
		p := newPTY(t)
		p.noColor = c.noColor
		cmd, _ := p.start("mapfile-dump", append([]string{"top", path}, c.args...)...)
		p.wait("LIVE")
		p.wait("quit")
		io.WriteString(p.hands, "q")
		ended(t, cmd)
		if got := hue.MatchString(p.text()); got != c.want {
			t.Errorf("NO_COLOR=%s %q: colours %v, want %v: %q", c.noColor, c.args, got, c.want, p.text())
		}
	}
}

// A terminal that takes its time, at the end of a slow line or on a busy machine, is given back as well.
func TestTopWaitsForASlowTerminal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.map")
	produceFile(t, "basics", path)
	p := newPTY(t)
	cmd, stderr := p.start("mapfile-dump", "top", path)
	p.wait("run2/text")
	flow := func(what int) {
		t.Helper()
		if err := unix.IoctlSetInt(int(p.screen.Fd()), unix.TCXONC, what); err != nil {
			t.Fatal(err)
		}
	}
	const off, on = 0, 1 // TCOOFF, TCOON: the terminal takes nothing
	flow(off)
	cmd.Process.Signal(syscall.SIGTERM)
	time.Sleep(5 * grace)
	flow(on)
	if code := ended(t, cmd); code != 0 || stderr.Len() > 0 {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	p.wantRestored()
}

// --timeout is how long to look.
func TestTopEndsWithItsTimeout(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.map")
	produceFile(t, "basics", path)
	p := newPTY(t)
	cmd, stderr := p.start("mapfile-dump", "top", path, "--timeout", "500ms")
	if code := ended(t, cmd); code != 0 || stderr.Len() > 0 {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	p.wantRestored()
}

// A terminal that goes away ends top, also when nohup has taken the hangup from it.
func TestTopEndsWithItsTerminal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.map")
	produceFile(t, "basics", path)
	p := newPTY(t)
	cmd, _ := p.start("sh", "-c", `trap "" HUP; exec mapfile-dump top --interval 100ms "$0"`, path)
	p.wait("run2/text")
	p.screen.Close()
	p.hands.Close()
	ended(t, cmd)
}

// panics look like a Set, and then do what nobody expects.
type panics struct {
	*listing.Set
	looks atomic.Int32
}

func (p *panics) Look() *listing.Picture {
	if p.looks.Add(1) > 2 {
		panic("for a test")
	}
	return p.Set.Look()
}

func (p *panics) File(string) (*mapfile.MapFile, bool) { panic("for a test") }

func TestTopLeavesTheTerminalAsItWasAfterAPanic(t *testing.T) {
	if raceDetector {
		t.Skip("SKIPPED: after a panic bubbletea closes the terminal while it still reads keys from it, which the race detector reports")
	}
	dir := t.TempDir()
	produceFile(t, "basics", filepath.Join(dir, "t.map"))
	t.Setenv("TERM", "xterm-256color")
	for name, keys := range map[string]string{"of a look": "", "of a read": "\r"} {
		t.Run(name, func(t *testing.T) {
			p := newPTY(t)
			files := &panics{Set: listing.NewSet(nil, []string{dir})}
			defer files.Close()
			trace := quietly(t)
			ended := make(chan error, 1)
			go func() {
				ended <- top.Run(context.Background(), top.Options{
					Files: files, First: files.Set.Look(), Interval: 500 * time.Millisecond, Sort: "name", Fault: error.Error, In: p.screen, Out: p.screen,
				})
			}()
			p.wait("run2/text")
			io.WriteString(p.hands, keys)
			select {
			case err := <-ended:
				if err == nil || errors.Is(err, top.ErrInterrupted) || !strings.Contains(err.Error(), "report") {
					t.Errorf("it ended with %v", err)
				}
			case <-time.After(30 * time.Second):
				t.Fatal("it does not end")
			}
			p.wantRestored()
			if text := trace(); !strings.Contains(text, "for a test") || !strings.Contains(text, "top_linux_test.go") {
				t.Errorf("the trace is %q", text)
			}
		})
	}
}

// quietly keeps what is written to stderr, until the function is called that returns it.
func quietly(t *testing.T) func() string {
	t.Helper()
	kept, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	usual := os.Stderr
	os.Stderr = kept
	restore := func() { os.Stderr = usual }
	t.Cleanup(restore)
	return func() string {
		restore()
		kept.Close()
		text, _ := os.ReadFile(kept.Name())
		return string(text)
	}
}
