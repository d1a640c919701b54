package main

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/listing"
	"github.com/gomapfile/mapfile/mapfile"
)

// What top and serve look at: [FILE…|DIR], the default directory without operands.

// viewed makes the Set of the operands and looks once; with --wait until there is a file. What is wrong
// with one file of several is a fault in the picture, and a file that is not there may come; it is an error
// only where there is nothing else to look at. A directory may be empty: files come.
func (t *tool) viewed(operands []string) (*listing.Set, *listing.Picture, error) {
	var dirs []string
	var files [][]string          // the paths where each may be
	nowhere := map[string]error{} // by operand
	if len(operands) == 0 {
		dir, err := t.defaultDir()
		if err != nil {
			return nil, nil, err
		}
		operands = []string{dir}
	}
	for _, operand := range operands {
		if t.isDir(operand) {
			dirs = append(dirs, operand)
			continue
		}
		path, err := t.findFile(operand)
		paths := []string{path}
		if err != nil {
			nowhere[operand], paths = err, t.placesOf(operand)
		}
		files = append(files, paths)
	}
	set := listing.NewSet(nil, dirs)
	for _, paths := range files {
		set.AddFile(paths...)
	}
	resume := t.clock.pause()
	defer resume()
	for start := time.Now(); ; {
		picture := set.Look()
		enough := time.Since(start) >= time.Duration(t.flags.wait)
		switch {
		case len(picture.Files) > 0 || enough && len(dirs) > 0:
			return set, picture, nil
		case enough:
			set.Close()
			for i, fault := range picture.Faults {
				var e *mapfile.Error
				if errors.As(fault, &e) && nowhere[e.Path] != nil && errors.Is(fault, fs.ErrNotExist) {
					picture.Faults[i] = nowhere[e.Path] // says where it was looked for
				}
			}
			t.failAll(picture.Faults[1:])
			return nil, nil, picture.Faults[0]
		}
		if !t.sleep(retryPause) {
			set.Close()
			return nil, nil, context.Cause(t.ctx)
		}
	}
}

// placesOf is where a bare name that is nowhere may come.
func (t *tool) placesOf(operand string) []string {
	paths := []string{operand}
	if dir, err := t.defaultDir(); err == nil {
		paths = append(paths, filepath.Join(dir, operand), filepath.Join(dir, operand+".map"))
	}
	return paths
}

// faultText is a fault of a picture in one line for people.
func (t *tool) faultText(err error) string {
	var e *mapfile.Error
	if errors.As(err, &e) {
		return t.describe(e)
	}
	return err.Error()
}
