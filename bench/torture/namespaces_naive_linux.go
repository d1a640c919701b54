package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// The control of namespaces: a producer writes down its pid and when it last lived, by the boot clock as
// it sees it; others judge by that.

func init() { roles["namespaces.naive"] = liveNaively }

// naiveStale is how old a sign of life of the living may be.
const naiveStale = 5 * time.Second

func (w *world) naive(n int) error {
	for round := range n {
		if w.done() {
			return nil
		}
		if err := w.naiveRound(fmt.Sprint(round, ".pid")); err != nil {
			return err
		}
		w.Add("rounds", 1)
		w.progress.set(int64(round), int64(n), fmt.Sprintf("%d wrong", w.Wrongs()))
	}
	if w.Got("the dead live by pid") == 0 {
		return errors.New("the control finds nothing wrong with pids")
	}
	return nil
}

func (w *world) naiveRound(name string) error {
	w.boxes++
	config := boxConfig{Dir: w.shared[0], Root: filepath.Join(w.dir, fmt.Sprint("box", w.boxes)), User: os.Geteuid() != 0, Proc: "outside"}
	if w.Got("boxes without time namespaces") == 0 {
		config.Uptime = []time.Duration{0, time.Hour, (-uptimeHere() / 2).Truncate(time.Second)}[w.boxes%3]
	}
	c, err := startBox(config, "namespaces.naive", config.path(name))
	if err != nil {
		return err
	}
	defer c.Kill()
	if _, err := c.Expect("ready", hangs); err != nil {
		if config.Uptime == 0 || !strings.Contains(err.Error(), errNoBox.Error()) {
			return err
		}
		w.skip("time namespaces", err)
		return nil
	}
	for _, alive := range []bool{true, false} {
		if !alive {
			c.Kill()
		}
		byPid, age, err := naiveSigns(filepath.Join(w.shared[0], name))
		if err != nil {
			return err
		}
		switch {
		case byPid && !alive:
			w.Add("the dead live by pid", 1)
			w.Wrong("state", "by pid, the dead live")
		case !byPid && alive:
			w.Wrong("state", "by pid, the living are dead")
		}
		switch {
		case age > naiveStale && alive:
			w.Add("the living are dead by clock", 1)
			w.Wrong("state", "by clock, the living are dead")
		case age < -naiveStale:
			w.Add("ages below zero", 1)
			w.Wrong("ages", "%v: live for long, dead or not", age)
		}
	}
	return nil
}

// naiveSigns is what there is to judge by.
func naiveSigns(path string) (byPid bool, age time.Duration, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return false, 0, err
	}
	var pid int
	var beat time.Duration
	if _, err := fmt.Sscan(string(text), &pid, (*int64)(&beat)); err != nil {
		return false, 0, err
	}
	return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH), uptimeHere() - beat, nil
}

// liveNaively shows signs of life.
func liveNaively(args []string) error {
	show := func() error {
		return os.WriteFile(args[0], fmt.Append(nil, os.Getpid(), int64(uptimeHere())), 0o644)
	}
	if err := show(); err != nil {
		return err
	}
	say("ready")
	<-parentClosed
	return nil
}
