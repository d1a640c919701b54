package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Help teaches: the overview shows what there is in groups, each command's help has examples and the
// exit codes. Help goes to stdout and is no error; a wrong command line is told on stderr in one line
// that says what would have been right.

const intro = `mapfile-dump shows what is inside map files. It opens them for reading and never disturbs a producer.
`

const operandsHelp = `FILE is a path; a bare name that is not here is looked for in the default directory, with and without ".map".
No FILE: the default directory ($MAPFILE_DIR …). SLOT is a name or a pattern: * within a segment, ** across.
`

const firstSteps = `First steps:
  mapfile-dump ls                   which files are there, and does their producer live?
  mapfile-dump ls hits              what is in hits.map?
  mapfile-dump get hits run1/hpx    one object, decoded
  mapfile-dump top                  everything, live, in this terminal
  mapfile-dump plot hits run1/hpx --out hpx.png
  mapfile-dump serve                the same in a browser: open the address that it prints
  mapfile-dump help get             more about a command, with examples
`

// teach gives the commands their help and their usage errors.
func teach(root *cobra.Command) {
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		if cmd.HasParent() {
			helpCommand(cmd.OutOrStdout(), cmd)
		} else {
			helpOverview(cmd.OutOrStdout(), cmd)
		}
	})
	root.SetUsageFunc(func(cmd *cobra.Command) error { return cmd.Help() })
	root.SetFlagErrorFunc(flagError)
	root.SetVersionTemplate("mapfile-dump {{.Version}}\n")
	root.InitDefaultHelpCmd()
	for _, cmd := range append(root.Commands(), root) {
		cmd.InitDefaultHelpFlag()
		cmd.Flags().SortFlags = false
		if help := cmd.Flags().Lookup("help"); help != nil {
			help.Usage = "this help"
		}
		if cmd.Name() == "help" {
			cmd.Short, cmd.Long = "help for a command", "Help shows what a command does, its flags, examples and exit codes."
			cmd.Run, cmd.RunE = nil, func(cmd *cobra.Command, args []string) error { return helpFor(root, args) }
		}
	}
}

// helpFor is the command help.
func helpFor(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return root.Help()
	}
	for _, cmd := range root.Commands() {
		if cmd.Name() == args[0] && len(args) == 1 && !cmd.Hidden {
			return cmd.Help()
		}
	}
	return unknownCommand(root, strings.Join(args, " "))
}

func helpOverview(w io.Writer, root *cobra.Command) {
	fmt.Fprintf(w, "%s\n", intro)
	for _, group := range root.Groups() {
		title := group.Title
		var others []string
		for _, cmd := range root.Commands() {
			switch {
			case cmd.GroupID != group.ID || cmd.Hidden:
			case group.ID == "other":
				others = append(others, cmd.Name())
			default:
				fmt.Fprintf(w, "%-9s %-9s %s\n", title, cmd.Name(), cmd.Short)
				title = ""
			}
		}
		if others != nil {
			fmt.Fprintf(w, "%-9s %s\n", title, strings.Join(others, ", "))
		}
	}
	fmt.Fprintf(w, "\n%s\n%s\nEverywhere:\n%s      --version         the program's version\n\n%s\n", firstSteps, operandsHelp,
		flagLines(root.PersistentFlags(), root.Flags().Lookup("help")), exitCodesHelpLine)
}

func helpCommand(w io.Writer, cmd *cobra.Command) {
	fmt.Fprintf(w, "%s\n\nUsage: mapfile-dump %s\n", strings.TrimSpace(cmd.Long), cmd.Use)
	if cmd.Example != "" {
		fmt.Fprintf(w, "\nExamples:\n%s\n", strings.Trim(cmd.Example, "\n"))
	}
	own := pflag.NewFlagSet("", pflag.ContinueOnError)
	own.SortFlags = false
	cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" {
			own.AddFlag(f)
		}
	})
	if own.HasFlags() {
		fmt.Fprintf(w, "\nFlags:\n%s", flagLines(own, nil))
	}
	everywhere := flagLines(globalFlagsOf(cmd), cmd.Flags().Lookup("help"))
	fmt.Fprintf(w, "\nEverywhere:\n%s\n%s\n%s\n", everywhere, operandsHelp, exitCodesHelpLine)
}

// globalFlagsOf are the flags for all commands, as far as a command has a use for them.
func globalFlagsOf(cmd *cobra.Command) *pflag.FlagSet {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.SortFlags = false
	formats := formatsOf(cmd)
	_, noMatch := cmd.Annotations[annotNoMatch]
	flag, stays := cmd.Annotations[annotStays]
	cmd.Root().PersistentFlags().VisitAll(func(f *pflag.Flag) {
		shown := *f
		switch {
		case f.Name == "output" && len(formats) == 0, f.Name == "match" && noMatch:
			return
		case f.Name == "output":
			shown.Usage = fmt.Sprintf("`FORMAT`: %s; JSON has \"schema\": 1 and is a contract, the others are not", strings.Join(formats, ", "))
		case f.Name == "timeout" && stays && flag != "":
			shown.Usage = "give up after `D` (default 10s; with --" + flag + ": never)"
		case f.Name == "timeout" && stays:
			shown.Usage = "give up after `D` (default: never)"
		}
		flags.AddFlag(&shown)
	})
	return flags
}

// flagLines shows flags one a line.
func flagLines(flags *pflag.FlagSet, more *pflag.Flag) string {
	var lines strings.Builder
	line := func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		name, usage := pflag.UnquoteUsage(f)
		if f.Value.Type() == "bool" {
			name = ""
		}
		short := "    "
		if f.Shorthand != "" {
			short = "-" + f.Shorthand + ", "
		}
		if f.Value.Type() != "bool" && strings.HasPrefix(usage, name+": ") {
			usage = strings.TrimPrefix(usage, name+": ")
		}
		fmt.Fprintf(&lines, "  %s%-17s %s\n", short, strings.TrimSpace("--"+f.Name+" "+name), usage)
	}
	flags.VisitAll(line)
	if more != nil {
		line(more)
	}
	return lines.String()
}

// flagError is the error for a flag that is not there or has a wrong value.
func flagError(cmd *cobra.Command, err error) error {
	text := err.Error()
	prefix := ""
	if cmd.HasParent() {
		prefix = cmd.Name() + ": "
	}
	if !strings.HasPrefix(text, "unknown flag") && !strings.HasPrefix(text, "unknown shorthand") {
		return usagef("%s%s", prefix, text)
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, "--"+f.Name)
		}
	})
	slices.Sort(names)
	asked, _, _ := strings.Cut(strings.TrimPrefix(text, "unknown flag: "), "=")
	return usagef("%s%s%s; flags: %s", prefix, text, nearText(near(asked, slices.Values(names))), strings.Join(names, ", "))
}

// unknownCommand is the error for a command that is not there.
func unknownCommand(root *cobra.Command, name string) error {
	var names []string
	for _, cmd := range root.Commands() {
		if !cmd.Hidden {
			names = append(names, cmd.Name())
		}
	}
	return usagef("unknown command %q%s; commands: %s", name, nearText(near(name, slices.Values(names))), strings.Join(names, ", "))
}

// operands checks the number of operands; most < 0 means any number.
func operands(least, most int, want string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usagef("%s: an operand is missing; usage: mapfile-dump %s", cmd.Name(), cmd.Use)
		case most >= 0 && len(args) > most:
			return usagef("%s: unexpected operand %q; %s", cmd.Name(), args[most], want)
		}
		return nil
	}
}
