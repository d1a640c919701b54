package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

func TestMain(m *testing.M) {
	if playRole() {
		return
	}
	os.Exit(m.Run())
}

// TestShortForm runs everything with a hundredth of the counts. On a busy machine a figure may be over its
// limit; what matters here is that there are figures.
func TestShortForm(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: builds mapfile-dump and measures for some seconds")
	}
	var stdout, stderr bytes.Buffer
	code := run([]string{"-slots", "30", "-files", "2", "-runs", "1", "-clients", "2", "-for", "100ms", "-o", "json"}, &stdout, &stderr)
	if code != exitOK && code != exitOver {
		t.Fatalf("exit code %d\n%s", code, &stderr)
	}
	var report struct{ Figures []figure }
	if err := json.Unmarshal(stdout.Bytes(), &report); err != nil {
		t.Fatalf("%v\n%s", err, &stdout)
	}
	over, seen := false, map[string]int{}
	for _, f := range report.Figures {
		seen[f.Part]++
		over = over || !f.OK
		// The rest may be nothing in so short a time.
		if f.Value <= 0 && f.Unit != "%" && f.Unit != "ms CPU/s" || f.OK != (f.Limit == 0 || f.Value <= f.Limit) {
			t.Errorf("%+v", f)
		}
	}
	if over != (code == exitOver) {
		t.Errorf("exit code %d, over a limit: %v", code, over)
	}
	for _, part := range parts {
		if skip := strings.Contains(stderr.String(), "SKIPPED: "+part.name); seen[part.name] == 0 && !skip {
			t.Errorf("no figure of %s\n%s", part.name, &stderr)
		}
	}
}

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		args string
		code int
		text string
	}{
		{"-h", exitOK, "-clients"},
		{"-only nosuch", exitUsage, `no part "nosuch"; there are ls, dir, top, page, fanout`},
		{"-slots 0", exitUsage, "positive"},
		{"-for -1s", exitUsage, "positive"},
		{"-o yml", exitUsage, "json"},
		{"operand", exitUsage, "flags only"},
		{"-only ls -binary /nosuch/mapfile-dump -slots 1 -runs 1", exitFailed, "/nosuch/mapfile-dump"},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(strings.Fields(c.args), &stdout, &stderr); code != c.code || !strings.Contains(stderr.String(), c.text) {
			t.Errorf("%s: exit code %d, %s; want %d, %s", c.args, code, &stderr, c.code, c.text)
		}
	}
}

func TestTable(t *testing.T) {
	b := &bench{}
	b.add("ls", "fast", 12.34, "ms", 50, "median of %d", 20)
	b.add("top", "slow", 7.123, "%", 5, "")
	b.add("fanout", "many", 1234567, "/s", 0, "")
	var out bytes.Buffer
	if err := b.printTable(&out); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(out.String()) {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	want := "PART WHAT FIGURE LIMIT DETAIL|ls fast 12.3 ms 50.0 ms ok median of 20|top slow 7.12 % 5.00 % over|fanout many 1234567 /s -"
	if strings.Join(got, "|") != want {
		t.Errorf("%q, want %q", got, want)
	}
}
