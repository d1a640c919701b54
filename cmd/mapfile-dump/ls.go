package main

import (
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/listing"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/mapfile"
)

// The command ls: the files of a directory, or the slots of files. Nothing is decoded.

type lsFlags struct {
	slots, reverse, names, nul bool
	sort, state                *choice
}

var stateNames = []string{"LIVE", "STALLED", "DEAD", "CLOSED", "SUPERSEDED", "UNKNOWN"}

func newLs(t *tool) *cobra.Command {
	var flags lsFlags
	cmd := &cobra.Command{
		Use:   "ls [FILE…|DIR]",
		Short: "files of a directory, slots of a file",
		Long: `Ls lists the map files of a directory, or the slots of files. Nothing is decoded.
Ages and rates come from the file's content: its modification time says nothing.

With --names and -0, and in JSON, names are exact; elsewhere what could disturb a terminal is shown
escaped, so that each record is one line. With --match or --state a DIR gives slots, as with -R.
A pattern that matches nothing gives exit code 3; an empty list for another reason is no error.`,
		Example: `  mapfile-dump ls                                # what is in the default directory
  mapfile-dump ls hits -m 'crate00/*/adc' -s rate
  mapfile-dump ls -R --state dead /dev/shm
  mapfile-dump ls hits --names -0 | xargs -0 -n1 mapfile-dump get hits
  mapfile-dump ls hits -o json | jq '.items[].name'`,
		Annotations:       usualFormats,
		ValidArgsFunction: t.completeFiles,
		RunE:              func(_ *cobra.Command, args []string) error { return t.ls(args, &flags) },
	}
	f := cmd.Flags()
	f.BoolVarP(&flags.slots, "slots", "R", false, "slots of every file of a DIR")
	flags.sort = addChoice(cmd, "sort", "s", "name", "`KEY`: name, age, rate or size", "name", "age", "rate", "size")
	f.BoolVarP(&flags.reverse, "reverse", "r", false, "the other way round")
	flags.state = addChoice(cmd, "state", "", "", "only slots whose producer is in `STATE`: "+strings.ToLower(strings.Join(stateNames, ", ")), stateNames...)
	f.BoolVar(&flags.names, "names", false, "names only")
	f.BoolVarP(&flags.nul, "null", "0", false, "names only, exact, each ended with NUL")
	return cmd
}

func (t *tool) ls(operands []string, flags *lsFlags) error {
	// A list is short-lived: to collect garbage all the time would cost half of the processor time.
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	if len(operands) == 0 {
		dir, err := t.defaultDir()
		if err != nil {
			return err
		}
		operands = []string{dir}
	}
	wantSlots := flags.slots || len(t.flags.match) > 0 || flags.state.value != ""
	var files []listing.File
	var slots []listing.Slot
	dirs, others := 0, 0
	for _, operand := range operands {
		if t.isDir(operand) {
			dirs++
			foundFiles, foundSlots := t.listDir(operand, wantSlots)
			files, slots = append(files, foundFiles...), append(slots, foundSlots...)
			continue
		}
		others++
		found, errs := withFile(t, operand, t.listSlots)
		t.failAll(errs)
		slots = append(slots, found...)
	}
	slots = flags.only(slots)
	listing.SortFiles(files, flags.sort.value, flags.reverse)
	listing.SortSlots(slots, flags.sort.value, flags.reverse)
	switch {
	case flags.names || flags.nul:
		return t.printNames(files, slots, flags.nul)
	case t.wantsJSON():
		return t.printRecords(files, slots)
	}
	if dirs > 0 && !wantSlots {
		if err := t.printFiles(files); err != nil {
			return err
		}
	}
	if others > 0 || wantSlots {
		if len(files) > 0 {
			t.out.printf("\n")
		}
		return t.printSlots(slots, others > 1 || dirs > 0)
	}
	return nil
}

// failAll reports errors.
func (t *tool) failAll(errs []error) {
	for _, err := range errs {
		t.fail(err)
	}
}

// listDir lists the map files of a directory, or all their slots.
func (t *tool) listDir(path string, wantSlots bool) (files []listing.File, slots []listing.Slot) {
	dir, err := mapfile.OpenDir(path)
	if err != nil {
		t.fail(err)
		return nil, nil
	}
	defer dir.Close()
	matched := !wantSlots
	for mf, err := range dir.Files() {
		if t.ctx.Err() != nil {
			t.fail(t.ctx.Err())
			break
		}
		if err != nil {
			t.fail(err)
			continue
		}
		f, info, err := opened(mf)
		switch {
		case err != nil:
			t.fail(err)
		case wantSlots:
			found, errs := t.slotsOf(f)
			t.failAll(errs)
			slots = append(slots, found...)
			matched = matched || len(found) > 0
		default:
			files = append(files, listing.FileOf(f.mf, info))
		}
		t.clock.progress()
	}
	if !matched && len(t.flags.match) > 0 {
		t.fail(&slotError{path, "no slot matches " + show.Quote(strings.Join(t.flags.match, `", "`))})
	}
	return files, slots
}

// listSlots lists the slots of one FILE. Patterns that match nothing are errors.
func (t *tool) listSlots(f *target) ([]listing.Slot, []error) {
	sel, errs := t.selectSlots(f, nil)
	if len(errs) > 0 && len(sel.patterns) == 0 {
		return nil, errs
	}
	slots, more := t.slotsOf(f)
	return slots, append(errs, more...)
}

// slotsOf lists the slots that match --match.
func (t *tool) slotsOf(f *target) (slots []listing.Slot, errs []error) {
	if info, err := f.mf.Stat(); err == nil && len(t.flags.match) == 0 {
		slots = listing.RoomFor(info)
	}
	for info, err := range f.mf.Slots(t.flags.match...) {
		if isNoSlot(err) {
			continue // a plain name as --match: the other files may have it
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		info.Type.Schema = nil // not shown; one copy for each slot would cost
		slots = append(slots, listing.Slot{Path: f.path, SlotInfo: info})
	}
	return slots, errs
}
