package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// The scripts in testdata/script read like terminal sessions. Producers in them are processes of their
// own: the command producer, with the scenarios of producer_test.go.

func TestMain(m *testing.M) {
	// Under the race detector each process would sleep a second before it ends.
	os.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=0")
	testscript.Main(m, map[string]func(){
		"mapfile-dump": func() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) },
		"producer":     func() { os.Exit(produce(os.Args[1:])) },
	})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Condition: func(cond string) (bool, error) {
			if cond == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("MAPFILE_DIR", env.WorkDir)
			env.Setenv("NO_COLOR", "")
			env.Setenv("TZ", "UTC")
			env.Setenv("GORACE", os.Getenv("GORACE"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code":     cmdCode,
			"damage":   cmdDamage,
			"truncate": cmdTruncate,
			"age":      cmdAge,
		},
	})
}

// cmdCode runs mapfile-dump and checks its exit code: code 3 ARGS…
func cmdCode(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec("mapfile-dump", args[1:]...)
	got := 0
	if err != nil {
		var code interface{ ExitCode() int }
		if !errors.As(err, &code) {
			ts.Fatalf("mapfile-dump %q: %v", args[1:], err)
		}
		got = code.ExitCode()
	}
	if (got == want) == neg {
		ts.Fatalf("mapfile-dump %q: exit code %d, want %d", args[1:], got, want)
	}
}

// cmdDamage changes bytes of a file: damage FILE TEXT replaces the last byte of each TEXT in it.
func cmdDamage(ts *testscript.TestScript, _ bool, args []string) {
	path, text := ts.MkAbs(args[0]), []byte(args[1])
	all, err := os.ReadFile(path)
	ts.Check(err)
	n := bytes.Count(all, text)
	if n == 0 {
		ts.Fatalf("%s has no %q", args[0], text)
	}
	changed := append(bytes.Clone(text[:len(text)-1]), text[len(text)-1]^1)
	ts.Check(os.WriteFile(path, bytes.ReplaceAll(all, text, changed), 0o666))
	fmt.Fprintf(ts.Stderr(), "damaged %d\n", n)
}

// cmdTruncate cuts a file: truncate FILE LENGTH.
func cmdTruncate(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), n))
}

// cmdAge gives a file another modification time: 2001.
func cmdAge(ts *testscript.TestScript, _ bool, args []string) {
	then := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	ts.Check(os.Chtimes(ts.MkAbs(args[0]), then, then))
}
