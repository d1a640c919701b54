package mapfile_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gomapfile/mapfile/mapfile"
)

// Mounts: file systems that copy a file when somebody writes, that write back to a disk, that belong to
// containers; and directories of more files than a process may open.

func init() {
	roles["open a directory"] = openDirectory
}

// F14 F17: Stat names the file system, and warns of those on which a producer can be kept waiting by the
// disk. (That networks are warned of is tested in package region: there is none to mount here.)
func TestStatNamesTheFileSystemAndWarnsOfDisks(t *testing.T) {
	memory := testDir(t)
	if os.Getuid() == 0 {
		mount(t, "tmpfs", memory, "tmpfs", 0, "size=1M")
	}
	kinds := 0
	for _, dir := range []string{memory, t.TempDir()} {
		info := stat(t, createFile(t, filepath.Join(dir, "a.map")))
		warned := false
		for _, w := range info.Warnings {
			warned = warned || strings.HasPrefix(w, info.FileSystem+": ") && strings.Contains(w, "write-back")
		}
		if inMemory := info.FileSystem == "tmpfs"; info.FileSystem == "" || warned == inMemory {
			t.Errorf("file system %q, warnings %q", info.FileSystem, info.Warnings)
		} else if !inMemory {
			kinds++
		}
	}
	if kinds == 0 {
		t.Log("no disk file system here: only that of tmpfs nothing is said was seen")
	}
}

// openDirectory looks at a directory of more files than it may open, again and again.
func openDirectory(args []string) {
	descriptors := func() int { return len(must1(os.ReadDir("/proc/self/fd"))) }
	before := descriptors()
	d := must1(mapfile.OpenDir(args[0]))
	look := func() (whole, refused int) {
		for mf, err := range d.Files() {
			switch {
			case err == nil:
				must1(mapfile.Get[int64](mf, "x"))
				whole++
			case errors.Is(err, syscall.EMFILE):
				var e *mapfile.Error
				if !errors.As(err, &e) || e.Path != args[0] && filepath.Dir(e.Path) != args[0] {
					panic(err)
				}
				refused++
			default:
				must(err)
			}
		}
		return whole, refused
	}
	whole, refused := look()
	for range 5 {
		if w, r := look(); w != whole || r == 0 { // later it cannot even list the directory
			must(fmt.Errorf("%d files, then %d, and %d errors", whole, w, r))
		}
	}
	fmt.Println("saw", whole, refused)
	must(d.Close())
	fmt.Println("left", descriptors()-before)
}

// F09: who looks at a directory of more files than it may open sees as many as it may, is told of each of
// the others, and loses nothing.
func TestDirectoryOfMoreFilesThanOneMayOpen(t *testing.T) {
	dir := testDir(t)
	const n = 100
	x := int64(1)
	for i := range n {
		mf, err := mapfile.Create(filepath.Join(dir, fmt.Sprintf("%03d.map", i)))
		if err != nil {
			t.Fatal(err)
		}
		addSlot(t, mf, "x", &x)
		mustUpdate(t, mf)
		mf.Close()
	}
	c := startCommand(t, limited("-n 64", "open a directory", dir))
	var whole, refused, left int
	fmt.Sscan(c.Expect("saw"), &whole, &refused)
	fmt.Sscan(c.Expect("left"), &left)
	if whole+refused != n || whole < 30 || refused == 0 {
		t.Errorf("%d files seen and %d refused of %d", whole, refused, n)
	}
	if left > 0 {
		t.Errorf("%d descriptors are open after Close", left)
	}
	c.MustEnd()
}
