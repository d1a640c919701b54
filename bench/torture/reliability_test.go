package main

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReliabilityShowsEveryProof compares RELIABILITY.md with the program: it must hold the last line of
// each proof, and of its control if it has one, and all must be ok.
func TestReliabilityShowsEveryProof(t *testing.T) {
	file, err := os.Open(filepath.Join("..", "..", "RELIABILITY.md"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	shown := map[string]bool{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		text := strings.TrimSpace(lines.Text())
		if !strings.HasPrefix(text, "{") {
			continue
		}
		var last struct {
			Proof, Skipped string
			OK, Control    bool
		}
		if err := json.Unmarshal([]byte(text), &last); err != nil {
			t.Errorf("%v: %s", err, text)
		}
		if !last.OK || last.Skipped != "" {
			t.Errorf("not a proof: %s", text)
		}
		shown[proofName(last.Proof, last.Control)] = true
	}
	for _, newCommand := range commands {
		cmd := newCommand()
		if name := cmd.Name(); !shown[name] {
			t.Errorf("RELIABILITY.md does not show %s", name)
		}
		if name := proofName(cmd.Name(), true); cmd.Flags().Lookup("control") != nil && !shown[name] {
			t.Errorf("RELIABILITY.md does not show %s", name)
		}
	}
}

func proofName(name string, control bool) string {
	if control {
		return name + " --control"
	}
	return name
}
