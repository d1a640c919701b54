package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/listing"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/record"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/mapfile"
)

// The command info: a file and its producers.

func newInfo(t *tool) *cobra.Command {
	var requireLive bool
	cmd := &cobra.Command{
		Use:   "info FILE",
		Short: "a file: producers, liveness, size, warnings",
		Long: `Info shows a file as a whole: format version, size, file system, and a line for each producer with its
state: LIVE runs, STALLED is stopped or hung, DEAD ended without Close, CLOSED ended with it,
SUPERSEDED writes into a file that was replaced. LIVE does not say that there is news: ages do.`,
		Example: `  mapfile-dump info hits
  mapfile-dump info checkout --require-live && echo up`,
		Annotations:       map[string]string{annotFormats: usualFormats[annotFormats], annotNoMatch: ""},
		Args:              operands(1, 1, "info shows one file"),
		ValidArgsFunction: t.completeFiles,
		RunE:              func(_ *cobra.Command, args []string) error { return t.info(args[0], requireLive) },
	}
	cmd.Flags().BoolVar(&requireLive, "require-live", false, "exit 4 unless a producer is live")
	return cmd
}

func (t *tool) info(operand string, requireLive bool) error {
	status, errs := withFile(t, operand, func(f *target) (*listing.File, []error) {
		info, err := f.mf.Stat()
		if err != nil {
			return nil, []error{err}
		}
		s := listing.FileOf(f.mf, info)
		return &s, nil
	})
	t.failAll(errs)
	if status == nil {
		return nil
	}
	if err := t.printInfo(status); err != nil {
		return err
	}
	if requireLive && status.State != mapfile.StateLive {
		return &exitError{exitNotLive, t.showPath(status.Path) + ": no producer is live"}
	}
	return nil
}

func (t *tool) printInfo(s *listing.File) error {
	if t.wantsJSON() {
		return t.newRecords(true).Put(record.NewFile(s))
	}
	title := ""
	if s.Info.Title != "" {
		title = show.Quote(s.Info.Title)
	}
	tab := t.newTable()
	tab.add(filepath.Base(s.Path), title, fmt.Sprintf("format %d", s.Info.FormatVersion), "id "+show.ID(s.Info.ID),
		fmt.Sprintf("%s, %s used", show.Size(s.Info.Size), show.Size(s.Info.Used)), show.Plural(s.Info.NumSlots, "slot"), s.Info.FileSystem)
	for _, p := range s.Info.Producers {
		sign := "last sign " + show.Age(p.Heartbeat) + " ago"
		if p.State == mapfile.StateLive {
			sign = "heartbeat " + show.Age(p.Heartbeat) + " ago"
		}
		tab.add(fmt.Sprintf("session %d", p.Session), show.Producer(p), p.State.String(), sign,
			"started "+p.Started.Local().Format("2006-01-02 15:04:05"), fmt.Sprintf("commit %d", p.Commit))
	}
	if err := tab.writeTo(t.out); err != nil {
		return err
	}
	for _, w := range s.Info.Warnings {
		if err := t.out.printf("warning: %s\n", show.Visible(w)); err != nil {
			return err
		}
	}
	return nil
}
