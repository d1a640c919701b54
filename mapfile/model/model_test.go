// Package model_test runs the models of the protocol, and compares the steps that they name with those of
// FORMAT.md.
package model_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The short form of run.sh: a small size of each model must pass, and the variants that are broken on
// purpose must fail.
func TestModelsOfTheProtocolHoldAndBrokenOnesFail(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: the models take some seconds of processor time")
	}
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("SKIPPED: the models of the protocol are not checked:", err)
	}
	cmd := exec.CommandContext(t.Context(), bash, "run.sh", "-quick")
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == notInstalled {
		t.Skipf("%s", out)
	}
	if err != nil {
		t.Fatal("run.sh -quick:", err)
	}
}

// notInstalled is how run.sh ends where spin or the C compiler is not there.
const notInstalled = 77

// Every step that FORMAT.md names is a statement of some model, or README.md says why of none; and no model
// names a step that is not there any more.
func TestModelsHaveTheStepsOfTheFormat(t *testing.T) {
	format := steps(read(t, "../FORMAT.md"))
	if len(format) < 20 {
		t.Fatalf("FORMAT.md has the steps %v only", format)
	}
	modelled := steps(readAll(t, "*.pml", "*.inc"))
	excused := excusedSteps(read(t, "README.md"))
	for _, step := range format {
		switch has, excuse := slices.Contains(modelled, step), slices.Contains(excused, step); {
		case !has && !excuse:
			t.Errorf("no model has step %s, and README.md does not say why", step)
		case has && excuse:
			t.Errorf("README.md says that no model has step %s, but one has", step)
		}
	}
	for _, step := range slices.Concat(modelled, excused, steps(readAll(t, "litmus/*"))) {
		if !slices.Contains(format, step) {
			t.Errorf("step %s is not in FORMAT.md", step)
		}
	}
}

// Each variant that the first comment of a model lists as one that must fail is in the table of run.sh,
// and what the table breaks is in the model.
func TestBrokenVariantsAreRun(t *testing.T) {
	table := read(t, "run.sh")
	files, err := filepath.Glob("*.pml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		model := strings.TrimSuffix(file, ".pml")
		source := read(t, file) + read(t, "slot.inc")
		_, list, ok := strings.Cut(read(t, file), "Must fail: ")
		list, _, _ = strings.Cut(list, "*/")
		if !ok {
			t.Errorf("%s does not say how it must fail", file)
		}
		var run []string
		for _, row := range regexp.MustCompile(`(?m)^fail . `+model+` .*$`).FindAllString(table, -1) {
			for _, flag := range regexp.MustCompile(`-D(\w+)( |$)`).FindAllStringSubmatch(row, -1) {
				run = append(run, flag[1])
				if !strings.Contains(source, flag[1]) {
					t.Errorf("run.sh breaks %s with %s, which is not in it", model, flag[1])
				}
			}
		}
		for _, variant := range regexp.MustCompile(`\b[A-Z]+_[A-Z_0-9]+\b`).FindAllString(list, -1) {
			if !slices.Contains(run, variant) {
				t.Errorf("%s must fail with %s, and run.sh does not try", model, variant)
			}
		}
	}
}

// steps are the labels of steps in a text, each once.
func steps(text string) []string {
	list := regexp.MustCompile(`\b[SWCRTL][1-9]\b`).FindAllString(text, -1)
	slices.Sort(list)
	return slices.Compact(list)
}

// excusedSteps are those in the first column of the table of README.md that says which steps no model has.
func excusedSteps(readme string) []string {
	_, section, _ := strings.Cut(readme, "## Steps that no model has\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var list []string
	for _, row := range regexp.MustCompile(`(?m)^\|([^|]*)\|`).FindAllStringSubmatch(section, -1) {
		list = append(list, steps(row[1])...)
	}
	return list
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// readAll reads every file that a pattern matches.
func readAll(t *testing.T, patterns ...string) string {
	t.Helper()
	var all strings.Builder
	for _, pattern := range patterns {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatal(pattern, names, err)
		}
		for _, name := range names {
			all.WriteString(read(t, name))
		}
	}
	return all.String()
}
