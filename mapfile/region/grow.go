package region

// How a file becomes longer: disk blocks first, the length after them.

import (
	"errors"
	"fmt"
	"io"
)

// Grow makes the file size bytes long with all its new bytes backed by memory or disk, so that
// touching them cannot fail for want of space. A file that is that long already stays as it is: Grow
// never cuts. New bytes are zero.
//
// If there is no room, the error is a *SpaceError (see IsNoSpace) and the file is as long as it was,
// with what Grow had taken given back. The window does not change, see Reach.
func (r *Region) Grow(size int64) error {
	return r.during("grow", func() error {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.grow(size)
	})
}

func (r *Region) grow(size int64) error {
	info, err := statFD(r.fd)
	if err != nil {
		return err
	}
	if size <= info.Size {
		return nil
	}
	err = allocate(r.fd, info.Size, size)
	if errors.Is(err, errors.ErrUnsupported) {
		err = writeZeros(r.fd, info.Size, size)
	}
	if err == nil {
		err = truncate(r.fd, size)
	}
	if err == nil {
		return nil
	}
	if undo := truncate(r.fd, info.Size); undo != nil {
		err = fmt.Errorf("%w (and giving back what was taken: %w)", err, undo)
	}
	return r.explainSpace(err, size-info.Size)
}

// writeZeros makes the file longer where the file system cannot allocate.
func writeZeros(fd int, off, end int64) error {
	zeros := make([]byte, min(end-off, 1<<20))
	for off < end {
		n, err := writeAt(fd, zeros[:min(end-off, int64(len(zeros)))], off)
		if err == nil && n == 0 {
			err = io.ErrShortWrite
		}
		if err != nil {
			return err
		}
		off += int64(n)
	}
	return nil
}
