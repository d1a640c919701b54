package region

// What only Linux has: files without a name, allocation, mappings that a fork leaves out.

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// moreMapFlags: address space is taken, memory is not.
const moreMapFlags = unix.MAP_NORESERVE

// Variables for tests that play file systems and kernels which lack these.
var (
	sysFallocate = unix.Fallocate
	sysLinkat    = unix.Linkat
	sysRenameat2 = unix.Renameat2
)

// allocPiece is how much is allocated by one system call. On tmpfs a signal undoes the whole call,
// and the scheduler of Go sends signals: a call that takes longer than the time between two of them
// would never end.
const allocPiece = 64 << 20

// allocate gives blocks to the range [from,to) and leaves the length of the file alone, so that
// nobody sees it half done. It returns errors.ErrUnsupported where the file system cannot.
func allocate(fd int, from, to int64) error {
	piece := int64(allocPiece)
	for from < to {
		n := min(piece, to-from)
		switch err := sysFallocate(fd, unix.FALLOC_FL_KEEP_SIZE, from, n); err {
		case nil:
			from += n
		case unix.EINTR:
			piece = max(piece/2, 64<<10) // a shorter call gets done between two signals
		default:
			return err
		}
	}
	return nil
}

// openNameless returns errors.ErrUnsupported where the file system has no files without a name.
func openNameless(dir string) (int, error) {
	fd, err := open(dir, unix.O_TMPFILE|unix.O_RDWR, 0o600)
	if err == unix.EISDIR || err == unix.EINVAL || err == unix.EOPNOTSUPP {
		return -1, fmt.Errorf("%w (%w)", errors.ErrUnsupported, err)
	}
	return fd, err
}

// linkNameless gives fd's file a name, which must be free.
func linkNameless(fd int, path string) error {
	// The form that needs no privilege goes through /proc, which may not be mounted.
	proc := "/proc/self/fd/" + strconv.Itoa(fd)
	err := retry(func() error {
		return sysLinkat(unix.AT_FDCWD, proc, unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW)
	})
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	second := retry(func() error {
		return sysLinkat(fd, "", unix.AT_FDCWD, path, unix.AT_EMPTY_PATH)
	})
	if second == nil || errors.Is(second, fs.ErrExist) {
		return second
	}
	return err // without the privilege the second form says "not exist", which would mislead
}

// renameNew renames to a name that must be free.
func renameNew(from, to string) error {
	err := retry(func() error {
		return sysRenameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	})
	if err == unix.EINVAL || err == unix.ENOSYS { // not this file system, an old kernel
		return renameNewByLink(from, to)
	}
	return err
}

func notForChildren(base unsafe.Pointer, n uintptr) error {
	return unix.Madvise(unsafe.Slice((*byte)(base), n), unix.MADV_DONTFORK)
}

func fileSystemOf(fd int) (FileSystem, error) {
	var st unix.Statfs_t
	if err := retry(func() error { return unix.Fstatfs(fd, &st) }); err != nil {
		return FileSystem{}, err
	}
	system := describe(uint32(st.Type))
	unit := int64(st.Frsize)
	if unit == 0 {
		unit = int64(st.Bsize)
	}
	system.Size, system.Free = int64(st.Blocks)*unit, int64(st.Bavail)*unit
	return system, nil
}

// describe knows the file systems that people keep files on. An ID has 32 bits, signed or not by
// processor.
func describe(magic uint32) FileSystem {
	if s, ok := fileSystems[magic]; ok {
		return s
	}
	return FileSystem{Name: fmt.Sprintf("unknown (%#x)", magic)}
}

var fileSystems = map[uint32]FileSystem{
	unix.TMPFS_MAGIC:           {Name: "tmpfs", Memory: true},
	unix.RAMFS_MAGIC:           {Name: "ramfs", Memory: true},
	unix.HUGETLBFS_MAGIC:       {Name: "hugetlbfs", Memory: true},
	unix.EXT4_SUPER_MAGIC:      {Name: "ext4"}, // ext2 and ext3 have the same number
	unix.XFS_SUPER_MAGIC:       {Name: "xfs"},
	unix.BTRFS_SUPER_MAGIC:     {Name: "btrfs"},
	unix.BCACHEFS_SUPER_MAGIC:  {Name: "bcachefs"},
	unix.F2FS_SUPER_MAGIC:      {Name: "f2fs"},
	unix.OVERLAYFS_SUPER_MAGIC: {Name: "overlay"},
	unix.ECRYPTFS_SUPER_MAGIC:  {Name: "ecryptfs"},
	unix.MSDOS_SUPER_MAGIC:     {Name: "vfat"},
	unix.EXFAT_SUPER_MAGIC:     {Name: "exfat"},
	unix.REISERFS_SUPER_MAGIC:  {Name: "reiserfs"},
	unix.NILFS_SUPER_MAGIC:     {Name: "nilfs"},
	unix.SQUASHFS_MAGIC:        {Name: "squashfs"},
	unix.EROFS_SUPER_MAGIC_V1:  {Name: "erofs"},
	unix.ISOFS_SUPER_MAGIC:     {Name: "iso9660"},
	0x2fc12fc1:                 {Name: "zfs"},
	0x7366746e:                 {Name: "ntfs3"},
	0x3153464a:                 {Name: "jfs"},

	unix.NFS_SUPER_MAGIC:   {Name: "nfs", Network: true},
	unix.SMB_SUPER_MAGIC:   {Name: "smb", Network: true},
	unix.CIFS_SUPER_MAGIC:  {Name: "cifs", Network: true},
	unix.SMB2_SUPER_MAGIC:  {Name: "smb2", Network: true},
	unix.V9FS_MAGIC:        {Name: "9p", Network: true},
	unix.FUSE_SUPER_MAGIC:  {Name: "fuse", Network: true},
	unix.CEPH_SUPER_MAGIC:  {Name: "ceph", Network: true},
	unix.AFS_SUPER_MAGIC:   {Name: "afs", Network: true},
	unix.AFS_FS_MAGIC:      {Name: "afs", Network: true},
	unix.CODA_SUPER_MAGIC:  {Name: "coda", Network: true},
	unix.NCP_SUPER_MAGIC:   {Name: "ncp", Network: true},
	unix.OCFS2_SUPER_MAGIC: {Name: "ocfs2", Network: true},
	0x01161970:             {Name: "gfs2", Network: true},
	0x0bd00bd0:             {Name: "lustre", Network: true},
	0x47504653:             {Name: "gpfs", Network: true},
	0x19830326:             {Name: "beegfs", Network: true},
	0x20030528:             {Name: "orangefs", Network: true},
	0x786f4256:             {Name: "vboxsf", Network: true},
	0xbacbacbc:             {Name: "vmhgfs", Network: true},
}
