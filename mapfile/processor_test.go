package mapfile_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// F16: on 32-bit processors the package compiles, and says what it needs when it is used.
func TestProgramFor32BitSaysWhatItNeeds(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("SKIPPED: only linux/amd64 runs programs of a 32-bit processor, too")
	}
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("SKIPPED: no go command to build with")
	}
	if testing.Short() {
		t.Skip("SKIPPED: building takes some seconds")
	}
	dir := t.TempDir()
	program, source, path := filepath.Join(dir, "program"), filepath.Join(dir, "main.go"), filepath.Join(dir, "a.map")
	const text = `package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/gomapfile/mapfile/mapfile"
)

func main() {
	for _, open := range []func(string, ...mapfile.Option) (*mapfile.MapFile, error){mapfile.Create, mapfile.OpenOrCreate, mapfile.Recreate, mapfile.Open} {
		_, err := open(os.Args[1])
		fmt.Println(errors.Is(err, errors.ErrUnsupported), err)
	}
}
`
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.Command(goTool, "build", "-o", program, source)
	build.Env = append(os.Environ(), "GOARCH=386", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := exec.Command(program, path).CombinedOutput()
	if err != nil && len(out) == 0 {
		t.Skipf("SKIPPED: this kernel does not run 32-bit programs: %v", err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err != nil || len(lines) != 4 {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, line := range lines {
		if !strings.HasPrefix(line, "true ") || !strings.Contains(line, "64-bit") {
			t.Error(line)
		}
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file was made")
	}
}
