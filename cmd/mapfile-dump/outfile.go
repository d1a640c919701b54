package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Files that commands make. They appear whole or not at all: written under another name in the same
// directory, then renamed.

// An outFile is a file in the making. Commit puts it in place; without it Close leaves no trace.
type outFile struct {
	*os.File
	path  string
	force bool
	done  bool
}

// createOut begins a file at path. Without force, what is there already is an error, and stays.
func createOut(path string, force bool) (*outFile, error) {
	if err := mayReplace(path, force); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return nil, err
	}
	return &outFile{File: f, path: path, force: force}, nil
}

// mayReplace is the error for a path that is taken.
func mayReplace(path string, force bool) error {
	switch info, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s: is a directory", path)
	case !force:
		return &os.PathError{Op: "create", Path: path, Err: errTaken}
	}
	return nil
}

var errTaken = fmt.Errorf("%w; --force replaces it", fs.ErrExist)

// Commit puts the file in place, readable as the umask has it.
func (f *outFile) Commit() error {
	err := f.Chmod(0o666 &^ umask())
	if err == nil {
		err = f.File.Close()
	}
	switch {
	case err != nil:
	case f.force:
		err = os.Rename(f.Name(), f.path)
	default: // a file that came in between stays
		if err = os.Link(f.Name(), f.path); err == nil {
			os.Remove(f.Name())
		} else if err = mayReplace(f.path, false); err == nil { // no hard links here
			err = os.Rename(f.Name(), f.path)
		}
	}
	f.done = err == nil
	return err
}

// Close ends a file that was not committed.
func (f *outFile) Close() error {
	if f.done {
		return nil
	}
	f.File.Close()
	return os.Remove(f.Name())
}

// writeOut writes a whole file by write, or stdout where path is "" or "-".
func (t *tool) writeOut(path string, force bool, write func(io.Writer) error) error {
	if path == "" || path == "-" {
		return write(t.out)
	}
	f, err := createOut(path, force)
	if err != nil {
		return nameOf(path, err)
	}
	defer f.Close()
	if err := write(f); err != nil {
		return nameOf(path, err)
	}
	return nameOf(path, f.Commit())
}

// nameOf puts the name that the user gave into an error about the temporary file beside it.
func nameOf(path string, err error) error {
	var of *fs.PathError
	if errors.As(err, &of) && strings.Contains(of.Path, ".tmp") {
		return &fs.PathError{Op: of.Op, Path: path, Err: of.Err}
	}
	return err
}
