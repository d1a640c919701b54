package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestCommittedCodeIsWhatTheCommandWrites: who changes a .proto file without running the command, or
// the generated code by hand, finds out here.
func TestCommittedCodeIsWhatTheCommandWrites(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("NOT CHECKED: whether proto/*.pb.go is up to date, as there is no go command here")
	}
	dir := filepath.Join("..", "..")
	want, err := generate(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	committed, err := filepath.Glob(filepath.Join(dir, "*.pb.go"))
	if err != nil {
		t.Fatal(err)
	}
	if len(committed) != len(want) {
		t.Errorf("%d generated files in proto, the command writes %d", len(committed), len(want))
	}
	for name, content := range want {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			continue
		}
		// A checkout may have changed line ends.
		if !bytes.Equal(bytes.ReplaceAll(got, []byte("\r\n"), []byte("\n")), content) {
			t.Errorf("proto/%s is not what the .proto file gives: run go generate ./proto", name)
		}
	}
}
