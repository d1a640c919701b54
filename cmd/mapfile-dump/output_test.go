package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/record"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/codec"
	"github.com/gomapfile/mapfile/mapfile"
)

func TestNodesBecomeNaturalJSONTreesAndRows(t *testing.T) {
	leaf := func(name string, v any) codec.Node { return codec.Node{Name: name, Value: v} }
	node := codec.Node{Type: "shop.Config", Children: []codec.Node{
		leaf("Limit", int64(5)),
		{Name: "Tags", Type: "repeated string", Children: []codec.Node{leaf("", "a"), leaf("", "b\x1b")}},
		{Name: "Empty", Type: "repeated string"},
		{Name: "Nothing", Type: "map"},
		{Name: "Nil", Type: "nil"},
		{Name: "Inner", Type: "shop.Inner", Children: []codec.Node{leaf("K", true)}},
		{Name: "Message", Type: "shop.Inner"},
		{Name: "List", Type: "repeated message", Children: []codec.Node{{Children: []codec.Node{leaf("x", 1.5)}}}},
	}}
	value := record.Value(node)
	got, err := json.Marshal(&value)
	const want = `{"Limit":5,"Tags":["a","b\u001b"],"Empty":[],"Nothing":{},"Nil":null,"Inner":{"K":true},"Message":{},"List":[{"x":1.5}]}`
	if err != nil || string(got) != want {
		t.Errorf("JSON %s, %v\nwant %s", got, err, want)
	}

	tl, read := newTestTool(t)
	if err := tl.out.tree(node, "  "); err != nil {
		t.Fatal(err)
	}
	const wantTree = `  Limit: 5
  Tags: ["a", "b\x1b"]
  Empty: []
  Nothing: {}
  Nil: null
  Inner:
    K: true
  Message: {}
  List:
    [0]:
      x: 1.5
`
	if got := read(); got != wantTree {
		t.Errorf("tree\n%s\nwant\n%s", got, wantTree)
	}
	tab := tl.newTable()
	tab.addNode("", node)
	if err := tab.writeTo(tl.out); err != nil {
		t.Fatal(err)
	}
	rows := read()
	for _, want := range []string{"Limit ", "Tags[1] ", "Inner.K ", "List[0].x "} {
		if !strings.Contains(rows, want) {
			t.Errorf("no row %q in\n%s", want, rows)
		}
	}
}

func TestLongListsAreCutInTheTreeOnly(t *testing.T) {
	node := codec.Node{Type: "[]int64", Children: make([]codec.Node, 1000)}
	for i := range node.Children {
		node.Children[i].Value = int64(i)
	}
	if got := show.Inline(node); !strings.HasSuffix(got, "63, … 936 more]") {
		t.Errorf("%s", got)
	}
	value := record.Value(node)
	if got, _ := json.Marshal(&value); !strings.HasSuffix(string(got), ",999]") {
		t.Errorf("%s", got)
	}
}

// I14, I16: one envelope, and empty is [].
func TestJSONHasOneEnvelope(t *testing.T) {
	type numbered struct {
		record.Head
		N int `json:"n"`
	}
	for _, c := range []struct {
		format string
		single bool
		n      int
		want   string
	}{
		{"json", false, 0, `{"schema":1,"kind":"list","items":[]}` + "\n"},
		{"json", false, 2, `{"schema":1,"kind":"list","items":[` + "\n" + `{"schema":1,"kind":"r","n":0},` + "\n" + `{"schema":1,"kind":"r","n":1}` + "\n]}\n"},
		{"json", true, 1, `{"schema":1,"kind":"r","n":0}` + "\n"},
		{"ndjson", false, 0, ""},
		{"ndjson", false, 2, `{"schema":1,"kind":"r","n":0}` + "\n" + `{"schema":1,"kind":"r","n":1}` + "\n"},
	} {
		tl, read := newTestTool(t)
		tl.flags.output = c.format
		records := tl.newRecords(c.single)
		for i := range c.n {
			if err := records.Put(numbered{record.HeadOf("r"), i}); err != nil {
				t.Fatal(err)
			}
		}
		if err := records.End(); err != nil {
			t.Fatal(err)
		}
		if got := read(); got != c.want {
			t.Errorf("%s, single %v, %d records: %q, want %q", c.format, c.single, c.n, got, c.want)
		}
	}
}

// A23, A24, I01: which trouble has which exit code.
func TestEachTroubleHasItsExitCode(t *testing.T) {
	wrap := func(err error) error { return &mapfile.Error{Op: "open", Path: "x", Err: fmt.Errorf("%w: more", err)} }
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{wrap(fs.ErrNotExist), 1},
		{wrap(fs.ErrPermission), 1},
		{wrap(mapfile.ErrBusy), 1},
		{wrap(mapfile.ErrDecode), 1},
		{usagef("x"), 2},
		{wrap(mapfile.ErrName), 2},
		{wrap(mapfile.ErrNoSlot), 3},
		{wrap(mapfile.ErrNotPublished), 3},
		{&slotError{"x", "no slot"}, 3},
		{wrap(mapfile.ErrSuperseded), 4},
		{&exitError{exitNotLive, "dead"}, 4},
		{wrap(mapfile.ErrCorrupt), 5},
		{wrap(mapfile.ErrNotMapFile), 5},
		{&badError{wrap(mapfile.ErrDecode)}, 5},
		{wrap(mapfile.ErrFormatVersion), 6},
		{errInterrupted, 130},
		{errGaveUp, 1},
		{errors.New("other"), 1},
	} {
		if got := exitCode(c.err); got != c.want {
			t.Errorf("%v: %d, want %d", c.err, got, c.want)
		}
	}
}

func TestOfSeveralTroublesTheHighestCounts(t *testing.T) {
	tl, _ := newTestTool(t)
	for _, err := range []error{mapfile.ErrNoSlot, mapfile.ErrCorrupt, fs.ErrNotExist} {
		tl.fail(err)
	}
	if tl.code != exitCorrupt {
		t.Errorf("code %d", tl.code)
	}
}

// An error is one line, whatever is in it.
func TestErrorsAreOneHarmlessLine(t *testing.T) {
	tl, _ := newTestTool(t)
	var stderr bytes.Buffer
	tl.stderr = &stderr
	tl.fail(&mapfile.Error{Op: "get", Path: "a.map", Slot: "x\ny\x1b[2J", Err: errors.New("bad\nworse")})
	const want = `mapfile-dump: a.map: slot x\ny\x1b[2J: bad\nworse` + "\n"
	if stderr.String() != want {
		t.Errorf("%q, want %q", stderr.String(), want)
	}
}

// The clock stands still while somebody reads slowly, and starts again with each finished slot.
func TestClockCountsOnlyOurOwnTime(t *testing.T) {
	// The end is looked at instead of waited for: a busy machine may sleep longer than any limit.
	const limit = time.Hour
	c := newClock(func() { t.Error("expired in spite of progress and pause") })
	c.start(limit)
	for range 5 {
		time.Sleep(10 * time.Millisecond)
		before := time.Now()
		if c.progress(); c.end.Before(before.Add(limit)) {
			t.Errorf("after progress there are %v left", c.end.Sub(before))
		}
	}
	end := c.end
	resume := c.pause()
	if c.timer.Stop() {
		t.Error("the clock runs in spite of the pause")
	}
	time.Sleep(30 * time.Millisecond)
	if resume(); c.end.Before(end.Add(30 * time.Millisecond)) {
		t.Errorf("a pause of 30 ms has moved the end by %v", c.end.Sub(end))
	}
	if !c.timer.Stop() {
		t.Error("the clock does not run after the pause")
	}
	expired := make(chan struct{})
	newClock(func() { close(expired) }).start(time.Millisecond)
	select {
	case <-expired:
	case <-time.After(20 * time.Second):
		t.Fatal("never expired")
	}
}

func TestSizesAgesAndRatesForPeople(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 884: "884 B", 1023: "1023 B", 1024: "1.0 KiB", 8300: "8.1 KiB", 41 << 20: "41 MiB", 1<<63 - 1: "8.0 EiB", 1048575: "1.0 MiB"} {
		if got := show.Size(n); got != want {
			t.Errorf("sizeText(%d) = %s, want %s", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{-time.Second: "0.0s", 400 * time.Millisecond: "0.4s", 2100 * time.Millisecond: "2.1s", 61 * time.Second: "61s", 13 * time.Minute: "13m", 5 * time.Hour: "5h", 12 * 24 * time.Hour: "12d"} {
		if got := show.Age(d); got != want {
			t.Errorf("ageText(%v) = %s, want %s", d, got, want)
		}
	}
	// I32: never Inf, NaN or negative.
	for rate, want := range map[float64]string{0: "-", 1: "1.0", 0.01: "0.01", 500000: "500000", math.Inf(1): "-", -3: "-"} {
		if got := show.Rate(rate); got != want {
			t.Errorf("rateText(%v) = %s, want %s", rate, got, want)
		}
	}
	if show.Rate(math.NaN()) != "-" {
		t.Error("NaN is shown")
	}
}

func TestNearNamesAreFound(t *testing.T) {
	names := []string{"metrics/checkout_orders_total", "metrics/checkout_errors_total", "run1/hpx", "run1/hpxpy", "other"}
	for asked, want := range map[string]string{
		"metrics/checkout_ordes_total": "metrics/checkout_orders_total",
		"run1/hpc":                     "run1/hpx",
		"RUN1/HPX":                     "run1/hpx",
		"hpxpy":                        "run1/hpxpy",
	} {
		got := near(asked, func(yield func(string) bool) {
			for _, n := range names {
				if !yield(n) {
					return
				}
			}
		})
		if len(got) == 0 || got[0] != want {
			t.Errorf("near(%q) = %q, want %q first", asked, got, want)
		}
	}
	if got := near("zzzzzzzz", func(yield func(string) bool) { yield("run1/hpx") }); got != nil {
		t.Errorf("near of something else: %q", got)
	}
}

// I23: what is no duration or count is refused.
func TestFlagValuesAreChecked(t *testing.T) {
	for _, text := range []string{"", "-1s", "-1", "NaN", "foo", "10", "1e400s", "9999999h999999999h"} {
		if err := new(duration).Set(text); err == nil {
			t.Errorf("duration %q is taken", text)
		}
	}
	for _, text := range []string{"", "-1", "0", "NaN", "foo", "1.5", "99999999999999999999"} {
		if err := new(count).Set(text); err == nil {
			t.Errorf("count %q is taken", text)
		}
	}
	var at offset
	if err := at.Set("0x1000"); err != nil || at != 4096 {
		t.Errorf("offset: %v, %v", at, err)
	}
	if at.Set("-1") == nil {
		t.Error("offset -1 is taken")
	}
}

// newTestTool is a tool that writes to a file; read gives what was written since the last time.
func newTestTool(t *testing.T) (tl *tool, read func() string) {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	tl = newTool(context.Background(), file, file)
	tl.stderr = new(bytes.Buffer)
	var seen int64
	return tl, func() string {
		if err := tl.out.Flush(); err != nil {
			t.Fatal(err)
		}
		all, err := os.ReadFile(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		text := string(all[seen:])
		seen = int64(len(all))
		return text
	}
}
