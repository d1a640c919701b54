package mapfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/gomapfile/mapfile/mapfile/internal/filelock"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/mapfile/internal/shm"
	"github.com/gomapfile/mapfile/mapfile/region"
)

// RemoveDead deletes the file unless it has a live or stalled producer (ErrOwned). A producer that
// joins at the same time either keeps the file from being deleted or makes a new one. A symbolic link
// is not removed.
func RemoveDead(path string) error { return fail("removedead", path, "", removeDead(path)) }

func removeDead(path string) error {
	c, err := newConfig(modeJoin, nil)
	if err != nil {
		return err
	}
	f, err := openFile(path, true, c)
	if errors.Is(err, ErrCorrupt) || errors.Is(err, ErrFormatVersion) {
		return fmt.Errorf("%w; remove it by hand if it is not needed", err)
	}
	if err != nil {
		return err
	}
	defer f.close()
	// Who becomes a producer needs the structure lock first, and looks at the mark when he has it.
	unlock, err := waitLock(f.region, c.lockTimeout)
	if err != nil {
		return err
	}
	defer unlock()
	for i := range layout.NumSessions {
		held, err := filelock.Held(f.region.Fd(), layout.SessionLockOff+int64(i))
		if err != nil {
			return err
		}
		if held {
			return f.ownedBy(i)
		}
	}
	if err := f.identity(); err != nil {
		return err
	}
	// To remove a link would leave the file there, marked as gone.
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return fmt.Errorf("%w: remove it, or RemoveDead the file that it names", region.ErrSymlink)
	}
	if err := os.Remove(path); err != nil {
		return explainOpen(path, err)
	}
	return f.markRemoved()
}

// markRemoved marks a file that has just lost its name; the structure lock is held.
func (f *file) markRemoved() error {
	return f.guard(func() error {
		m := shm.Writable(f.view())
		m.Store(layout.SupersededOff, layout.Removed)
		ringBell(m)
		return nil
	})
}

// ownedBy is the ErrOwned that names the producer of a record.
func (f *file) ownedBy(record int) error {
	p := Producer{}
	f.guard(func() error {
		v := f.view()
		p.Session, p.State = v.Load(layout.SessionOff(record)), f.recordState(v, record)
		f.fillProducer(v, layout.SessionOff(record), &p)
		return nil
	})
	return fmt.Errorf("%w: %v, which is %v", ErrOwned, p, p.State)
}
