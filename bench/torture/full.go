package main

import (
	"github.com/spf13/cobra"
)

// This proof takes room away: a full tmpfs, a full ext4, a quota, a limit on the length of files, little address
// space. A process that had begun to publish then creates, adds, grows, commits, syncs and replaces. Each must be
// a clear error (ErrFull; never a signal), leave everything readable that was published before, and work again
// when the room is back. What is not allowed here (mounting needs root) is skipped, and said so.
//
// The control is a program that makes its file long enough without asking for the room, as programs do, and stores:
// the signal must kill it.

func newFull() *cobra.Command {
	var rounds int
	return newProof("full", "Run out of disk, quota, file length and address space", true, func(cmd *cobra.Command) {
		cmd.Flags().IntVarP(&rounds, "rounds", "n", 5, "how often each kind of room is taken away and given back")
	}, func(p *proof) error { return runFull(p, rounds) })
}
