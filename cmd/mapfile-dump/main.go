// Mapfile-dump shows what is inside map files. It opens them for reading and never disturbs a
// producer.
//
// This file is the way of one command line: parse, run, exit code. Each subcommand has a file of its
// own; what they share is in
//
//	tool.go     one run: flags, contexts, error lines
//	exit.go     which error gives which exit code
//	resolve.go  FILE and SLOT operands; viewed.go those of top and serve
//	output.go   the formats; table.go the tables; outfile.go files that appear whole or not at all
//	node.go     decoded values as text
//
// and in internal: show (text for people), record (the JSON), decode, hist and axis (histograms), listing
// (what there is), and a room for each large library.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// grace is how long a command that was interrupted may take to end by itself. One with a full screen has
// a terminal to give back, also on a machine that is busy.
const (
	grace       = 300 * time.Millisecond
	screenGrace = 10 * time.Second
)

// run runs one command line and returns its exit code. The command has a goroutine of its own, so
// that an interrupt or a timeout ends the process also when the command hangs in a call.
func run(args []string, stdout, stderr *os.File) int {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, endSignals()...)
	defer signal.Stop(signals)
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)

	t := newTool(ctx, stdout, stderr)
	t.clock = newClock(func() { cancel(errGaveUp) })
	done := make(chan int, 1)
	go func() { done <- t.execute(newRoot(t), args) }()

	select {
	case code := <-done:
		return code
	case sig := <-signals:
		cause := errInterrupted
		if sig != os.Interrupt {
			cause = errTerminated
		}
		cancel(cause)
		if code, ended := t.waitFor(done); ended {
			return code
		}
		return exitInterrupted
	case <-ctx.Done():
		if code, ended := t.waitFor(done); ended {
			return code
		}
		fmt.Fprintf(stderr, "mapfile-dump: %v\n", errGaveUp) // the command hangs, perhaps in a write
		return exitIO
	}
}

// endSignals are the signals that ask the program to end. A hangup that nohup had ignored stays so.
func endSignals() []os.Signal {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

// waitFor waits a little for the command's own end.
func (t *tool) waitFor(done <-chan int) (code int, ended bool) {
	patience := grace
	if t.fullScreen.Load() {
		patience = screenGrace
	}
	select {
	case code := <-done:
		return code, true
	case <-time.After(patience):
		return 0, false
	}
}

// execute runs the command and flushes its output.
func (t *tool) execute(root *cobra.Command, args []string) int {
	root.SetArgs(args)
	root.SetOut(t.out)
	root.SetErr(t.stderr)
	cmd, err := root.ExecuteContextC(t.ctx)
	t.fail(t.ending(cmd, err))
	if flushErr := t.out.Flush(); flushErr != nil && !errors.Is(err, flushErr) {
		t.fail(flushErr)
	}
	return t.code
}

// ending makes of the signals to end what they mean for a command: to be told to end, by SIGTERM or a
// hangup, is how a command that stays ends without fault.
func (t *tool) ending(cmd *cobra.Command, err error) error {
	cause := context.Cause(t.ctx)
	if !errors.Is(cause, errInterrupted) && !errors.Is(cause, errTerminated) {
		return err
	}
	if staysOn(cmd) && errors.Is(cause, errTerminated) {
		if errors.Is(err, cause) || errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	}
	return cause
}

// newRoot puts the commands together.
func newRoot(t *tool) *cobra.Command {
	cobra.EnableCommandSorting = false // in the order in which one needs them
	root := &cobra.Command{
		Use:               "mapfile-dump",
		Version:           programVersion(),
		SilenceErrors:     true,
		SilenceUsage:      true,
		Args:              cobra.ArbitraryArgs, // an unknown command: told by RunE, with the near ones
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknownCommand(cmd, args[0])
		},
	}
	root.AddGroup(
		&cobra.Group{ID: "look", Title: "Look"},
		&cobra.Group{ID: "take", Title: "Take"},
		&cobra.Group{ID: "check", Title: "Check"},
		&cobra.Group{ID: "other", Title: "Other"},
	)
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("look", newLs(t), newGet(t), newInfo(t), newWatch(t), newTop(t), newPlot(t), newServe(t))
	add("take", newExport(t), newRecord(t), newMerge(t), newDiff(t))
	add("check", newVerify(t), newDump(t), newGc(t))
	add("other", newCompletion(), newVersion(t))
	root.AddCommand(newGobChild(t))
	root.SetHelpCommandGroupID("other")
	root.CompletionOptions.DisableDefaultCmd = true
	t.addGlobalFlags(root)
	teach(root)
	return root
}
