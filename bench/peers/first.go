package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// This chapter measures how long a viewer takes from the start of its process to the first object that it
// has decoded. The role first opens the file and gets the first histogram: when it says "ready", it has it.
// Ours is a program of its own, viewer, as a real one would be.

const aboutFirst = `A viewer from the start of its process to the first object that it has decoded, in milliseconds. Ours is the small
program in viewer; ROOT's is a small compiled program, in which ROOT brings up its
interpreter of C++ all the same, for the descriptions of the classes; chronicle is a Java virtual machine. The producer is there and idle.
Each figure is the median of three starts.`

const startsARound = 3

func experimentFirst(h *harness) error {
	type producer struct {
		*peer
		dir, kind string
	}
	var all []producer
	for _, p := range h.chosen("ours-hbook", "root", "chronicle") {
		role, kind := "trio-publish", "trio"
		if p.name == "chronicle" {
			role, kind = "publish", "64"
		}
		dir, err := h.dir()
		if err == nil {
			_, err = h.start(p, role, dir, kind, "")
		}
		if err != nil {
			h.skip(p.name, "first", err.Error())
			continue
		}
		all = append(all, producer{p, dir, kind})
	}
	if len(all) == 0 {
		return nil
	}
	viewer := filepath.Join(all[0].dir, "viewer")
	if out, err := exec.Command("go", "build", "-o", viewer, "./viewer").CombinedOutput(); err != nil {
		return fmt.Errorf("building the viewer: %w: %s", err, out)
	}
	failed := map[string]bool{}
	for range h.everyRound() {
		h.progress("first: round %d of %d", h.round+1, h.rounds)
		for i := range all {
			p := all[(i+h.round)%len(all)]
			if failed[p.name] {
				continue
			}
			starter := *p.peer
			if p.store != nil {
				starter.program = func() []string { return []string{viewer} }
			}
			took, err := h.firstLooks(&starter, p.dir, p.kind)
			if err != nil {
				failed[p.name] = true
				h.skip(p.name, "first", err.Error())
				continue
			}
			h.note("first", "start to first object", p.name, "ms", took.Seconds()*1e3)
		}
	}
	h.clear()
	return nil
}

// firstLooks starts viewers one after the other, and returns the median of how long they took.
func (h *harness) firstLooks(p *peer, dir, kind string) (time.Duration, error) {
	var took []time.Duration
	for range startsARound {
		start := time.Now()
		w, err := h.start(p, "first", dir, kind, "")
		if err != nil {
			return 0, err
		}
		took = append(took, time.Since(start))
		w.stop()
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}
