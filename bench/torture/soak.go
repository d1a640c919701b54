package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
)

// soak: everything at once, for long. Four processes live all the time: a producer, a reader, one with
// many watchers, and one that follows files that are replaced. Around them others join, take over,
// replace, look into damaged copies, and are killed; the four are frozen now and then. What is read must
// be right, as in the other proofs; and what a process holds (memory, descriptors, mappings, goroutines,
// threads) and what the files take must be flat, see soak_flat.go.
//
// The control leaks on purpose, in each way, and all of that must be found.

// soakLeaks are the figures that must be found to grow in the control.
var soakLeaks = []string{"heap KiB", "files", "mappings", "goroutines", "disk KiB"}

func newSoak() *cobra.Command {
	s := &soak{figures: map[string][]held{}}
	return newProof("soak", "Everything at once for long, and nothing may grow", true,
		func(cmd *cobra.Command) {
			cmd.Flags().DurationVar(&s.length, "for", 10*time.Minute, "how long")
			cmd.Flags().DurationVar(&s.every, "every", time.Second, "how often everybody is asked what it holds")
			cmd.Flags().DurationVar(&s.pause, "pause", time.Second, "how long a process is frozen, at most")
		},
		func(p *proof) error { s.proof = p; return s.run() })
}

// soak is the run, in the process that starts all others. That process is measured, too.
type soak struct {
	*proof
	length, every, pause time.Duration

	members []*soakMember
	figures map[string][]held // by member
	disk    []int64           // KiB of all files
	names   []int64           // number of them
}

// soakMember is a process that lives all the time.
type soakMember struct {
	*child
	name   string
	counts map[string]int64 // as last reported
}

// soakReport is what a member answers.
type soakReport struct {
	Held   held
	Counts map[string]int64
}

// mainPath is the file of the long-lived producer, turnsPath one whose producers are killed in turn.
func mainPath(dir string) string  { return filepath.Join(dir, "main.map") }
func turnsPath(dir string) string { return filepath.Join(dir, "turns.map") }
func viewPath(dir string) string  { return filepath.Join(dir, "view.map") }

// leastSamples are needed to tell a trend; a slow machine takes longer for them than it was told.
const leastSamples = 16

func (s *soak) run() error {
	if !canCountHeld {
		s.Skip("this system does not tell what a process holds")
		return nil
	}
	for _, name := range []string{"torn", "gone back", "mixed", "lost", "stuck", "errors", "left over", "growth"} {
		s.Add(name, 0)
	}
	defer func() {
		for _, m := range s.members {
			m.Cont() // a frozen process cannot be killed everywhere
			m.Kill()
		}
	}()
	t, err := s.begin()
	if err != nil {
		return err
	}
	err = t.during(s.sample, t.kill, t.join, s.freeze)
	t.end()
	if err != nil || s.done() {
		return err
	}
	if err := s.end(); err != nil {
		return err
	}
	return s.judge()
}

// during does the works at the same time, until one of them ends or fails.
func (t *turmoil) during(works ...func(quit <-chan struct{}) error) error {
	quit := make(chan struct{})
	enough := sync.OnceFunc(func() { close(quit) })
	errs := make([]error, len(works))
	var working sync.WaitGroup
	for i, work := range works {
		working.Go(func() {
			errs[i] = work(quit)
			enough()
		})
	}
	working.Wait()
	return errors.Join(errs...)
}

// begin starts the processes that live all the time. The follower needs a file to follow.
func (s *soak) begin() (*turmoil, error) {
	if err := s.start("producer"); err != nil {
		return nil, err
	}
	t, err := s.newTurmoil()
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"reader", "watchers", "follower"} {
		if err := s.start(name); err != nil {
			t.end()
			return nil, err
		}
	}
	return t, nil
}

func (s *soak) start(name string) error {
	c, err := start("soak."+name, s.dir, strconv.FormatUint(s.seed, 10), strconv.FormatBool(s.control))
	if err != nil {
		return err
	}
	m := &soakMember{child: c, name: name}
	s.members = append(s.members, m)
	_, err = s.listen(m, "ready")
	return err
}

// listen reads what a member says up to a line that begins so, and returns the rest of that.
func (s *soak) listen(m *soakMember, until string) (string, error) {
	for {
		line, err := m.Line(hangs + s.pause)
		if err != nil {
			return "", err
		}
		if rest, ok := strings.CutPrefix(line, until); ok {
			return strings.TrimSpace(rest), nil
		}
		if text, ok := strings.CutPrefix(line, "wrong "); ok {
			name, text, _ := strings.Cut(text, ": ")
			s.Wrong(name, "%s: %s", m.name, text)
		}
	}
}

// sample asks everybody, again and again, until the time is over.
func (s *soak) sample(quit <-chan struct{}) error {
	tick := time.NewTicker(s.every)
	defer tick.Stop()
	for start := time.Now(); ; {
		select {
		case <-s.ctx.Done():
			return nil
		case <-quit:
			return nil
		case <-tick.C:
		}
		for _, m := range s.members {
			if err := s.ask(m); err != nil {
				return err
			}
		}
		s.figures["parent"] = append(s.figures["parent"], heldNow())
		bytes, names, err := filesBelow(s.dir)
		if err != nil {
			return err
		}
		s.disk, s.names = append(s.disk, bytes>>10), append(s.names, names)
		if s.control {
			if err := s.litter(); err != nil {
				return err
			}
		}
		took := time.Since(start)
		s.progress.set(int64(took.Seconds()), int64(s.length.Seconds()), fmt.Sprintf("%d kills, %d wrong", s.Got("kills"), s.Wrongs()))
		if took >= s.length && len(s.disk) >= leastSamples {
			s.Count("samples", int64(len(s.disk)))
			return nil
		}
	}
}

// ask has a member say what it holds.
func (s *soak) ask(m *soakMember) error {
	if err := m.Send("report"); err != nil {
		return errors.Join(err, m.Wait(time.Second))
	}
	text, err := s.listen(m, "report")
	if errors.Is(err, errSilent) {
		s.Wrong("stuck", "%v", err)
	}
	if err != nil {
		return err
	}
	var r soakReport
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return fmt.Errorf("%s says %q: %w", m.name, text, err)
	}
	s.figures[m.name] = append(s.figures[m.name], r.Held)
	m.counts = r.Counts
	return nil
}

// filesBelow adds up what there is on the disk. Files may come and go meanwhile.
func filesBelow(dir string) (bytes, names int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			info, statErr := d.Info()
			if err = statErr; err == nil {
				bytes, names = bytes+info.Size(), names+1
			}
		}
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	})
	return bytes, names, err
}

// litter leaves a file behind, for the control.
func (s *soak) litter() error {
	return os.WriteFile(filepath.Join(s.dir, fmt.Sprintf("litter%d", len(s.disk))), make([]byte, 2<<20), 0o600)
}

// end lets the members end in order, the producer last. Each says what was wrong to the very end.
func (s *soak) end() error {
	for i := len(s.members) - 1; i >= 0; i-- {
		m := s.members[i]
		m.stdin.Close()
		_, err := s.listen(m, "ended")
		if err == nil {
			_, err = s.listen(m, "nothing more")
		}
		switch {
		case errors.Is(err, errSilent):
			s.Wrong("stuck", "at the end: %v", err)
		case !errors.Is(err, io.EOF):
			return err
		}
		for name, n := range m.counts {
			s.Add(name, n)
		}
	}
	return nil
}
