// Command torture proves what the library promises, by trying to break it: with real processes, real
// files and real signals. There is a subcommand for each promise.
//
//	torture kill -n 10000
//	torture readers --reads 1000000 --control
//
// A proof takes its counts and its seed as flags, shows its progress on a terminal, and prints one
// last line of JSON with what it counted and "ok". It exits with 0 if that is true, else with 1.
//
// What concerns concurrency has --control: the same run with the guard off. It must find errors, and
// is ok only then: a proof that cannot fail proves nothing.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

// commands are all proofs. Each has a file of its own.
var commands = []func() *cobra.Command{
	newKill,
	newFailpoints,
	newReaders,
	newSnapshot,
	newGrow,
	newFlip,
	newTruncate,
	newFaults,
	newHostile,
	newFull,
	newSyscalls,
	newSoak,
	newStop,
	newWaiters,
	newCreators,
	newFork,
	newNamespaces,
}

func main() {
	if playRole() {
		return
	}
	os.Exit(torture(os.Args[1:]))
}

// torture runs a command line and returns the exit code.
func torture(args []string) int {
	root := &cobra.Command{
		Use:           "torture",
		Short:         "Prove what the library promises by trying to break it",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.CompletionOptions.DisableDefaultCmd = true
	for _, newCommand := range commands {
		root.AddCommand(newCommand())
	}
	root.SetArgs(args)
	switch err := root.Execute(); err {
	case nil:
		return 0
	case errNotOK: // the last line said so
		return 1
	default:
		fmt.Fprintln(os.Stderr, "torture:", err)
		return 2
	}
}
