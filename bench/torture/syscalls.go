package main

import (
	"time"

	"github.com/spf13/cobra"
)

// This proof makes the n-th system call of each kind fail, with each error that the system could give, in a
// process that does everything a producer and a reader do. It may end in errors of the library, or be tried again
// by it; but what is published stays right, everything works the next time, nothing hangs, and no
// descriptor, mapping or goroutine is left over.

func newSyscalls() *cobra.Command {
	s := &syscallProof{}
	return newProof("syscalls", "Let each system call fail, one at a time", false, func(cmd *cobra.Command) {
		cmd.Flags().IntVarP(&s.most, "each", "n", 0, "how many calls of a kind fail, evenly chosen (0: all)")
		cmd.Flags().StringVar(&s.only, "only", "", "only the calls with this name")
		cmd.Flags().DurationVar(&s.limit, "limit", 30*time.Second, "after which time a process hangs")
		cmd.Flags().IntVar(&s.parallel, "parallel", 2, "how many processes at a time")
	}, func(p *proof) error { s.proof = p; return s.run() })
}

type syscallProof struct {
	*proof
	most, parallel int
	only           string
	limit          time.Duration
}
