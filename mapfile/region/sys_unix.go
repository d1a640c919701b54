//go:build linux || darwin || freebsd

package region

// The system calls that unix systems share. Each is retried when a signal interrupts it.

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// openFlags are those of every open: not for children, never waiting for the other end of a FIFO, and
// a terminal does not become ours.
const openFlags = unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY

// sysOpen is a variable for tests that play a file system without nameless files.
var sysOpen = unix.Open

func open(path string, flags int, mode uint32) (fd int, err error) {
	err = retry(func() error {
		fd, err = sysOpen(path, flags|openFlags, mode)
		return err
	})
	if err != nil {
		return -1, err
	}
	return fd, nil
}

func openFile(path string, writable bool) (int, error) {
	if writable {
		return open(path, unix.O_RDWR, 0)
	}
	return open(path, unix.O_RDONLY, 0)
}

func openExclusive(path string) (int, error) {
	return open(path, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL, 0o600)
}

func openLeftover(path string) (int, error) {
	return open(path, unix.O_RDONLY|unix.O_NOFOLLOW, 0)
}

func closeFD(fd int) error {
	if err := unix.Close(fd); err != unix.EINTR { // closed all the same
		return err
	}
	return nil
}

func statPath(path string) (Info, error) {
	var st unix.Stat_t
	err := retry(func() error { return unix.Stat(path, &st) })
	return infoOf(&st), err
}

// statLink is statPath for the name itself: a symbolic link is not followed.
func statLink(path string) (Info, error) {
	var st unix.Stat_t
	err := retry(func() error { return unix.Lstat(path, &st) })
	return infoOf(&st), err
}

func statFD(fd int) (Info, error) {
	var st unix.Stat_t
	err := retry(func() error { return unix.Fstat(fd, &st) })
	return infoOf(&st), err
}

func infoOf(st *unix.Stat_t) Info {
	mode := fs.FileMode(st.Mode & 0o777)
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
	case unix.S_IFDIR:
		mode |= fs.ModeDir
	case unix.S_IFLNK:
		mode |= fs.ModeSymlink
	case unix.S_IFIFO:
		mode |= fs.ModeNamedPipe
	case unix.S_IFSOCK:
		mode |= fs.ModeSocket
	case unix.S_IFCHR:
		mode |= fs.ModeDevice | fs.ModeCharDevice
	case unix.S_IFBLK:
		mode |= fs.ModeDevice
	default:
		mode |= fs.ModeIrregular
	}
	return Info{
		ID:    FileID{Dev: uint64(st.Dev), Ino: uint64(st.Ino)},
		Size:  st.Size,
		Mode:  mode,
		UID:   int(st.Uid),
		GID:   int(st.Gid),
		Links: int(st.Nlink),
	}
}

// OwnerOf says in words to whom a file belongs, for error messages.
func OwnerOf(info fs.FileInfo) string {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "owner unknown"
	}
	return fmt.Sprintf("owner uid %d, gid %d", st.Uid, st.Gid)
}

// chmodFD sets exactly these bits: the umask has no say in it, unlike at the opening.
func chmodFD(fd int, mode fs.FileMode) error {
	return retry(func() error { return unix.Fchmod(fd, uint32(mode.Perm())) })
}

func chgrpFD(fd, gid int) error {
	return retry(func() error { return unix.Fchown(fd, -1, gid) })
}

func truncate(fd int, size int64) error {
	return retry(func() error { return unix.Ftruncate(fd, size) })
}

func writeAt(fd int, p []byte, off int64) (n int, err error) {
	err = retry(func() error {
		n, err = unix.Pwrite(fd, p, off)
		return err
	})
	return n, err
}

// lockWhole takes the whole-file lock of this open file, or fails at once if another has it.
func lockWhole(fd int) error {
	return retry(func() error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) })
}

// renameNewByLink is for systems without a rename that refuses to replace. For a moment the file has
// both names; if the process dies then, the passing one is removed by the next CreateTemp.
func renameNewByLink(from, to string) error {
	err := retry(func() error { return unix.Link(from, to) })
	if err == nil {
		unix.Unlink(from)
	}
	return err
}

func unlockWhole(fd int) { unix.Flock(fd, unix.LOCK_UN) }

func mapFile(fd int, writable bool, n uintptr) (unsafe.Pointer, error) {
	prot := unix.PROT_READ
	if writable {
		prot |= unix.PROT_WRITE
	}
	base, err := unix.MmapPtr(fd, 0, nil, n, prot, unix.MAP_SHARED|moreMapFlags)
	if err != nil {
		return nil, err
	}
	if err := notForChildren(base, n); err != nil {
		unmapFile(base, n)
		return nil, err
	}
	return base, nil
}

// mapNothing takes address space that cannot be touched.
func mapNothing(n uintptr) (unsafe.Pointer, error) {
	return unix.MmapPtr(-1, 0, nil, n, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON)
}

func unmapFile(base unsafe.Pointer, n uintptr) error { return unix.MunmapPtr(base, n) }

func syncMemory(pages []byte) error {
	return retry(func() error { return unix.Msync(pages, unix.MS_SYNC) })
}

// meansNoAddressSpace: no room (ENOMEM), more than may be locked (EAGAIN), or past what the file
// system can ever hold (EOVERFLOW). A smaller window may do.
func meansNoAddressSpace(err error) bool {
	return err == unix.ENOMEM || err == unix.EAGAIN || err == unix.EOVERFLOW
}

// meansNoSpace: full, over quota, past a limit on file lengths; tmpfs says ENOMEM.
func meansNoSpace(err error) bool {
	return isAny(err, unix.ENOSPC, unix.EDQUOT, unix.EFBIG, unix.ENOMEM)
}

func isAny(err error, errnos ...unix.Errno) bool {
	for _, errno := range errnos {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

func retry(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}
