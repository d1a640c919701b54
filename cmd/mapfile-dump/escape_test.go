package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// What files say cannot control a terminal: no control codes, no bidirectional or invisible characters.
func TestHostileTextIsShownEscaped(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"plain", "plain"},
		{"p_{x} [GeV] µ±日本", "p_{x} [GeV] µ±日本"},
		{"\x1b[31mred\x1b[0m", `\x1b[31mred\x1b[0m`},
		{"two\nlines\tand\rreturn", `two\nlines\tand\x0dreturn`},
		{"\u009b31m", `\u009b31m`},
		{"\x9b31m", `\x9b31m`},
		{"a\u202eb\u2066c\u200ed", `a\u202eb\u2066c\u200ed`},
		{"zero\u200bwidth\ufeff", `zero\u200bwidth\ufeff`},
		{"joiner\u034f, selector\ufe0f, filler\u3164", `joiner\u034f, selector\ufe0f, filler\u3164`},
		{"tag\U000e0041", `tag\U000e0041`},
		{"del\x7f", `del\x7f`},
		{"line\u2028sep", `line\u2028sep`},
		{"nbsp\u00a0", `nbsp\u00a0`},
		{"é e\u0301", "é e\u0301"},
		{"cut\xe2\x82", `cut\xe2\x82`},
	} {
		if got := visible(c.in); got != c.want {
			t.Errorf("visible(%q) = %s, want %s", c.in, got, c.want)
		}
		for _, r := range visible(c.in) {
			if !harmless(r) {
				t.Errorf("visible(%q) has %U", c.in, r)
			}
		}
	}
}

// JSON is harmless on a terminal, too, and still exact.
func TestJSONEscapesWhatATerminalCouldObey(t *testing.T) {
	for _, text := range []string{"\u009b31m", "\u202e", "a\u200b", "\U000e0041", "<b>&", "日本", "\x1b", "\u2028"} {
		line, err := jsonLine(struct {
			S string `json:"s"`
		}{text})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range string(line) {
			if !harmless(r) {
				t.Errorf("%q: %s has %U", text, line, r)
			}
		}
		var back struct{ S string }
		if err := json.Unmarshal(line, &back); err != nil || back.S != text {
			t.Errorf("%q came back as %q, %v", text, back.S, err)
		}
		if strings.Count(string(line), "\n") != 0 {
			t.Errorf("%q: more than a line", text)
		}
	}
}

func TestColumnsCountWhatIsSeen(t *testing.T) {
	for text, want := range map[string]int{"abc": 3, "": 0, "é": 1, "e\u0301": 1, "日本": 4, "…": 1, "▁█": 2} {
		if got := columns(text); got != want {
			t.Errorf("columns(%q) = %d, want %d", text, got, want)
		}
	}
	if got := cut("abcdef", 4); got != "abc…" {
		t.Errorf("cut = %q", got)
	}
	if got := cut("日本語", 4); columns(got) > 4 {
		t.Errorf("cut = %q, %d columns", got, columns(got))
	}
}
