//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A tmux is a real terminal with a shell in it, whose screen can be looked at.
type tmux struct {
	t      *testing.T
	socket string
}

func newTmux(t *testing.T) *tmux {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip("NOT TESTED: top in a real terminal, for there is no tmux here; install it")
	}
	dir, err := os.MkdirTemp("", "tmux") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	x := &tmux{t, filepath.Join(dir, "s")}
	x.run("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "env", "PS1=shell: ", "ENV=", "sh")
	t.Cleanup(func() { x.run("kill-server") })
	return x
}

func (x *tmux) run(args ...string) string {
	x.t.Helper()
	cmd := exec.Command("tmux", append([]string{"-S", x.socket}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	if err != nil {
		x.t.Fatalf("tmux %q: %v\n%s", args, err, out)
	}
	return string(out)
}

func (x *tmux) screen() string { return x.run("capture-pane", "-p") }

// typed sends text, and then keys by their names.
func (x *tmux) typed(text string, keys ...string) {
	x.t.Helper()
	if text != "" {
		x.run("send-keys", "-l", text)
	}
	if len(keys) > 0 {
		x.run(append([]string{"send-keys"}, keys...)...)
	}
}

// wait waits until the screen shows all of the patterns.
func (x *tmux) wait(patterns ...string) {
	x.t.Helper()
	for start := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		screen, missing := x.screen(), ""
		for _, p := range patterns {
			if !regexp.MustCompile("(?m)" + p).MatchString(screen) {
				missing = p
			}
		}
		if missing == "" {
			return
		}
		if time.Since(start) > 30*time.Second {
			x.t.Fatalf("the screen never showed %s:\n%s", missing, screen)
		}
	}
}

// One session in a real terminal, as people have it.
func TestTopInTmux(t *testing.T) {
	x := newTmux(t)
	dir := t.TempDir()
	produceFile(t, "hists", filepath.Join(dir, "a.map"))
	producer := exec.Command("producer", "tick", filepath.Join(dir, "b.map"), "stay")
	if err := producer.Start(); err != nil {
		t.Fatal(err)
	}
	killed := false
	kill := func() {
		if !killed {
			killed = true
			producer.Process.Kill()
			producer.Wait()
		}
	}
	t.Cleanup(kill)

	x.typed(fmt.Sprintf("echo before; TERM=screen-256color mapfile-dump top --interval 200ms %s", dir), "Enter")
	x.wait(`^2 files  2 LIVE  3 CLOSED  [1-9]\d* slots/s`, `^NAME +STATE +RATE`, `^a:crate00/h1 +CLOSED`, `^b:n +LIVE +\d+\.\d`, `^q quit`)
	if strings.Contains(x.screen(), "before") {
		t.Errorf("the screen is not its own:\n%s", x.screen())
	}

	x.typed("/*/h?", "Enter")
	x.wait(`^/\*/h\?   2 of 5`, `^a:crate00/h2`)
	if screen := x.screen(); strings.Contains(screen, "b:n") {
		t.Errorf("the filter does nothing:\n%s", screen)
	}
	x.typed("", "Down", "Up", "Enter")
	x.wait(`^a:crate00/h1  CLOSED`, `^hbook.H1D   version 1 `, `entries 10001`, `^q quit  esc back`)
	x.run("resize-window", "-x", "40", "-y", "10")
	x.wait(`^a:crate00/h1  CLOSED`, `^q quit  esc back`)
	x.run("resize-window", "-x", "100", "-y", "30")
	x.typed("n")
	x.wait(`^a:crate00/h2  CLOSED`, `^hbook.H2D`, `^q quit  esc back  .*pause$`)
	x.typed("", "Escape")
	x.wait(`^NAME`, `2 of 5`)
	x.typed("", "Escape")
	x.wait(`^b:n +LIVE`)

	kill()
	x.wait(`^2 files  2 DEAD  3 CLOSED  0 slots/s`, `^b:n +DEAD +- +-`)
	if err := os.Rename(filepath.Join(dir, "b.map"), filepath.Join(dir, "c.map")); err != nil {
		t.Fatal(err)
	}
	x.wait(`^c:n +DEAD`)
	produceNew(t, filepath.Join(dir, "c.map"))
	x.wait(`^c:value +LIVE`)

	// Put aside and taken up again.
	x.typed("", "C-z")
	x.wait(`(?i)stopped`)
	x.typed("fg; echo ended $?", "Enter")
	x.wait(`^NAME`, `^c:value +LIVE`)

	x.typed("q")
	x.wait(`^shell: echo before`, `^before$`, `^ended 0$`)
	if modes := x.run("display-message", "-p", "#{alternate_on} #{cursor_flag} #{mouse_any_flag}"); strings.TrimSpace(modes) != "0 1 0" {
		t.Errorf("alternate screen, cursor, mouse are %s", modes)
	}
	x.typed("stty -a", "Enter") // of a terminal that is as it was
	x.wait(`[^-]icanon`, `[^-]echo\b`)
}

// produceNew puts a new file in place of the old one, and stays as its producer.
func produceNew(t *testing.T, path string) {
	t.Helper()
	background(t, "producer", "one", path, "new")
}
