package region_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gomapfile/mapfile/mapfile/region"
)

// mountTmpfs mounts a file system of 2 MiB, for root only.
func mountTmpfs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Skipf("SKIPPED: mounting needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func free(t *testing.T, dir string) uint64 {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	return st.Bfree
}

func TestFullFileSystemIsNamedAndNothingIsLost(t *testing.T) { // F04
	dir := mountTmpfs(t)
	path := filepath.Join(dir, "f.map")
	if err := os.WriteFile(path, []byte("value"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := open(t, path, true)
	for _, noFallocate := range []bool{false, true} {
		if noFallocate {
			defer region.PlayFallocate(func(int, uint32, int64, int64) error { return unix.EOPNOTSUPP })()
		}
		before := free(t, dir)
		err := r.Grow(16 << 20)
		var full *region.SpaceError
		if !region.IsNoSpace(err) || !errors.As(err, &full) || !errors.Is(err, unix.ENOSPC) {
			t.Fatalf("%v", err)
		}
		fs := full.FileSystem
		if fs.Name != "tmpfs" || fs.Size != 2<<20 || fs.Free <= 0 || fs.Free >= 2<<20 || full.Needed != 16<<20-5 {
			t.Errorf("%+v", full)
		}
		for _, part := range []string{path, "tmpfs", fmt.Sprint(fs.Free), fmt.Sprint(fs.Size), fmt.Sprint(full.Needed)} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q lacks %q", err, part)
			}
		}
		if n, _ := r.FileSize(); n != 5 || string(view(r)[:5]) != "value" {
			t.Errorf("size %d, %q", n, view(r)[:5])
		}
		if after := free(t, dir); after != before {
			t.Errorf("blocks free: %d before, %d after", before, after)
		}
		if err := r.Grow(1 << 20); err != nil { // what fits still fits
			t.Fatal(err)
		}
		if err := os.Truncate(path, 5); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := region.CreateTemp(path, 0o600, 16<<20); !region.IsNoSpace(err) {
		t.Errorf("CreateTemp: %v", err)
	}
	mustList(t, dir, "f.map")
}

func TestRefusalsThatMeanNoSpace(t *testing.T) { // F02
	r := open(t, newFile(t, 10), true)
	for _, errno := range []unix.Errno{unix.ENOSPC, unix.EDQUOT, unix.EFBIG, unix.ENOMEM, unix.EIO, unix.EPERM} {
		undo := region.PlayFallocate(func(int, uint32, int64, int64) error { return errno })
		err := r.Grow(1 << 20)
		undo()
		if want := errno != unix.EIO && errno != unix.EPERM; !errors.Is(err, errno) || region.IsNoSpace(err) != want {
			t.Errorf("%v: %v", errno, err)
		}
		if n, _ := r.FileSize(); n != 10 {
			t.Errorf("%v: size %d", errno, n)
		}
	}
}

func TestInterruptedAllocationGoesOnInShorterPieces(t *testing.T) {
	r := open(t, newFile(t, 10), true)
	calls, covered := 0, int64(10)
	defer region.PlayFallocate(func(fd int, mode uint32, off, n int64) error {
		if calls++; n > 8<<20 {
			return unix.EINTR
		}
		if off != covered {
			t.Errorf("piece at %d, allocated to %d", off, covered)
		}
		covered += n
		err := unix.Fallocate(fd, mode, off, n)
		var st unix.Stat_t
		if unix.Fstat(fd, &st); st.Size != 10 {
			t.Errorf("size %d before all of it is allocated", st.Size)
		}
		return err
	})()
	if err := r.Grow(40 << 20); err != nil || covered != 40<<20 {
		t.Errorf("%v after %d calls, %d bytes", err, calls, covered)
	}
}

func TestWithoutFallocateZerosAreWritten(t *testing.T) {
	path := newFile(t, 10)
	r := open(t, path, true)
	defer region.PlayFallocate(func(int, uint32, int64, int64) error { return unix.ENOSYS })()
	if err := r.Grow(3<<20 + 1); err != nil {
		t.Fatal(err)
	}
	if n, _ := r.FileSize(); n != 3<<20+1 || allocated(t, path) < 3<<20 {
		t.Errorf("size %d, allocated %d", n, allocated(t, path))
	}
}

func TestFileSizeLimitIsNoSpaceAndDoesNotKill(t *testing.T) { // F03
	path := newFile(t, 4096)
	mustInChild(t, "ulimit -f 2048", "sizeLimit", path) // blocks of 512 bytes
	if info, _ := os.Stat(path); info.Size() != 4096 {
		t.Errorf("size %d", info.Size())
	}
}

func init() {
	children["sizeLimit"] = func(args []string) error {
		r, err := region.Open(args[0], true)
		if err != nil {
			return err
		}
		view(r)[0] = 9
		for _, noFallocate := range []bool{false, true} {
			if noFallocate {
				region.PlayFallocate(func(int, uint32, int64, int64) error { return unix.EOPNOTSUPP })
			}
			if err := r.Grow(16 << 20); !region.IsNoSpace(err) || !errors.Is(err, unix.EFBIG) {
				return fmt.Errorf("Grow: %w", err)
			}
			if n, err := r.FileSize(); n != 4096 || err != nil || view(r)[0] != 9 {
				return fmt.Errorf("size %d, %v", n, err)
			}
		}
		return r.Close()
	}
}

func TestFileSystemsAreNamed(t *testing.T) { // F17
	for magic, want := range map[uint32]region.FileSystem{
		0x6969:     {Name: "nfs", Network: true},
		0xfe534d42: {Name: "smb2", Network: true}, // more than 31 bits
		0x1021997:  {Name: "9p", Network: true},
		0x65735546: {Name: "fuse", Network: true},
		0xef53:     {Name: "ext4"},
		0x1021994:  {Name: "tmpfs", Memory: true},
		0xabcdef:   {Name: "unknown (0xabcdef)"},
	} {
		if got := region.Describe(magic); got != want {
			t.Errorf("%#x: %+v", magic, got)
		}
	}
	got, err := open(t, filepath.Join(touch(t, mountTmpfs(t))), true).FileSystem()
	if err != nil || got.Name != "tmpfs" || !got.Memory || got.Network || got.Size != 2<<20 {
		t.Errorf("%+v, %v", got, err)
	}
}

func touch(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "f.map")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The whole file system of other kinds, where the machine can make one.
func TestEveryFileSystemWeCanMount(t *testing.T) {
	if os.Getuid() != 0 || testing.Short() {
		t.Skip("SKIPPED: mounting needs root, and making file systems some seconds")
	}
	for name, megabytes := range map[string]int{"ext4": 32, "xfs": 320, "btrfs": 128} {
		t.Run(name, func(t *testing.T) {
			mkfs, err := exec.LookPath("mkfs." + name)
			if err != nil {
				t.Skipf("SKIPPED: no mkfs.%s", name)
			}
			image, dir := filepath.Join(t.TempDir(), "image"), t.TempDir()
			if err := os.WriteFile(image, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			os.Truncate(image, int64(megabytes)<<20)
			if out, err := exec.Command(mkfs, "-q", image).CombinedOutput(); err != nil {
				t.Skipf("SKIPPED: %v: %s", err, out)
			}
			if out, err := exec.Command("mount", "-o", "loop", image, dir).CombinedOutput(); err != nil {
				t.Skipf("SKIPPED: %v: %s", err, out)
			}
			defer exec.Command("umount", dir).Run()
			path := filepath.Join(dir, "f.map")
			r, err := region.CreateTemp(path, 0o640, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if err := r.LinkNew(path); err != nil {
				t.Fatal(err)
			}
			if fs, err := r.FileSystem(); fs.Name != name || err != nil {
				t.Errorf("%+v, %v", fs, err)
			}
			if err := r.Grow(1 << 30); !region.IsNoSpace(err) {
				t.Error(err)
			}
			if n, _ := r.FileSize(); n != 1<<20 {
				t.Errorf("size %d", n)
			}
			if err := r.Grow(5 << 20); err != nil {
				t.Error(err)
			}
			if err := r.Sync(0, 5<<20); err != nil {
				t.Error(err)
			}
		})
	}
}
