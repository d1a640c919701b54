package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/record"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/mapfile"
)

// The command gc: files whose producers died. It is the one command that changes something, and only
// with --delete.

type gcFlags struct {
	delete    bool
	olderThan duration
}

func newGc(t *tool) *cobra.Command {
	var flags gcFlags
	cmd := &cobra.Command{
		Use:   "gc [DIR]",
		Short: "files of dead producers",
		Long: `Gc lists the files whose producers are all gone and at least one of which died, and with --delete
removes them. A file whose producers ended in order (CLOSED) is somebody's result and stays; so do
files of other users, unless you are root. A file with a live or stalled producer is never removed,
also not if the producer starts at the same moment.`,
		Example: `  mapfile-dump gc
  mapfile-dump gc /dev/shm --older-than 24h --delete`,
		Annotations:       map[string]string{annotFormats: usualFormats[annotFormats], annotNoMatch: ""},
		Args:              operands(0, 1, "gc looks at one directory"),
		ValidArgsFunction: completeDirs,
		RunE: func(_ *cobra.Command, args []string) error {
			dir := ""
			if len(args) > 0 {
				dir = args[0]
			}
			return t.gc(dir, &flags)
		},
	}
	cmd.Flags().BoolVar(&flags.delete, "delete", false, "do it (default: only say what would go)")
	cmd.Flags().Var(&flags.olderThan, "older-than", "only if the last sign of life is `D` ago")
	return cmd
}

func completeDirs(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// gcRecord is what gc says of one file.
type gcRecord struct {
	record.Head
	File     string           `json:"file"`
	Action   string           `json:"action"` // "would remove", "removed" or "kept"
	Reason   string           `json:"reason"`
	State    string           `json:"state"`
	LastSign record.Real      `json:"last_sign_seconds"`
	Producer *record.Producer `json:"producer"`
	Size     record.Whole     `json:"size"`

	producer mapfile.Producer
}

const (
	actionWould   = "would remove"
	actionRemoved = "removed"
	actionKept    = "kept"
)

func (t *tool) gc(path string, flags *gcFlags) error {
	if path == "" {
		var err error
		if path, err = t.defaultDir(); err != nil {
			return err
		}
	}
	dir, err := mapfile.OpenDir(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	var found []*gcRecord
	for mf, err := range dir.Files() {
		t.clock.progress()
		if t.ctx.Err() != nil {
			return t.ctx.Err()
		}
		if err != nil {
			t.fail(err)
			continue
		}
		f, info, err := opened(mf)
		if err != nil {
			t.fail(err)
			continue
		}
		r := judge(f.path, info, flags)
		if r == nil {
			continue
		}
		if r.Action == actionWould && flags.delete {
			if err := remove(r); err != nil {
				t.fail(err)
				continue
			}
		}
		found = append(found, r)
	}
	return t.printGc(found, flags)
}

// judge says what is to be done with a file; nil: it is none of gc's business.
func judge(path string, info mapfile.FileInfo, flags *gcFlags) *gcRecord {
	var last mapfile.Producer // the dead one with the youngest sign of life
	for _, p := range info.Producers {
		switch p.State {
		case mapfile.StateLive, mapfile.StateStalled:
			return nil
		case mapfile.StateDead:
			if last.Session == 0 || p.Heartbeat < last.Heartbeat {
				last = p
			}
		}
	}
	if last.Session == 0 || last.Heartbeat < time.Duration(flags.olderThan) {
		return nil
	}
	r := &gcRecord{Head: record.HeadOf("gc"), File: path, Action: actionWould, State: last.State.String(), producer: last,
		LastSign: record.Seconds(last.Heartbeat), Producer: record.NewProducer(last), Size: record.Whole(info.Size)}
	if owner, ours := ownedByUs(path); !ours {
		r.Action, r.Reason = actionKept, owner
	} else if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		r.Action, r.Reason = actionKept, "a symbolic link"
	}
	return r
}

// remove deletes the file of a judgement. Who forbids it, or came to life, is a reason to keep it.
func remove(r *gcRecord) error {
	err := mapfile.RemoveDead(r.File)
	switch {
	case err == nil:
		r.Action = actionRemoved
	case errors.Is(err, mapfile.ErrOwned):
		r.Action, r.Reason = actionKept, "has a producer again"
	case errors.Is(err, fs.ErrPermission):
		r.Action, r.Reason = actionKept, "removing it is not permitted"
	case errors.Is(err, fs.ErrNotExist):
		r.Action, r.Reason = actionKept, "has gone already"
	default:
		return err
	}
	return nil
}

func (t *tool) printGc(found []*gcRecord, flags *gcFlags) error {
	if t.wantsJSON() {
		records := t.newRecords(false)
		for _, r := range found {
			if err := records.Put(r); err != nil {
				return err
			}
		}
		return records.End()
	}
	tab := t.newTable()
	n, bytes := 0, int64(0)
	for _, r := range found {
		name := filepath.Base(r.File)
		if r.Action == actionKept {
			tab.add(r.Action, name, r.State, r.Reason)
			continue
		}
		n, bytes = n+1, bytes+int64(r.Size)
		tab.add(r.Action, name, fmt.Sprintf("%s %s", r.State, show.Age(r.producer.Heartbeat)), show.Producer(r.producer), show.Size(int64(r.Size)))
	}
	if err := tab.writeTo(t.out); err != nil {
		return err
	}
	switch {
	case n == 0:
		return t.out.printf("nothing to remove\n")
	case flags.delete:
		return t.out.printf("%s, %s removed\n", show.Plural(n, "file"), show.Size(bytes))
	}
	return t.out.printf("%s, %s; --delete removes\n", show.Plural(n, "file"), show.Size(bytes))
}
