package top

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// A Pattern chooses slots as the library's patterns do: path.Match segment by segment, ** standing for
// any number of segments, also none.
type Pattern []string

// ParsePattern checks a pattern. The error says what a pattern is.
func ParsePattern(text string) (Pattern, error) {
	segments := strings.Split(text, "/")
	for _, s := range segments {
		if _, err := path.Match(s, ""); err != nil || s == "" || strings.Contains(s, "**") && s != "**" {
			return nil, fmt.Errorf("bad pattern %q: * and ? match within a segment, ** is a segment of its own, [ needs ]", text)
		}
	}
	return segments, nil
}

// Match says whether the whole name matches.
func (p Pattern) Match(name string) bool {
	segments := strings.Split(name, "/")
	// On a mismatch only the last ** need take one segment more: the others have done what they can.
	at, star, taken := 0, -1, 0
	for i := 0; i < len(segments); {
		if at < len(p) && p[at] == "**" {
			star, taken = at, i
			at++
			continue
		}
		if at < len(p) {
			if ok, _ := path.Match(p[at], segments[i]); ok {
				at, i = at+1, i+1
				continue
			}
		}
		if star < 0 {
			return false
		}
		taken++
		at, i = star+1, taken
	}
	for at < len(p) && p[at] == "**" {
		at++
	}
	return at == len(p)
}

// matchesAny says whether one of the patterns matches, or there are none.
func matchesAny(patterns []Pattern, name string) bool {
	return len(patterns) == 0 || slices.ContainsFunc(patterns, func(p Pattern) bool { return p.Match(name) })
}

// A filter is what the user types to find slots: a part of a name, in capitals or not, or a pattern for
// the slot's name or for what the list shows as its name. What is no pattern yet is a part of a name.
type filter struct {
	part    string // in small letters
	pattern Pattern
}

func newFilter(text string) filter {
	if strings.ContainsAny(text, `*?[\`) {
		if p, err := ParsePattern(text); err == nil {
			return filter{pattern: p}
		}
	}
	return filter{part: strings.ToLower(text)}
}

func (f filter) match(r *Row) bool {
	if f.pattern != nil {
		return f.pattern.Match(r.Slot.Name) || f.pattern.Match(r.Name)
	}
	return strings.Contains(strings.ToLower(r.Name), f.part)
}
