package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// Tests of what top and serve look at: operands and --wait.

// view looks at operands in an empty directory, with files made there before and, by later, meanwhile.
// The default directory is "default" in it.
type view struct {
	tool   *tool
	stderr bytes.Buffer
}

func newView(t *testing.T, wait time.Duration) *view {
	t.Helper()
	t.Chdir(t.TempDir())
	def := filepath.Join(".", "default")
	if err := os.Mkdir(def, 0o700); err != nil {
		t.Fatal(err)
	}
	def, err := filepath.Abs(def)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("MAPFILE_DIR", def)
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { null.Close() })
	v := &view{}
	v.tool = newTool(t.Context(), null, nil)
	v.tool.stderr = &v.stderr
	v.tool.flags.wait = duration(wait)
	return v
}

// look is what viewed says in short: labels, the number of faults, and the error.
func (v *view) look(t *testing.T, operands ...string) (text string, err error) {
	t.Helper()
	set, picture, err := v.tool.viewed(operands)
	if err != nil {
		return "", err
	}
	t.Cleanup(set.Close)
	for _, f := range picture.Files {
		text += f.Label + " "
	}
	return text + strconv.Itoa(len(picture.Faults)), nil
}

func makeMapFile(t *testing.T, path string) {
	t.Helper()
	mf, err := mapfile.Create(path)
	if err == nil {
		err = mf.Close()
	}
	if err != nil {
		t.Error(err)
	}
}

func makeBroken(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("this is no map file"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestViewedOperands(t *testing.T) {
	v := newView(t, 0)
	if err := os.Mkdir("empty", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir("broken", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir("both", 0o700); err != nil {
		t.Fatal(err)
	}
	makeBroken(t, "broken/b.map")
	makeBroken(t, "bad.map")
	makeMapFile(t, "a.map")
	makeMapFile(t, "default/hits.map")
	makeMapFile(t, "default/both")
	for _, c := range []struct{ operands, want string }{
		{"", "both hits 0"}, // the default directory
		{"a.map", "a 0"},
		{"./a.map", "a 0"},
		{"hits", "hits 0"},
		{"hits.map", "hits 0"},
		{"hits a.map", "a hits 0"},
		{"empty", "0"},
		{"broken", "1"},
		{"both", "both 0"}, // the file of the default directory, as for ls
		{"./both", "0"},
		{"a.map nosuch", "a 1"},
		{"nosuch a.map bad.map", "a 2"},
		{"empty nosuch", "1"},
		{". default", "a both hits 1"},
	} {
		got, err := v.look(t, strings.Fields(c.operands)...)
		if err != nil || got != c.want {
			t.Errorf("%q: %q, %v; want %q", c.operands, got, err, c.want)
		}
	}
	for _, c := range []struct {
		operands, want, noted string
		code                  int
	}{
		{"nosuch", "nosuch: no such file: neither here nor in ", "", exitIO},
		{"./nosuch", "no such file", "", exitIO},
		{"bad.map", "bad.map", "", exitCorrupt},
		{"nosuch bad.map ./other", "nosuch: no such file: neither here nor in ", "bad.map: ", exitCorrupt},
	} {
		v.stderr.Reset()
		v.tool.code = exitOK
		_, err := v.look(t, strings.Fields(c.operands)...)
		if err == nil || !strings.Contains(v.tool.describe(err)+err.Error(), c.want) || !strings.Contains(v.stderr.String(), c.noted) {
			t.Errorf("%q: %v, noted %q; want %s, %s", c.operands, err, &v.stderr, c.want, c.noted)
		}
		if v.tool.fail(err); v.tool.code != c.code {
			t.Errorf("%q: exit code %d, want %d", c.operands, v.tool.code, c.code)
		}
	}
}

// With --wait a file may come late, and a bare name wherever it would be looked for.
func TestViewedWaits(t *testing.T) {
	for _, path := range []string{"hits", "default/hits", "default/hits.map"} {
		t.Run(path, func(t *testing.T) {
			v := newView(t, 20*time.Second)
			made := make(chan bool)
			go func() {
				defer close(made)
				time.Sleep(100 * time.Millisecond)
				makeMapFile(t, path)
			}()
			got, err := v.look(t, "hits")
			<-made
			if got != "hits 0" || err != nil {
				t.Error(got, err)
			}
		})
	}
}

func TestViewedWaitsForADirectorysFirstFile(t *testing.T) {
	v := newView(t, 20*time.Second)
	made := make(chan bool)
	go func() {
		defer close(made)
		time.Sleep(100 * time.Millisecond)
		makeMapFile(t, "default/late.map")
	}()
	got, err := v.look(t)
	<-made
	if got != "late 0" || err != nil {
		t.Error(got, err)
	}
}

// The wait has an end: then a FILE that is not there is an error, a DIR without files is not.
func TestViewedWaitEnds(t *testing.T) {
	const wait = 100 * time.Millisecond
	v := newView(t, wait)
	start := time.Now()
	if _, err := v.look(t, "nosuch"); !errors.Is(err, fs.ErrNotExist) || time.Since(start) < wait {
		t.Errorf("%v after %v", err, time.Since(start))
	}
	makeBroken(t, "default/bad.map")
	start = time.Now()
	if got, err := v.look(t); got != "1" || err != nil || time.Since(start) < wait {
		t.Errorf("%q, %v after %v", got, err, time.Since(start))
	}
	makeMapFile(t, "a.map")
	start = time.Now()
	if got, err := v.look(t, "a.map", "nosuch"); got != "a 1" || err != nil || time.Since(start) > 10*time.Second {
		t.Errorf("%q, %v after %v", got, err, time.Since(start))
	}
}

func TestViewedWaitCanBeInterrupted(t *testing.T) {
	v := newView(t, time.Hour)
	ctx, cancel := context.WithCancelCause(t.Context())
	v.tool.ctx = ctx
	time.AfterFunc(50*time.Millisecond, func() { cancel(errInterrupted) })
	if _, err := v.look(t, "nosuch"); !errors.Is(err, errInterrupted) {
		t.Error(err)
	}
}

// A command begins at once: nothing of ours does work before it is known what is asked for. (A millisecond
// of an init is one of each command; memory can be counted on a busy machine as well.)
func TestNothingHeavyHappensBeforeMain(t *testing.T) {
	cmd := exec.Command("mapfile-dump", "version")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	trace, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, trace)
	}
	lines, most := 0, 512<<10
	if raceDetector {
		most *= 8 // it takes memory of its own
	}
	for line := range strings.Lines(string(trace)) {
		// init PACKAGE @0.1 ms, 0.01 ms clock, 100 bytes, 1 allocs
		fields := strings.Fields(line)
		if len(fields) < 9 || fields[0] != "init" {
			continue
		}
		lines++
		size, err := strconv.Atoi(fields[7])
		if err != nil || size > most {
			t.Errorf("%v: %s", err, line)
		}
	}
	if lines == 0 {
		t.Errorf("no trace:\n%s", trace)
	}
}
