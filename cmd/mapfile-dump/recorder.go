package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/exporting"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/record"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/mapfile"
)

// The command record: exports at the multiples of --every.

type recordFlags struct {
	every duration
	out   string
	keep  count
	to    *choice
}

func newRecord(t *tool) *cobra.Command {
	flags := recordFlags{every: duration(time.Minute), keep: 1440}
	cmd := &cobra.Command{
		Use:   "record FILE [SLOT…]",
		Short: "timed exports, bounded in number",
		Long: `Record makes an export at each multiple of --every, counted in UTC from 1970, and prints a line for it. The name of
each says the moment: FILE.20261121T093100Z.ndjson. A moment at which no slot has a new value makes none, so that a
producer that is gone does not push out what it left behind. The first moment after the start always makes one.

When there are more than --keep, the oldest go. Only what has such a name, with this FILE and format, is ever
removed. Started again, record goes on with the next moment and with what is there.

It waits out the death of the producer, and goes on with the file that comes after it. A moment that fails, on a
full disk for example, is told once, makes no file, and the next one is tried; in the end the exit code is not 0.
It ends on Ctrl-C with 130, on SIGTERM with 0. --timeout bounds the time that one export may take.`,
		Example: `  mapfile-dump record hits --every 1m --out nights --keep 1440
  mapfile-dump record hits 'crate00/**' --every 10s --out nights --to root
  mapfile-dump record checkout --every 1h --out hours --wait 1m -o ndjson`,
		Annotations:       map[string]string{annotFormats: usualFormats[annotFormats], annotStays: ""},
		Args:              operands(1, -1, ""),
		ValidArgsFunction: t.completeFileAndSlots,
		RunE:              func(_ *cobra.Command, args []string) error { return t.record(args[0], args[1:], &flags) },
	}
	f := cmd.Flags()
	f.Var(&flags.every, "every", "an export each `D`")
	f.StringVar(&flags.out, "out", "", "into the directory `DIR`, which is made if need be")
	f.Var(&flags.keep, "keep", "keep the `N` newest")
	flags.to = addChoice(cmd, "to", "", exporting.NDJSON, "`FORMAT`: "+strings.Join(exporting.Formats, ", "), exporting.Formats...)
	_ = cmd.MarkFlagDirname("out")
	return cmd
}

// A recorder is one run of record.
type recorder struct {
	*tool
	flags   *recordFlags
	operand string
	slots   []string
	names   recordNames
	export  *exporter
	records *record.List

	last    [sha256.Size]byte // fingerprint of what was written last
	id      [16]byte          // of the file
	alive   bool              // its producer, as told last
	trouble string            // as told last
	bad     map[string]bool   // slots of which was told that something is wrong
}

func (t *tool) record(operand string, slots []string, flags *recordFlags) error {
	every := time.Duration(flags.every)
	switch {
	case flags.out == "":
		return usagef("record: give --out DIR")
	case every == 0 || every%time.Millisecond != 0:
		return usagef("record: --every must be a whole number of milliseconds, at least 1ms")
	}
	r := &recorder{tool: t, flags: flags, operand: operand, slots: slots, bad: map[string]bool{}, records: record.NewList(t.out, true)}
	r.export = &exporter{tool: t, format: flags.to.value, tell: r.tellSlot}
	first, errs := withFile(t, operand, func(f *target) (*commit, []error) { return t.takeCommit(f, slots) })
	t.failAll(errs)
	if first == nil {
		return nil
	}
	r.trouble = troubleText(t, errs)
	r.id, r.alive = first.file.Info.ID, isAlive(first.file.Info)
	if !r.alive {
		t.note(t.showPath(first.file.Path) + ": no producer is live; waiting for one")
	}
	r.names = recordNames{exporting.Label(first.file.Path), recordEndings[flags.to.value], every}
	if err := os.MkdirAll(flags.out, 0o777); err != nil {
		return err
	}
	t.flags.wait = 0 // it was for the start
	r.removeRemains()
	return r.run()
}

// run waits for each moment, until it is told to end.
func (r *recorder) run() error {
	for {
		moment, err := r.sleep()
		if err == nil {
			err = r.take(moment)
		}
		if err != nil {
			return err
		}
	}
}

// sleep waits for the next multiple of --every, by the wall clock: it looks often, since that may be set
// and the machine may sleep meanwhile.
func (r *recorder) sleep() (moment time.Time, err error) {
	defer r.clock.pause()() // this is no time in which nothing gets done
	every := time.Duration(r.flags.every)
	next := r.names.moment(time.Now()).Add(every)
	for {
		now := time.Now().Round(0)
		left := next.Sub(now)
		switch {
		case left <= 0:
			return r.names.moment(now), nil
		case left > every: // the clock was put back
			next = r.names.moment(now).Add(every)
			continue
		}
		if !r.tool.sleep(min(left, time.Second)) {
			return next, r.ctx.Err()
		}
	}
}

// take makes the export of a moment. An error ends the run; other troubles are told.
func (r *recorder) take(moment time.Time) error {
	path := filepath.Join(r.flags.out, r.names.name(moment))
	if _, err := os.Lstat(path); err == nil {
		return nil // made before a restart, or before the clock was put back
	}
	c, troubles := withFile(r.tool, r.operand, func(f *target) (*commit, []error) { return r.takeCommit(f, r.slots) })
	var done *exportRecord
	if c != nil && r.ctx.Err() == nil {
		r.tellProducer(c)
		var err error
		if done, err = r.write(c, path); err != nil {
			troubles = append(troubles, err)
		}
	}
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if done != nil {
		if err := r.report(done); err != nil {
			return err
		}
		troubles = append(troubles, r.removeOldest()...)
	}
	r.tell(troubles)
	return nil
}

// write writes a commit, if there is anything new in it.
func (r *recorder) write(c *commit, path string) (*exportRecord, error) {
	fingerprint := c.fingerprint()
	if fingerprint == r.last {
		return nil, nil
	}
	done, err := r.export.write(c, path, false)
	switch {
	case errors.Is(err, fs.ErrExist): // another recorder was quicker
		return nil, nil
	case err != nil:
		var of *fs.PathError // of a name that is never the same
		if errors.As(err, &of) {
			err = of.Err
		}
		return nil, fmt.Errorf("%s: %w; trying again at the next moment", r.flags.out, err)
	}
	r.last = fingerprint
	return done, nil
}

func (r *recorder) report(done *exportRecord) error {
	if r.wantsJSON() {
		if err := r.records.Put(done); err != nil {
			return err
		}
	} else if err := r.out.printf("%s%s%s\n", show.Visible(done.Out), columnGap, done.number); err != nil {
		return err
	}
	return r.out.Flush()
}

// tell tells the troubles of a moment, once as long as they are the same. That the file or a slot is not there
// now is nobody's fault: it gives no exit code.
func (r *recorder) tell(troubles []error) {
	text := troubleText(r.tool, troubles)
	if text == r.trouble {
		return
	}
	r.trouble = text
	for _, err := range troubles {
		if isNoSlot(err) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, mapfile.ErrSuperseded) || errors.Is(err, mapfile.ErrNotPublished) {
			r.note(r.describe(err) + "; waiting for it")
			continue
		}
		r.fail(err)
	}
}

func troubleText(t *tool, errs []error) string {
	var b strings.Builder
	for _, err := range errs {
		b.WriteString(t.describe(err) + "\n")
	}
	return b.String()
}

// tellSlot tells what is wrong with a slot, once until it is well again.
func (r *recorder) tellSlot(slot string, err error) {
	switch {
	case err == nil:
		delete(r.bad, slot)
	case !r.bad[slot]:
		r.bad[slot] = true
		r.fail(err)
	}
}

// tellProducer tells that the file is another one, and that its producer has gone or come.
func (r *recorder) tellProducer(c *commit) {
	path := r.showPath(c.file.Path)
	if c.file.Info.ID != r.id {
		r.id = c.file.Info.ID
		r.note(path + ": a new file in its place; going on with that")
	}
	switch alive := isAlive(c.file.Info); {
	case alive == r.alive:
	case alive:
		r.alive = true
		r.note(path + ": a producer is live again")
	default:
		r.alive = false
		r.note(path + ": no producer is live; waiting for one")
	}
}

// removeOldest removes what is more than --keep.
func (r *recorder) removeOldest() (troubles []error) {
	entries, err := os.ReadDir(r.flags.out)
	if err != nil {
		return []error{err}
	}
	type old struct {
		moment time.Time
		name   string
	}
	var ours []old
	for _, entry := range entries {
		moment, ok := r.names.parse(entry.Name())
		if ok && (entry.Type().IsRegular() && r.export.format != exporting.RawDir || entry.IsDir() && r.export.format == exporting.RawDir) {
			ours = append(ours, old{moment, entry.Name()})
		}
	}
	slices.SortFunc(ours, func(a, b old) int { return a.moment.Compare(b.moment) })
	for _, o := range ours[:max(0, len(ours)-int(r.flags.keep))] {
		if err := r.remove(filepath.Join(r.flags.out, o.name)); err != nil {
			troubles = append(troubles, err)
		}
	}
	return troubles
}

// remove removes an export of ours.
func (r *recorder) remove(path string) error {
	if r.export.format != exporting.RawDir {
		return os.Remove(path)
	}
	if err := exporting.IsRawDir(path); err != nil {
		return err // somebody has put something into it
	}
	return os.RemoveAll(path)
}

// removeRemains removes what killed runs of this recorder left half done.
func (r *recorder) removeRemains() {
	const surelyOld = time.Hour
	entries, _ := os.ReadDir(r.flags.out)
	for _, entry := range entries {
		name, ok := strings.CutPrefix(entry.Name(), ".")
		name, isTmp := strings.CutSuffix(name, ".tmp")
		dot := strings.LastIndexByte(name, '.')
		if !ok || !isTmp || dot < 0 {
			continue
		}
		if _, ours := r.names.parse(name[:dot]); !ours {
			continue
		}
		if info, err := entry.Info(); err == nil && time.Since(info.ModTime()) > surelyOld {
			os.RemoveAll(filepath.Join(r.flags.out, entry.Name()))
		}
	}
}

// recordNames are the names of a recorder's exports: label.20261121T093100Z.ndjson, with milliseconds where
// --every needs them.
type recordNames struct {
	label, ending string
	every         time.Duration
}

var recordEndings = map[string]string{
	exporting.JSON: ".json", exporting.NDJSON: ".ndjson", exporting.CSV: ".csv", exporting.ROOT: ".root", exporting.Prom: ".prom", exporting.RawDir: ".raw",
}

const (
	toSecond      = "20060102T150405Z"
	toMillisecond = "20060102T150405.000Z"
)

// moment is the last multiple of --every, counted from 1970.
func (n recordNames) moment(now time.Time) time.Time {
	every := n.every.Milliseconds()
	return time.UnixMilli(now.UnixMilli() / every * every).UTC()
}

func (n recordNames) name(moment time.Time) string {
	layout := toSecond
	if n.every%time.Second != 0 {
		layout = toMillisecond
	}
	return fmt.Sprintf("%s.%s%s", n.label, moment.Format(layout), n.ending)
}

// parse tells the moment of a name, if it is one that any run with this label and ending makes.
func (n recordNames) parse(name string) (moment time.Time, ok bool) {
	text, ok := strings.CutPrefix(name, n.label+".")
	if !ok {
		return moment, false
	}
	if text, ok = strings.CutSuffix(text, n.ending); !ok {
		return moment, false
	}
	for _, layout := range []string{toSecond, toMillisecond} {
		if moment, err := time.Parse(layout, text); err == nil && moment.Format(layout) == text {
			return moment, true
		}
	}
	return moment, false
}
