package mapfile_root_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A test that docs/why.md names, with the file it is in.
var namedTest = regexp.MustCompile("\\[`(Test\\w+)`\\]\\(([^)]+)\\)")

// Each claim of docs/why.md names a test that is there, and no pitfall's test is left out.
func TestTestsThatWhyNamesAreThere(t *testing.T) {
	text := readFile(t, "docs/why.md")
	named := map[string]bool{}
	for _, m := range namedTest.FindAllStringSubmatch(text, -1) {
		named[m[1]] = true
		if !strings.Contains(readFile(t, filepath.Join("docs", m[2])), "\nfunc "+m[1]+"(t *testing.T)") {
			t.Errorf("%s has no %s", m[2], m[1])
		}
	}
	files, err := filepath.Glob("mapfile/pitfalls*_test.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	declared := regexp.MustCompile(`(?m)^func (TestPitfall\w+)\(`)
	for _, file := range files {
		for _, m := range declared.FindAllStringSubmatch(readFile(t, file), -1) {
			if !named[m[1]] {
				t.Errorf("docs/why.md says nothing of %s", m[1])
			}
		}
	}
	for _, m := range link.FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join("docs", m[1])); err != nil {
			t.Error(err)
		}
	}
	// Rows without a test prove nothing.
	for _, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "| ") && !strings.Contains(line, "shown by |") && !namedTest.MatchString(line) {
			t.Errorf("no test: %s", line)
		}
	}
}
