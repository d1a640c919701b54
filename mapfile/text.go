package mapfile

import (
	"strconv"
	"strings"
	"unicode"
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
