package main

import (
	"fmt"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/record"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/mapfile"
)

// The command dump: what the bytes of a file mean, one part a line. It streams: memory does not grow
// with the file.

type dumpFlags struct {
	slot           string
	offset, length offset
	free           bool
}

func newDump(t *tool) *cobra.Command {
	var flags dumpFlags
	cmd := &cobra.Command{
		Use:   "dump FILE",
		Short: "annotated bytes",
		Long: `Dump shows what each part of a file is: offset (hexadecimal), length, name, value. Payloads are shown by
their first bytes; get -o raw has all. What a live producer changes meanwhile may be shown half changed.`,
		Example: `  mapfile-dump dump config.map | head
  mapfile-dump dump hits --slot crate00/ch017/adc
  mapfile-dump dump hits --offset 0x1000 --length 256`,
		Annotations:       usualFormats,
		Args:              operands(1, 1, "dump shows one file; for a slot of it give --slot"),
		ValidArgsFunction: t.completeFiles,
		RunE:              func(_ *cobra.Command, args []string) error { return t.dump(args[0], &flags) },
	}
	f := cmd.Flags()
	f.StringVar(&flags.slot, "slot", "", "only what belongs to the slot `NAME` (or pattern)")
	f.Var(&flags.offset, "offset", "only what reaches beyond byte `N`")
	f.Var(&flags.length, "length", "only what begins in `N` bytes from there")
	f.BoolVar(&flags.free, "free", false, "also unused space")
	_ = cmd.RegisterFlagCompletionFunc("slot", t.completeSlotFlag)
	return cmd
}

// fieldRecord is a line of dump in JSON.
type fieldRecord struct {
	record.Head
	Offset  record.Whole `json:"offset"`
	Length  record.Whole `json:"length"`
	Name    string       `json:"name"`
	Value   string       `json:"value"`
	Slot    string       `json:"slot"`
	Free    bool         `json:"free"`
	Preview []byte       `json:"preview,omitempty"`
}

// dump prints while it reads: only opening and finding the slot may be tried again.
func (t *tool) dump(operand string, flags *dumpFlags) error {
	f, sel, errs := t.openForDump(operand, flags)
	t.failAll(errs)
	if f == nil {
		return nil
	}
	defer f.mf.Close()
	var records *record.List
	if t.wantsJSON() {
		records = t.newRecords(false)
	}
	progress := t.newProgress(t.showPath(f.path), true)
	defer progress.clear()
	for field, err := range f.mf.Layout(sel.patterns...) {
		t.clock.progress()
		progress.step()
		if t.ctx.Err() != nil {
			return t.ctx.Err()
		}
		if err != nil {
			progress.clear()
			t.fail(err)
			continue
		}
		if !flags.wants(field) {
			continue
		}
		if records != nil {
			err = records.Put(fieldRecord{record.HeadOf("field"), record.Whole(field.Offset), record.Whole(field.Length), field.Name,
				field.Value, field.Slot, field.Free, field.Bytes})
		} else {
			err = t.out.printf("%08x %2d  %-15s %s\n", field.Offset, field.Length, show.Visible(field.Name), fieldText(field))
		}
		if err != nil {
			return err
		}
	}
	if records != nil {
		return records.End()
	}
	return nil
}

// openForDump finds file and slot, with the patience of withFile, and leaves the file open.
func (t *tool) openForDump(operand string, flags *dumpFlags) (*target, selection, []error) {
	var operands []string
	if flags.slot != "" {
		operands = []string{flags.slot}
	}
	var kept *target
	sel, errs := withFile(t, operand, func(f *target) (selection, []error) {
		sel, errs := t.selectSlots(f, operands)
		kept = nil
		if wanted := len(operands) + len(t.flags.match); wanted == 0 || len(sel.patterns) > 0 {
			f.keep, kept = true, f
		}
		return sel, errs
	})
	return kept, sel, errs
}

// wants says whether a part is to be shown.
func (flags *dumpFlags) wants(field mapfile.Field) bool {
	from, length := int64(flags.offset), int64(flags.length)
	switch {
	case field.Free && !flags.free:
		return false
	case field.Offset+field.Length <= from && from > 0:
		return false
	case length > 0 && field.Offset >= from && field.Offset-from >= length:
		return false
	}
	return true
}

// fieldText is the value of a part: as the library puts it, else its first bytes.
func fieldText(field mapfile.Field) string {
	const most = 64
	if field.Value != "" || len(field.Bytes) == 0 {
		return show.Visible(field.Value)
	}
	shown := field.Bytes[:min(len(field.Bytes), most)]
	cutOff := ""
	if int64(len(shown)) < field.Length {
		cutOff = "…"
		for i := 1; i < utf8.UTFMax && !utf8.Valid(shown) && i < len(shown); i++ {
			if show.IsText(shown[:len(shown)-i]) {
				shown = shown[:len(shown)-i] // a character was cut in two
			}
		}
	}
	if show.IsText(shown) {
		return show.Visible(string(shown)) + cutOff
	}
	return fmt.Sprintf("%x%s", shown[:min(len(shown), most/2)], cutOff)
}
