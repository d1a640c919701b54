package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"go-hep.org/x/hep/hbook"
	"golang.org/x/term"

	"github.com/gomapfile/mapfile/examples/internal/gauss"
	"github.com/gomapfile/mapfile/mapfile"
)

// This file is the viewer: it reads the histogram from the map file and shows it.

// On the terminal's second screen, without a cursor, a picture replaces the one before.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l"
	leaveScreen = "\x1b[?25h\x1b[?1049l"
)

// view shows the histogram each time that it has changed, as often as eyes can follow, until ctx ends.
func view(ctx context.Context, path string, plain bool) error {
	if err := mapfile.Wait(ctx, path, gauss.Hpx); err != nil {
		return unlessEnded(ctx, err)
	}
	mf, err := mapfile.Open(path)
	if err != nil {
		return err
	}
	defer mf.Close()

	pause, show := time.Second, printLine
	if !plain {
		pause, show = time.Second/20, drawScreen(path)
		fmt.Print(enterScreen)
	}
	err = follow(ctx, mf, pause, show)
	if !plain {
		fmt.Print(leaveScreen)
	}
	if err != nil {
		return err
	}
	last, err := look(mf) // what stays on the terminal
	if errors.Is(err, mapfile.ErrBusy) {
		return nil
	}
	if err != nil {
		return err
	}
	return printLine(last)
}

// follow shows what is new, and after each time takes a pause, until ctx ends.
func follow(ctx context.Context, mf *mapfile.MapFile, pause time.Duration, show func(*state) error) error {
	for _, err := range mf.Watch(ctx, gauss.Hpx) { // woken by the kernel; a slow body skips versions
		if err != nil {
			return unlessEnded(ctx, err)
		}
		now, err := look(mf)
		if errors.Is(err, mapfile.ErrBusy) {
			continue // it changes faster than we can look; there will be another event
		}
		if err != nil {
			return err
		}
		if err := show(now); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	return nil
}

// state is the histogram with what the file knows about it.
type state struct {
	hpx      hbook.H1D
	stamp    mapfile.Stamp // which publish of it
	producer mapfile.Producer
}

func look(mf *mapfile.MapFile) (*state, error) {
	var s state
	var err error
	slot := mf.Reader(gauss.Hpx)
	if s.stamp, err = slot.GetInto(&s.hpx); err != nil { // a copy of our own
		return nil, err
	}
	info, err := slot.Stat()
	s.producer = info.Producer
	return &s, err
}

// unlessEnded is err, or nil if ctx has ended: then that is the reason of the error.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (s *state) String() string {
	return fmt.Sprintf("hpx  entries %d  mean %.4f  rms %.4f  update %d of producer %d, %v",
		s.hpx.Entries(), s.hpx.XMean(), s.hpx.XRMS(), s.stamp.Version, s.producer.PID, s.producer.State)
}

func printLine(s *state) error {
	_, err := fmt.Println(s)
	return err
}

// drawScreen returns a function that draws over what it drew before: each line is overwritten and the
// rest of it cleared, all in one write, so nothing flickers.
func drawScreen(path string) func(*state) error {
	return func(s *state) error {
		width, height, err := term.GetSize(int(os.Stdout.Fd())) // each time: windows change
		if err != nil {
			return err
		}
		lines := []string{s.String(), "also try: mapfile-dump ls " + path, ""}
		lines = append(lines, draw(&s.hpx, width, height-len(lines))...)
		for i, line := range lines {
			lines[i] = cut(line, width)
		}
		lines = lines[:min(len(lines), height)]
		_, err = fmt.Print("\x1b[H", strings.Join(lines, "\x1b[K\n"), "\x1b[K\x1b[J")
		return err
	}
}
