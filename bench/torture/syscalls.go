package main

import (
	"time"

	"github.com/spf13/cobra"
)

// This proof makes the n-th system call of each kind fail, with each error that the system could give, in
// a process that does everything a producer and a reader do. It may end in errors of the library, or be
// tried again by it; an interrupted call must be. What is published stays right, the same works the next
// time, nothing hangs, and no descriptor, mapping, goroutine or file is left over.
//
// That needs strace. Without it there are no more descriptors, and no longer files, at each point where
// one is asked for: limits do that, and they are tried in any case.
//
// The control is a process that keeps a descriptor, a mapping and a goroutine whenever it is told of an
// error, as a library does that forgets to clean up on such a path.

func newSyscalls() *cobra.Command {
	s := &syscallProof{}
	return newProof("syscalls", "Let each system call fail, one at a time", true, func(cmd *cobra.Command) {
		cmd.Flags().IntVarP(&s.most, "each", "n", 0, "how many calls of a kind fail, evenly chosen (0: all)")
		cmd.Flags().IntVar(&s.sample, "sample", 0, "how many failures in all, evenly chosen (0: all)")
		cmd.Flags().StringSliceVar(&s.only, "only", nil, "only the calls with these names")
		cmd.Flags().DurationVar(&s.limit, "limit", time.Minute, "after which time a process hangs")
		cmd.Flags().IntVar(&s.parallel, "parallel", 2, "how many processes at a time")
		cmd.Flags().BoolVar(&s.noStrace, "without-strace", false, "only what limits can do")
	}, func(p *proof) error { s.proof = p; return s.run() })
}

type syscallProof struct {
	*proof
	most, sample, parallel int
	only                   []string
	limit                  time.Duration
	noStrace               bool
}
