package mapfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gomapfile/mapfile/mapfile/internal/filelock"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/mapfile/region"
)

// Wait returns when path is a map file in which each of the named slots has been published. It looks
// 20 times a second while there is no such file, and is woken by the producer after that.
func Wait(ctx context.Context, path string, slots ...string) error {
	for {
		if err := ctx.Err(); err != nil {
			return fail("wait", path, "", err)
		}
		err := waitIn(ctx, path, slots)
		if err == nil {
			return nil
		}
		again := errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrSuperseded)
		if !again {
			return fail("wait", path, "", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// waitIn waits in one file, for as long as it is the path's.
func waitIn(ctx context.Context, path string, slots []string) error {
	mf, err := Open(path)
	if err != nil {
		return err
	}
	defer mf.Close()
	missing := map[string]bool{}
	for _, name := range slots {
		if err := checkName(name); err != nil {
			return fail("wait", path, name, err)
		}
		missing[name] = true
	}
	if len(missing) == 0 {
		return nil
	}
	for ev, err := range mf.Watch(ctx) {
		if err != nil && ev.Name == "" {
			return err
		}
		if ev.Kind == EventPublished {
			delete(missing, ev.Name)
		}
		if len(missing) == 0 {
			return nil
		}
	}
	return ctx.Err()
}

// DefaultDir is $MAPFILE_DIR, else a private directory of this user, made if need be: on a tmpfs where
// there is one.
func DefaultDir() (string, error) {
	dir := os.Getenv("MAPFILE_DIR")
	if dir != "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return "", fail("defaultdir", dir, "", err)
		}
		return dir, nil
	}
	for _, base := range []string{os.Getenv("XDG_RUNTIME_DIR"), "/dev/shm", os.TempDir()} {
		info, err := os.Stat(base)
		if base == "" || err != nil || !info.IsDir() {
			continue
		}
		name := fmt.Sprintf("mapfile-%d", os.Getuid())
		if base == os.Getenv("XDG_RUNTIME_DIR") {
			name = "mapfile"
		}
		dir = filepath.Join(base, name)
		if err := privateDir(dir); err == nil {
			return dir, nil
		} else if !errors.Is(err, fs.ErrPermission) {
			return "", fail("defaultdir", dir, "", err)
		}
	}
	return "", fail("defaultdir", "", "", fmt.Errorf("%w: no directory for map files; set MAPFILE_DIR", fs.ErrPermission))
}

// privateDir makes the directory, or makes sure that nobody else can have prepared it.
func privateDir(dir string) error {
	if err := os.Mkdir(dir, 0o700); err == nil || !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() || !region.OwnedByMe(info) || info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%w: %s is not a directory that only you can write; set MAPFILE_DIR", fs.ErrPermission, dir)
	}
	return nil
}

// RemoveDead deletes the file unless it has a live or stalled producer (ErrOwned). A producer that
// joins at the same time either keeps the file from being deleted or makes a new one.
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
	if err := os.Remove(path); err != nil {
		return err
	}
	return f.markRemoved()
}
