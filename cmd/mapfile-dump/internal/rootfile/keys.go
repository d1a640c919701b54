package rootfile

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
)

// Keys gives for each slot the path in a ROOT file, directories and key: the name itself where that can
// be. Percent-decoding (as of URLs) each of its parts always gives the name back. Encoded are
//
//   - what ROOT's paths have another meaning for: ; : and %
//   - a blank at the end of a part: ROOT drops it
//   - what people's terminals should not get: control characters, invisible ones
//   - the last letter of a slot that has the same name as a directory of slots: beside run1/hpx, the slot
//     run1 is run%31
//   - the first letter of what would be [MetaKey]
//
// Empty parts, "." and "..", which only damaged files have, end in a lone %.
func Keys(slots []string) map[string]string {
	dirs := map[string]bool{}
	for _, slot := range slots {
		for i := range len(slot) {
			if slot[i] == '/' {
				dirs[slot[:i]] = true
			}
		}
	}
	paths := make(map[string]string, len(slots))
	for _, slot := range slots {
		parts := strings.Split(slot, "/")
		for i, part := range parts {
			switch beside := i == len(parts)-1 && dirs[slot]; {
			case part == "" || part == "." || part == "..":
				parts[i] = percent(part) + "%"
				if beside {
					parts[i] += "%"
				}
			case beside:
				_, last := utf8.DecodeLastRuneInString(part)
				parts[i] = encode(part[:len(part)-last]) + percent(part[len(part)-last:])
			case i == 0 && part == MetaKey:
				parts[i] = percent(part[:1]) + part[1:]
			default:
				parts[i] = encode(part)
			}
		}
		paths[slot] = strings.Join(parts, "/")
	}
	return paths
}

func encode(part string) string {
	var b strings.Builder
	for i := 0; i < len(part); {
		r, size := utf8.DecodeRuneInString(part[i:])
		dropped := r == ' ' && i+size == len(part)
		if c := part[i : i+size]; strings.Contains(";:%", c) || dropped || !show.Harmless(r) || r == utf8.RuneError {
			b.WriteString(percent(c))
		} else {
			b.WriteString(c)
		}
		i += size
	}
	return b.String()
}

func percent(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "%%%02X", s[i])
	}
	return b.String()
}

// splitPath splits a path into directory, "" at the top, and key.
func splitPath(path string) (dir, key string) {
	i := strings.LastIndexByte(path, '/')
	return path[:max(i, 0)], path[i+1:]
}
