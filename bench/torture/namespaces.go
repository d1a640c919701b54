package main

import (
	"github.com/spf13/cobra"
)

// namespaces: producers in boxes that share a directory, as containers do. Each is process 1 of PIDs of
// its own, has mounts of its own, in some a read-only view or the file alone, and in some the machine's
// boot began at another time or the boot's name is another one. What must hold is:
//
//   - All live, though they have the same pid and the same program: none takes what another owns, none
//     removes the file of another. The killed one is dead and the others are not, for readers in every
//     box and outside.
//   - A pid that comes back revives nobody, and nobody removes the file that its new bearer just took.
//   - No clock, whatever it says, makes an age negative, the dead alive, the living dead, or the hung
//     live for ever.
//
// The clocks of the boot are moved by time namespaces. The wall clock of a program cannot be moved
// without moving the machine's (libfaketime needs a libc), so stamps are written into the file as a
// producer with a wrong clock leaves them.
//
// The control judges by pid, and by the boot clock as it is in the box.

func newNamespaces() *cobra.Command {
	var n int
	return newProof("namespaces", "Share a file between containers and wrong clocks, and kill some", true,
		func(cmd *cobra.Command) { cmd.Flags().IntVarP(&n, "n", "n", 200, "rounds") },
		func(p *proof) error {
			for _, name := range []string{"taken", "removed", "state", "ages", "lost"} {
				p.Add(name, 0)
			}
			return p.namespaces(n)
		})
}
