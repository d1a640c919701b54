package mapfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gomapfile/mapfile/mapfile/region"
)

// DefaultDir is $MAPFILE_DIR, else a private directory of this user, made if need be: on a tmpfs where
// there is one.
func DefaultDir() (string, error) {
	dir := os.Getenv("MAPFILE_DIR")
	if dir != "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return "", fail("defaultdir", dir, "", err)
		}
		return dir, nil
	}
	for _, base := range []string{os.Getenv("XDG_RUNTIME_DIR"), "/dev/shm", os.TempDir()} {
		info, err := os.Stat(base)
		if base == "" || err != nil || !info.IsDir() {
			continue
		}
		name := fmt.Sprintf("mapfile-%d", os.Getuid())
		if base == os.Getenv("XDG_RUNTIME_DIR") {
			name = "mapfile"
		}
		dir = filepath.Join(base, name)
		if err := privateDir(dir); err == nil {
			return dir, nil
		} else if !errors.Is(err, fs.ErrPermission) {
			return "", fail("defaultdir", dir, "", err)
		}
	}
	return "", fail("defaultdir", "", "", fmt.Errorf("%w: no directory for map files; set MAPFILE_DIR", fs.ErrPermission))
}

// privateDir makes the directory, or makes sure that nobody else can have prepared it.
func privateDir(dir string) error {
	if err := os.Mkdir(dir, 0o700); err == nil || !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() || !region.OwnedByMe(info) || info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%w: %s is not a directory that only you can write; set MAPFILE_DIR", fs.ErrPermission, dir)
	}
	return nil
}
