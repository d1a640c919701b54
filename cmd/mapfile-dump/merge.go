package main

import (
	"errors"

	"github.com/spf13/cobra"
)

// The command merge.

func newMerge(t *tool) *cobra.Command {
	return &cobra.Command{
		Use:               "merge FILE… --out FILE",
		Short:             "the sum of many producers' histograms",
		Annotations:       usualFormats,
		ValidArgsFunction: t.completeFileAndSlots,
		RunE:              func(_ *cobra.Command, _ []string) error { return errors.ErrUnsupported },
	}
}
