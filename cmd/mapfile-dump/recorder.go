package main

import (
	"errors"

	"github.com/spf13/cobra"
)

// The command record.

func newRecord(t *tool) *cobra.Command {
	return &cobra.Command{
		Use:               "record FILE [SLOT…]",
		Short:             "timed exports, bounded in number",
		Annotations:       map[string]string{annotFormats: usualFormats[annotFormats], annotStays: ""},
		ValidArgsFunction: t.completeFileAndSlots,
		RunE:              func(_ *cobra.Command, _ []string) error { return errors.ErrUnsupported },
	}
}
