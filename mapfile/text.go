package mapfile

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// quoteGraphic quotes a name from a file or a caller, with everything escaped that could control a
// terminal.
func quoteGraphic(s string) string { return strconv.QuoteToGraphic(s) }

// printable is for paths and program names in messages: as they are if harmless, else quoted.
func printable(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !unicode.IsGraphic(r) || r == unicode.ReplacementChar }) < 0 {
		return s
	}
	return quoteGraphic(s)
}

// visible is for whole texts, which may hold names that somebody else has chosen: what could control a
// terminal is escaped, and there is one line.
func visible(s string) string {
	s = strings.ReplaceAll(s, "\n", "; ") // of errors.Join
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if unicode.IsGraphic(r) && (r != utf8.RuneError || n > 1) {
			b.WriteString(s[:n])
		} else {
			b.WriteString(strings.Trim(quoteGraphic(s[:n]), `"`))
		}
		s = s[n:]
	}
	return b.String()
}
