package mapfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"crypto/rand"

	"github.com/gomapfile/mapfile/mapfile/internal/host"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/mapfile/region"
)

// This chapter makes files. A file gets its name when it is complete: nobody can see a half-made one.

// defaultSize is the size of a new file: the fixed parts and room for some small slots.
const defaultSize = 128 << 10

// Create makes a map file and becomes a producer of it. It fails with fs.ErrExist if path exists.
func Create(path string, opts ...Option) (*MapFile, error) {
	return produce("create", modeCreate, path, opts, func(c *config) (*session, error) {
		f, err := makeFile(path, c, nil)
		if err != nil {
			return nil, err
		}
		return produceNew(f, c, func() error { return f.region.LinkNew(path) })
	})
}

// produceNew becomes the producer of a file that has no name yet, and gives it its name by link: a
// file that appears has a producer from the start.
func produceNew(f *file, c *config, link func() error) (*session, error) {
	s, err := sessionOf(f, c)
	if err != nil {
		return nil, err
	}
	if err := link(); err != nil {
		s.abandon()
		return nil, err
	}
	return s, nil
}

// OpenOrCreate joins the file at path as a producer, or makes it: the call for a producer that
// restarts. A file that was left by an earlier boot of the machine is replaced by a new one with the
// values that are whole.
func OpenOrCreate(path string, opts ...Option) (*MapFile, error) {
	return produce("open", modeJoin, path, opts, func(c *config) (*session, error) { return openOrCreate(path, c) })
}

func openOrCreate(path string, c *config) (*session, error) {
	for deadline := time.Now().Add(c.lockTimeout + time.Second); ; {
		f, err := openFile(path, true, c)
		absent, err := missing(path, err)
		if absent {
			if f, err = makeFile(path, c, nil); err != nil {
				return nil, err
			}
			s, err := produceNew(f, c, func() error { return f.region.LinkNew(path) })
			if errors.Is(err, fs.ErrExist) && time.Now().Before(deadline) {
				continue // somebody else was faster: join
			}
			return s, err
		}
		if err != nil {
			return nil, err
		}
		if f.evidence {
			f.close()
			s, err := replace(path, c, true)
			if errors.Is(err, errAlive) && time.Now().Before(deadline) {
				continue // another producer has replaced it: join
			}
			return s, err
		}
		if err = f.identity(); err == nil {
			var s *session
			if s, err = sessionOf(f, c); err == nil {
				return s, nil
			}
		} else {
			f.close()
		}
		if !errors.Is(err, ErrSuperseded) || time.Now().After(deadline) {
			return nil, err
		}
		pause(spinTries)
	}
}

// missing tells from the error of an open whether a file may be made at path: not where a symbolic
// link leads to nothing.
func missing(path string, err error) (bool, error) {
	if !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	if info, statErr := os.Lstat(path); statErr == nil && info.Mode()&fs.ModeSymlink != 0 {
		return false, fmt.Errorf("%w to nothing, and no file is made through it: %w", region.ErrSymlink, err)
	}
	return true, err
}

// produce is what the three ways of becoming a producer share.
func produce(op string, mode openMode, path string, opts []Option, open func(*config) (*session, error)) (*MapFile, error) {
	c, err := newConfig(mode, opts)
	if err != nil {
		return nil, fail(op, path, "", err)
	}
	if err := checkHost(); err != nil {
		return nil, fail(op, path, "", err)
	}
	s, err := open(c)
	if err != nil {
		return nil, fail(op, path, "", err)
	}
	s.stopped.Add(1)
	go s.beat()
	return newMapFile(path, c, s.file, s), nil
}

// sessionOf makes the file's session, or closes the file.
func sessionOf(f *file, c *config) (*session, error) {
	s, err := newSession(f, c)
	if err != nil {
		f.close()
		return nil, err
	}
	return s, nil
}

// makeFile makes a complete, empty, nameless file in the directory of path; mode and group like those
// of old, if there is one.
func makeFile(path string, c *config, old *region.Region) (*file, error) {
	mode, group := c.mode, -1
	if old != nil {
		info, err := old.Stat()
		if err != nil {
			return nil, err
		}
		if group = info.GID; !c.modeGiven {
			mode = info.Mode.Perm()
		}
	}
	size := roundUp(uint64(max(c.size, defaultSize)), growStep)
	if c.maxSize > 0 && size > uint64(c.maxSize) {
		return nil, fmt.Errorf("%w: a file has at least %d bytes, the limit given by WithMaxSize is %d", ErrFull, size, c.maxSize)
	}
	r, err := region.CreateTemp(path, mode, int64(size))
	if err != nil {
		return nil, explainFull(err)
	}
	if group >= 0 {
		_ = r.Chgrp(group) // where allowed
	}
	f := &file{path: path, abs: absolute(path), region: r, registry: c.registry, log: c.logger}
	f.setWindow()
	f.id = layout.Identity{Version: layout.FormatVersion, BootID: host.BootID(), Created: time.Now().UnixNano(), Title: c.title}
	if _, err := rand.Read(f.id.FileID[:]); err != nil {
		f.close()
		return nil, err
	}
	if err := f.guard(func() error { return f.writeEmpty(size) }); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// writeEmpty writes header, free map and index of an empty file, which is all zeros.
func (f *file) writeEmpty(size uint64) error {
	s := &session{file: f}
	m := s.mem()
	layout.PutIdentity(m.Bytes(0, layout.HeaderTitleEnd), &f.id)
	m.Store(layout.NextSessionOff, 1)
	// Every chunk of the free map that a file of this size needs, one behind the other.
	place := uint64(layout.ArenaOff)
	last := layout.FreeChunkOf(size/layout.UnitLen - 1)
	for c := layout.FreeChunkOf(0); c.First <= last.First; c = c.Next() {
		m.Store(c.WordOff(), place)
		place += c.Len()
	}
	mark(m, 0, place/layout.UnitLen, true)
	m.Store(layout.UsedOff, (place-layout.ArenaOff)/layout.UnitLen)
	m.Store(layout.SizeOff, size)
	return s.growIndex(m)
}

// checkHost refuses machines that the format is not for.
func checkHost() error {
	if ^uint(0)>>32 == 0 {
		return fmt.Errorf("%w: map files need a 64-bit processor", errors.ErrUnsupported)
	}
	if !littleEndian {
		return fmt.Errorf("%w: map files need a little-endian processor", errors.ErrUnsupported)
	}
	return nil
}
