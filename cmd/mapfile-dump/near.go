package main

import (
	"fmt"
	"iter"
	"slices"
	"strings"
)

// near finds the names most like the one that was asked for, at most three, the nearest first: a few
// letters wrong, or the same beginning or end.
func near(asked string, names iter.Seq[string]) []string {
	type candidate struct {
		name     string
		distance int
	}
	const longest, most = 256, 20000 // bounds for hostile files
	var found []candidate
	n := 0
	for name := range names {
		if n++; n > most {
			break
		}
		if len(name) > longest || len(asked) > longest {
			continue
		}
		limit := max(2, len(asked)/4)
		inside := len(asked) >= 3 && strings.Contains(strings.ToLower(name), strings.ToLower(asked))
		if !inside && max(len(name)-len(asked), len(asked)-len(name)) > limit {
			continue
		}
		if d := distance(strings.ToLower(asked), strings.ToLower(name)); inside || d <= limit {
			found = append(found, candidate{name, d})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return a.distance - b.distance })
	var best []string
	for _, c := range found[:min(3, len(found))] {
		best = append(best, c.name)
	}
	return best
}

// nearText is the end of an error line that names what is near: `; near: "a", "b"`, or nothing.
func nearText(names []string) string {
	var quoted []string
	for _, name := range names {
		quoted = append(quoted, fmt.Sprintf("%q", name))
	}
	if quoted == nil {
		return ""
	}
	return "; near: " + strings.Join(quoted, ", ")
}

// distance is the number of bytes to insert, delete or replace to make a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			above := row[j+1]
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, above, row[j])
			}
			row[j+1], diagonal = cost, above
		}
	}
	return row[len(b)]
}
