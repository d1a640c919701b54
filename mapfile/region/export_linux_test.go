package region

import "golang.org/x/sys/unix"

// Seams for tests that play other kernels and file systems.

type (
	OpenFunc      = func(path string, flags int, mode uint32) (int, error)
	FallocateFunc = func(fd int, mode uint32, off, n int64) error
	LinkatFunc    = func(oldDir int, old string, newDir int, name string, flags int) error
	RenameFunc    = func(oldDir int, old string, newDir int, name string, flags uint) error
)

func PlayOpen(f OpenFunc) (undo func()) {
	sysOpen = f
	return func() { sysOpen = unix.Open }
}

func PlayFallocate(f FallocateFunc) (undo func()) {
	sysFallocate = f
	return func() { sysFallocate = unix.Fallocate }
}

func PlayLinkat(f LinkatFunc) (undo func()) {
	sysLinkat = f
	return func() { sysLinkat = unix.Linkat }
}

func PlayRename(f RenameFunc) (undo func()) {
	sysRenameat2 = f
	return func() { sysRenameat2 = unix.Renameat2 }
}

// Mapped is the address space that all windows take.
func Mapped() uint64 { return mapped.Load() }

// Describe names the file system of a statfs number.
func Describe(magic uint32) FileSystem { return describe(magic) }
