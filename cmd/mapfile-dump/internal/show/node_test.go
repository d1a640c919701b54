package show

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/codec"
)

func leaf(name string, v any) codec.Node { return codec.Node{Name: name, Type: "leaf", Value: v} }

func parts(name, ty string, children ...codec.Node) codec.Node {
	return codec.Node{Name: name, Type: ty, Children: children}
}

func TestShapeOf(t *testing.T) {
	for _, c := range []struct {
		node codec.Node
		want Shape
	}{
		{leaf("", int64(1)), Leaf},
		{leaf("", ""), Leaf},
		{leaf("", []byte{}), Leaf},
		{parts("", ""), Leaf},
		{parts("", "nil"), Leaf},
		{parts("", "interface"), Leaf},
		{parts("", "repeated double"), List},
		{parts("", "[]float64"), List},
		{parts("", "list"), List},
		{parts("", "shop.Config"), Object},
		{parts("", "map"), Object},
		{parts("", "list", leaf("", int64(1))), List},
		{parts("", "struct", leaf("a", int64(1))), Object},
		{parts("", "map", leaf("", int64(1))), Object}, // its only key is ""
	} {
		if got := ShapeOf(c.node); got != c.want {
			t.Errorf("%+v: shape %d, want %d", c.node, got, c.want)
		}
	}
}

func TestTree(t *testing.T) {
	node := parts("", "struct",
		leaf("n", int64(-1)),
		parts("list", "[]float64", leaf("", 1.0), leaf("", math.Inf(1)), leaf("", math.NaN())),
		parts("inner", "struct", leaf("text", "two\nlines"), parts("none", "struct"), parts("empty", "list")),
		parts("objects", "list", parts("", "struct", leaf("x", uint64(1)<<63)), parts("", "nil")),
		leaf("bytes", []byte("\x00\x01")),
		leaf("at", time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("far", 3600))),
		leaf("flag", true),
	)
	want := []string{
		"  n: -1",
		"  list: [1, +Inf, NaN]",
		"  inner:",
		`    text: "two\nlines"`,
		"    none: {}",
		"    empty: []",
		"  objects:",
		"    [0]:",
		"      x: 9223372036854775808",
		"    [1]: null",
		"  bytes: 0001 (2 bytes)",
		"  at: 2026-01-02T02:04:05.000000006Z",
		"  flag: true",
	}
	if got := slices.Collect(Tree(node, "  ")); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for n := range want { // whoever has seen enough may stop
		got := 0
		for range Tree(node, "") {
			if got++; got == n+1 {
				break
			}
		}
		if got != n+1 {
			t.Errorf("stopped after %d lines instead of %d", got, n+1)
		}
	}
}

// Whatever names and values hold, each line of a tree is one line of plain text.
func TestTreeIsHarmless(t *testing.T) {
	hostile := "a\nb\r\x1b]0;owned\x07\u202eevil\u200b\xff\u009b31m<script>=cmd()"
	node := parts("", "struct", leaf(hostile, hostile), parts(hostile, "list", leaf("", hostile), leaf("", []byte(hostile))),
		parts("map", "map", parts(hostile, "struct", leaf(hostile, nil))))
	lines := slices.Collect(Tree(node, ""))
	if len(lines) != 5 {
		t.Errorf("%d lines: %q", len(lines), lines)
	}
	for _, line := range lines {
		for _, r := range line {
			if !Harmless(r) || r == '\ufffd' {
				t.Errorf("%q holds %q", line, r)
			}
		}
	}
}

// Long lists and long bytes are cut, and say so.
func TestInlineIsBounded(t *testing.T) {
	long := parts("", "[]int64")
	for i := range 1000 {
		long.Children = append(long.Children, leaf("", int64(i)))
	}
	if got := Inline(long); !strings.HasPrefix(got, "[0, 1, ") || !strings.HasSuffix(got, "63, … 936 more]") {
		t.Error(got)
	}
	if got, want := Inline(leaf("", make([]byte, 100))), strings.Repeat("00", 32)+"… (100 bytes)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := Inline(leaf("", []byte{7})); got != "07 (1 byte)" {
		t.Error(got)
	}
}

func TestFields(t *testing.T) {
	node := parts("", "struct", leaf("title", "px"), leaf("n", int64(1)))
	got := fmt.Sprintf("%v %v %q %q %q", Field(node, "n").Value, Field(node, "nosuch").Value, TextOf(node, "title"), TextOf(node, "n"), TextOf(node, "nosuch"))
	if got != `1 <nil> "px" "" ""` {
		t.Error(got)
	}
}
