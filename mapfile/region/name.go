package region

// New files: made without a name, named when they are whole.

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// A tempName is the passing name of a file that CreateTemp made where files without a name are not to
// be had, or that LinkReplace gives for a moment. Who bears such a name holds a whole-file lock, so
// that what a dead process left is known from what a live one is at work on.
type tempName struct{ path string } // "" is none

// CreateTemp makes a file without a name in the directory of the path dirOf, size bytes long and
// allocated like Grow does, open for writing. Its permission bits are exactly those of mode, whatever
// the umask. LinkNew or LinkReplace names it; a Close before that, or the death of the process,
// leaves nothing behind.
//
// Where the file system has no files without a name, the file is ".NAME.tmp…" until then. Such names
// that dead processes left for the same path are removed by the next CreateTemp.
func CreateTemp(dirOf string, mode fs.FileMode, size int64) (*Region, error) {
	r, err := createTemp(dirOf, mode, size)
	if err != nil {
		return nil, &fs.PathError{Op: "create", Path: dirOf, Err: err}
	}
	return r, nil
}

func createTemp(dirOf string, mode fs.FileMode, size int64) (*Region, error) {
	removeLeftovers(dirOf)
	var temp tempName
	fd, err := openNameless(filepath.Dir(dirOf))
	if errors.Is(err, errors.ErrUnsupported) {
		// Asked anew each time: the next directory may be of another file system.
		fd, temp, err = openTempName(dirOf)
	}
	if err != nil {
		return nil, err
	}
	r, err := newRegion(fd, dirOf, true)
	if err != nil {
		temp.remove()
		closeFD(fd)
		return nil, err
	}
	r.temp = temp
	if err := r.prepare(mode, size); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// prepare gives the new file its mode and length while nobody else can see it.
func (r *Region) prepare(mode fs.FileMode, size int64) error {
	if err := chmodFD(r.fd, mode.Perm()); err != nil {
		return err
	}
	if err := r.grow(size); err != nil {
		return err
	}
	return r.reach(size)
}

// LinkNew gives a file made by CreateTemp its name, in the directory it was made in. If the name is
// taken the error is fs.ErrExist, by a symbolic link ErrSymlink, and the file is still nameless.
func (r *Region) LinkNew(path string) error {
	return r.link(path, func() error {
		if r.temp.path != "" {
			return renameNew(r.temp.path, path)
		}
		return linkNameless(r.fd, path)
	})
}

// LinkReplace gives a file made by CreateTemp its name, in the directory it was made in. A regular
// file that bears the name loses it at that instant: whoever looks finds the one or the other. A
// symbolic link is not replaced (ErrSymlink), nor is anything else (ErrNotRegular).
func (r *Region) LinkReplace(path string) error {
	return r.link(path, func() error {
		switch info, err := statLink(path); {
		case err == nil:
			if err := mustBeRegular(info); err != nil && info.Mode&fs.ModeSymlink == 0 {
				return err
			} else if err != nil {
				return ErrSymlink
			}
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
		if r.temp.path == "" {
			if err := r.linkTempName(path); err != nil {
				return err
			}
		}
		return os.Rename(r.temp.path, path)
	})
}

func (r *Region) link(path string, do func() error) error {
	return r.during("name", func() error {
		r.mu.Lock()
		defer r.mu.Unlock()
		err := bare(do())
		if errors.Is(err, fs.ErrExist) {
			// Not an fs.ErrExist: who joins existing files would follow a link to nowhere for ever.
			if info, statErr := statLink(path); statErr == nil && info.Mode&fs.ModeSymlink != 0 {
				err = ErrSymlink
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		r.path, r.temp = path, tempName{}
		unlockWhole(r.fd)
		return nil
	})
}

// bare takes the paths off an error that will get its own.
func bare(err error) error {
	var link *os.LinkError
	if errors.As(err, &link) {
		return link.Err
	}
	return err
}

// linkTempName names a nameless file for the moment before a rename: there is no call that does both.
func (r *Region) linkTempName(path string) error {
	if err := lockWhole(r.fd); err != nil {
		return err
	}
	name := newTempName(path)
	if err := linkNameless(r.fd, name); err != nil {
		return err
	}
	r.temp = tempName{name}
	return nil
}

// openTempName makes a file with a passing name, locked.
func openTempName(path string) (int, tempName, error) {
	for range 100 {
		name := newTempName(path)
		fd, err := openExclusive(name)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return -1, tempName{}, err
		}
		// Between the making and the locking somebody may have taken the file for a leftover.
		if err = lockWhole(fd); err == nil {
			if info, statErr := statFD(fd); statErr == nil && info.Links > 0 {
				return fd, tempName{name}, nil
			}
		}
		tempName{name}.remove()
		closeFD(fd)
	}
	return -1, tempName{}, fmt.Errorf("no free name like %s", newTempName(path))
}

func newTempName(path string) string {
	return filepath.Join(filepath.Dir(path), fmt.Sprintf("%s%016x", tempPrefix(path), rand.Uint64()))
}

func tempPrefix(path string) string {
	name := filepath.Base(path)
	if len(name) > 200 { // a name has at most 255 bytes
		name = strings.ToValidUTF8(name[:200], "")
	}
	return "." + name + ".tmp"
}

// IsTempName tells whether a file name is of the kind that CreateTemp and LinkReplace give in passing: the
// file is not made yet, or its maker died.
func IsTempName(name string) bool {
	at := strings.LastIndex(name, ".tmp")
	return at > 0 && name[0] == '.' && len(name)-at == len(".tmp")+16
}

func (t tempName) remove() error {
	if t.path == "" {
		return nil
	}
	if err := os.Remove(t.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// removeLeftovers removes passing names for path that no live process holds. What cannot be opened
// or removed (another user's) is left alone, silently: it harms nobody.
func removeLeftovers(path string) {
	dir, prefix := filepath.Dir(path), tempPrefix(path)
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		rest, ours := strings.CutPrefix(e.Name(), prefix)
		if !ours || len(rest) != 16 || !e.Type().IsRegular() {
			continue
		}
		name := filepath.Join(dir, e.Name())
		fd, err := openLeftover(name)
		if err != nil {
			continue
		}
		if lockWhole(fd) == nil {
			tempName{name}.remove()
		}
		closeFD(fd)
	}
}
