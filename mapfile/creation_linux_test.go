package mapfile_test

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"

	"github.com/gomapfile/mapfile/mapfile"
)

// How a file is made: its mode, what the process calls for it, and deaths in the middle.

func init() {
	roles["produce once"] = produceOnce
	roles["nothing"] = func([]string) {}
	roles["recreate"] = func(args []string) { must1(mapfile.Recreate(args[0])).Close() }
}

// A12
func TestRecreateKeepsModeAndGroupAndAnExplicitModeIsExact(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	mode := func(want fs.FileMode) {
		t.Helper()
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Fatalf("mode %v, %v; want %v", info.Mode().Perm(), err, want)
		}
	}
	open := func(mf *mapfile.MapFile, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		mf.Close()
	}
	open(mapfile.OpenOrCreate(path))
	mode(0o600)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		if err := os.Chown(path, -1, 4242); err != nil {
			t.Fatal(err)
		}
	}
	open(mapfile.Recreate(path))
	mode(0o644)
	if info, _ := os.Stat(path); os.Getuid() == 0 && info.Sys().(*syscall.Stat_t).Gid != 4242 {
		t.Errorf("the group is %d", info.Sys().(*syscall.Stat_t).Gid)
	}
	open(mapfile.Recreate(path, mapfile.WithMode(0o640)))
	mode(0o640)
	os.Remove(path)
	open(mapfile.Create(path, mapfile.WithMode(0o666)))
	mode(0o666)
	os.Remove(path)
	open(mapfile.Recreate(path, mapfile.WithMode(0o604)))
	mode(0o604)
}

func produceOnce(args []string) {
	mf := must1(mapfile.Recreate(args[0], mapfile.WithMode(0o640)))
	x := make([]byte, 100)
	must1(mf.Add("x", &x))
	must(mf.Update())
	x = make([]byte, 1<<20)
	must(mf.Update())
	must(mf.Sync())
	r := must1(mapfile.Open(args[0]))
	must1(r.Get("x"))
	must(r.Close())
	must(mf.Remove("x"))
	must(mf.Close())
}

// calls counts system calls of a role, by strace.
func calls(t *testing.T, names, role string, args ...string) map[string]int {
	t.Helper()
	log := filepath.Join(t.TempDir(), "strace")
	cmd := command(role, args...)
	cmd.Args = append([]string{"strace", "-f", "-qq", "-o", log, "-e", "trace=" + names, cmd.Path}, args...)
	var err error
	if cmd.Path, err = exec.LookPath("strace"); err != nil {
		t.Skip("strace is not here")
	}
	if err := cmd.Run(); err != nil {
		t.Skipf("strace cannot run here: %v", err)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)^\d+ +(\w+)\(`).FindAllStringSubmatch(string(text), -1) {
		count[m[1]]++
	}
	return count
}

// A12 A13
func TestProcessWideStateIsNeverChanged(t *testing.T) {
	const names = "umask,chdir,fchdir,chmod,fchmodat,fchmod,setrlimit,prlimit64,rt_sigaction,sigaltstack,setuid,setgid,personality"
	baseline := calls(t, names, "nothing")
	got := calls(t, names, "produce once", filepath.Join(testDir(t), "a.map"))
	for _, name := range []string{"umask", "chdir", "fchdir", "chmod", "fchmodat", "setuid", "setgid", "personality"} {
		if got[name] > 0 {
			t.Errorf("%d calls of %s", got[name], name)
		}
	}
	for _, name := range []string{"rt_sigaction", "setrlimit", "prlimit64"} {
		if got[name] > baseline[name] { // what Go itself does at the start
			t.Errorf("%d calls of %s, %d without a map file", got[name], name, baseline[name])
		}
	}
	if got["fchmod"] != 1 {
		t.Errorf("%d calls of fchmod: the mode is set once, on the descriptor", got["fchmod"])
	}
}

// A19
func TestDeathAtAnyCallOfCreationLeavesNothingOrWhatTheNextRemoves(t *testing.T) {
	dir := testDir(t)
	path := filepath.Join(dir, "a.map")
	const names = "fallocate,ftruncate,fchmod,fchown,linkat,rename,renameat,renameat2,unlink,unlinkat,flock,fcntl,mmap"
	deaths := 0
	for call, n := range calls(t, names, "recreate", path) {
		if call == "mmap" || call == "fcntl" {
			n = min(n, times(8, n)) // most are Go's own
		}
		for when := 1; when <= n; when++ {
			cmd := command("recreate", path)
			strace, err := exec.LookPath("strace")
			if err != nil {
				t.Skip("strace is not here")
			}
			cmd.Args = []string{"strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=" + call,
				"-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", call, when), cmd.Path, path}
			cmd.Path = strace
			cmd.Stderr = nil
			died := cmd.Run() != nil
			if died {
				deaths++
			}
			reader := openFile(t, path) // the old or the new one, whole
			if err := mapfile.CheckInvariants(reader); err != nil {
				t.Fatalf("%s %d, died %v: %v", call, when, died, err)
			}
			reader.Close()
			mf, err := mapfile.Recreate(path)
			if err != nil {
				t.Fatalf("%s %d: %v", call, when, err)
			}
			mf.Close()
			if names := dirNames(t, dir); names != "a.map" {
				t.Fatalf("death at %s %d leaves %s", call, when, names)
			}
		}
	}
	if deaths < 10 {
		t.Errorf("%d deaths only: this shows nothing", deaths)
	}
	t.Logf("%d deaths", deaths)
}
