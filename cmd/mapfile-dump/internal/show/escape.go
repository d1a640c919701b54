package show

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Names, titles and values come from files that anybody may have written. On their way to a terminal
// everything that does not leave a plain mark is shown as an escape: control codes (C0, DEL, C1),
// line breaks, bidirectional and zero-width characters, invalid UTF-8. Names are exact with -0 and
// in JSON.

// Visible returns s with all such characters as \n, \x1b, \u202e and the like.
func Visible(s string) string {
	if Plain(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case Harmless(r):
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		i += size
	}
	return b.String()
}

func Plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// Harmless says whether a character may go to a terminal as it is.
func Harmless(r rune) bool {
	return unicode.IsPrint(r) &&
		!unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, unicode.Bidi_Control)
}

// IsText says whether a payload can be shown as text: valid UTF-8 without control codes other than
// line breaks and tabs.
func IsText(payload []byte) bool {
	if !utf8.Valid(payload) {
		return false
	}
	for _, r := range string(payload) {
		if !Harmless(r) && r != '\n' && r != '\t' && r != '\r' {
			return false
		}
	}
	return true
}

// Columns is the number of columns that an escaped text takes.
func Columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

// runeColumns is 0 for marks that combine with the letter before, 2 for the wide East Asian blocks
// and emoji, else 1.
func runeColumns(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf, r >= 0xac00 && r <= 0xd7a3,
		r >= 0xf900 && r <= 0xfaff, r >= 0xfe30 && r <= 0xfe6f, r >= 0xff00 && r <= 0xff60,
		r >= 0xffe0 && r <= 0xffe6, r >= 0x1f300 && r <= 0x1f64f, r >= 0x1f900 && r <= 0x1f9ff,
		r >= 0x20000 && r <= 0x3fffd:
		return 2
	}
	return 1
}

// Cut shortens a text to so many columns.
func Cut(text string, room int) string {
	if Columns(text) <= room {
		return text
	}
	n := 0
	for i, r := range text {
		if n += runeColumns(r); n > room-1 {
			return text[:i] + "…"
		}
	}
	return text
}

// Quote puts a name from a command line or file into a message.
func Quote(name string) string { return `"` + Visible(name) + `"` }
