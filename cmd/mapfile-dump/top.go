package main

import (
	"errors"

	"github.com/spf13/cobra"
)

// The command top.

func newTop(t *tool) *cobra.Command {
	return &cobra.Command{
		Use:               "top [FILE…|DIR]",
		Short:             "live full-screen list; enter opens a slot",
		Annotations:       map[string]string{annotFormats: usualFormats[annotFormats], annotStays: ""},
		ValidArgsFunction: t.completeFileAndSlots,
		RunE:              func(_ *cobra.Command, _ []string) error { return errors.ErrUnsupported },
	}
}
