package main

import (
	"errors"

	"github.com/spf13/cobra"
)

// The command serve.

func newServe(t *tool) *cobra.Command {
	return &cobra.Command{
		Use:               "serve [FILE…|DIR]",
		Short:             "the same in a browser",
		Annotations:       map[string]string{annotFormats: usualFormats[annotFormats], annotStays: ""},
		ValidArgsFunction: t.completeFileAndSlots,
		RunE:              func(_ *cobra.Command, _ []string) error { return errors.ErrUnsupported },
	}
}
