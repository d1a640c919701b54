package mapfile

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/gomapfile/mapfile/mapfile/internal/filelock"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/mapfile/internal/shm"
	"github.com/gomapfile/mapfile/mapfile/region"
)

// This chapter puts a new file in the place of an old one.

// Recreate puts a new, empty file in the place of the one at path, if there is one. The readers and
// producers of the old file then get ErrSuperseded. Mode and group stay, unless WithMode is given.
func Recreate(path string, opts ...Option) (*MapFile, error) {
	return produce("recreate", modeRecreate, path, opts, func(c *config) (*session, error) {
		return replace(path, c, false)
	})
}

// replace makes a new file and renames it over the old one, whose structure lock it holds meanwhile,
// so that of two that replace at once one replaces the other's. With keep, what is whole in the old
// file is copied.
func replace(path string, c *config, keep bool) (*session, error) {
	for deadline := time.Now().Add(c.lockTimeout + time.Second); time.Now().Before(deadline); pause(spinTries) {
		old, err := region.Open(path, true)
		absent, err := missing(path, err)
		if absent {
			f, err := makeFile(path, c, nil)
			if err != nil {
				return nil, err
			}
			s, err := produceNew(f, c, func() error { return f.region.LinkNew(path) })
			if errors.Is(err, fs.ErrExist) {
				continue
			}
			return s, err
		}
		if err != nil {
			return nil, explainOpen(path, err)
		}
		s, again, err := replaceOpen(path, c, old, keep)
		old.Close()
		if !again {
			return s, err
		}
	}
	return nil, fmt.Errorf("%w: the path kept changing", ErrBusy)
}

// errAlive: what was left by an earlier boot has been replaced already.
var errAlive = errors.New("the file is in use again")

// replaceOpen replaces the open file old; again means that the path has another file by now.
func replaceOpen(path string, c *config, old *region.Region, keep bool) (s *session, again bool, err error) {
	unlock, err := waitLock(old, c.lockTimeout)
	if err != nil {
		return nil, false, err
	}
	defer unlock()
	if same, err := region.SameFile(path, old.ID()); err != nil || !same {
		return nil, true, err
	}
	before, beforeErr := newFile(path, old, c)
	if info, err := old.Stat(); errors.Is(beforeErr, ErrNotMapFile) && (err != nil || info.Size > 0) {
		return nil, false, fmt.Errorf("%w, and Recreate does not replace what it does not know; remove it first", beforeErr)
	}
	if keep && beforeErr == nil && !before.evidence {
		return nil, false, errAlive
	}
	f, err := makeFile(path, c, old)
	if err != nil {
		return nil, false, err
	}
	if keep && beforeErr == nil {
		if err := salvageInto(f, before, c); err != nil {
			f.close()
			return nil, false, err
		}
	}
	s, err = produceNew(f, c, func() error { return f.region.LinkReplace(path) })
	if err == nil && beforeErr == nil {
		before.guard(func() error {
			m := shm.Writable(before.view())
			m.Store(layout.SupersededOff, layout.Replaced)
			ringBell(m)
			return nil
		})
	}
	return s, false, err
}

// waitLock takes the structure lock of an open file, waiting at most so long.
func waitLock(r *region.Region, timeout time.Duration) (unlock func(), err error) {
	for deadline := time.Now().Add(timeout); ; time.Sleep(time.Millisecond) {
		err := filelock.Try(r.Fd(), layout.StructureLockOff)
		if err == nil {
			return func() { filelock.Unlock(r.Fd(), layout.StructureLockOff) }, nil
		}
		if !errors.Is(err, filelock.ErrHeld) {
			return nil, err
		}
		if time.Now().After(deadline) {
			return nil, lockedBy(shm.NewView(r.View()), timeout)
		}
	}
}
