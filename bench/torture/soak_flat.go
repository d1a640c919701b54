package main

import (
	"fmt"
	"slices"
)

// What "flat" means: the run has four quarters. The first is for warming up. The most of the last may
// exceed the most of the second by a slack, which is what the figure moves by itself: numbers of what must
// be given back by very little; memory and disk by some; threads by some more, for Go keeps those that it
// needed once, when the machine was slow. What leaks a little with each operation leaks thousands within
// half a run.
//
// RSS is shown, not judged: it counts the pages of the mapped files, which come and go with the kernel's
// wishes. What of it is the process's own ("anon") is judged.

// soakFigures are what is known of each process. A slack of -1 means: only shown. The parent, which starts
// the others, has more: it is asked in the middle of its work, with copies of files in its memory and
// pipes of those that it is about to kill.
var soakFigures = []struct {
	name               string
	of                 func(h held) int64
	slack, parentSlack int64
	percent            int64
}{
	{"RSS KiB", func(h held) int64 { return h.RSS }, -1, -1, 0},
	{"anon KiB", func(h held) int64 { return h.Anon }, 6 << 10, 20 << 10, 20},
	{"heap KiB", func(h held) int64 { return h.Heap }, 2 << 10, 12 << 10, 20},
	{"files", func(h held) int64 { return h.Files }, 2, 15, 0},
	{"mappings", func(h held) int64 { return h.Mappings }, 2, 4, 0},
	{"goroutines", func(h held) int64 { return h.Goroutines }, 4, 15, 0},
	{"threads", func(h held) int64 { return h.Threads }, 16, 16, 0},
}

const (
	diskSlack   = 4 << 10 // KiB; the files breathe
	diskPercent = 10
	namesSlack  = 3 // files that are just made or removed
)

// judge looks whether everything was flat, and shows the first and the last of each figure.
func (s *soak) judge() error {
	grown := map[string]bool{}
	for _, name := range append([]string{"parent"}, memberNames(s.members)...) {
		for _, f := range soakFigures {
			var series []int64
			for _, h := range s.figures[name] {
				series = append(series, f.of(h))
			}
			slack := f.slack
			if name == "parent" {
				slack = f.parentSlack
			}
			if !s.flat(name+" "+f.name, series, slack, f.percent) {
				grown[f.name] = true
			}
		}
	}
	if !s.flat("disk KiB", s.disk, diskSlack, diskPercent) {
		grown["disk KiB"] = true
	}
	s.flat("names", s.names, namesSlack, 0)
	if s.control {
		for _, name := range soakLeaks {
			if !grown[name] {
				return fmt.Errorf("the control leaks, but no growth of %s was found", name)
			}
		}
	}
	return nil
}

func memberNames(members []*soakMember) (names []string) {
	for _, m := range members {
		names = append(names, m.name)
	}
	return names
}

// flat tells whether a figure has not grown, and shows it.
func (s *soak) flat(name string, series []int64, slack, percent int64) bool {
	quarter := len(series) / 4
	second, last := slices.Max(series[quarter:2*quarter]), slices.Max(series[len(series)-quarter:])
	s.Count(name+", first", series[quarter])
	s.Count(name+", last", series[len(series)-1])
	if slack < 0 || last <= second+slack+second*percent/100 {
		return true
	}
	s.Wrong("growth", "%s: at most %d in the second quarter, %d in the last", name, second, last)
	return false
}
