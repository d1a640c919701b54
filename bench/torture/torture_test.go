package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// mainVar makes the test binary be the program.
const mainVar = "MAPFILE_TORTURE_MAIN"

func TestMain(m *testing.M) {
	if playRole() {
		return
	}
	if os.Getenv(mainVar) != "" {
		os.Exit(torture(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// TestShortForms runs every proof small, each as a process of its own.
func TestShortForms(t *testing.T) {
	switch {
	case testing.Short():
		t.Skip("SKIPPED: the proofs take a minute or two")
	case raceEnabled:
		t.Skip("SKIPPED: the race detector does not see what processes share")
	}
	for _, line := range []string{
		"kill -n 60",
		"kill -n 100 --control",
		"failpoints --sample 0.02",
		"failpoints --sample 0.1 --only commit --control",
		"readers --reads 200000",
		"readers --reads 2000000 --control",
		"snapshot -n 20000",
		"snapshot -n 20000 --control",
		"grow --bytes 16777216 --slots 3000 --changes 6000 --live 8388608",
		"grow --bytes 16777216 --slots 3000 --changes 6000 --live 8388608 --control",
		"waiters --publishes 3000 --watchers 200 --processes 8",
		"waiters --publishes 3000 --control",
		"stop -n 1",
		"stop -n 10 --for 1s --limit 500ms --control",
		"creators -n 60",
		"creators -n 60 --control",
		"fork -n 10",
		"fork -n 9 --control",
		"namespaces -n 4",
		"namespaces -n 6 --control",
		"flip --stride 499 --values 2 --random 60",
		"flip --stride 499 --values 2 --random 10 --control",
		"truncate --stride 1009 --mapped-stride 8190 --rounds 4",
		"truncate --stride 10009 --mapped-stride 16380 --rounds 0 --control",
		"faults -n 10000",
		"faults -n 1000 --control",
		"hostile --for 3s --limit 2s",
		"hostile --for 2s --control",
		"full -n 1",
		"full -n 1 --control",
		"syscalls --sample 8",
		"syscalls --sample 1 --control",
		"soak --for 2s --every 50ms --pause 200ms",
		"soak --for 2s --every 50ms --pause 200ms --control",
	} {
		t.Run(line, func(t *testing.T) { runProof(t, strings.Fields(line)) })
	}
}

// runProof runs a proof, which must be ok.
func runProof(t *testing.T, args []string) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), mainVar+"=1")
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &stdout, &stderr, 10*time.Second
	runErr := cmd.Run()
	lines := strings.Split(strings.TrimSpace(stdout.String()), "\n")
	var last struct {
		OK      bool
		Skipped string
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
		t.Fatalf("the last line is no JSON: %v\n%s%s", runErr, stdout.String(), stderr.String())
	}
	t.Log(lines[len(lines)-1])
	if (runErr == nil) != last.OK {
		t.Errorf("ok is %v and the exit %v", last.OK, runErr)
	}
	if last.Skipped != "" {
		t.Skip("SKIPPED: " + last.Skipped)
	}
	if !last.OK {
		t.Errorf("not ok\n%s", stderr.String())
	}
}
