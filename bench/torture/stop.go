package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomapfile/mapfile/mapfile"
)

// stop: a writer, a reader or a waiter is frozen at a random instant by SIGSTOP, for a while, and goes
// on. The others must not wait for it: neither in reading nor in updating. Changes of structure wait
// for a frozen holder of the structure lock, but only as long as they were told to, and name it. The
// frozen one goes on rightly.
//
// The control has everybody take a lock of the whole file around each operation, as programs do that
// share memory under a semaphore: then everybody waits for the frozen one, if it was frozen with the lock.
// It ends with the first that was.

const stopLockTimeout = 100 * time.Millisecond // for structural locks

func newStop() *cobra.Command {
	var n int
	var pause, limit time.Duration
	return newProof("stop", "Freeze writers, readers and waiters in the middle of it", true,
		func(cmd *cobra.Command) {
			cmd.Flags().IntVarP(&n, "n", "n", 30, "freezes of each: writer, reader, waiter")
			cmd.Flags().DurationVar(&pause, "for", 2*time.Second, "how long each is frozen")
			cmd.Flags().DurationVar(&limit, "limit", time.Second, "how long a call may take, on a machine that is busy with other things, too")
		},
		func(p *proof) error {
			for _, name := range []string{"waited", "errors", "not resumed"} {
				p.Add(name, 0)
			}
			s := &stopper{proof: p, path: filepath.Join(p.dir, "stop.map"), pause: max(pause, 2*limit), limit: limit}
			return s.run(n)
		})
}

// stopper is the run. All but the frozen one are asked what their longest call was.
type stopper struct {
	*proof
	path    string
	pause   time.Duration
	limit   time.Duration
	members []*member
	asked   int
}

// member is a process of the play.
type member struct {
	*child
	name string
}

// report is what a process did since its last report.
type report struct {
	calls      int64
	longest    time.Duration // of calls that must not wait
	structural time.Duration // the longest of those that wait for the structure lock
	number     uint64        // reader, waiter: the last number seen of writer/1
}

func (s *stopper) run(n int) error {
	defer func() {
		for _, m := range s.members {
			m.Cont() // a frozen process cannot be killed everywhere
			m.Kill()
		}
	}()
	for _, start := range []struct{ name, role, arg string }{
		{"writer 0", "stop.writer", "writer/0"}, {"writer 1", "stop.writer", "writer/1"},
		{"reader 0", "stop.reader", ""}, {"reader 1", "stop.reader", ""}, {"waiter", "stop.waiter", ""},
	} {
		if err := s.start(start.name, start.role, start.arg); err != nil {
			return err
		}
	}
	rng := s.rand(1)
	for round := range n {
		for _, target := range []int{0, 2, 4} {
			if s.done() || s.control && s.Wrongs() > 0 {
				return nil
			}
			time.Sleep(time.Duration(rng.IntN(20_000)) * time.Microsecond)
			if err := s.freeze(s.members[target]); err != nil {
				return err
			}
			s.Add("freezes", 1)
			s.progress.set(int64(round), int64(n), s.members[target].name)
		}
	}
	return s.supersede()
}

// supersede replaces the file while a writer is frozen: when it goes on, it is told, as all others are.
func (s *stopper) supersede() error {
	if s.control {
		return nil
	}
	if err := s.members[0].Stop(); err != nil {
		return err
	}
	// The writer may hold the structure lock: then it must go on first.
	mf, err := mapfile.Recreate(s.path, mapfile.WithLockTimeout(stopLockTimeout))
	if errors.Is(err, mapfile.ErrLocked) {
		s.Add("refused as locked", 1)
		s.members[0].Cont()
		mf, err = mapfile.Recreate(s.path)
	}
	if err != nil {
		return err
	}
	defer mf.Close()
	if err := s.members[0].Cont(); err != nil {
		return err
	}
	for _, m := range s.members {
		for line := ""; line != "superseded"; {
			if line, err = m.Line(2 * time.Second); err != nil {
				s.Wrong("not resumed", "%s is not told that the file was replaced: %v", m.name, err)
				break
			}
		}
	}
	return nil
}

func (s *stopper) start(name, role, arg string) error {
	c, err := start(role, s.path, arg, strconv.FormatBool(s.control))
	if err != nil {
		return err
	}
	s.members = append(s.members, &member{child: c, name: name})
	_, err = c.Expect("ready", hangs)
	return err
}

// freeze stops one and looks at the others; then at that one.
func (s *stopper) freeze(target *member) error {
	if err := s.askAll(nil, "before"); err != nil { // what went before does not count
		return err
	}
	if err := target.Stop(); err != nil {
		return err
	}
	time.Sleep(s.pause / 2)
	s.asked++
	errAsk := s.askAll(target, "while "+target.name+" is frozen")
	if strings.HasPrefix(target.name, "writer") && !s.control {
		s.tryTakeOver()
	}
	time.Sleep(s.pause / 2)
	errAsk = errors.Join(errAsk, s.askAll(target, "while "+target.name+" is frozen"))
	if err := errors.Join(errAsk, target.Cont()); err != nil {
		return err
	}
	return s.mustResume(target)
}

// tryTakeOver: what a frozen writer owns stays its own; the error says so.
func (s *stopper) tryTakeOver() {
	start := time.Now()
	mf, err := mapfile.OpenOrCreate(s.path, mapfile.WithLockTimeout(stopLockTimeout))
	if err == nil {
		_, err = mf.Add("writer/0/8", numbered("writer/0/8", 8, 1))
		mf.Close()
	}
	if took := time.Since(start); took > 2*stopLockTimeout+s.limit {
		s.Wrong("waited", "to be refused: %v", took)
	}
	switch {
	case errors.Is(err, mapfile.ErrOwned):
		s.Add("refused as owned", 1)
	case errors.Is(err, mapfile.ErrLocked):
		s.Add("refused as locked", 1)
	default:
		s.Wrong("errors", "the frozen writer's slot: %v", err)
	}
}

// askAll asks everybody but one for a report.
func (s *stopper) askAll(but *member, when string) error {
	for _, m := range s.members {
		if m == but {
			continue
		}
		r, err := s.ask(m, s.pause/2+s.limit)
		if errors.Is(err, errSilent) {
			s.Wrong("waited", "%s, %s: no call ends", m.name, when)
			continue
		}
		if err != nil {
			return err
		}
		if when == "before" {
			continue
		}
		s.Most("longest call, µs", r.longest.Microseconds())
		s.Add("calls meanwhile", r.calls)
		if r.longest > s.limit {
			s.Wrong("waited", "%s, %s: a call took %v", m.name, when, r.longest)
		}
		if r.structural > stopLockTimeout+s.limit {
			s.Wrong("waited", "%s, %s: a change of structure took %v", m.name, when, r.structural)
		}
		if r.calls == 0 && m.name != "waiter" {
			s.Wrong("waited", "%s, %s: does nothing", m.name, when)
		}
	}
	return nil
}

// ask gets a report. Lines of earlier questions that were not answered in time are skipped.
func (s *stopper) ask(m *member, timeout time.Duration) (r report, err error) {
	s.asked++
	if err := m.Send("%d", s.asked); err != nil {
		return r, err
	}
	for deadline := time.Now().Add(timeout); ; {
		line, err := m.Line(time.Until(deadline))
		if err != nil {
			return r, err
		}
		if text, ok := strings.CutPrefix(line, "wrong "); ok {
			name, text, _ := strings.Cut(text, ": ")
			s.Wrong(name, "%s: %s", m.name, text)
			continue
		}
		var id int
		if n, _ := fmt.Sscan(line, &id, &r.calls, &r.longest, &r.structural, &r.number); n == 5 && id == s.asked {
			return r, nil
		}
	}
}

// mustResume: within a second the one that was frozen goes on, and readers and waiters see what is
// new.
func (s *stopper) mustResume(m *member) error {
	mf, err := mapfile.Open(s.path)
	if err != nil {
		return err
	}
	defer mf.Close()
	watched, err := numberOf(mf, "writer/1/8")
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(2 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		r, err := s.ask(m, hangs)
		if err != nil {
			return err
		}
		if r.calls > 0 && (strings.HasPrefix(m.name, "writer") || r.number >= watched) {
			return nil
		}
		if time.Now().After(deadline) {
			s.Wrong("not resumed", "%s: %d calls, number %d of %d", m.name, r.calls, r.number, watched)
			return nil
		}
	}
}
