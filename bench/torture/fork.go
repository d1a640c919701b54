package main

import (
	"time"

	"github.com/spf13/cobra"
)

// fork: a producer starts commands that outlive it, gives descriptors away, forks without exec, or
// becomes another program by exec; then it is killed, or closes. A session's lock belongs to the open
// file description, so what must hold is:
//
//   - Commands get no copy of the descriptor. What the producer owned is free at once for the next one,
//     and readers see it dead, though its commands live on, and though they opened the file themselves.
//   - Who execs has ended its session: the same process, with the same pid, is nobody's producer any
//     more.
//   - Where a copy of the descriptor was given away on purpose, or by a fork without exec, the lock stays
//     until the last copy is gone: the slot stays owned, and its producer is stalled and not dead. Close
//     ends that, too: it unlocks.
//   - While the producer lives nothing of this takes its lock away.
//
// The control owns as one does without such locks, and keeps or loses what it owns at the wrong time.

const (
	forkSlot = "fork/x"
	forkBeat = 100 * time.Millisecond
)

func newFork() *cobra.Command {
	var n int
	return newProof("fork", "Kill producers whose commands and copies live on", true,
		func(cmd *cobra.Command) { cmd.Flags().IntVarP(&n, "n", "n", 1000, "producers") },
		func(p *proof) error {
			for _, name := range []string{"freed early", "freed late", "state", "ages", "lost", "mapping inherited"} {
				p.Add(name, 0)
			}
			return p.fork(n)
		})
}
