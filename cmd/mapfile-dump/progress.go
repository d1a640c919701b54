package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"golang.org/x/term"
)

// A progress tells on stderr how far a long command is: after a second, and only on a terminal that
// does not show the output itself.
type progress struct {
	t     *tool
	what  string
	shown int // columns of the line that stands there
	next  time.Time
	n     int
}

const (
	progressAfter = time.Second
	progressEvery = 200 * time.Millisecond
)

func (t *tool) newProgress(what string, whileOutput bool) *progress {
	stderr, ok := t.stderr.(*os.File)
	if !ok || !term.IsTerminal(int(stderr.Fd())) || whileOutput && t.out.terminal {
		return &progress{}
	}
	return &progress{t: t, what: what, next: time.Now().Add(progressAfter)}
}

// step counts one more.
func (p *progress) step() {
	p.n++
	if p.t == nil || p.n%64 != 0 || time.Now().Before(p.next) {
		return
	}
	p.next = time.Now().Add(progressEvery)
	p.clear()
	line := fmt.Sprintf("%s: %d …", show.Visible(p.what), p.n)
	p.shown = show.Columns(line)
	fmt.Fprint(p.t.stderr, line)
}

// clear takes the line away.
func (p *progress) clear() {
	if p.shown > 0 {
		fmt.Fprintf(p.t.stderr, "\r%s\r", strings.Repeat(" ", p.shown))
		p.shown = 0
	}
}
