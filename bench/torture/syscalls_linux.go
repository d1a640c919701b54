package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// failingCalls are the system calls that the library makes, and how they can fail. Left out are those whose
// failure would be strace's own: a close or munmap that is not done leaks by itself.
var failingCalls = []struct {
	name   string
	errors []string
}{
	{"openat", []string{"EINTR", "EMFILE", "ENFILE", "EACCES", "EIO", "ENOSPC"}},
	{"newfstatat", []string{"EIO", "EINTR"}},
	{"fstat", []string{"EIO"}},
	{"mmap", []string{"ENOMEM", "EAGAIN"}},
	{"madvise", []string{"EINVAL", "EAGAIN"}},
	{"fcntl", []string{"EINTR", "EAGAIN", "ENOLCK", "EIO"}},
	{"fallocate", []string{"EINTR", "ENOSPC", "EIO", "EOPNOTSUPP", "EFBIG"}},
	{"ftruncate", []string{"EINTR", "ENOSPC", "EIO", "EFBIG"}},
	{"linkat", []string{"EEXIST", "ENOENT", "EIO", "ENOSPC", "EPERM"}},
	{"renameat2", []string{"EINVAL", "EIO", "ENOSPC"}},
	{"renameat", []string{"EIO", "ENOSPC"}},
	{"unlinkat", []string{"EIO", "EACCES"}},
	{"fchmod", []string{"EPERM", "EIO"}},
	{"fchown", []string{"EPERM"}},
	{"msync", []string{"EIO", "EINTR", "EBUSY"}},
	{"fstatfs", []string{"EIO", "EINTR"}},
	{"pwrite64", []string{"EINTR", "ENOSPC", "EIO"}},
	{"futex_waitv", []string{"ENOSYS", "EPERM", "EINTR", "EAGAIN"}},
	{"membarrier", []string{"EPERM", "ENOSYS"}},
}

// A failure is one run: the n-th call of that name gives that error.
type failure struct {
	call, err string
	n         int
}

func (s *syscallProof) run() error {
	strace, err := exec.LookPath("strace")
	if err != nil {
		s.Skip("there is no strace")
		return nil
	}
	if out, err := exec.Command(strace, "-o", "/dev/null", "true").CombinedOutput(); err != nil {
		s.Skip("strace may not trace here: %v: %s", err, bytes.TrimSpace(out))
		return nil
	}
	var failures []failure
	for _, c := range failingCalls {
		if s.only != "" && s.only != c.name {
			continue
		}
		first, last, err := s.count(strace, c.name)
		if err != nil {
			return err
		}
		s.Count("calls "+c.name, int64(last-first+1))
		for _, e := range c.errors {
			step := 1
			if s.most > 0 {
				step = max(1, (last-first+s.most)/s.most)
			}
			for n := first; n <= last; n += step {
				failures = append(failures, failure{c.name, e, n})
			}
		}
	}
	work := make(chan failure)
	var all sync.WaitGroup
	for i := range max(s.parallel, 1) {
		all.Go(func() {
			for f := range work {
				s.fail(strace, f, i)
			}
		})
	}
	for i, f := range failures {
		if s.done() {
			break
		}
		work <- f
		s.progress.set(int64(i), int64(len(failures)), fmt.Sprintf("%s %d %s", f.call, f.n, f.err))
	}
	close(work)
	all.Wait()
	return nil
}

// beginMark and endMark are names that the victim looks for, so that the log of its calls shows where what is to be
// proved begins and ends.
const (
	beginMark = "/mapfile-torture-begins"
	endMark   = "/mapfile-torture-ends"
)

// count tells which calls of that name are made between the marks. strace counts calls by thread, so the victim
// makes its own on one thread. Calls that only other threads make, which sleep or ring for it, are all meant: the
// library does without them, so they may fail at any time.
func (s *syscallProof) count(strace, call string) (first, last int, err error) {
	log := filepath.Join(s.dir, "log")
	dir := filepath.Join(s.dir, "count")
	defer os.RemoveAll(dir)
	cmd := exec.CommandContext(s.ctx, strace, append([]string{"-f", "-qq", "-o", log, "-e", "trace=faccessat,faccessat2," + call}, s.victim(dir)...)...)
	cmd.Env = append(os.Environ(), roleVar+"=syscalls.victim")
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, 0, fmt.Errorf("%s: without a failure: %w: %s", call, err, out)
	}
	file, err := os.Open(log)
	if err != nil {
		return 0, 0, err
	}
	defer file.Close()
	calls, most := map[string]int{}, 0 // by thread
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		thread, line, _ := strings.Cut(scanner.Text(), " ")
		line = strings.TrimSpace(line)
		switch {
		case strings.Contains(line, beginMark):
			first = calls[thread] + 1
		case strings.Contains(line, endMark):
			last = calls[thread]
		case strings.HasPrefix(line, call+"("):
			calls[thread]++
			most = max(most, calls[thread])
		}
	}
	if first == 0 {
		return 0, 0, errors.New("strace does not show where the victim begins")
	}
	if first > last {
		return 1, most, nil
	}
	return first, last, nil
}

// victim is the command line of the process that is made to fail.
func (s *syscallProof) victim(dir string) []string {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	return []string{self, dir}
}

// fail runs the victim with one failing call.
func (s *syscallProof) fail(strace string, f failure, worker int) {
	dir := filepath.Join(s.dir, "fail"+strconv.Itoa(worker))
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(s.ctx, s.limit)
	defer cancel()
	inject := fmt.Sprintf("inject=%s:error=%s:when=%d", f.call, f.err, f.n)
	var stdout bytes.Buffer
	var stderr tail
	cmd := exec.CommandContext(ctx, strace, append([]string{"-f", "-qq", "-o", "/dev/null", "-e", "trace=" + f.call, "-e", inject}, s.victim(dir)...)...)
	cmd.Env = append(os.Environ(), roleVar+"=syscalls.victim")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	s.Add("failures", 1)
	what := fmt.Sprintf("%s %d %s", f.call, f.n, f.err)
	for line := range strings.Lines(stdout.String()) {
		kind, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch kind {
		case "refused":
			s.Add("told as errors", 1)
		case "wrong":
			s.Wrong("wrong", "%s: %s", what, rest)
		}
	}
	said := stderr.String()
	switch {
	case err == nil:
	case s.ctx.Err() != nil:
	case ctx.Err() != nil:
		s.Wrong("hangs", "%s: after %v", what, s.limit)
	case strings.Contains(said, "runtime: ") && (f.call == "mmap" || f.call == "madvise"):
		s.Add("deaths of the Go runtime", 1) // its own memory, not the library's
	default:
		s.Wrong("deaths", "%s: %v: %s", what, err, said)
	}
}
