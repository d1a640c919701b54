package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// world is the run, outside of all boxes.
type world struct {
	*proof
	rng    *rand.Rand
	shared []string // directories to share
	boot   string   // a file with another boot's name
	began  time.Time
	boxes  int
	number uint64
}

func (p *proof) namespaces(n int) error {
	w := &world{proof: p, rng: p.rand(1), began: time.Now(), boot: filepath.Join(p.dir, "boot_id")}
	if err := os.WriteFile(w.boot, []byte("01234567-89ab-cdef-0123-456789abcdef\n"), 0o644); err != nil {
		return err
	}
	w.shared = []string{filepath.Join(p.dir, "shared")}
	if err := os.Mkdir(w.shared[0], 0o755); err != nil {
		return err
	}
	defer w.mountOverlay()()
	plain := boxConfig{Dir: w.shared[0], User: os.Geteuid() != 0, Proc: "outside"}
	m, err := w.start(&plain, "produce", "probe.map")
	if errors.Is(err, errNoBox) {
		p.Skip("%v", err)
		return nil
	}
	if err != nil {
		return err
	}
	m.Kill()
	if p.control {
		return w.naive(n)
	}
	for round := range n {
		if p.done() {
			return nil
		}
		path := filepath.Join(w.shared[w.rng.IntN(len(w.shared))], fmt.Sprintf("%d.map", round))
		err := w.round(path, round%20 == 0)
		if err == nil && round%10 == 1 {
			err = w.recycle(path)
		}
		if err == nil && round%10 == 2 {
			err = w.stamps(path)
		}
		if err != nil {
			return fmt.Errorf("round %d: %w", round, err)
		}
		p.Add("rounds", 1)
		p.progress.set(int64(round), int64(n), fmt.Sprintf("%d wrong", p.Wrongs()))
	}
	return nil
}

// round is the life of a file: two producers, a viewer, and one of the producers is killed.
func (w *world) round(path string, freeze bool) (err error) {
	dir, name := filepath.Split(path)
	var all []*boxed
	defer func() {
		for _, m := range all {
			if m.child != nil {
				m.Kill()
			}
		}
		if err != nil {
			for _, m := range all {
				err = fmt.Errorf("%w; %v", err, m.config)
			}
		}
	}()
	add := func(config *boxConfig, mode string) (*boxed, error) {
		m, err := w.start(config, mode, name)
		if err == nil {
			all = append(all, m)
		}
		return m, err
	}
	a, err := add(w.randomBox(dir), "produce")
	if err != nil {
		return err
	}
	config := w.randomBox(dir)
	if w.rng.IntN(4) == 0 {
		config.File = name
	}
	b, err := add(config, "produce")
	if err != nil {
		return err
	}
	config = w.randomBox(dir)
	config.ReadOnly = true
	if w.rng.IntN(4) == 0 {
		config.File = name
	}
	viewer, err := add(config, "view")
	if err != nil {
		return err
	}
	outside, err := mapfile.Open(path)
	if err != nil {
		return err
	}
	defer outside.Close()
	all = append(all, &boxed{mf: outside})

	w.tell(a, "own a/x", "ok")
	w.tell(b, "own b/x", "ok")
	w.update(a, b)
	both := map[string]string{"a/x": "LIVE", "b/x": "LIVE"}
	w.allSee("both live", all, both)
	w.leaveAlone(path, a, "b/x")
	w.leaveAlone(path, b, "a/x")
	if freeze {
		if err := w.freeze(a, all); err != nil {
			return err
		}
		w.allSee("both live again", all, both)
	}
	killed, lives, dead, alive := a, b, "a/x", "b/x"
	if w.rng.IntN(2) == 0 {
		killed, lives, dead, alive = b, a, "b/x", "a/x"
	}
	killed.Kill()
	all = []*boxed{lives, viewer, {mf: outside}}
	w.allSee("one killed", all, map[string]string{dead: "DEAD", alive: "LIVE"})
	w.leaveAlone(path, lives, "")
	// The next one has the pid of both.
	next, err := add(w.randomBox(dir), "produce")
	if err != nil {
		return err
	}
	w.leaveAlone(path, next, alive)
	w.tell(next, "own "+dead, "ok")
	w.update(next, lives)
	w.allSee("the next one has come", all, both)
	next.Kill()
	lives.Kill()
	all = []*boxed{viewer, {mf: outside}}
	w.allSee("all killed", all, map[string]string{"a/x": "DEAD", "b/x": "DEAD"})
	return w.last(path)
}

// last: where all are dead the values are, and the file can go.
func (w *world) last(path string) error {
	mf, err := mapfile.OpenOrCreate(path)
	if err != nil {
		return err
	}
	for _, name := range []string{"a/x", "b/x"} {
		if number, err := numberOf(mf, name); err != nil || number != w.number {
			w.Wrong("lost", "%s: number %d of %d: %v", name, number, w.number, err)
		}
		if _, err := mf.Add(name, rawOf(nil)); err != nil {
			w.Wrong("taken", "%s, whose producer is dead: %v", name, err)
		}
	}
	if err := mf.Close(); err != nil {
		return err
	}
	if err := mapfile.RemoveDead(path); err != nil {
		w.Wrong("removed", "a file that nobody has: %v", err)
	}
	return nil
}

// update has producers publish the next number.
func (w *world) update(members ...*boxed) {
	w.number++
	for _, m := range members {
		w.tell(m, fmt.Sprintf("update %d", w.number), "ok")
	}
}

// tell has a member do something.
func (w *world) tell(m *boxed, what, want string) {
	if answer, err := m.Ask(hangs, "%s", what); err != nil || answer != want {
		w.Wrong("taken", "%s: %s, %v instead of %s; in %v", what, answer, err, want, m.config)
	}
}

// leaveAlone: a member neither gets another's slot nor removes the file.
func (w *world) leaveAlone(path string, m *boxed, slot string) {
	if slot != "" {
		w.tell(m, "own "+slot, "owned")
	}
	if answer, err := m.Ask(hangs, "clean"); err != nil || answer != "owned" {
		w.Wrong("removed", "from a box: %s, %v; in %v", answer, err, m.config)
	}
	if err := mapfile.RemoveDead(path); !errors.Is(err, mapfile.ErrOwned) {
		w.Wrong("removed", "from outside: %v", err)
	}
}

// freeze: who hangs is stalled, whatever the clocks say, and not for ever live.
func (w *world) freeze(a *boxed, all []*boxed) error {
	if err := a.Stop(); err != nil {
		return err
	}
	var others []*boxed
	for _, m := range all {
		if m != a {
			others = append(others, m)
		}
	}
	w.allSee("one hangs", others, map[string]string{"a/x": "STALLED", "b/x": "LIVE"})
	return a.Cont()
}

// look returns what a member sees.
func (w *world) look(m *boxed) (v boxView, err error) {
	oldest := time.Since(w.began) + time.Second
	if m.mf != nil {
		return viewOf(m.mf, oldest), nil
	}
	text, err := m.Ask(hangs, "look %d", int64(oldest))
	if err == nil {
		err = json.Unmarshal([]byte(text), &v)
	}
	return v, err
}

// allSee: soon all of them see the producers in these states. Meanwhile, the living may look stalled on a
// busy machine, but never dead.
func (w *world) allSee(when string, all []*boxed, want map[string]string) {
	for _, m := range all {
		start := time.Now()
		for done := false; !done; time.Sleep(time.Millisecond) {
			v, err := w.look(m)
			name, wrong := w.judge(v, err, want)
			switch {
			case name == "" && wrong == "":
				done = true
			case name != "" || time.Since(start) > hangs:
				if name == "" {
					name = "state"
				}
				w.Wrong(name, "%s: %s; seen from %v", when, wrong, m.config)
				done = true
			}
		}
		w.Add("looks", 1)
		w.Most("ms until seen", time.Since(start).Milliseconds())
	}
}

// judge says what is wrong with a view; under a name, if it cannot become right by itself.
func (w *world) judge(v boxView, err error, want map[string]string) (name, wrong string) {
	switch {
	case err != nil:
		return "state", err.Error()
	case v.Ages:
		return "ages", v.Err
	case v.Err != "":
		return "state", v.Err
	}
	for slot, state := range want {
		s := v.Slots[slot]
		switch {
		case s.PID != 1:
			return "state", fmt.Sprintf("%s is of pid %d", slot, s.PID)
		case s.Number == 0 || s.Number > w.number:
			return "lost", fmt.Sprintf("%s has number %d of %d", slot, s.Number, w.number)
		case s.State == state:
		case state != "DEAD" && strings.Contains(s.State, "DEAD"):
			return "state", fmt.Sprintf("%s is %s, not %s", slot, s.State, state)
		default:
			wrong = fmt.Sprintf("%s is %s, not %s", slot, s.State, state)
		}
	}
	return "", wrong
}
