package region

// What a file is: identity, size, owner, kind.

import (
	"fmt"
	"io/fs"
	"os"
)

// pageSize is a power of two.
var pageSize = uint64(os.Getpagesize())

// ID returns the identity of the open file. It is known also after Close.
func (r *Region) ID() FileID { return r.id }

// Stat asks the system for the state of the open file.
func (r *Region) Stat() (Info, error) {
	var info Info
	err := r.during("stat", func() (err error) {
		info, err = statFD(r.fd)
		return err
	})
	return info, err
}

// FileSize is the length of the file now.
func (r *Region) FileSize() (int64, error) {
	info, err := r.Stat()
	return info.Size, err
}

// Fd returns the descriptor, for locks. It is the Region's: not to be closed, and another file's after
// Close.
func (r *Region) Fd() uintptr { return uintptr(r.fd) }

// Chgrp gives the file to a group, as far as the user may.
func (r *Region) Chgrp(gid int) error {
	return r.during("chgrp", func() error { return chgrpFD(r.fd, gid) })
}

// SameFile tells whether path, symbolic links followed, still names the file id. fs.ErrNotExist if
// it names none.
func SameFile(path string, id FileID) (bool, error) {
	info, err := statPath(path)
	if err != nil {
		return false, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return info.ID == id, nil
}

func mustBeRegular(info Info) error {
	if info.Mode.IsRegular() {
		return nil
	}
	return fmt.Errorf("is a %s, %w", kind(info.Mode), ErrNotRegular)
}

func kind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "directory"
	case mode&fs.ModeSymlink != 0:
		return "symbolic link"
	case mode&fs.ModeNamedPipe != 0:
		return "FIFO"
	case mode&fs.ModeSocket != 0:
		return "socket"
	case mode&fs.ModeDevice != 0:
		return "device"
	}
	return "special file"
}
