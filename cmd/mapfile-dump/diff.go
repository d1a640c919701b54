package main

import (
	"errors"

	"github.com/spf13/cobra"
)

// The command diff.

func newDiff(t *tool) *cobra.Command {
	return &cobra.Command{
		Use:               "diff A [B] [SLOT…]",
		Short:             "what differs between two files, or now and later",
		Annotations:       usualFormats,
		ValidArgsFunction: t.completeFileAndSlots,
		RunE:              func(_ *cobra.Command, _ []string) error { return errors.ErrUnsupported },
	}
}
