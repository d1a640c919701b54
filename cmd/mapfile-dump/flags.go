package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// globalFlags are the flags that every command has.
type globalFlags struct {
	output  string
	match   []string
	wait    duration
	timeout duration
	color   string
}

// defaultTimeout is for commands that answer and end; those that stay have none.
const defaultTimeout = 10 * time.Second

// Annotations of a command: what of the flags for all commands it can use.
const (
	annotFormats = "formats" // values of --output, the first is the default
	annotStays   = "stays"   // no timeout unless given; the value is the flag with which it stays, "" always
	annotNoMatch = "nomatch" // --match has no meaning
)

var usualFormats = map[string]string{annotFormats: "table json ndjson"}

func (t *tool) addGlobalFlags(root *cobra.Command) {
	flags := root.PersistentFlags()
	flags.SortFlags = false
	flags.StringVarP(&t.flags.output, "output", "o", "", "`FORMAT`: table, json or ndjson; JSON has \"schema\": 1 and is a contract, the table is not")
	flags.StringArrayVarP(&t.flags.match, "match", "m", nil, "only slots that match `PATTERN`; may be repeated")
	flags.Var(&t.flags.wait, "wait", "wait up to `D` for file and slot to appear (default: do not wait)")
	flags.Var(&t.flags.timeout, "timeout", "give up after `D` (default 10s; watch, top, serve, record, --follow: none)")
	flags.StringVar(&t.flags.color, "color", "auto", "`WHEN`: auto, always or never (NO_COLOR counts; JSON never has any)")
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return t.checkGlobalFlags(cmd) }
	_ = root.RegisterFlagCompletionFunc("output", func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		return formatsOf(cmd), cobra.ShellCompDirectiveNoFileComp
	})
	_ = root.RegisterFlagCompletionFunc("color", cobra.FixedCompletions(colorValues, cobra.ShellCompDirectiveNoFileComp))
}

var colorValues = []string{"auto", "always", "never"}

// staysOn says whether a command runs until it is told to end.
func staysOn(cmd *cobra.Command) bool {
	flag, stays := cmd.Annotations[annotStays]
	return stays && (flag == "" || cmd.Flags().Changed(flag))
}

func formatsOf(cmd *cobra.Command) []string { return strings.Fields(cmd.Annotations[annotFormats]) }

// checkGlobalFlags runs before each command: it checks the values and starts the clock.
func (t *tool) checkGlobalFlags(cmd *cobra.Command) error {
	formats := formatsOf(cmd)
	switch {
	case len(formats) == 0:
		if cmd.Flags().Changed("output") && cmd.HasParent() {
			return usagef("%s: --output has no use here", cmd.Name())
		}
	case t.flags.output == "" && !cmd.Flags().Changed("output"):
		t.flags.output = formats[0]
	case !slices.Contains(formats, t.flags.output):
		return usagef("%s: unknown format %q for --output; there are: %s", cmd.Name(), t.flags.output, strings.Join(formats, ", "))
	}
	if !slices.Contains(colorValues, t.flags.color) {
		return usagef("unknown value %q for --color; there are: %s", t.flags.color, strings.Join(colorValues, ", "))
	}
	if _, no := cmd.Annotations[annotNoMatch]; no && len(t.flags.match) > 0 {
		return usagef("%s: --match has no use here", cmd.Name())
	}
	t.paint = newPainter(t.flags.color, t.out)
	limit := time.Duration(t.flags.timeout)
	if !staysOn(cmd) && !cmd.Flags().Changed("timeout") {
		limit = defaultTimeout
	}
	t.clock.start(limit)
	return nil
}

// duration is a flag's value: never negative, always with a unit.
type duration time.Duration

func (d *duration) String() string {
	if *d == 0 {
		return ""
	}
	return time.Duration(*d).String()
}
func (*duration) Type() string { return "duration" }
func (d *duration) Set(text string) error {
	v, err := time.ParseDuration(text)
	if err != nil || v < 0 {
		return fmt.Errorf("want a duration such as 500ms, 10s or 2h")
	}
	*d = duration(v)
	return nil
}

// count is a flag's value: a whole number from 1.
type count int64

func (n *count) String() string {
	if *n == 0 {
		return ""
	}
	return strconv.FormatInt(int64(*n), 10)
}
func (*count) Type() string { return "count" }
func (n *count) Set(text string) error {
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil || v < 1 {
		return fmt.Errorf("want a whole number from 1")
	}
	*n = count(v)
	return nil
}

// offset is a flag's value: a place in a file, decimal or 0x…
type offset int64

func (n *offset) String() string { return strconv.FormatInt(int64(*n), 10) }
func (*offset) Type() string     { return "offset" }
func (n *offset) Set(text string) error {
	v, err := strconv.ParseInt(text, 0, 64)
	if err != nil || v < 0 {
		return fmt.Errorf("want a whole number from 0, decimal or 0x…")
	}
	*n = offset(v)
	return nil
}

// choice is a flag's value: one of a few words.
type choice struct {
	value  string
	values []string
}

func (c *choice) String() string { return c.value }
func (*choice) Type() string     { return "choice" }
func (c *choice) Set(text string) error {
	for _, v := range c.values {
		if strings.EqualFold(v, text) {
			c.value = v
			return nil
		}
	}
	return fmt.Errorf("there are: %s", strings.Join(c.values, ", "))
}

// addChoice adds a flag whose values are listed and completed.
func addChoice(cmd *cobra.Command, name, short, initial, usage string, values ...string) *choice {
	c := &choice{initial, values}
	cmd.Flags().VarP(c, name, short, usage)
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	return c
}
