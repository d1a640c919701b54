package main

import (
	"errors"

	"github.com/spf13/cobra"
)

// The command plot.

func newPlot(t *tool) *cobra.Command {
	return &cobra.Command{
		Use:               "plot FILE SLOT…",
		Short:             "pictures of histograms",
		Annotations:       usualFormats,
		ValidArgsFunction: t.completeFileAndSlots,
		RunE:              func(_ *cobra.Command, _ []string) error { return errors.ErrUnsupported },
	}
}
