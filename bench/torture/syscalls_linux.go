package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// failingCall is a system call that the library makes, and how it can fail.
type failingCall struct {
	name     string
	errors   []string // told, or got over
	gotOver  []string // the library has another way, and nobody may be told
	anywhere bool     // made by threads that sleep or ring for others
}

// A situation is what the system cannot do, so that the library goes another way: there are calls that it
// makes only then.
type situation struct {
	name  string
	given func(plain *callCounts) []string // what always fails, for strace
	calls []failingCall
}

// Left out are calls whose failure would be strace's own (a close or munmap that is not done leaks by
// itself) or the end of the Go runtime (futex).
var situations = []situation{
	{"", func(*callCounts) []string { return nil }, []failingCall{
		{name: "openat", errors: []string{"EMFILE", "ENFILE", "EACCES", "EIO", "ENOSPC", "ENOMEM"}, gotOver: []string{"EINTR"}},
		{name: "newfstatat", errors: []string{"EIO", "ENOMEM"}, gotOver: []string{"EINTR"}},
		{name: "fstat", errors: []string{"EIO"}, gotOver: []string{"EINTR"}},
		{name: "mmap", errors: []string{"ENOMEM", "EAGAIN"}},
		{name: "madvise", errors: []string{"EINVAL", "EAGAIN"}},
		{name: "fcntl", errors: []string{"EAGAIN", "ENOLCK", "EIO"}, gotOver: []string{"EINTR"}},
		{name: "flock", errors: []string{"EAGAIN", "ENOLCK"}, gotOver: []string{"EINTR"}},
		{name: "fallocate", errors: []string{"ENOSPC", "EDQUOT", "ENOMEM", "EIO", "EFBIG"}, gotOver: []string{"EINTR", "EOPNOTSUPP"}},
		{name: "ftruncate", errors: []string{"ENOSPC", "EDQUOT", "EIO", "EFBIG"}, gotOver: []string{"EINTR"}},
		{name: "linkat", errors: []string{"EEXIST", "ENOENT", "EIO", "ENOSPC", "EDQUOT", "EPERM"}, gotOver: []string{"EINTR"}},
		{name: "renameat", errors: []string{"EIO", "ENOSPC", "EDQUOT"}, gotOver: []string{"EINTR"}},
		{name: "unlinkat", errors: []string{"EIO", "EACCES"}, gotOver: []string{"EINTR"}},
		{name: "getdents64", errors: []string{"EIO"}, gotOver: []string{"EINTR"}},
		{name: "fchmod", errors: []string{"EPERM", "EIO"}, gotOver: []string{"EINTR"}},
		{name: "fchown", errors: []string{"EPERM"}, gotOver: []string{"EINTR"}},
		{name: "msync", errors: []string{"EIO", "EBUSY"}, gotOver: []string{"EINTR"}},
		{name: "fstatfs", errors: []string{"EIO"}, gotOver: []string{"EINTR"}},
		{name: "read", errors: []string{"EIO"}, gotOver: []string{"EINTR"}},
		{name: "futex_waitv", gotOver: []string{"ENOSYS", "EPERM", "EINTR", "EAGAIN"}, anywhere: true},
		{name: "membarrier", gotOver: []string{"EPERM", "ENOSYS"}, anywhere: true},
	}},
	{"no allocation", func(*callCounts) []string { return []string{"fallocate:error=EOPNOTSUPP"} }, []failingCall{
		{name: "pwrite64", errors: []string{"ENOSPC", "EDQUOT", "EIO", "EFBIG"}, gotOver: []string{"EINTR"}},
		{name: "ftruncate", errors: []string{"ENOSPC", "EIO"}, gotOver: []string{"EINTR"}},
	}},
	// The first nameless file is that of Create.
	{"no nameless file", func(plain *callCounts) []string {
		return []string{fmt.Sprintf("openat:error=EOPNOTSUPP:when=%d", plain.nameless)}
	}, []failingCall{
		{name: "renameat2", errors: []string{"EIO", "ENOSPC", "EACCES"}, gotOver: []string{"EINTR", "EINVAL", "ENOSYS"}},
		{name: "flock", errors: []string{"EAGAIN", "ENOLCK"}, gotOver: []string{"EINTR"}},
		{name: "fstat", errors: []string{"EIO"}, gotOver: []string{"EINTR"}},
		{name: "fchmod", errors: []string{"EPERM", "EIO"}, gotOver: []string{"EINTR"}},
		{name: "fallocate", errors: []string{"ENOSPC", "EIO"}, gotOver: []string{"EINTR"}},
		{name: "mmap", errors: []string{"ENOMEM"}},
	}},
}

// A failure is one run: the n-th call of that name gives that error.
type failure struct {
	where   string
	given   []string
	call    string
	err     string
	n       int
	gotOver bool
}

func (f *failure) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %d %s  %s", f.call, f.n, f.err, f.where))
}

func (s *syscallProof) run() error {
	for _, name := range []string{"deaths", "hangs", "left over", "not the next time", "not got over", "values"} {
		s.Add(name, 0)
	}
	if err := s.failByLimits(); err != nil {
		return err
	}
	if err := s.failByStrace(); err != nil {
		return err
	}
	if s.control && !s.done() {
		for _, kind := range []string{"files", "mappings", "goroutines"} {
			if s.Got("left over "+kind) == 0 {
				return fmt.Errorf("the control keeps %s, and they were not found", kind)
			}
		}
	}
	return nil
}

// failByLimits runs the victim that limits itself.
func (s *syscallProof) failByLimits() error {
	for _, kind := range []string{"files", "length"} {
		c, err := start("syscalls.limited", filepath.Join(s.dir, kind), strconv.FormatBool(s.control), kind)
		if err != nil {
			return err
		}
		refused := 0
		for line := range c.lines {
			refused += s.heard("limit of "+kind, line)
		}
		if err := c.Wait(hangs); err != nil {
			s.Wrong("deaths", "limit of %s: %v", kind, err)
		} else if refused == 0 {
			return fmt.Errorf("the limit of %s has stopped nothing", kind)
		}
		s.Add("told as errors, by limits", int64(refused))
	}
	return nil
}

// heard judges what a victim says. It returns 1 for an error that it was told.
func (s *syscallProof) heard(what, line string) (refused int) {
	kind, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	switch kind {
	case "refused":
		return 1
	case "wrong":
		name, text, _ := strings.Cut(rest, ": ")
		s.Wrong(name, "%s: %s", what, text)
	}
	return 0
}

func (s *syscallProof) failByStrace() error {
	strace, err := exec.LookPath("strace")
	if err == nil && !s.noStrace {
		var out []byte
		if out, err = exec.Command(strace, "-o", "/dev/null", "true").CombinedOutput(); err != nil {
			err = fmt.Errorf("strace may not trace here: %w: %s", err, bytes.TrimSpace(out))
		}
	} else if err == nil {
		err = errors.New("as told")
	}
	if err != nil {
		s.Logf("SKIPPED: that the n-th call fails: %v", err)
		s.Count("skipped: no strace", 1)
		return nil
	}
	failures, err := s.failures(strace)
	if err != nil {
		return err
	}
	work := make(chan failure)
	var all sync.WaitGroup
	for i := range max(s.parallel, 1) {
		all.Go(func() {
			for f := range work {
				s.fail(strace, &f, i)
			}
		})
	}
	for i, f := range failures {
		if s.done() {
			break
		}
		work <- f
		s.progress.set(int64(i), int64(len(failures)), f.String())
	}
	close(work)
	all.Wait()
	return nil
}

// failures lists all, or those that were asked for.
func (s *syscallProof) failures(strace string) (all []failure, err error) {
	var plain *callCounts
	for _, where := range situations {
		given := where.given(plain)
		counts, err := s.countCalls(strace, where.calls, given)
		if err != nil {
			return nil, err
		}
		if plain == nil {
			plain = counts
		}
		for _, c := range where.calls {
			if len(s.only) > 0 && !slices.Contains(s.only, c.name) {
				continue
			}
			first, last := counts.of(&c)
			s.Count(strings.TrimSpace("calls "+c.name+"  "+where.name), int64(last-first+1))
			if last < first {
				return nil, fmt.Errorf("nothing calls %s %s: what is to fail?", c.name, where.name)
			}
			step := 1
			if s.most > 0 {
				step = max(1, (last-first+s.most)/s.most)
			}
			for i, e := range slices.Concat(c.errors, c.gotOver) {
				for n := first; n <= last; n += step {
					all = append(all, failure{where.name, given, c.name, e, n, i >= len(c.errors)})
				}
			}
		}
	}
	if s.sample > 0 && s.sample < len(all) {
		for i := range s.sample {
			all[i] = all[i*len(all)/s.sample]
		}
		all = all[:s.sample]
	}
	return all, nil
}

// command is strace with the victim below it.
func (s *syscallProof) command(ctx context.Context, strace, log, dir string, calls, inject []string) (*exec.Cmd, error) {
	args := []string{"-f", "-qq", "-o", log}
	for _, i := range inject {
		call, _, _ := strings.Cut(i, ":")
		calls = append(calls, call)
		args = append(args, "-e", "inject="+i)
	}
	args = append(args, "-e", "trace="+strings.Join(calls, ","))
	victim := command("syscalls.victim", dir, strconv.FormatBool(s.control))
	cmd := exec.CommandContext(ctx, strace, append(args, victim.Args...)...)
	cmd.Env = victim.Env
	_, err := cmd.StdinPipe() // open until the end: a child whose parent is gone ends
	return cmd, err
}

// fail runs the victim with one failing call.
func (s *syscallProof) fail(strace string, f *failure, worker int) {
	dir := filepath.Join(s.dir, "fail"+strconv.Itoa(worker))
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(s.ctx, s.limit)
	defer cancel()
	var stdout bytes.Buffer
	var stderr tail
	inject := fmt.Sprintf("%s:error=%s:when=%d", f.call, f.err, f.n)
	cmd, err := s.command(ctx, strace, "/dev/null", dir, nil, append([]string{inject}, f.given...))
	if err == nil {
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		err = cmd.Run()
	}
	if s.ctx.Err() != nil {
		return
	}
	s.Add("failures", 1)
	refused := 0
	for line := range strings.Lines(stdout.String()) {
		refused += s.heard(f.String(), line)
		if refused > 0 && f.gotOver {
			s.Wrong("not got over", "%v: %s", f, strings.TrimSpace(line))
			break
		}
	}
	s.Add("told as errors", int64(refused))
	said := stderr.String()
	switch {
	case err == nil:
	case ctx.Err() != nil:
		s.Wrong("hangs", "%v: after %v", f, s.limit)
	case strings.Contains(said, "runtime: ") && (f.call == "mmap" || f.call == "madvise"):
		s.Add("deaths of the Go runtime", 1) // its own memory, not the library's
	default:
		s.Wrong("deaths", "%v: %v: %s", f, err, said)
	}
}
