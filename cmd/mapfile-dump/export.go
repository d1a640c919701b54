package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/decode"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/exporting"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/record"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/mapfile"
)

// The command export.

type exportFlags struct {
	to    *choice
	out   string
	force bool
}

func newExport(t *tool) *cobra.Command {
	var flags exportFlags
	cmd := &cobra.Command{
		Use:   "export FILE [SLOT…]",
		Short: "all slots of one commit, to json, ndjson, csv, root, prom, raw-dir",
		Long: `Export writes the slots of a file as they were at one commit. Without --to the ending of --out says the format:
.json, .ndjson, .csv, .root or .prom; on stdout it is json.

json and ndjson are the records of get, with "error" where a value cannot be decoded. csv is one table, with a row
for each bin or number. root has TH1D, TH2D, TProfile, and the JSON of everything else. prom is Prometheus's text
format. raw-dir is a directory: a file for each payload, byte for byte, and index.json. docs/export.md describes them.

The file at --out appears whole or not at all, and what is there already stays unless --force.`,
		Example: `  mapfile-dump export hits --out hits.root
  mapfile-dump export checkout 'metrics/*' --to prom | promtool check metrics
  mapfile-dump export hits 'crate00/**' --out crate00.csv --force
  mapfile-dump export hits --to ndjson | jq -c '{name, value}'`,
		Annotations:       usualFormats,
		Args:              operands(1, -1, ""),
		ValidArgsFunction: t.completeFileAndSlots,
		RunE:              func(_ *cobra.Command, args []string) error { return t.export(args[0], args[1:], &flags) },
	}
	flags.to = addChoice(cmd, "to", "", "", "`FORMAT`: "+strings.Join(exporting.Formats, ", "), exporting.Formats...)
	f := cmd.Flags()
	f.StringVar(&flags.out, "out", "", "write to `PATH` (default and -: stdout)")
	f.BoolVar(&flags.force, "force", false, "replace what is there")
	return cmd
}

// isStdout says whether --out means stdout.
func isStdout(out string) bool { return out == "" || out == "-" }

// format is what --to says, or the ending of --out.
func (flags *exportFlags) format() (string, error) {
	switch format := exporting.FormatOf(flags.out); {
	case flags.to.value != "":
		return flags.to.value, nil
	case isStdout(flags.out):
		return exporting.JSON, nil
	case format != "":
		return format, nil
	}
	return "", usagef("export: the name %s does not tell the format; give --to: %s", show.Quote(flags.out), strings.Join(exporting.Formats, ", "))
}

func (t *tool) export(operand string, slots []string, flags *exportFlags) error {
	format, err := flags.format()
	switch {
	case err != nil:
		return err
	case isStdout(flags.out) && format == exporting.RawDir:
		return usagef("export: --to raw-dir makes a directory; give --out")
	case isStdout(flags.out) && format == exporting.ROOT && t.out.terminal:
		return usagef("export: a ROOT file is binary, and stdout is a terminal; give --out")
	}
	if !isStdout(flags.out) && format != exporting.RawDir {
		if err := mayReplace(flags.out, flags.force); err != nil {
			return err
		}
	}
	taken, errs := withFile(t, operand, func(f *target) (*commit, []error) { return t.takeCommit(f, slots) })
	t.failAll(errs)
	if taken == nil {
		return nil
	}
	e := &exporter{tool: t, format: format, tell: func(_ string, err error) { t.fail(err) }}
	done, err := e.write(taken, flags.out, flags.force)
	if err != nil || isStdout(flags.out) {
		return err
	}
	if t.wantsJSON() {
		return t.newRecords(true).Put(done)
	}
	parts := []string{show.Visible(done.Out), show.Plural(int(done.Objects), "object"), done.number}
	return t.out.printf("%s\n", strings.Join(parts, columnGap))
}

// A commit is a file's slots as of one commit, and what there is to say about the file.
type commit struct {
	file     exporting.File
	snapshot *mapfile.Snapshot
}

// takeCommit takes a snapshot of the slots that the operands mean; nil if they mean none.
func (t *tool) takeCommit(f *target, operands []string) (*commit, []error) {
	sel, errs := t.selectSlots(f, operands)
	if len(sel.patterns) == 0 && len(operands)+len(t.flags.match) > 0 {
		return nil, errs
	}
	if t.flags.wait > 0 && len(errs) == 0 {
		errs = t.unpublished(f, sel)
	}
	snapshot, err := f.mf.Snapshot(sel.patterns...)
	if err != nil {
		return nil, append(errs, err)
	}
	info, err := f.mf.Stat()
	if err != nil {
		return nil, append(errs, err)
	}
	c := &commit{exporting.File{Path: f.path, Info: info, Commit: snapshot.Commit()}, snapshot}
	for info := range snapshot.Slots() {
		c.file.Slots = append(c.file.Slots, info.Name)
	}
	return c, errs
}

// number is the number of the commit in words.
func (c *commit) number() string {
	sessions := map[uint64]bool{}
	for info := range c.snapshot.Slots() {
		sessions[info.Producer.Session] = true
	}
	if len(sessions) > 1 {
		return "last commits of several producers"
	}
	return fmt.Sprintf("commit %d", c.file.Commit)
}

// fingerprint is another one for each other content: another file, or a slot with another value.
func (c *commit) fingerprint() [sha256.Size]byte {
	h := sha256.New()
	h.Write(c.file.Info.ID[:])
	for info := range c.snapshot.Slots() {
		fmt.Fprintf(h, "%q %d %d\n", info.Name, info.Stamp.Session, info.Stamp.Version)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// An exporter writes commits in one format.
type exporter struct {
	*tool
	format string
	tell   func(slot string, err error) // what is wrong with a slot; nil: nothing any more
	noted  map[[2]string]bool           // types, with their codecs, of which was told that they are shown as bytes
}

// exportRecord is what export and record tell in JSON about what they wrote.
type exportRecord struct {
	record.Head
	File    string         `json:"file"`
	ID      string         `json:"id"`
	Out     string         `json:"out"`
	Format  string         `json:"format"`
	Objects record.Whole   `json:"objects"` // slots with a value
	Commit  record.Natural `json:"commit"`  // 0: of several producers, or none

	number string // of the commit, in words
}

// write writes a commit to a path, whole or not at all, or to stdout.
func (e *exporter) write(c *commit, path string, force bool) (*exportRecord, error) {
	rec := &exportRecord{Head: record.HeadOf("export"), File: c.file.Path, ID: fmt.Sprintf("%x", c.file.Info.ID), Out: path, Format: e.format, Commit: record.Natural(c.file.Commit), number: c.number()}
	all := func(w exporting.Writer, err error) error {
		if err != nil {
			return err
		}
		defer w.Close()
		if rec.Objects, err = e.putAll(c, w); err != nil {
			return err
		}
		return w.End()
	}
	if e.format == exporting.RawDir {
		dir, err := exporting.CreateDir(path, force, &c.file)
		return rec, nameOf(path, all(dir, err))
	}
	err := e.writeOut(path, force, func(w io.Writer) error {
		if !isStdout(path) || !e.out.terminal {
			return all(exporting.New(e.format, e.whileRunning(w), &c.file))
		}
		shown := &visibleWriter{w: e.whileRunning(w)}
		if err := all(exporting.New(e.format, shown, &c.file)); err != nil {
			return err
		}
		return shown.flush()
	})
	return rec, err
}

// putAll reads, decodes and writes one slot after the other.
func (e *exporter) putAll(c *commit, w exporting.Writer) (objects record.Whole, err error) {
	progress := e.newProgress("export", true)
	defer progress.clear()
	for info := range c.snapshot.Slots() {
		e.clock.progress()
		progress.step()
		if err := e.ctx.Err(); err != nil {
			return 0, err
		}
		slot := e.read(c, info)
		err := w.Put(&slot)
		var leftOut *exporting.LeftOut
		switch {
		case errors.As(err, &leftOut):
			slot.Err = &mapfile.Error{Op: "export", Path: c.file.Path, Slot: info.Name, Err: fmt.Errorf("left out: %w", leftOut.Err)}
		case err != nil:
			return 0, err
		}
		if e.told(slot) && slot.Stamp.Version != 0 {
			objects++
		}
	}
	return objects, nil
}

// read reads a slot of a commit.
func (e *exporter) read(c *commit, info mapfile.SlotInfo) exporting.Slot {
	r, err := readSlot(c.snapshot, info)
	if errors.Is(err, mapfile.ErrNotPublished) {
		return exporting.Slot{SlotInfo: info}
	}
	if err != nil {
		return exporting.Slot{SlotInfo: info, Err: err}
	}
	slot := exporting.Slot{SlotInfo: r.info, Payload: r.payload}
	if e.format != exporting.RawDir {
		slot.Value, slot.Err = decode.Payload(e.showPath(c.file.Path), r.info.Name, r.info.Type, r.payload)
	}
	return slot
}

// told tells what is wrong with a slot, and says whether it is in the export. That a type cannot be decoded
// here is told once.
func (e *exporter) told(slot exporting.Slot) bool {
	var bytesOnly *decode.NotDecoded
	if !errors.As(slot.Err, &bytesOnly) {
		e.tell(slot.Name, slot.Err)
		return slot.Err == nil
	}
	if e.format == exporting.Prom {
		return false // a comment tells
	}
	if ty := [2]string{slot.Type.Name, slot.Type.Codec}; !e.noted[ty] {
		if e.noted == nil {
			e.noted = map[[2]string]bool{}
		}
		e.noted[ty] = true
		e.note(fmt.Sprintf("%s: slot %s: %s; exported as bytes", bytesOnly.Path, bytesOnly.Slot, bytesOnly.Reason))
	}
	return true
}

// whileRunning writes to w until the run is to end.
func (t *tool) whileRunning(w io.Writer) io.Writer {
	return writerFunc(func(p []byte) (int, error) {
		if err := t.ctx.Err(); err != nil {
			return 0, err
		}
		return w.Write(p)
	})
}

// A visibleWriter writes lines of text to a terminal, which they must not control.
type visibleWriter struct {
	w    io.Writer
	rest []byte // of a line
}

func (v *visibleWriter) Write(p []byte) (int, error) {
	v.rest = append(v.rest, p...)
	for {
		end := bytes.IndexByte(v.rest, '\n')
		if end < 0 {
			return len(p), nil
		}
		if _, err := fmt.Fprintln(v.w, show.Visible(string(v.rest[:end]))); err != nil {
			return 0, err
		}
		v.rest = v.rest[end+1:]
	}
}

func (v *visibleWriter) flush() error {
	_, err := io.WriteString(v.w, show.Visible(string(v.rest)))
	return err
}
