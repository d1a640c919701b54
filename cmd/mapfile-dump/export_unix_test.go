//go:build unix

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// I34: an export that is killed leaves no half file at its name, and what was there before as it was.
func TestKilledExportLeavesNoHalfFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "many.map")
	produceFile(t, "many", path, "SLOTS=3000", "SIZE=4096")
	const before = "what was there"
	killed := 0
	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	for i := range rounds {
		for _, to := range []string{"json", "csv", "root", "raw-dir"} {
			out := filepath.Join(dir, "out."+to)
			args := []string{"export", path, "--to", to, "--out", out, "--timeout", "60s"}
			old := i%2 == 1 && to != "raw-dir"
			if old {
				args = append(args, "--force")
				if err := os.WriteFile(out, []byte(before), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.Command("mapfile-dump", args...)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			// Kill it while its temporary file grows; where it is quicker than we are it has made a whole one.
			for end := time.Now().Add(20 * time.Second); time.Now().Before(end) && !hasTemporary(dir); {
				time.Sleep(time.Millisecond)
				if cmd.ProcessState != nil || processEnded(out, to, old) {
					break
				}
			}
			time.Sleep(time.Duration(i) * time.Millisecond)
			cmd.Process.Kill()
			if err := cmd.Wait(); err != nil {
				killed++
			}
			checkWholeOrAsBefore(t, out, to, old, before)
			os.RemoveAll(out)
			temporary, _ := filepath.Glob(filepath.Join(dir, ".*.tmp"))
			for _, name := range temporary {
				os.RemoveAll(name)
			}
		}
	}
	t.Logf("%d of %d were killed", killed, 4*rounds)
	if killed == 0 {
		t.Error("none was killed in time")
	}
}

func hasTemporary(dir string) bool {
	names, _ := filepath.Glob(filepath.Join(dir, ".*.tmp"))
	return len(names) > 0
}

// processEnded says whether the export has come to its end: its file is another one.
func processEnded(out, to string, old bool) bool {
	info, err := os.Stat(out)
	return err == nil && (!old || info.Size() > 100)
}

func checkWholeOrAsBefore(t *testing.T, out, to string, old bool, before string) {
	t.Helper()
	read := out
	if to == "raw-dir" {
		read = filepath.Join(out, "index.json")
	}
	content, err := os.ReadFile(read)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !old:
		if _, err := os.Lstat(out); err == nil {
			t.Errorf("%s: half a directory", to)
		}
	case err != nil:
		t.Errorf("%s: %v", to, err)
	case old && string(content) == before:
	case to == "json" && !json.Valid(content), to == "csv" && !bytes.HasSuffix(content, []byte("\n")),
		to == "csv" && bytes.Count(content, []byte(",slot,")) != 3000, to == "root" && !bytes.HasPrefix(content, []byte("root")):
		t.Errorf("%s: half a file of %d bytes", to, len(content))
	case to == "raw-dir":
		if names, _ := filepath.Glob(filepath.Join(out, "*.bin")); !json.Valid(content) || len(names) != 3000 {
			t.Errorf("%d payloads", len(names))
		}
	}
}

// Ctrl-C and a reader who goes away end an export without a trace.
func TestInterruptedExportLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "many.map")
	produceFile(t, "many", path, "SLOTS=2000", "SIZE=4096")
	cmd := exec.Command("mapfile-dump", "export", path, "--out", filepath.Join(dir, "out.csv"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end) && !hasTemporary(dir); {
		time.Sleep(time.Millisecond)
	}
	cmd.Process.Signal(os.Interrupt)
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
		t.Errorf("exit code %d", code)
	}
	if names, _ := os.ReadDir(dir); len(names) != 1 {
		t.Errorf("left: %v", names)
	}
}

// I38: memory does not grow with the text: an export needs the snapshot and little more, as one without any text shows.
func TestExportMemoryDoesNotGrowWithTheText(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "hists.map")
	produceFile(t, "manyhists", path)
	peak := func(to string) (memory, text int64) {
		out := filepath.Join(dir, "out."+to)
		cmd := exec.Command("mapfile-dump", "export", path, "--to", to, "--out", out, "--timeout", "5m")
		if msg, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, msg)
		}
		written, err := os.Stat(out)
		if err != nil {
			t.Fatal(err)
		}
		return int64(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss) * maxrssUnit, written.Size()
	}
	base, _ := peak("raw-dir")
	for _, to := range []string{"json", "ndjson", "csv"} {
		memory, text := peak(to)
		t.Logf("%s: %d KiB, %d KiB more than without text, whose length is %d KiB", to, memory>>10, (memory-base)>>10, text>>10)
		if to == "csv" && text < 50<<20 {
			t.Errorf("csv: only %d bytes", text)
		}
		if grown := memory - base; grown > 24<<20 {
			t.Errorf("%s: grew by %d KiB", to, grown>>10)
		}
	}
}

// A full disk makes no half file, is told as what it is, and is no end: record goes on when there is room.
func TestFullDiskIsToldAndRecordGoesOn(t *testing.T) {
	mount, err := exec.LookPath("mount")
	if err != nil || os.Geteuid() != 0 {
		t.Skip("makes a small file system, which only root can")
	}
	disk, dir := t.TempDir(), t.TempDir()
	if out, err := exec.Command(mount, "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk).CombinedOutput(); err != nil {
		t.Skipf("cannot mount: %v %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", disk).CombinedOutput(); err != nil {
			t.Errorf("%v %s", err, out)
		}
	})
	path := filepath.Join(dir, "tick.map")
	background(t, "producer", "tick", path, "stay")
	if out, err := exec.Command("mapfile-dump", "get", path, "n", "--wait", "10s").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	many := filepath.Join(dir, "many.map")
	produceFile(t, "many", many, "SLOTS=200", "SIZE=2048")
	cmd := exec.Command("mapfile-dump", "export", many, "--out", filepath.Join(disk, "many.csv"))
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != exitIO || !strings.Contains(string(out), "many.csv: no space left on device") || strings.Contains(string(out), ".tmp") {
		t.Errorf("exit code %d, %s", code, out)
	}
	if names, _ := os.ReadDir(disk); len(names) != 0 {
		t.Errorf("left: %v", names)
	}

	ballast := filepath.Join(disk, "ballast")
	exec.Command("dd", "if=/dev/zero", "of="+ballast, "bs=4096", "count=64").Run() // as much as there is room for
	told := filepath.Join(dir, "stderr")
	stderr, err := os.Create(told)
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	recorder := exec.Command("mapfile-dump", "record", path, "--every", "100ms", "--out", disk, "--keep", "2")
	recorder.Stderr = stderr
	if err := recorder.Start(); err != nil {
		t.Fatal(err)
	}
	exports := func() []string {
		names, _ := filepath.Glob(filepath.Join(disk, "*.ndjson"))
		return names
	}
	waitUntil(t, "it tells that the disk is full", func() bool {
		text, _ := os.ReadFile(told)
		return len(text) > 0
	})
	time.Sleep(500 * time.Millisecond) // for several moments
	if names := exports(); len(names) != 0 {
		t.Errorf("on the full disk: %v", names)
	}
	os.Remove(ballast)
	waitUntil(t, "it goes on", func() bool { return len(exports()) == 2 })
	recorder.Process.Signal(syscall.SIGTERM)
	recorder.Wait()
	if text, _ := os.ReadFile(told); strings.Count(string(text), "no space left on device; trying again at the next moment\n") != 1 || bytes.Count(text, []byte("\n")) != 1 {
		t.Errorf("%q", text)
	}
	if code := recorder.ProcessState.ExitCode(); code != exitIO {
		t.Errorf("exit code %d after a trouble", code)
	}
}

// A recorder that is killed leaves nothing half done under the names of its exports, and the next one goes on.
func TestKilledRecorderGoesOnWhereItWas(t *testing.T) {
	dir := t.TempDir()
	path, out := filepath.Join(dir, "tick.map"), filepath.Join(dir, "out")
	background(t, "producer", "tick", path, "stay")
	if msg, err := exec.Command("mapfile-dump", "get", path, "n", "--wait", "10s").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, msg)
	}
	remains := filepath.Join(out, ".tick.20200101T000000Z.json.123.tmp")
	if err := os.Mkdir(out, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(remains, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(remains, long, long); err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	for range 4 {
		cmd := exec.Command("mapfile-dump", "record", path, "--every", "50ms", "--out", out, "--to", "json")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		pipe, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var stdout strings.Builder
		for lines := bufio.NewReader(pipe); strings.Count(stdout.String(), "\n") < 5; {
			line, err := lines.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			stdout.WriteString(line)
		}
		cmd.Process.Kill()
		cmd.Wait()
		for line := range strings.Lines(stdout.String()) {
			name, _, _ := strings.Cut(line, " ")
			if told[name] {
				t.Errorf("%s: twice", name)
			}
			told[name] = true
		}
		if stderr.Len() > 0 {
			t.Error(&stderr)
		}
	}
	names, _ := filepath.Glob(filepath.Join(out, "*.json"))
	if len(names) < len(told) || len(told) != 20 {
		t.Errorf("%d exports, %d told", len(names), len(told))
	}
	for _, name := range names {
		if content, err := os.ReadFile(name); err != nil || !json.Valid(content) {
			t.Errorf("%s: %v, %d bytes", name, err, len(content))
		}
	}
	if _, err := os.Stat(remains); err == nil {
		t.Error("what a killed recorder had left two hours ago is still there")
	}
}
