package mapfile

import (
	"errors"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/gomapfile/mapfile/mapfile/region"
)

// A Dir keeps the map files of a directory open, as a Viewer does: reading, following. It may be used
// by several goroutines at once.
type Dir struct {
	_    noCopy
	path string
	opts []Option

	mu     sync.Mutex
	closed bool
	files  map[string]*MapFile // by name
}

// OpenDir looks after a directory. The options are those of Open; the files follow a Recreate.
func OpenDir(dir string, opts ...Option) (*Dir, error) {
	if _, err := newConfig(modeRead, opts); err != nil {
		return nil, fail("opendir", dir, "", err)
	}
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "opendir", Path: dir, Err: errors.New("not a directory")}
	}
	if err != nil {
		return nil, fail("opendir", dir, "", err)
	}
	return &Dir{path: dir, opts: append([]Option{WithFollow()}, opts...), files: map[string]*MapFile{}}, nil
}

// Files looks anew and yields every map file, by name. What is no map file is passed over, unless its
// name ends in .map. The Dir closes files that have vanished, and all at Close: use a file within the
// loop, or until the next Files. An error names the file that it concerns; the loop goes on.
func (d *Dir) Files() iter.Seq2[*MapFile, error] {
	return func(yield func(*MapFile, error) bool) {
		names, err := d.look()
		if err != nil && !yield(nil, err) {
			return
		}
		for _, name := range names {
			mf, err := d.file(name)
			if mf == nil && err == nil {
				continue
			}
			if !yield(mf, err) {
				return
			}
		}
	}
}

// look lists the regular files, by name, and closes what has vanished.
func (d *Dir) look() ([]string, error) {
	if d == nil {
		return nil, fail("files", "", "", ErrClosed)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, fail("files", d.path, "", ErrClosed)
	}
	entries, err := os.ReadDir(d.path)
	if err != nil { // no descriptor left to look with, perhaps: what is open stays in sight
		return slices.Sorted(maps.Keys(d.files)), fail("files", d.path, "", err)
	}
	var names []string
	for _, e := range entries {
		if kind := e.Type(); (kind.IsRegular() || kind&fs.ModeSymlink != 0) && !region.IsTempName(e.Name()) {
			names = append(names, e.Name())
		}
	}
	for name, mf := range d.files {
		if !slices.Contains(names, name) {
			mf.Close()
			delete(d.files, name)
		}
	}
	return names, nil
}

// file returns the open file of that name; nil if it is no map file and does not claim to be one.
func (d *Dir) file(name string) (*MapFile, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, fail("files", d.path, "", ErrClosed)
	}
	path := filepath.Join(d.path, name)
	if mf := d.files[name]; mf != nil {
		f, err := mf.reader()
		if err == nil && f.identity() == nil {
			return mf, nil
		}
		if err == nil && mf.follow(f) { // another file is at the path
			return mf, nil
		}
		mf.Close()
		delete(d.files, name)
	}
	mf, err := Open(path, d.opts...)
	switch {
	case err == nil:
		d.files[name] = mf
		return mf, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil // vanished since
	case (errors.Is(err, ErrNotMapFile) || errors.Is(err, region.ErrNotRegular)) && filepath.Ext(name) != ".map":
		return nil, nil
	}
	return nil, err
}

// Close closes all files of the directory.
func (d *Dir) Close() error {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	var errs []error
	for _, mf := range d.files {
		errs = append(errs, mf.Close())
	}
	clear(d.files)
	return errors.Join(errs...)
}
