package main

import (
	"errors"

	"github.com/spf13/cobra"
)

// The command export.

func newExport(t *tool) *cobra.Command {
	return &cobra.Command{
		Use:               "export FILE [SLOT…]",
		Short:             "all slots of one commit, to json, ndjson, csv, root, prom, raw-dir",
		Annotations:       usualFormats,
		ValidArgsFunction: t.completeFileAndSlots,
		RunE:              func(_ *cobra.Command, _ []string) error { return errors.ErrUnsupported },
	}
}
