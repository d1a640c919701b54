//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomapfile/mapfile/mapfile"
)

// linkTo makes symbolic links, name and target in turn.
func linkTo(t *testing.T, pairs ...string) {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if err := os.Symlink(pairs[i+1], pairs[i]); err != nil {
			t.Fatal(err)
		}
	}
}

// mustBeLinks fails for a name that is no symbolic link any more.
func mustBeLinks(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := os.Readlink(name); err != nil {
			t.Error(err)
		}
	}
}

// A14: every command follows a link, also one over several links, through another directory and to a relative
// path, and says the same as of the file itself.
func TestEveryCommandFollowsSymbolicLinks(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	path := filepath.Join(dir, "file.map")
	smallFile(t, path)
	near, far, chain := filepath.Join(dir, "near.map"), filepath.Join(elsewhere, "far.map"), filepath.Join(elsewhere, "chain")
	through := filepath.Join(elsewhere, "dir", "file.map")
	linkTo(t, near, "file.map", far, path, chain, "far.map", filepath.Join(elsewhere, "dir"), dir)
	for _, link := range []string{near, far, chain, through} {
		of := everyCommand(path)
		for i, args := range everyCommand(link) {
			code, stdout, stderr := runTool(t, args...)
			wantCode, wantStdout, _ := runTool(t, of[i]...)
			if code != exitOK || code != wantCode || stderr != "" || textOnly(stdout) == "" {
				t.Errorf("%q: exit code %d, of the file itself %d, stderr %q", args, code, wantCode, stderr)
			}
			want := strings.ReplaceAll(wantStdout, path, link)
			want = strings.ReplaceAll(want, filepath.Base(path), filepath.Base(link))
			if textOnly(stdout) != textOnly(want) {
				t.Errorf("%q says\n%sof the file itself\n%s", args, stdout, want)
			}
		}
	}
	for _, operand := range []string{dir, filepath.Join(elsewhere, "dir")} {
		if code, stdout, stderr := runTool(t, "ls", operand); code != exitOK || !strings.Contains(stdout, "file.map") || !strings.Contains(stdout, "near.map") {
			t.Errorf("ls %s: exit code %d, stdout %q, stderr %q", operand, code, stdout, stderr)
		}
	}
	mustBeLinks(t, near, far, chain)
}

// textOnly is a text without what differs from one moment to the next: digits, and the room that they take.
func textOnly(text string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, text)), " ")
}

// A14: a link to nothing and links that go round are told by every command, in one line that names the link.
func TestLinksThatLeadNowhereAreToldByEveryCommand(t *testing.T) {
	dir := t.TempDir()
	smallFile(t, filepath.Join(dir, "file.map"))
	dangling, one, two, self := filepath.Join(dir, "dangling.map"), filepath.Join(dir, "one.map"), filepath.Join(dir, "two.map"), filepath.Join(dir, "self.map")
	linkTo(t, dangling, "nothing.map", one, "two.map", two, "one.map", self, "self.map")
	for link, text := range map[string]string{dangling: "no such file", one: "symbolic links", self: "symbolic links"} {
		for _, args := range everyCommand(link) {
			code, stdout, stderr := runTool(t, args...)
			if code != exitIO || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, filepath.Base(link)) || !strings.Contains(stderr, text) {
				t.Errorf("%q: exit code %d, stderr %q", args, code, stderr)
			}
			if stdout != "" && !strings.Contains(stdout, `"items":[]`) && args[0] != "verify" {
				t.Errorf("%q: stdout %q", args, stdout)
			}
		}
	}
	// A directory with them is listed all the same. Where there is no file, none is told; a loop is an error.
	code, stdout, stderr := runTool(t, "ls", dir)
	if code != exitIO || !strings.Contains(stdout, "file.map") || !strings.Contains(stderr, "one.map") || !strings.Contains(stderr, "self.map") {
		t.Errorf("ls: exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	if _, err := os.Lstat(filepath.Join(dir, "nothing.map")); err == nil {
		t.Error("the target of the dangling link was made")
	}
	mustBeLinks(t, dangling, one, two, self)
}

// A14: clean-up takes neither a link to a dead file, which would leave the file, nor the file through the link.
func TestCleanUpLeavesSymbolicLinks(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	path, link := filepath.Join(elsewhere, "dead.map"), filepath.Join(dir, "link.map")
	if out, err := exec.Command("producer", "one", path, "die").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	linkTo(t, link, path, filepath.Join(dir, "directory"), elsewhere)
	for _, args := range [][]string{{"gc", dir}, {"gc", dir, "--delete"}} {
		code, stdout, stderr := runTool(t, args...)
		if code != exitOK || !strings.Contains(stdout, "kept") || !strings.Contains(stdout, "symbolic link") || !strings.Contains(stdout, "nothing to remove") || stderr != "" {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
	}
	mustBeLinks(t, link)
	mf, err := mapfile.OpenOrCreate(path) // it is not marked as removed
	if err != nil {
		t.Fatal(err)
	}
	if got, err := mapfile.Get[string](mf, "value"); err != nil || got != "the only payload" {
		t.Errorf("%q, %v", got, err)
	}
	if err := mf.Close(); err != nil {
		t.Error(err)
	}
}
