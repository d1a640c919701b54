//go:build darwin || freebsd

package region

// What these systems lack is done in the older ways: passing names instead of files without one,
// zeros written instead of blocks allocated. Built and vetted, never run by our tests.

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

const moreMapFlags = 0

func allocate(int, int64, int64) error             { return errors.ErrUnsupported }
func openNameless(string) (int, error)             { return -1, errors.ErrUnsupported }
func linkNameless(int, string) error               { return errors.ErrUnsupported }
func renameNew(from, to string) error              { return renameNewByLink(from, to) }
func notForChildren(unsafe.Pointer, uintptr) error { return nil }

func fileSystemOf(fd int) (FileSystem, error) {
	var st unix.Statfs_t
	if err := retry(func() error { return unix.Fstatfs(fd, &st) }); err != nil {
		return FileSystem{}, err
	}
	unit := int64(st.Bsize)
	name := unix.ByteSliceToString(st.Fstypename[:])
	return FileSystem{
		Name:    name,
		Network: st.Flags&unix.MNT_LOCAL == 0,
		Memory:  name == "tmpfs",
		Size:    int64(st.Blocks) * unit,
		Free:    int64(st.Bavail) * unit,
	}, nil
}
