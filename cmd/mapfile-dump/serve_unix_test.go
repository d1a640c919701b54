//go:build unix

package main

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// serve as a process: its one line, and its end by signals while a browser looks.
func TestServeEndsAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.map")
	background(t, "producer", "tick", path, "stay")
	for _, c := range []struct {
		signal os.Signal
		code   int
	}{{syscall.SIGTERM, 0}, {os.Interrupt, 130}} {
		cmd := exec.Command("mapfile-dump", "serve", path, "--wait", "10s", "--listen", "127.0.0.1:0")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(stdout)
		line, err := lines.ReadString('\n')
		if err != nil || !regexp.MustCompile(`^http://127\.0\.0\.1:[0-9]+/\n$`).MatchString(line) {
			t.Fatalf("first line %q, %v; stderr %q", line, err, &stderr)
		}
		stream, err := http.Get(strings.TrimSuffix(line, "\n") + "api/events?list=1&item=t/n")
		if err != nil {
			t.Fatal(err)
		}
		events := bufio.NewReader(stream.Body)
		for text := ""; !strings.HasPrefix(text, "event: draw"); {
			if text, err = events.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		begin := time.Now()
		if err := cmd.Process.Signal(c.signal); err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, events)
		rest, _ := io.ReadAll(lines)
		cmd.Wait()
		stream.Body.Close()
		t.Logf("%v: ended after %v", c.signal, time.Since(begin))
		if code := cmd.ProcessState.ExitCode(); code != c.code || len(rest) > 0 || stderr.Len() > 0 {
			t.Errorf("%v: exit code %d, stdout %q, stderr %q", c.signal, code, rest, &stderr)
		}
		if d := time.Since(begin); d > 10*time.Second {
			t.Errorf("%v: took %v", c.signal, d)
		}
	}
}
