package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// How namespaces comes to its boxes: made up at random, and plainer where one cannot be made here.

// mountOverlay makes a second directory to share, on the file system that containers have as their root.
func (w *world) mountOverlay() (undo func()) {
	dir := filepath.Join(w.dir, "overlay")
	for _, sub := range []string{"lower", "upper", "work", "merged"} {
		os.MkdirAll(filepath.Join(dir, sub), 0o755)
	}
	merged := filepath.Join(dir, "merged")
	undo, err := mount(merged, "-t", "overlay", "-o",
		fmt.Sprintf("lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work", dir, dir, dir), "overlay", merged)
	if err != nil {
		w.Logf("SKIPPED: overlay: %v", err)
		w.Add("skipped overlay", 1)
		return func() {}
	}
	w.shared = append(w.shared, merged)
	return undo
}

// A boxed is a member in its box, or the reader outside.
type boxed struct {
	*child
	config boxConfig
	mf     *mapfile.MapFile // of the reader outside
}

// start starts a member in a box. A box that cannot be made here is made plainer.
func (w *world) start(config *boxConfig, mode, name string) (*boxed, error) {
	for {
		w.boxes++
		config.Root = filepath.Join(w.dir, fmt.Sprint("box", w.boxes))
		c, err := startBox(*config, "namespaces.member", config.path(name), mode, forkBeat.String())
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errNoBox, err)
		}
		text, err := c.Expect("ready", hangs)
		if err == nil {
			err = w.checkUptime(config, text)
		}
		if err == nil {
			w.Add("boxes", 1)
			return &boxed{child: c, config: *config}, nil
		}
		c.Kill()
		switch {
		case !strings.Contains(err.Error(), errNoBox.Error()):
			return nil, err
		case config.Uptime != 0 && strings.Contains(err.Error(), "time namespace"):
			w.skip("time namespaces", err)
			config.Uptime = 0
		case config.BootID != "":
			w.skip("boot ids", err)
			config.BootID = ""
		case config.Proc != "outside":
			w.skip(config.Proc+" /proc", err)
			config.Proc = "outside"
		case config.ReadOnly:
			w.skip("read-only mounts", err)
			config.ReadOnly = false
		case config.User && os.Geteuid() == 0:
			w.skip("user namespaces", err)
			config.User = false
		default:
			return nil, fmt.Errorf("%w: %w", errNoBox, err)
		}
	}
}

// skip says so once.
func (w *world) skip(what string, err error) {
	name := "boxes without " + what
	if w.Got(name) == 0 {
		w.Logf("SKIPPED: %s: %v", what, err)
	}
	w.Add(name, 1)
}

// checkUptime makes sure that the box's clocks are what they should be: older kernels let nobody into
// another time by exec.
func (w *world) checkUptime(config *boxConfig, text string) error {
	var its int64
	if _, err := fmt.Sscan(text, &its); err != nil {
		return err
	}
	if config.Uptime == 0 {
		return nil
	}
	if off := time.Duration(its) - uptimeHere() - config.Uptime; off.Abs() > 3*hangs {
		return fmt.Errorf("%w: time namespace: not entered", errNoBox)
	}
	w.Add("boxes in another time", 1)
	return nil
}

// randomBox makes up a box.
func (w *world) randomBox(dir string) *boxConfig {
	b := &boxConfig{Dir: dir, User: os.Geteuid() != 0 || w.rng.IntN(3) == 0}
	b.Proc = []string{"outside", "own", "none"}[w.rng.IntN(3)]
	if w.rng.IntN(4) == 0 && b.Proc != "none" {
		b.BootID = w.boot
	}
	// By how much the clocks are moved stands in /proc: without it one can be told to be in another time,
	// and its producer looks stalled to the others.
	if w.rng.IntN(2) == 0 && b.Proc != "none" {
		b.Uptime = []time.Duration{time.Hour, 365 * 24 * time.Hour, -uptimeHere() / 2, -uptimeHere() + time.Minute}[w.rng.IntN(4)]
		b.Uptime = b.Uptime.Truncate(time.Second)
	}
	return b
}
