package region

// Room on file systems, and the error when there is none.

import (
	"errors"
	"fmt"
)

// ErrNoSpace: the file cannot get that long. The reason is wrapped beside it: the file system or a
// quota is full, or a limit on the length of files is reached.
var ErrNoSpace = errors.New("no space")

// IsNoSpace tells whether err is, or wraps, ErrNoSpace.
func IsNoSpace(err error) bool { return errors.Is(err, ErrNoSpace) }

// A SpaceError says where the room was missing. It wraps ErrNoSpace and Err.
type SpaceError struct {
	FileSystem FileSystem // zero if it is not known
	Needed     int64      // bytes that were asked for beyond what the file had
	Err        error      // of the system
}

func (e *SpaceError) Error() string {
	if e.FileSystem.Name == "" {
		return fmt.Sprintf("no space: %d bytes needed: %v", e.Needed, e.Err)
	}
	return fmt.Sprintf("no space: %d bytes needed, %d of %d are free on this %s file system: %v",
		e.Needed, e.FileSystem.Free, e.FileSystem.Size, e.FileSystem.Name, e.Err)
}

func (e *SpaceError) Unwrap() []error { return []error{ErrNoSpace, e.Err} }

// A FileSystem is where a file lives.
type FileSystem struct {
	Name string // "tmpfs", "ext4", "nfs", …; "unknown (0x…)" where the number has no name here

	// Network: the files may be on another machine, or in another program (FUSE), so that two
	// mappings may show different bytes and locks may not exclude.
	Network bool

	// Memory: the files are gone after a reboot, and no disk is ever waited for.
	Memory bool

	Size, Free int64 // bytes; free for this user. Size 0: without limit
}

// FileSystem tells where the file lives.
func (r *Region) FileSystem() (FileSystem, error) {
	var system FileSystem
	err := r.during("statfs", func() (err error) {
		system, err = fileSystemOf(r.fd)
		return err
	})
	return system, err
}

// explainSpace makes what means "no space" a SpaceError. The blocks that the attempt took were given
// back before, so what is free is what the attempt found.
func (r *Region) explainSpace(err error, needed int64) error {
	if !meansNoSpace(err) {
		return err
	}
	system, statErr := fileSystemOf(r.fd)
	if statErr != nil {
		system = FileSystem{}
	}
	return &SpaceError{FileSystem: system, Needed: needed, Err: err}
}
