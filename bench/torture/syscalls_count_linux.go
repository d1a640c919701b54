package main

import (
	"bufio"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
)

// How many calls there are that can be made to fail.

// beginMark and endMark are names that the victim looks for, so that the log of its calls shows where what
// is to be proved begins and ends.
const (
	beginMark = "/mapfile-torture-begins"
	endMark   = "/mapfile-torture-ends"
)

// callCounts are the numbers of calls by name. strace counts calls by thread, so the victim makes its own
// on one thread: of that, first is the first one between the marks, last the last one.
type callCounts struct {
	first, last map[string]int
	anywhere    map[string]int // the most that any thread makes
	nameless    int            // which openat makes the first nameless file
}

// of tells which calls are to fail: between the marks, or any, if the library does without it and threads
// make it that it has for sleeping and ringing.
func (c *callCounts) of(call *failingCall) (first, last int) {
	if call.anywhere {
		return 1, c.anywhere[call.name]
	}
	return c.first[call.name] + 1, c.last[call.name]
}

// countCalls runs the victim with nothing that fails but what is given.
func (s *syscallProof) countCalls(strace string, calls []failingCall, given []string) (*callCounts, error) {
	log, dir := filepath.Join(s.dir, "log"), filepath.Join(s.dir, "count")
	defer os.RemoveAll(dir)
	names := []string{"faccessat", "faccessat2"}
	for _, c := range calls {
		names = append(names, c.name)
	}
	cmd, err := s.command(s.ctx, strace, log, dir, names, given)
	if err != nil {
		return nil, err
	}
	out, err := cmd.CombinedOutput()
	if err == nil && len(out) > 0 {
		err = errors.New("the victim complains")
	}
	if err != nil {
		return nil, fmt.Errorf("without a failure: %w: %s", err, out)
	}
	file, err := os.Open(log)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readCalls(bufio.NewScanner(file))
}

// readCalls reads a log of strace: a thread's number and the call, on each line.
func readCalls(log *bufio.Scanner) (*callCounts, error) {
	c := &callCounts{anywhere: map[string]int{}}
	byThread := map[string]map[string]int{}
	for log.Scan() {
		thread, line, _ := strings.Cut(log.Text(), " ")
		calls := byThread[thread]
		if calls == nil {
			calls = map[string]int{}
			byThread[thread] = calls
		}
		name, args, isCall := strings.Cut(strings.TrimSpace(line), "(")
		switch {
		case !isCall || strings.HasPrefix(name, "<"):
			continue // the rest of a call, or a signal
		case strings.Contains(args, beginMark):
			c.first = maps.Clone(calls)
		case strings.Contains(args, endMark):
			c.last = maps.Clone(calls)
		}
		calls[name]++
		c.anywhere[name] = max(c.anywhere[name], calls[name])
		if c.first != nil && c.nameless == 0 && strings.Contains(args, "O_TMPFILE") {
			c.nameless = calls[name]
		}
	}
	if c.first == nil || c.last == nil {
		return nil, errors.Join(errors.New("strace does not show where the victim begins and ends"), log.Err())
	}
	return c, log.Err()
}
