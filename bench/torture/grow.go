package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// grow: a file grows, and slots come, grow, shrink and go, under readers of other processes that are
// attached before the first change and after the last, and under ones that come on the way. The file
// is never longer than 2½ times what its slots held at one time, and 1 MiB (grow_bound.go says what that is
// and why), and what is given back is used again.
//
// The control reads values where they once were, as a reader would that trusts an extent that it has
// found; and it counts what the file would have if nothing were used again.

// growParts are the parts of the proof.
var growParts = []string{"file", "slots", "fragments"}

// growSettings are the flags.
type growSettings struct {
	bytes   int64
	slots   int
	changes int
	live    int64
	readers int
	parts   []string
}

func newGrow() *cobra.Command {
	var g growSettings
	return newProof("grow", "Grow files and slots under readers, and fragment their space", true,
		func(cmd *cobra.Command) {
			cmd.Flags().Int64Var(&g.bytes, "bytes", 1<<30, "how long the file gets in the part file")
			cmd.Flags().IntVar(&g.slots, "slots", 200_000, "how many slots there are in the part slots")
			cmd.Flags().IntVar(&g.changes, "changes", 1_000_000, "how many changes there are in the part fragments")
			cmd.Flags().Int64Var(&g.live, "live", 128<<20, "how many bytes slots hold at one time in the part fragments")
			cmd.Flags().IntVar(&g.readers, "readers", 2, "how many processes read all the time")
			cmd.Flags().StringSliceVar(&g.parts, "part", growParts, "which parts to do")
		},
		func(p *proof) error { return p.grow(&g) })
}

func (p *proof) grow(g *growSettings) error {
	if p.control && !canReadCarelessly {
		p.Skip("the control needs mmap")
		return nil
	}
	for _, name := range []string{"torn", "gone back", "mixed", "lost", "not listed", "errors", "faults", "damaged", "too long", "space lost", "busy"} {
		p.Add(name, 0)
	}
	for _, part := range g.parts {
		if p.done() {
			break
		}
		torn := p.Got("torn")
		if err := p.growPart(g, part); err != nil {
			return fmt.Errorf("%s: %w", part, err)
		}
		if p.control && p.Got("torn") == torn && !p.done() {
			return fmt.Errorf("%s: careless readers found nothing wrong", part)
		}
	}
	return nil
}

// growPart does one of the parts, with a file of its own.
func (p *proof) growPart(settings *growSettings, part string) (err error) {
	g, err := newGrowing(p, part)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	for range settings.readers {
		g.readers = append(g.readers, g.attach())
	}
	switch part {
	case "file":
		err = g.growFile(uint64(settings.bytes))
	case "slots":
		err = g.growSlots(settings.slots)
	case "fragments":
		err = g.fragment(settings.changes, uint64(settings.live))
	default:
		err = fmt.Errorf("no such part; there are %v", growParts)
	}
	if err != nil || p.done() {
		return err
	}
	return g.finish()
}
