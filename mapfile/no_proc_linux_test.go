package mapfile_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gomapfile/mapfile/mapfile"
)

func init() { roles["live without /proc"] = liveWithoutProc }

// liveWithoutProc does all that has a descriptor reopened or named.
func liveWithoutProc(args []string) {
	if _, err := os.Stat("/proc/self"); err == nil {
		panic("there is a /proc")
	}
	path, x := args[0], int64(1)
	for _, open := range []func(string, ...mapfile.Option) (*mapfile.MapFile, error){mapfile.Create, mapfile.OpenOrCreate, mapfile.Recreate} {
		mf := must1(open(path))
		must1(mf.Add("x", &x))
		must(mf.Update())
		if got := must1(mapfile.Get[int64](mf, "x")); got != x {
			panic(got)
		}
		must(mf.Close())
		x++
	}
	fmt.Println("lived")
}

// A minimal container or a chroot has none.
func TestFilesAreMadeJoinedAndReplacedWithoutProc(t *testing.T) {
	needRoot(t)
	if out, err := exec.Command("unshare", "-m", "mount", "-t", "tmpfs", "none", "/proc").CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: cannot hide /proc here: %v %s", err, out)
	}
	path := filepath.Join(testDir(t), "a.map")
	cmd := command("live without /proc", path)
	cmd.Args = []string{"unshare", "-m", "sh", "-c", `mount -t tmpfs none /proc && exec "$0" "$@"`, cmd.Path, path}
	cmd.Path = must1(exec.LookPath("unshare"))
	c := startCommand(t, cmd)
	c.Expect("lived")
	c.MustEnd()
	mustBeInOrder(t, openFile(t, path))
}
