//go:build unix

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Tests of mapfile-dump as a process: signals, pipes, memory, system calls. The commands are this test
// binary under other names, as in the scripts.

// I09: Ctrl-C ends with 130, without a trace.
func TestInterruptEndsWith130(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.map")
	background(t, "producer", "tick", path, "stay")
	for _, args := range [][]string{
		{"watch", path, "--wait", "10s"},
		{"watch", path, "--wait", "10s", "--follow", "-o", "json"},
		{"get", path, "nosuch", "--wait", "1h"},
	} {
		mustEndBy(t, os.Interrupt, 130, args)
	}
}

// To be told to end is how a command that stays ends; one that does not is broken off.
func TestTerminatedCommandThatStaysEndsWithoutFault(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.map")
	background(t, "producer", "tick", path, "stay")
	mustEndBy(t, syscall.SIGTERM, 0, []string{"watch", path, "--wait", "10s"})
	mustEndBy(t, syscall.SIGHUP, 0, []string{"watch", path, "--wait", "10s"})
	mustEndBy(t, syscall.SIGTERM, 130, []string{"get", path, "nosuch", "--wait", "1h"})
}

// mustEndBy runs mapfile-dump, sends it a signal, and checks that it ends with that exit code and without
// a word.
func mustEndBy(t *testing.T, sig os.Signal, want int, args []string) {
	t.Helper()
	code, stdout, stderr := signalled(t, sig, 500*time.Millisecond, args)
	if code == -1 || code == 2 { // on a busy machine it has not begun to listen by then
		code, stdout, stderr = signalled(t, sig, 10*time.Second, args)
	}
	if code != want || stderr != "" {
		t.Errorf("%v of %q: exit code %d, want %d; stderr %q", sig, args, code, want, stderr)
	}
	if strings.Contains(stdout, "goroutine") {
		t.Errorf("%v of %q: a trace in %q", sig, args, stdout)
	}
}

// signalled runs mapfile-dump and sends it a signal.
func signalled(t *testing.T, sig os.Signal, after time.Duration, args []string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := exec.Command("mapfile-dump", args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(after)
	start := time.Now()
	if err := cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("%q: took %v to end", args, d)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// waitUntil waits until it is so.
func waitUntil(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not after 30 s: %s", what)
		}
	}
}

// A reader who has seen enough is no error.
func TestClosedPipeEndsQuietly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "many.map")
	produceFile(t, "many", path)
	for _, args := range [][]string{{"ls", path}, {"dump", path}, {"get", path, "-m", "**"}} {
		cmd := exec.Command("mapfile-dump", args...)
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
			t.Fatalf("%q: %v", args, err)
		}
		stdout.Close()
		cmd.Wait()
		if stderr.Len() > 0 {
			t.Errorf("%q: %q", args, &stderr)
		}
	}
}

// A slow reader of the output is no reason to give up: the timeout counts our own time.
func TestSlowReaderIsNoTimeout(t *testing.T) {
	path := filepath.Join(t.TempDir(), "many.map")
	produceFile(t, "many", path)
	cmd := exec.Command("mapfile-dump", "dump", path, "--timeout", "2s")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(4 * time.Second)
	n, _ := io.Copy(io.Discard, stdout)
	if err := cmd.Wait(); err != nil || n < 1<<20 {
		t.Errorf("%v after %d bytes, stderr %q", err, n, &stderr)
	}
}

// A full disk behind stdout is an error, told once.
func TestFailedWriteIsToldOnce(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full")
	}
	defer full.Close()
	path := filepath.Join(t.TempDir(), "many.map")
	produceFile(t, "many", path)
	for _, args := range [][]string{{"ls", path}, {"dump", path}, {"ls", path, "-o", "json"}, {"get", path, "-m", "**"}} {
		cmd := exec.Command("mapfile-dump", args...)
		var stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = full, &stderr
		cmd.Run()
		if code := cmd.ProcessState.ExitCode(); code != exitIO || strings.Count(stderr.String(), "\n") != 1 {
			t.Errorf("%q: exit code %d, stderr %q", args, code, &stderr)
		}
	}
}

// I38: dump streams; its memory does not grow with the number of slots.
func TestDumpMemoryDoesNotGrowWithTheSlots(t *testing.T) {
	peak := func(slots, size int) int64 {
		path := filepath.Join(t.TempDir(), fmt.Sprint(slots, ".map"))
		produceFile(t, "many", path, fmt.Sprint("SLOTS=", slots), fmt.Sprint("SIZE=", size))
		defer os.Remove(path)
		file, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("mapfile-dump", "dump", path)
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		// The file's pages that dump has looked at count, too, and are nobody's own memory.
		usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		return int64(usage.Maxrss)*maxrssUnit - file.Size()
	}
	small, large := peak(100, 256), peak(20000, 256)
	t.Logf("beyond the file: %d KiB with 100 slots, %d KiB with 20000", small>>10, large>>10)
	if grown := large - small; grown > 16<<20 {
		t.Errorf("grew by %d bytes", grown)
	}
}

// I28: a producer that restarts all the time is no failure for those who look.
func TestLookingDuringARecreateStormNeverFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "storm.map")
	background(t, "producer", "one", path, "recreate")
	if out, err := exec.Command("mapfile-dump", "get", path, "--wait", "10s").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	n := 20
	if testing.Short() {
		n = 5
	}
	for range n {
		for _, args := range [][]string{{"ls", path}, {"ls", filepath.Dir(path)}, {"get", path, "value"}, {"dump", path}, {"dump", path, "--slot", "value"}, {"info", path}, {"verify", path}} {
			if out, err := exec.Command("mapfile-dump", args...).CombinedOutput(); err != nil {
				t.Errorf("%q: %v\n%s", args, err, out)
			}
		}
	}
}

// I39: no command takes a lock or writes into the file; readers of the directory find it as it was.
func TestNoCommandLocksOrWrites(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("no strace")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "t.map")
	background(t, "producer", "tick", path, "stay")
	if out, err := exec.Command("mapfile-dump", "get", path, "n", "--wait", "10s").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	trace := filepath.Join(t.TempDir(), "trace")
	for _, args := range [][]string{
		{"ls", path}, {"ls", dir}, {"get", path, "n"}, {"info", path}, {"watch", path, "-n", "3"}, {"verify", path, "--deep"}, {"dump", path}, {"gc", dir},
	} {
		cmd := exec.Command(strace, append([]string{"-f", "-o", trace, "-e", "trace=openat,fcntl,flock,ftruncate,fallocate,pwrite64,mmap,msync,unlinkat,renameat2,linkat", "mapfile-dump"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			if strings.Contains(string(out), "ptrace") {
				t.Skip("strace may not trace here")
			}
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
		calls, err := os.ReadFile(trace)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(calls)) {
			opens := strings.Contains(line, "t.map") && (strings.Contains(line, "O_RDWR") || strings.Contains(line, "O_WRONLY") || strings.Contains(line, "O_CREAT"))
			locks := strings.Contains(line, "SETLK") || strings.Contains(line, "flock(")
			maps := strings.Contains(line, "MAP_SHARED") && strings.Contains(line, "PROT_WRITE")
			changes := false
			for _, call := range []string{"ftruncate(", "fallocate(", "pwrite64(", "msync(", "unlinkat(", "renameat2(", "linkat("} {
				changes = changes || strings.Contains(line, call)
			}
			if opens || locks || maps || changes {
				t.Errorf("%q: %s", args, line)
			}
		}
	}
}

// background starts a command and kills it at the end of the test.
func background(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
}

// produceFile runs a producer to its end.
func produceFile(t *testing.T, scenario, path string, env ...string) {
	t.Helper()
	cmd := exec.Command("producer", scenario, path)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			t.Fatal(err)
		}
		t.Fatalf("producer %s: %v\n%s", scenario, err, out)
	}
}
