package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// Pids that come back. In a PID namespace of one's own one can say which pid is given out next.

func init() { roles["namespaces.recycler"] = recyclePids }

// recycle starts process 1 of a box that does it.
func (w *world) recycle(path string) error {
	dir, name := filepath.Split(path)
	w.boxes++
	config := boxConfig{Dir: dir, Root: filepath.Join(w.dir, fmt.Sprint("box", w.boxes)), User: os.Geteuid() != 0, Proc: "own"}
	c, err := startBox(config, "namespaces.recycler", config.path(name))
	if err != nil {
		return err
	}
	defer c.Kill()
	for {
		line, err := c.Line(3 * hangs)
		if err != nil && strings.Contains(err.Error(), errNoBox.Error()) {
			w.skip("pids that come back", err)
			return nil
		}
		if err != nil {
			return err
		}
		if line == "done" {
			w.Add("pids that came back", 2)
			return nil
		}
		w.Wrong("state", "a pid came back: %s", line)
	}
}

// recyclePids has a pid borne by a producer that is killed, by a viewer, and by another producer, all of
// the same program.
func recyclePids(args []string) error {
	path, began := args[0], time.Now()
	first, err := start("namespaces.member", path, "produce", forkBeat.String())
	if err != nil {
		return err
	}
	defer func() { first.Kill() }()
	if _, err := first.Expect("ready", hangs); err != nil {
		return err
	}
	if err := obey(first, "own old/x", "update 1"); err != nil {
		return err
	}
	reader, err := mapfile.Open(path)
	if err != nil {
		return err
	}
	defer reader.Close()
	first.Kill()
	for _, mode := range []string{"view", "produce"} {
		c, err := startWithPid(first.Pid(), "namespaces.member", path, mode, forkBeat.String())
		if err != nil {
			return err
		}
		defer c.Kill()
		if _, err := c.Expect("ready", hangs); err != nil {
			return err
		}
		if mode == "produce" {
			if err := obey(c, "own new/x", "update 2"); err != nil {
				return err
			}
			tellOf(becomes(reader, "new/x", 0, mapfile.StateLive, began, mapfile.StateStalled))
			if err := mapfile.RemoveDead(path); !errors.Is(err, mapfile.ErrOwned) {
				say("RemoveDead: %v", err)
			}
		}
		tellOf(becomes(reader, "old/x", 0, mapfile.StateDead, began))
		if mode == "produce" {
			if err := obey(c, "own old/x", "update 3"); err != nil {
				return err
			}
			tellOf(becomes(reader, "old/x", 0, mapfile.StateLive, began, mapfile.StateStalled))
		}
		c.Kill()
	}
	tellOf(becomes(reader, "new/x", 0, mapfile.StateDead, began))
	if err := mapfile.RemoveDead(path); err != nil {
		say("RemoveDead, when all are dead: %v", err)
	}
	say("done")
	return nil
}

// tellOf tells the parent what is wrong.
func tellOf(_ time.Duration, err error) {
	if err != nil {
		say("%v", err)
	}
}

func obey(c *child, lines ...string) error {
	for _, line := range lines {
		if answer, err := c.Ask(hangs, "%s", line); err != nil || answer != "ok" {
			return fmt.Errorf("%s: %s, %w", line, answer, err)
		}
	}
	return nil
}

// startWithPid starts a process that gets that pid. Threads take numbers, too: it may need some tries.
func startWithPid(pid int, role string, args ...string) (*child, error) {
	for range 100 {
		if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", fmt.Append(nil, pid-1), 0); err != nil {
			return nil, fmt.Errorf("%w: %w", errNoBox, err)
		}
		c, err := start(role, args...)
		if err != nil || c.Pid() == pid {
			return c, err
		}
		c.Kill()
	}
	return nil, fmt.Errorf("%w: pid %d is not to be had again", errNoBox, pid)
}
