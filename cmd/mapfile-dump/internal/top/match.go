package top

import (
	"slices"
	"strings"

	"github.com/gomapfile/mapfile/mapfile"
)

// matchesAny says whether one of the patterns matches, or there are none. A bad one matches nothing.
func matchesAny(patterns []string, name string) bool {
	return len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool { return matches(p, name) })
}

func matches(pattern, name string) bool {
	ok, err := mapfile.Match(pattern, name)
	return ok && err == nil
}

// A filter is what the user types to find slots: a part of a name, in capitals or not, or a pattern for
// the slot's name or for what the list shows as its name. What is no pattern yet is a part of a name.
type filter struct {
	part    string // in small letters
	pattern string // "": none
}

func newFilter(text string) filter {
	if strings.ContainsAny(text, `*?[\`) {
		if _, err := mapfile.Match(text, ""); err == nil {
			return filter{pattern: text}
		}
	}
	return filter{part: strings.ToLower(text)}
}

func (f filter) match(r *Row) bool {
	if f.pattern != "" {
		return matches(f.pattern, r.Slot.Name) || matches(f.pattern, r.Name)
	}
	return strings.Contains(strings.ToLower(r.Name), f.part)
}
