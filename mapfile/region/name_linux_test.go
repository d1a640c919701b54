package region_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gomapfile/mapfile/mapfile/region"
)

// kernels are the ways to come to a name: each test runs with all of them.
var kernels = map[string]func() (undo func()){
	"O_TMPFILE": func() func() { return func() {} },
	"no O_TMPFILE": func() func() {
		return noTmpfile(unix.EOPNOTSUPP)
	},
	"no O_TMPFILE, no renameat2": func() func() {
		undo := noTmpfile(unix.EISDIR)
		undoRename := region.PlayRename(func(int, string, int, string, uint) error { return unix.EINVAL })
		return func() { undo(); undoRename() }
	},
	"no /proc": func() func() {
		return region.PlayLinkat(func(oldDir int, old string, newDir int, name string, flags int) error {
			if strings.HasPrefix(old, "/proc") {
				return unix.ENOENT
			}
			return unix.Linkat(oldDir, old, newDir, name, flags)
		})
	},
}

func noTmpfile(errno unix.Errno) (undo func()) {
	return region.PlayOpen(func(path string, flags int, mode uint32) (int, error) {
		if flags&unix.O_TMPFILE == unix.O_TMPFILE {
			return -1, errno
		}
		return unix.Open(path, flags, mode)
	})
}

func onEveryKernel(t *testing.T, test func(t *testing.T, path string)) {
	for name, play := range kernels {
		t.Run(name, func(t *testing.T) {
			defer play()()
			test(t, filepath.Join(t.TempDir(), "a.map"))
		})
	}
}

func create(t *testing.T, path string, mode fs.FileMode, size int64) *region.Region {
	t.Helper()
	r, err := region.CreateTemp(path, mode, size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func TestNewFileHasItsNameOnlyWhenItIsWhole(t *testing.T) {
	onEveryKernel(t, func(t *testing.T, path string) {
		r := create(t, path, 0o640, 10_000)
		copy(view(r), "content")
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("there already: %v", err)
		}
		if err := r.LinkNew(path); err != nil {
			t.Fatal(err)
		}
		mustList(t, filepath.Dir(path), "a.map")
		other := open(t, path, false)
		if n, _ := other.FileSize(); n != 10_000 || string(view(other)[:7]) != "content" || other.ID() != r.ID() {
			t.Errorf("size %d, %q", n, view(other)[:7])
		}
		if got := allocated(t, path); got < 10_000 {
			t.Errorf("%d bytes allocated", got)
		}
	})
}

func TestLinkNewNeverReplaces(t *testing.T) { // A02
	onEveryKernel(t, func(t *testing.T, path string) {
		if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		r := create(t, path, 0o600, 100)
		if err := r.LinkNew(path); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), path) {
			t.Errorf("%v", err)
		}
		if old, _ := os.ReadFile(path); string(old) != "old" {
			t.Errorf("%q", old)
		}
		if err := r.LinkNew(path + "2"); err != nil { // it can still get another name
			t.Error(err)
		}
		mustList(t, filepath.Dir(path), "a.map", "a.map2")
	})
}

func TestLinkReplaceReplaces(t *testing.T) {
	onEveryKernel(t, func(t *testing.T, path string) {
		for i := range 3 { // the first time there is nothing to replace
			r := create(t, path, 0o600, 100)
			view(r)[0] = byte(i)
			if err := r.LinkReplace(path); err != nil {
				t.Fatal(err)
			}
			if got, _ := os.ReadFile(path); len(got) != 100 || got[0] != byte(i) {
				t.Errorf("%d: %d bytes", i, len(got))
			}
			mustList(t, filepath.Dir(path), "a.map")
		}
	})
}

func TestLinkReplaceLeavesAllButRegularFilesAlone(t *testing.T) { // A14
	onEveryKernel(t, func(t *testing.T, path string) {
		dir := filepath.Dir(path)
		target, fifo := filepath.Join(dir, "target"), filepath.Join(dir, "fifo")
		os.WriteFile(target, []byte("old"), 0o600)
		os.Symlink(target, path)
		os.Symlink(filepath.Join(dir, "nowhere"), path+"2")
		if err := unix.Mkfifo(fifo, 0o600); err != nil {
			t.Fatal(err)
		}
		r := create(t, path, 0o600, 100)
		for _, link := range []string{path, path + "2"} {
			for _, err := range []error{r.LinkNew(link), r.LinkReplace(link)} {
				if !errors.Is(err, region.ErrSymlink) || errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), link) {
					t.Errorf("%v", err)
				}
			}
			if _, err := os.Readlink(link); err != nil {
				t.Error(err)
			}
		}
		if err := r.LinkReplace(fifo); !errors.Is(err, region.ErrNotRegular) {
			t.Errorf("%v", err)
		}
		if err := r.LinkReplace(dir); !errors.Is(err, region.ErrNotRegular) {
			t.Errorf("%v", err)
		}
		r.Close()
		mustList(t, dir, "a.map", "a.map2", "fifo", "target")
	})
}

func TestCloseWithoutNameLeavesNothing(t *testing.T) {
	onEveryKernel(t, func(t *testing.T, path string) {
		r := create(t, path, 0o600, 100)
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		mustList(t, filepath.Dir(path))
	})
}

func TestFailedRenameLeavesNothingAfterClose(t *testing.T) { // A19
	onEveryKernel(t, func(t *testing.T, path string) {
		r := create(t, path, 0o600, 100)
		bad := filepath.Join(filepath.Dir(path), strings.Repeat("x", 300))
		if err := r.LinkReplace(bad); !errors.Is(err, unix.ENAMETOOLONG) {
			t.Errorf("%v", err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		mustList(t, filepath.Dir(path))
	})
}

func TestLongNamesWork(t *testing.T) {
	onEveryKernel(t, func(t *testing.T, path string) {
		name := strings.Repeat("ü", 127) // 254 bytes
		path = filepath.Join(filepath.Dir(path), name)
		for range 2 {
			if err := create(t, path, 0o600, 1).LinkReplace(path); err != nil {
				t.Fatal(err)
			}
		}
		mustList(t, filepath.Dir(path), name)
	})
}

func TestModeIsExactWhateverTheUmask(t *testing.T) { // A12
	dir := t.TempDir()
	for _, umask := range []string{"000", "077", "777"} {
		mustInChild(t, "umask "+umask, "modes", filepath.Join(dir, umask))
	}
}

func init() {
	children["modes"] = func(args []string) error {
		for _, play := range kernels {
			undo := play()
			for _, mode := range []fs.FileMode{0o600, 0o640, 0o644, 0o666, 0o400} {
				path := fmt.Sprintf("%s-%o", args[0], mode)
				r, err := region.CreateTemp(path, mode, 10)
				if err == nil {
					err = r.LinkReplace(path)
				}
				if err != nil {
					return err
				}
				if info, err := os.Stat(path); err != nil || info.Mode() != mode {
					return fmt.Errorf("%v instead of %v, %v", info.Mode(), mode, err)
				}
				r.Close()
			}
			undo()
		}
		return nil
	}
}

func TestGroupCanBeKept(t *testing.T) { // A12
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: giving a file to any group needs root")
	}
	path := filepath.Join(t.TempDir(), "a.map")
	r := create(t, path, 0o640, 10)
	if err := errors.Join(r.Chgrp(12345), r.LinkNew(path)); err != nil {
		t.Fatal(err)
	}
	info, err := r.Stat()
	if err != nil || info.GID != 12345 || info.UID != 0 || info.Mode != 0o640 || info.Links != 1 || info.Size != 10 {
		t.Errorf("%+v, %v", info, err)
	}
	st, _ := os.Stat(path)
	if got := region.OwnerOf(st); got != "owner uid 0, gid 12345" {
		t.Error(got)
	}
}

func TestNoTmpfileHereSaysNothingOfTheNextDirectory(t *testing.T) { // F10
	for _, errno := range []unix.Errno{unix.EOPNOTSUPP, unix.EISDIR, unix.EINVAL} {
		bad, good := t.TempDir(), t.TempDir()
		undo := region.PlayOpen(func(path string, flags int, mode uint32) (int, error) {
			if flags&unix.O_TMPFILE == unix.O_TMPFILE && path == bad {
				return -1, errno
			}
			return unix.Open(path, flags, mode)
		})
		create(t, filepath.Join(bad, "a.map"), 0o600, 10)
		create(t, filepath.Join(good, "a.map"), 0o600, 10)
		undo()
		if names := dirNames(t, bad); len(names) != 1 || !regexp.MustCompile(`^\.a\.map\.tmp[0-9a-f]{16}$`).MatchString(names[0]) {
			t.Errorf("%v: %q", errno, names)
		}
		mustList(t, good)
	}
}

func TestOtherErrorsOfCreateAreNotTheFallback(t *testing.T) {
	dir := t.TempDir()
	if _, err := region.CreateTemp(filepath.Join(dir, "none", "a.map"), 0o600, 10); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	defer noTmpfile(unix.ENFILE)()
	if _, err := region.CreateTemp(filepath.Join(dir, "a.map"), 0o600, 10); !errors.Is(err, unix.ENFILE) {
		t.Error(err)
	}
	mustList(t, dir)
}
