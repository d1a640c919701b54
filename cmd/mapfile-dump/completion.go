package main

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/mapfile"
)

// The command completion, and what the shell is told when it asks: names of files and slots. Whatever
// is wrong with a file, completion is silent and quick.

var shells = []string{"bash", "zsh", "fish", "powershell"}

func newCompletion() *cobra.Command {
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "completion of commands, files and slots for a shell",
		Long: `Completion prints a script with which a shell completes commands, flags, map files and slots.
SHELL is bash, zsh, fish or powershell.`,
		Example: `  source <(mapfile-dump completion bash)
  mapfile-dump completion zsh > "${fpath[1]}/_mapfile-dump"
  mapfile-dump completion fish > ~/.config/fish/completions/mapfile-dump.fish
  mapfile-dump completion powershell | Out-String | Invoke-Expression`,
		Annotations: map[string]string{annotNoMatch: ""},
		Args: func(cmd *cobra.Command, args []string) error {
			if err := operands(1, 1, "completion is for one shell")(cmd, args); err != nil {
				return err
			}
			if !slices.Contains(shells, args[0]) {
				return usagef("completion: unknown shell %q; there are: %s", args[0], strings.Join(shells, ", "))
			}
			return nil
		},
		ValidArgsFunction: cobra.FixedCompletions(shells, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(cmd *cobra.Command, args []string) error {
			return writeCompletion(cmd.Root(), args[0], cmd.OutOrStdout())
		},
	}
}

func writeCompletion(root *cobra.Command, shell string, w io.Writer) error {
	switch shell {
	case "bash":
		return root.GenBashCompletionV2(w, true)
	case "zsh":
		return root.GenZshCompletion(w)
	case "fish":
		return root.GenFishCompletion(w, true)
	case "powershell":
		return root.GenPowerShellCompletionWithDesc(w)
	}
	return errors.ErrUnsupported
}

const (
	completionTime = 120 * time.Millisecond // then the shell gets what there is
	completionMost = 500
)

// completeFiles offers the files of the default directory; the shell itself adds those here.
func (t *tool) completeFiles(_ *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
	if strings.ContainsRune(prefix, os.PathSeparator) {
		return nil, cobra.ShellCompDirectiveDefault
	}
	names := quickly(func(ctx context.Context, yield func(string) bool) {
		dir, err := t.defaultDir()
		if err != nil {
			return
		}
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if e.Type().IsRegular() && strings.HasPrefix(e.Name(), prefix) && show.Visible(e.Name()) == e.Name() && !yield(e.Name()) {
				return
			}
		}
	})
	return names, cobra.ShellCompDirectiveDefault
}

// completeFileAndSlots offers files for the first operand, then the slots of it.
func (t *tool) completeFileAndSlots(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return t.completeFiles(cmd, args, prefix)
	}
	return t.slotNames(args[0], prefix), cobra.ShellCompDirectiveNoFileComp
}

// completeSlotFlag offers slots for a flag whose value is a slot of the first operand.
func (t *tool) completeSlotFlag(_ *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return t.slotNames(args[0], prefix), cobra.ShellCompDirectiveNoFileComp
}

// slotNames are slots that begin with the prefix. Names that a shell script could misread are left out.
func (t *tool) slotNames(file, prefix string) []string {
	return quickly(func(ctx context.Context, yield func(string) bool) {
		path, err := t.findFile(file)
		if err != nil {
			return
		}
		mf, err := mapfile.Open(path)
		if err != nil {
			return
		}
		defer mf.Close()
		for info, err := range mf.Slots() {
			if ctx.Err() != nil {
				return
			}
			if err == nil && strings.HasPrefix(info.Name, prefix) && show.Visible(info.Name) == info.Name && !yield(info.Name) {
				return
			}
		}
	})
}

// quickly collects what find yields, until there is enough or the time is over.
func quickly(find func(ctx context.Context, yield func(string) bool)) []string {
	ctx, cancel := context.WithTimeout(context.Background(), completionTime)
	defer cancel()
	found := make(chan string)
	go func() {
		defer close(found)
		find(ctx, func(name string) bool {
			select {
			case found <- name:
				return true
			case <-ctx.Done():
				return false
			}
		})
	}()
	var names []string
	for len(names) < completionMost {
		select {
		case name, more := <-found:
			if !more {
				return names
			}
			names = append(names, name)
		case <-ctx.Done():
			return names
		}
	}
	return names
}
