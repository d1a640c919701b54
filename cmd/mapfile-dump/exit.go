package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/gomapfile/mapfile/mapfile"
)

// The exit codes. Where a run meets several troubles, the highest counts.
const (
	exitOK            = 0
	exitIO            = 1
	exitUsage         = 2
	exitNoSlot        = 3
	exitNotLive       = 4
	exitCorrupt       = 5
	exitNewerFormat   = 6
	exitInterrupted   = 130
	exitCodesHelpLine = "Exit: 0 ok · 1 I/O · 2 usage · 3 no such slot, or no value yet · 4 producer not live · 5 corrupt · 6 newer format version ·\n" +
		"130 interrupted. Several troubles: the highest below 130. diff: 0 same, 1 different, else as above with I/O = 2."
)

// The causes with which a run's context ends.
var (
	errInterrupted = errors.New("interrupted") // Ctrl-C
	errTerminated  = errors.New("terminated")  // SIGTERM, hangup
	errGaveUp      = errors.New("gave up; --timeout gives it longer")
)

// usageError is a command line that cannot be run.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// exitError gives an error an exit code of its own. Without a text it is silent.
type exitError struct {
	code int
	text string
}

func (e *exitError) Error() string { return e.text }

// exitCode says with which code an error ends the run.
func exitCode(err error) int {
	var usage *usageError
	var exit *exitError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &exit):
		return exit.code
	case errors.Is(err, errInterrupted), errors.Is(err, errTerminated):
		return exitInterrupted
	case errors.Is(err, mapfile.ErrFormatVersion):
		return exitNewerFormat
	case errors.Is(err, mapfile.ErrCorrupt), errors.Is(err, mapfile.ErrNotMapFile):
		return exitCorrupt
	case errors.Is(err, mapfile.ErrSuperseded):
		return exitNotLive
	case errors.Is(err, mapfile.ErrNoSlot), errors.Is(err, mapfile.ErrNotPublished):
		return exitNoSlot
	case errors.Is(err, mapfile.ErrName):
		return exitUsage
	}
	return exitIO
}

// cause replaces a context's error by the reason for which the run's context ended.
func (t *tool) cause(err error) error {
	if t.ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		return context.Cause(t.ctx)
	}
	return err
}
