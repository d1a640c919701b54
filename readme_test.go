package mapfile_root_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Programs in README.md are compiled as they stand; pieces of programs are put into one file, which
// fragmentsFile makes. All are laid over the module, so nothing is written into it.

var (
	goBlock = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")
	link    = regexp.MustCompile(`\]\(([^)#\s"]+)(?:#[^)]*)?\)`)
)

func TestProgramsInTheReadmeCompile(t *testing.T) {
	programs, overlay := readmePrograms(t)
	if len(programs) < 3 {
		t.Fatalf("%d programs in README.md: producer, consumer and pieces were expected", len(programs))
	}
	cmd := exec.Command("go", append([]string{"build", "-overlay", overlay}, programs...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %v\n%s", cmd, err, out)
	}
}

// The producer and the consumer of README.md find one another.
func TestProgramsInTheReadmeRun(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("map files need Linux")
	}
	programs, overlay := readmePrograms(t)
	dir := t.TempDir()
	build := exec.Command("go", "build", "-overlay", overlay, "-o", dir+"/", programs[0], programs[1])
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	start := func(program string) *bufio.Scanner {
		cmd := exec.Command(filepath.Join(dir, filepath.Base(program)))
		cmd.Dir, cmd.Stderr = dir, os.Stderr
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
		time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() }) // ends Scan
		return bufio.NewScanner(out)
	}
	start(programs[0])
	for range 1000 {
		if _, err := os.Stat(filepath.Join(dir, "demo.map")); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	// State, entries, mean and width of a histogram that grows.
	consumer, first := start(programs[1]), int64(0)
	for last := int64(0); first == 0 || last == first; {
		var state string
		var entries int64
		var mean, rms float64
		consumer.Scan()
		if _, err := fmt.Sscan(consumer.Text(), &state, &entries, &mean, &rms); err != nil || entries < max(last, 1) {
			t.Fatalf("the consumer printed %q after %d entries: %v", consumer.Text(), last, err)
		}
		if last = entries; first == 0 {
			first = entries
		}
	}
}

// Documents point to files that are there.
func TestLinksOfTheDocuments(t *testing.T) {
	documents, err := filepath.Glob("*.md")
	if err != nil || len(documents) < 4 {
		t.Fatal(documents, err)
	}
	for _, document := range append(documents, "mapfile/FORMAT.md") {
		for _, m := range link.FindAllStringSubmatch(readFile(t, document), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(document), m[1])); err != nil {
				t.Errorf("%s: %v", document, err)
			}
		}
	}
}

// readmePrograms returns package paths of the programs in README.md, and the overlay that has them.
func readmePrograms(t *testing.T) (programs []string, overlay string) {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go command")
	}
	root, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	dir, replace := t.TempDir(), map[string]string{}
	var fragments []string
	add := func(name, source string) {
		file := filepath.Join(dir, name+".go")
		if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(root, "examples", name, "main.go")] = file
		programs = append(programs, "./examples/"+name)
	}
	for _, m := range goBlock.FindAllStringSubmatch(readFile(t, "README.md"), -1) {
		if strings.HasPrefix(m[1], "package ") {
			add(fmt.Sprint("readme", len(programs)), m[1])
		} else {
			fragments = append(fragments, m[1])
		}
	}
	if len(fragments) > 0 {
		add("readmepieces", fragmentsFile(t, fragments))
	}
	content, err := json.Marshal(map[string]any{"Replace": replace})
	overlay = filepath.Join(dir, "overlay.json")
	if err == nil {
		err = os.WriteFile(overlay, content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return programs, overlay
}

// fragmentsFile makes a file of pieces of programs: declarations stand as they are, statements in a
// function of their own, in which ctx and cfg are given.
func fragmentsFile(t *testing.T, fragments []string) string {
	t.Helper()
	var file strings.Builder
	file.WriteString(`package main

import (
	"context"

	jsoncodec "github.com/gomapfile/mapfile/codec/json"
	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/registry"
)

func main() {}

var _ = mapfile.Open
var _ = registry.Default
var _ = jsoncodec.Codec
`)
	for _, fragment := range fragments {
		if _, err := parser.ParseFile(token.NewFileSet(), "", "package p\n"+fragment, 0); err == nil {
			file.WriteString("\n" + fragment)
			continue
		}
		body := "func(ctx context.Context, cfg *Config) {\n{\n" + fragment
		parsed, err := parser.ParseExpr(body + "}\n}")
		if err != nil {
			t.Fatalf("%v in:\n%s", err, fragment)
		}
		// The compiler refuses variables that nobody uses; in a piece of a program that is no mistake.
		ast.Inspect(parsed, func(n ast.Node) bool {
			if assign, ok := n.(*ast.AssignStmt); ok && assign.Tok == token.DEFINE {
				for _, variable := range assign.Lhs {
					body += "_ = " + variable.(*ast.Ident).Name + "\n"
				}
			}
			return true
		})
		file.WriteString("\nvar _ = " + body + "}\n}\n")
	}
	return file.String()
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
