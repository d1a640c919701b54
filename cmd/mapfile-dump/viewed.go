package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/listing"
	"github.com/gomapfile/mapfile/mapfile"
)

// What top and serve look at: [FILE…|DIR], the default directory without operands.

// viewed makes the Set of the operands and looks once; with --wait until there is a file. What is wrong
// with one file of several is a fault in the picture; it is an error only where there is nothing else to
// look at. A directory may be empty: files come.
func (t *tool) viewed(operands []string) (*listing.Set, *listing.Picture, error) {
	var files, dirs []string
	if len(operands) == 0 {
		dir, err := t.defaultDir()
		if err != nil {
			return nil, nil, err
		}
		operands = []string{dir}
	}
	for _, operand := range operands {
		if info, err := os.Stat(operand); err == nil && info.IsDir() && !t.isFileElsewhere(operand) {
			dirs = append(dirs, operand)
			continue
		}
		path, err := t.findFile(operand)
		var missing *missingError
		switch {
		case errors.As(err, &missing) && t.flags.wait > 0:
			path = operand // it may come
		case err != nil:
			return nil, nil, err
		}
		files = append(files, path)
	}
	set := listing.NewSet(files, dirs)
	resume := t.clock.pause()
	defer resume()
	for start := time.Now(); ; {
		picture := set.Look()
		switch waited := time.Since(start); {
		case len(picture.Files) > 0 || len(dirs) > 0 && t.flags.wait == 0:
			return set, picture, nil
		case waited >= time.Duration(t.flags.wait) && len(picture.Faults) > 0:
			set.Close()
			return nil, nil, picture.Faults[0]
		case waited >= time.Duration(t.flags.wait):
			return set, picture, nil
		}
		if !t.sleep(retryPause) {
			set.Close()
			return nil, nil, context.Cause(t.ctx)
		}
	}
}

// faultText is a fault of a picture in one line for people.
func (t *tool) faultText(err error) string {
	var e *mapfile.Error
	if errors.As(err, &e) {
		return t.describe(e)
	}
	return err.Error()
}
