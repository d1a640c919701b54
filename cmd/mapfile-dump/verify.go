package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/record"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/mapfile"
)

// The command verify: checksums and structure of files, and with --deep every payload.

func newVerify(t *tool) *cobra.Command {
	var deep, quiet bool
	cmd := &cobra.Command{
		Use:   "verify FILE…",
		Short: "checksums and structure",
		Long: `Verify checks the structure of files and the checksums of their slots, and with --deep that every
payload can be decoded. It reads only, so a live file may be verified at any time. Each trouble is a
line on stderr; each file is a line on stdout. Whatever is bad gives exit code 5. Payloads whose codec
this program has not are no trouble; gob is never decoded here.`,
		Example: `  mapfile-dump verify hits
  mapfile-dump verify --deep *.map && echo all good`,
		Annotations:       usualFormats,
		Args:              operands(1, -1, ""),
		ValidArgsFunction: t.completeFiles,
		RunE: func(_ *cobra.Command, args []string) error {
			return t.verify(args, deep, quiet)
		},
	}
	cmd.Flags().BoolVar(&deep, "deep", false, "decode every payload too")
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "exit code only")
	return cmd
}

// verdict is what verify says of a file. It is a JSON record, too.
type verdict struct {
	record.Head
	File    string `json:"file"`
	Slots   int    `json:"slots"`
	Buffers int    `json:"buffers"`
	Bad     int    `json:"bad"`
	OK      bool   `json:"ok"`
}

func (t *tool) verify(operands []string, deep, quiet bool) error {
	complain := t.fail
	if quiet {
		complain = func(err error) { t.keepCode(t.cause(err)) }
	}
	var verdicts []verdict
	for _, operand := range operands {
		v, errs := withFile(t, operand, func(f *target) (*verdict, []error) {
			v, errs := t.verifyFile(f, deep)
			return v, errs
		})
		for _, err := range errs {
			complain(err)
		}
		if v != nil {
			verdicts = append(verdicts, *v)
		}
	}
	switch {
	case quiet:
		return nil
	case t.wantsJSON():
		records := t.newRecords(false)
		for _, v := range verdicts {
			if err := records.Put(v); err != nil {
				return err
			}
		}
		return records.End()
	}
	tab := t.newTable()
	for _, v := range verdicts {
		result := "ok"
		if !v.OK {
			result = fmt.Sprintf("%d bad", v.Bad)
		}
		tab.add(t.showPath(v.File), fmt.Sprintf("%s, %s", show.Plural(v.Slots, "slot"), show.Plural(v.Buffers, "buffer")), result)
	}
	return tab.writeTo(t.out)
}

// verifyFile checks one file. Errors that say nothing about the file's health (the run ends, a slot is
// too busy) are not counted as bad.
func (t *tool) verifyFile(f *target, deep bool) (*verdict, []error) {
	v := &verdict{Head: record.HeadOf("verdict"), File: f.path}
	var errs []error
	progress := t.newProgress(t.showPath(f.path), false)
	defer progress.clear()
	for check, err := range f.mf.Verify(t.flags.match...) {
		t.clock.progress()
		progress.step()
		if t.ctx.Err() != nil {
			return nil, []error{t.ctx.Err()}
		}
		if check.Slot != "" {
			v.Slots++
			v.Buffers += check.Buffers
		}
		if err == nil && deep && check.Slot != "" {
			err = t.decodes(f, check.Slot)
		}
		if err != nil {
			if bad(err) {
				v.Bad++
				err = &badError{err}
			}
			errs = append(errs, err)
		}
	}
	v.OK = v.Bad == 0
	return v, errs
}

// bad says whether an error is evidence against a file.
func bad(err error) bool {
	return errors.Is(err, mapfile.ErrCorrupt) || errors.Is(err, mapfile.ErrDecode) || errors.Is(err, mapfile.ErrSchema)
}

// badError gives whatever verify finds exit code 5.
type badError struct{ err error }

func (e *badError) Error() string        { return e.err.Error() }
func (e *badError) Unwrap() error        { return e.err }
func (e *badError) Is(target error) bool { return target == mapfile.ErrCorrupt }

// decodes tries to decode a slot's value.
func (t *tool) decodes(f *target, name string) error {
	_, _, err := f.mf.Reader(name).Inspect()
	switch {
	case errors.Is(err, mapfile.ErrNotPublished), errors.Is(err, mapfile.ErrNoSlot),
		errors.Is(err, mapfile.ErrCodec), errors.Is(err, errors.ErrUnsupported):
		return nil // nothing to decode, or not by us
	}
	return err
}
