package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/listing"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/record"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/top"
	"github.com/gomapfile/mapfile/mapfile"
)

// The command top: the live list on a full screen, or one plain page of it.

type topFlags struct {
	interval duration
	sort     *choice
	once     bool
}

// leastInterval is as often as top looks at most.
const leastInterval = 50 * time.Millisecond

func newTop(t *tool) *cobra.Command {
	flags := topFlags{interval: duration(time.Second)}
	cmd := &cobra.Command{
		Use:   "top [FILE…|DIR]",
		Short: "live full-screen list; enter opens a slot",
		Long: `Top lists all slots of all files on a full screen, live: states, publishes and bytes a second, ages,
versions. Enter opens a slot: a histogram as a picture, everything else as a tree. The keys are at the
bottom of the screen; ? shows all. Nothing but the opened slot is decoded.

Rates are those of now: without a live producer they are over. Slots that come and go are seen at the
next picture; that a file was replaced or removed, or that its producer died, may take a second.

With --once, with JSON, and where stdout is no terminal or a dumb one, it prints one plain page of the
list and ends. JSON gives the records of ls.`,
		Example: `  mapfile-dump top                           # everything in the default directory
  mapfile-dump top hits -m 'crate00/**' --sort rate
  mapfile-dump top run1.map run2.map --interval 200ms
  mapfile-dump top --once | head
  mapfile-dump top -o json | jq -r '.items[] | select(.state == "DEAD").name'`,
		Annotations:       map[string]string{annotFormats: usualFormats[annotFormats], annotStays: ""},
		ValidArgsFunction: t.completeFiles,
		RunE:              func(_ *cobra.Command, args []string) error { return t.top(args, &flags) },
	}
	f := cmd.Flags()
	f.Var(&flags.interval, "interval", "`D` between pictures (1s)")
	flags.sort = addChoice(cmd, "sort", "s", "name", "`KEY`: "+strings.Join(listing.Keys, ", "), listing.Keys...)
	f.BoolVar(&flags.once, "once", false, "one plain page, then end")
	return cmd
}

func (t *tool) top(operands []string, flags *topFlags) error {
	if time.Duration(flags.interval) < leastInterval {
		return usagef("top: --interval %v is too short; %v is the least", time.Duration(flags.interval), leastInterval)
	}
	match := t.flags.match
	for _, pattern := range match {
		if _, err := mapfile.Match(pattern, ""); err != nil {
			return err
		}
	}
	once := flags.once || t.wantsJSON() || !t.out.terminal || dumbTerminal()
	if !once && !term.IsTerminal(int(os.Stdin.Fd())) {
		return usagef("top: stdin is no terminal, so there are no keys to read; --once prints one page")
	}
	set, picture, err := t.viewed(operands)
	if err != nil {
		return err
	}
	defer set.Close()
	if once {
		return t.topOnce(picture, match, flags.sort.value)
	}
	t.fullScreen.Store(true)
	defer t.fullScreen.Store(false)
	err = top.Run(t.ctx, top.Options{
		Files: set, First: picture, Match: match, Interval: time.Duration(flags.interval), Sort: flags.sort.value,
		Colour: bool(t.paint), Fault: t.faultText, In: os.Stdin, Out: t.out.file,
	})
	switch {
	case errors.Is(err, top.ErrInterrupted):
		return errInterrupted
	case errors.Is(err, context.Canceled) && errors.Is(context.Cause(t.ctx), errGaveUp):
		return nil // --timeout is how long to look
	}
	return err
}

// dumbTerminal says whether the terminal can do nothing but print.
func dumbTerminal() bool {
	kind := os.Getenv("TERM")
	return kind == "dumb" || kind == "" && runtime.GOOS != "windows"
}

// topOnce prints one page, or the slots as JSON.
func (t *tool) topOnce(picture *listing.Picture, match []string, sort string) error {
	t.failAll(picture.Faults)
	rows := top.Rows(picture, match)
	top.Sort(rows, sort, false)
	if len(rows) == 0 && len(match) > 0 {
		t.fail(&exitError{exitNoSlot, "no slot matches " + show.Quote(strings.Join(t.flags.match, `", "`))})
	}
	if t.wantsJSON() {
		records := t.newRecords(false)
		for _, r := range rows {
			if err := records.Put(record.NewSlot("slot", r.Path, r.SlotInfo)); err != nil {
				return err
			}
		}
		return records.End()
	}
	if err := t.out.printf("%s\n", top.Summary(len(picture.Files), rows)); err != nil {
		return err
	}
	if len(rows) == 0 {
		return t.nothing()
	}
	tab := t.newTable("NAME", "STATE", "RATE", "B/S", "AGE", "VERSION")
	for _, r := range rows {
		tab.add(r.Name, r.Producer.State.String(), show.Rate(r.RateNow()), top.BytesText(r.BytesPerSecond()),
			show.SlotAge(r.SlotInfo), fmt.Sprint(r.Stamp.Version))
	}
	return tab.writeTo(t.out)
}
