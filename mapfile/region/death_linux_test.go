package region_test

// Deaths and refusals in the middle of making a file, and what is left of them.

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gomapfile/mapfile/mapfile/region"
)

func TestLeftoversOfTheDeadAreRemovedThoseOfTheLivingNot(t *testing.T) { // A19
	path := filepath.Join(t.TempDir(), "a.map")
	dir := filepath.Dir(path)
	out, err := inChild(":", "dieNamed", path)
	if err == nil || len(dirNames(t, dir)) != 1 {
		t.Fatalf("the child should have died with a passing name: %q, %v, %s", dirNames(t, dir), err, out)
	}
	undo := noTmpfile(unix.EOPNOTSUPP)
	living := create(t, path, 0o600, 10)
	undo()
	names := dirNames(t, dir)
	if len(names) != 1 {
		t.Fatalf("%q", names)
	}
	// What only looks like one stays.
	os.WriteFile(filepath.Join(dir, ".a.map.tmp"), nil, 0o600)
	os.WriteFile(filepath.Join(dir, ".a.map.tmpfile"), nil, 0o600)
	os.Symlink("/nowhere", filepath.Join(dir, ".a.map.tmp0123456789abcdef"))
	create(t, path, 0o600, 10)
	if after := dirNames(t, dir); len(after) != 4 {
		t.Errorf("%q", after)
	}
	if err := living.LinkNew(path); err != nil {
		t.Error(err)
	}
}

func init() {
	children["dieNamed"] = func(args []string) error {
		noTmpfile(unix.EOPNOTSUPP)
		if _, err := region.CreateTemp(args[0], 0o600, 10); err != nil {
			return err
		}
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

func TestCreateSurvivesWhatStraceInjects(t *testing.T) { // F10, F02
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("SKIPPED: strace is not installed")
	}
	for _, c := range []struct{ inject, want string }{
		{"renameat2:error=EINVAL:when=1+", "ok"},
		{"fallocate:error=EOPNOTSUPP:when=1+", "ok"},
		{"fallocate:error=EINTR:when=1", "ok"},
		{"linkat:error=ENOENT:when=1", "ok"}, // no /proc
		{"fallocate:error=ENOMEM:when=1+", "no space"},
		{"fallocate:error=EDQUOT:when=1+", "no space"},
		{"linkat:error=EXDEV:when=1+", "cross-device"},
		{"madvise:error=EAGAIN:when=999", "ok"}, // the control: nothing is injected
	} {
		call, _, _ := strings.Cut(c.inject, ":")
		dir := t.TempDir()
		out, _ := inShell(fmt.Sprintf(`exec %s -f -o /dev/null -e trace=%s -e inject=%s "$0"`, strace, call, c.inject),
			"createBoth", filepath.Join(dir, "a.map"))
		if !strings.Contains(out, c.want) {
			t.Errorf("%s: %s", c.inject, out)
		}
		if c.want == "ok" {
			mustList(t, dir, "a.map", "a.map2")
		} else {
			mustList(t, dir)
		}
	}
}

func init() {
	children["createBoth"] = func(args []string) error {
		for i, path := range []string{args[0], args[0] + "2"} {
			r, err := region.CreateTemp(path, 0o600, 100)
			if err != nil {
				return err
			}
			defer r.Close()
			if i == 0 {
				err = r.LinkNew(path)
			} else {
				err = r.LinkReplace(path)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
}

func TestDeathAtAnyCallLeavesNothingForLong(t *testing.T) { // A19
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("SKIPPED: strace is not installed")
	}
	for _, call := range []string{"fchmod", "fallocate", "/^ftruncate", "flock", "linkat", "renameat"} {
		path := filepath.Join(t.TempDir(), "a.map")
		old := create(t, path, 0o600, 10)
		if err := old.LinkNew(path); err != nil {
			t.Fatal(err)
		}
		script := fmt.Sprintf(`exec %s -f -o /dev/null -e trace=%s -e inject=%s:signal=SIGKILL:when=1+ "$0"`, strace, call, call)
		if out, err := inShell(script, "replace", path); err == nil {
			t.Errorf("%s: the child should have died: %s", call, out)
		}
		t.Logf("died at %s: %q", call, dirNames(t, filepath.Dir(path)))
		open(t, path, true) // one of the two, whole
		if err := create(t, path, 0o600, 10).LinkReplace(path); err != nil {
			t.Error(err)
		}
		mustList(t, filepath.Dir(path), "a.map")
	}
}

func init() {
	children["replace"] = func(args []string) error {
		r, err := region.CreateTemp(args[0], 0o600, 100)
		if err != nil {
			return err
		}
		return r.LinkReplace(args[0])
	}
}

func TestProcessStateIsLeftAlone(t *testing.T) { // A13
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("SKIPPED: strace is not installed")
	}
	trace := filepath.Join(t.TempDir(), "trace")
	path := filepath.Join(t.TempDir(), "a.map")
	out, err := inShell(fmt.Sprintf(`exec %s -f -o %s -e trace=umask,chdir,fchdir,chmod,fchmodat,chown,setrlimit,prlimit64,fchmod "$0"`, strace, trace),
		"createBoth", path)
	if err != nil {
		t.Fatal(err, out)
	}
	calls, _ := os.ReadFile(trace)
	if n := strings.Count(string(calls), "fchmod("); n != 2 {
		t.Errorf("%d fchmod", n)
	}
	// prlimit64 is Go's own: it raises the number of files at the start, and not again.
	if bad := regexp.MustCompile(`\b(umask|chdir|fchdir|chmod|fchmodat|chown|setrlimit)\(.*`).FindAllString(string(calls), -1); bad != nil {
		t.Errorf("%q", bad)
	}
}
