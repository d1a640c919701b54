package mapfile

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Patterns choose slots: path.Match segment by segment, ** standing for any number of segments, also
// none. Without patterns all slots are chosen.

// Match says whether a name matches a pattern, as Snapshot, Watch and Slots choose slots: for those who
// have the names already. A bad pattern is ErrName.
func Match(pattern, name string) (bool, error) {
	p, err := parsePatterns([]string{pattern})
	if err != nil {
		return false, fail("match", "", "", err)
	}
	return p.match(name), nil
}

// patterns is a checked list of patterns.
type patterns struct {
	list    [][]string
	literal []string // those without wildcards, as names
}

func parsePatterns(list []string) (*patterns, error) {
	p := &patterns{}
	for _, s := range list {
		segments := strings.Split(s, "/")
		wild := false
		for _, seg := range segments {
			if _, err := path.Match(seg, ""); err != nil || seg == "" || strings.Contains(seg, "**") && seg != "**" {
				return nil, fmt.Errorf("%w: pattern %s: * and ? match within a segment, ** is a segment of its own, [ needs ]", ErrName, quoted(s))
			}
			wild = wild || strings.ContainsAny(seg, `*?[\`)
		}
		p.list = append(p.list, segments)
		if !wild {
			p.literal = append(p.literal, s)
		}
	}
	return p, nil
}

// onlyLiterals tells whether every pattern is just a name.
func (p *patterns) onlyLiterals() bool { return len(p.list) > 0 && len(p.literal) == len(p.list) }

func (p *patterns) match(name string) bool {
	if len(p.list) == 0 {
		return true
	}
	segments := strings.Split(name, "/")
	return slices.ContainsFunc(p.list, func(pattern []string) bool { return matchSegments(pattern, segments) })
}

// matchSegments is linear in the name for each **: what one ** took is given back to the last only.
func matchSegments(pattern, name []string) bool {
	star, starName := -1, 0
	i, j := 0, 0
	for j < len(name) {
		if i < len(pattern) && pattern[i] == "**" {
			star, starName = i, j
			i++
			continue
		}
		if i < len(pattern) {
			if ok, _ := path.Match(pattern[i], name[j]); ok {
				i, j = i+1, j+1
				continue
			}
		}
		if star < 0 {
			return false
		}
		starName++
		i, j = star+1, starName
	}
	for i < len(pattern) && pattern[i] == "**" {
		i++
	}
	return i == len(pattern)
}
