package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/decode"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/hist"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/record"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/mapfile"
)

// The command get: the objects in slots, decoded.

type getFlags struct {
	schema, trustGob bool
	width            count
}

func newGet(t *tool) *cobra.Command {
	var flags getFlags
	cmd := &cobra.Command{
		Use:   "get FILE [SLOT…]",
		Short: "a slot's object, decoded",
		Long: `Get decodes slots by the schema in the file, also types that it has never seen. Several slots are
shown as of one commit. Histograms come as statistics and a small picture, everything else as a tree.
In a file with one slot, SLOT may be left out. A payload without codec is shown as bytes.

-o tree is for people (long lists are cut), table has a row for each value, json and ndjson have
everything, raw is the payload of one slot, byte for byte.

gob can take a whole process down and is decoded only with --trust-gob, in a child process with
limits on memory and time.`,
		Example: `  mapfile-dump get hits crate00/ch017/adc
  mapfile-dump get config -o json | jq .value.Limit
  mapfile-dump get hits 'crate00/**' -o ndjson
  mapfile-dump get hits crate00/ch017/adc -o raw > adc.pb
  mapfile-dump get run1.map --wait 5s -- -odd-name`,
		Annotations:       map[string]string{annotFormats: "tree table json ndjson raw"},
		Args:              operands(1, -1, ""),
		ValidArgsFunction: t.completeFileAndSlots,
		RunE:              func(_ *cobra.Command, args []string) error { return t.get(args[0], args[1:], &flags) },
	}
	f := cmd.Flags()
	f.BoolVar(&flags.schema, "schema", false, "the stored schema instead")
	f.BoolVar(&flags.trustGob, "trust-gob", false, "decode gob, in a child process with a memory limit")
	f.Var(&flags.width, "width", "`N` columns for pictures (default 60, or what the terminal has)")
	return cmd
}

// usualWidth is the number of columns of a picture, where --width says nothing.
const usualWidth = 60

// A reading is one slot as it was read: what the directory says of it, and its payload.
type reading struct {
	info    mapfile.SlotInfo
	payload []byte
}

// readings are the slots that get shows. single: one was asked for, by name or as the only one.
type readings struct {
	list   []reading
	single bool
}

func (t *tool) get(file string, slots []string, flags *getFlags) error {
	path := file
	found, errs := withFile(t, file, func(f *target) (readings, []error) {
		path = f.path
		return t.read(f, slots)
	})
	t.failAll(errs)
	if t.flags.output == "raw" {
		return t.getRaw(found, flags)
	}
	var records *record.List
	if t.wantsJSON() {
		if found.single && len(found.list) == 0 {
			return nil // empty stdout: the error was told
		}
		records = t.newRecords(found.single)
	}
	for i, r := range found.list {
		t.clock.progress()
		if t.ctx.Err() != nil {
			return t.ctx.Err()
		}
		var err error
		if records != nil {
			err = t.getRecord(records, path, r, flags)
		} else {
			if i > 0 {
				t.out.printf("\n")
			}
			err = t.getText(path, r, flags)
		}
		if err != nil {
			return err
		}
		found.list[i].payload = nil
	}
	if records != nil {
		return records.End()
	}
	return nil
}

// read reads the slots that the operands mean; several as of one commit.
func (t *tool) read(f *target, operands []string) (readings, []error) {
	sel, errs := t.selectSlots(f, operands)
	if len(operands) == 0 && len(t.flags.match) == 0 {
		name, err := t.onlySlot(f)
		if err != nil {
			return readings{}, []error{err}
		}
		sel.single = name
	}
	if sel.single != "" {
		info, err := f.mf.Reader(sel.single).Stat()
		if err != nil {
			return readings{single: true}, append(errs, err)
		}
		r, err := readSlot(f.mf, info)
		if err != nil {
			return readings{single: true}, append(errs, err)
		}
		return readings{[]reading{r}, true}, errs
	}
	single := len(operands) == 1 && !hasWildcard(operands[0])
	if len(sel.patterns) == 0 {
		return readings{single: single}, errs
	}
	snapshot, err := f.mf.Snapshot(sel.patterns...)
	if err != nil {
		return readings{}, append(errs, err)
	}
	var found readings
	for info := range snapshot.Slots() {
		r, err := readSlot(snapshot, info)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		found.list = append(found.list, r)
	}
	return found, errs
}

// onlySlot is the name of the file's slot, if there is just one.
func (t *tool) onlySlot(f *target) (string, error) {
	var names []string
	for info, err := range f.mf.Slots() {
		var e *mapfile.Error
		switch {
		case err == nil:
			names = append(names, info.Name)
		case errors.As(err, &e) && e.Slot != "":
			names = append(names, e.Slot)
		default:
			return "", err
		}
		if len(names) > 5 {
			break
		}
	}
	switch len(names) {
	case 0:
		return "", &slotError{f.path, "no slots"}
	case 1:
		return names[0], nil
	}
	for i := range names {
		names[i] = show.Quote(names[i])
	}
	if len(names) > 5 {
		names[5] = "…"
	}
	return "", usagef("get: %s has several slots, give SLOT: %s", t.showPath(f.path), strings.Join(names, ", "))
}

// readSlot reads a payload. The stamp is that of the payload, not of the directory a moment before.
func readSlot(from mapfile.Getter, info mapfile.SlotInfo) (reading, error) {
	var raw mapfile.Raw
	if err := from.GetInto(info.Name, &raw); err != nil {
		return reading{}, err
	}
	info.Type, info.Stamp, info.Length = raw.Type, raw.Stamp, int64(len(raw.Payload))
	return reading{info, raw.Payload}, nil
}

// getRaw writes the bytes of the one slot.
func (t *tool) getRaw(found readings, flags *getFlags) error {
	switch {
	case len(found.list) == 0:
		return nil
	case len(found.list) > 1:
		return usagef("get: -o raw is for one slot; %d match", len(found.list))
	}
	r := found.list[0]
	bytes := r.payload
	if flags.schema {
		bytes = r.info.Type.Schema
	}
	if t.out.terminal && !show.IsText(bytes) {
		t.note("warning: the bytes are binary, and stdout is a terminal")
	}
	_, err := t.out.Write(bytes)
	return err
}

// getText shows a slot to people, as a tree or table.
func (t *tool) getText(path string, r reading, flags *getFlags) error {
	if err := t.out.printf("%s\n", t.headline(r.info)); err != nil {
		return err
	}
	const indent = "  "
	if flags.schema {
		return t.schemaText(r, indent)
	}
	node, err := t.decode(path, r, flags.trustGob)
	var shown *decode.NotDecoded
	switch {
	case errors.As(err, &shown):
		t.note(t.describe(err))
		return t.out.hexdump(r.payload, 512, indent)
	case err != nil:
		t.fail(err)
		return nil
	}
	if t.flags.output == "table" {
		tab := t.newTable("PATH", "TYPE", "VALUE")
		tab.addNode("", node)
		return tab.writeTo(t.out)
	}
	if h, ok := hist.Of(r.info.Type.Name, node); ok {
		h.TitledBy(r.info.Title)
		return t.out.lines(h.Glance(t.pictureWidth(flags)))
	}
	return t.out.tree(node, indent)
}

// headline names slot, type and publish.
func (t *tool) headline(s mapfile.SlotInfo) string {
	parts := []string{show.Visible(s.Name), show.Visible(s.Type.Name), fmt.Sprintf("version %d", s.Stamp.Version),
		fmt.Sprintf("commit %d", s.Stamp.Commit), show.SlotAge(s) + " ago",
		t.paint.text(cell{s.Producer.State.String(), stateColor(s.Producer.State.String())})}
	return strings.Join(parts, columnGap)
}

func (t *tool) pictureWidth(flags *getFlags) int {
	switch {
	case flags.width > 0:
		return int(min(flags.width, 1000))
	case t.out.width > 0:
		return max(1, min(usualWidth, t.out.width-24))
	}
	return usualWidth
}

// getRecord writes a slot as JSON: decoded as "value", or else its bytes as "payload".
func (t *tool) getRecord(records *record.List, path string, r reading, flags *getFlags) error {
	rec := record.NewSlot("slot", path, r.info)
	if flags.schema {
		rec.SchemaOf = schemaJSON(r.info.Type.Schema)
		return records.Put(rec)
	}
	node, err := t.decode(path, r, flags.trustGob)
	var shown *decode.NotDecoded
	switch {
	case errors.As(err, &shown):
		t.note(t.describe(err))
		rec.Payload = append([]byte{}, r.payload...)
	case err != nil:
		t.fail(err)
		return nil
	default:
		rec.SetValue(node)
	}
	return records.Put(rec)
}
