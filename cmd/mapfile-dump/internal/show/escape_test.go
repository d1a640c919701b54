package show

import (
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
		if got := Visible(c.in); got != c.want {
			t.Errorf("visible(%q) = %s, want %s", c.in, got, c.want)
		}
		for _, r := range Visible(c.in) {
			if !Harmless(r) {
				t.Errorf("visible(%q) has %U", c.in, r)
			}
		}
	}
}

func TestColumnsCountWhatIsSeen(t *testing.T) {
	for text, want := range map[string]int{"abc": 3, "": 0, "é": 1, "e\u0301": 1, "日本": 4, "…": 1, "▁█": 2} {
		if got := Columns(text); got != want {
			t.Errorf("columns(%q) = %d, want %d", text, got, want)
		}
	}
	if got := Cut("abcdef", 4); got != "abc…" {
		t.Errorf("cut = %q", got)
	}
	if got := Cut("日本語", 4); Columns(got) > 4 {
		t.Errorf("cut = %q, %d columns", got, Columns(got))
	}
}
