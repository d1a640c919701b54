package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A23: in a sticky directory that everybody may write, dead files of several users, one of them readable
// by its owner only. Listing and cleaning up say whose the others' are, do what they may, and go on.
func TestDeadFilesOfOthersAreLeftAndNamed(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: files of several users need root")
	}
	const nobody = 65534
	bin, dir := t.TempDir(), t.TempDir()
	for d := dir; d != "/" && d != "."; d = filepath.Dir(d) { // nobody must get there
		if info, err := os.Stat(d); err == nil && info.Mode().Perm()&0o005 != 0o005 {
			if !strings.HasPrefix(d, os.TempDir()+"/") {
				t.Skipf("SKIPPED: %s is not open to others", d)
			}
			if err := os.Chmod(d, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	program, err := os.ReadFile(os.Args[0])
	tool := filepath.Join(bin, "mapfile-dump") // its name is its role
	err = errors.Join(err, os.Chmod(bin, 0o755), os.WriteFile(tool, program, 0o755), os.Chmod(dir, 0o777|os.ModeSticky))
	if err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"mine.map": 0o600, "open.map": 0o666, "read.map": 0o644, "shut.map": 0o600} {
		path := filepath.Join(dir, name)
		cmd := exec.Command("producer", "one", path, "die")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(filepath.Join(dir, "mine.map"), nobody, nobody); err != nil {
		t.Fatal(err)
	}
	as := func(args ...string) (code int, stdout, stderr string) {
		cmd := exec.Command(tool, args...)
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		var out, errs strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &errs
		if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return cmd.ProcessState.ExitCode(), out.String(), errs.String()
	}
	code, stdout, stderr := as("ls", dir)
	for _, name := range []string{"mine.map", "open.map", "read.map"} {
		if !strings.Contains(stdout, name) {
			t.Errorf("ls does not list %s: %s", name, stdout)
		}
	}
	if code != exitIO || !strings.Contains(stderr, "shut.map") || !strings.Contains(stderr, "uid 0") {
		t.Errorf("ls: exit code %d, stderr %s", code, stderr)
	}
	code, stdout, stderr = as("gc", dir, "--delete")
	kept := 0
	for line := range strings.Lines(stdout) {
		if strings.HasPrefix(line, "kept") && strings.Contains(line, "uid 0") && (strings.Contains(line, "open.map") || strings.Contains(line, "read.map")) {
			kept++
		}
	}
	if kept != 2 || !strings.Contains(stdout, "removed") || !strings.Contains(stdout, "mine.map") || !strings.Contains(stderr, "shut.map") || !strings.Contains(stderr, "uid 0") {
		t.Errorf("gc: exit code %d, stdout\n%sstderr\n%s", code, stdout, stderr)
	}
	entries, err := os.ReadDir(dir)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if got := strings.Join(names, " "); err != nil || got != "open.map read.map shut.map" {
		t.Errorf("left are %s, %v", got, err)
	}
}
