// Package top is the live list of slots on a full screen, of which one can be opened. It is one model of
// bubbletea: messages come in one after the other, and what takes time (looking at the files, decoding a
// value) happens in commands beside it. Nothing but the opened slot is decoded.
//
//	rows.go    rows, their order, the summary: also for a plain page
//	match.go   patterns and the filter
//	model.go   messages and keys
//	list.go    the list on the screen
//	opened.go  an opened slot
package top

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/listing"
	"github.com/gomapfile/mapfile/mapfile"
)

// Files is what top looks at: a *listing.Set. It is asked from several goroutines at once.
type Files interface {
	Look() *listing.Picture
	File(label string) (*mapfile.MapFile, bool)
}

// Options say what top shows, and where.
type Options struct {
	Files    Files
	First    *listing.Picture // shown until the next one
	Match    []string         // only slots that match one of them; none: all
	Interval time.Duration    // between pictures
	Sort     string           // one of listing.Keys
	Colour   bool
	Fault    func(error) string // a fault in one line for people
	In, Out  *os.File           // a terminal
}

// ErrInterrupted is the end by Ctrl-C, which is a key like any other in a full screen.
var ErrInterrupted = errors.New("interrupted")

// Run shows the list until the user or the context ends it: nil, ErrInterrupted, or the context's error.
// However it ends, also by a panic, the terminal is as it was before.
func Run(ctx context.Context, o Options) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	out := &terminal{File: o.Out, lost: cancel}
	m := newModel(o)
	program := tea.NewProgram(m,
		tea.WithoutSignalHandler(),
		tea.WithInput(o.In), tea.WithOutput(out),
		tea.WithEnvironment(environment()), tea.WithFPS(30),
	)
	// Neither WithContext nor tea.Interrupt: those are kills, which close the terminal under the reader of
	// its keys. Quit waits for that one.
	defer context.AfterFunc(ctx, program.Quit)()
	_, err := program.Run()
	switch {
	case errors.Is(err, tea.ErrProgramPanic):
		return fmt.Errorf("a mistake of this program, please report it with the lines above: %w", err)
	case m.interrupted:
		return ErrInterrupted
	case out.err != nil:
		return out.err
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return err
}

// environment is that of the process, but for NO_COLOR: colours are the decision of Options.Colour.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "NO_COLOR=") })
}

// A terminal ends the program when nobody is behind it any more: bubbletea goes on without a screen.
type terminal struct {
	*os.File
	lost func(error)
	once sync.Once
	err  error // of the first write that failed; set before lost is called
}

func (t *terminal) Write(p []byte) (int, error) {
	n, err := t.File.Write(p)
	if err != nil {
		t.once.Do(func() { t.err = err; t.lost(err) })
	}
	return n, err
}
