package main

import (
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/listing"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/record"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/summing"
	"github.com/gomapfile/mapfile/mapfile"
)

// The command merge: a file with the sums of what is in other files. It is the one command that makes a
// map file.

type mergeFlags struct {
	out                     string
	follow, dropDead, force bool
	every                   duration
}

func newMerge(t *tool) *cobra.Command {
	flags := mergeFlags{every: duration(time.Second)}
	cmd := &cobra.Command{
		Use:   "merge FILE… --out FILE",
		Short: "the sum of many producers' histograms",
		Long: `Merge adds the histograms, profiles and counters of several map files, slot by slot, and writes the sums into a
map file of their own. FILE may be a directory: all map files in it. A slot that is not in all files is the sum of
those that have it. Slots of one name must be of one type and binning; otherwise they are named, and nothing is
written. Gauges and what is no number at all cannot be added: they are left out, and named.

With --follow merge stays as the live producer of the sum, until Ctrl-C or SIGTERM: every D it looks what has
changed, and publishes the sums that change as one commit. The sum is that of what is there now: files of a
directory that come are added, a producer that starts anew from zero takes its old part away, and so does a file
that is removed. What a dead producer left stays, unless --drop-dead. A slot whose parts do not fit together any
more is told, and keeps its last sum while the others go on.

Where --out exists already, it is replaced only with --force, and those who read it are told. But merge --follow
goes on with a file that an earlier merge made and does not produce any more.`,
		Example: `  mapfile-dump merge shard1 shard2 shard3 --out sum.map
  mapfile-dump merge shards/ --out sum.map --follow --every 5s
  mapfile-dump merge shard1 shard2 -m 'run1/**' --out run1.map --force`,
		Annotations:       map[string]string{annotFormats: usualFormats[annotFormats], annotStays: "follow"},
		Args:              operands(1, -1, ""),
		ValidArgsFunction: t.completeFiles,
		RunE:              func(_ *cobra.Command, args []string) error { return t.merge(args, &flags) },
	}
	f := cmd.Flags()
	f.StringVar(&flags.out, "out", "", "into the map file `FILE`")
	f.BoolVar(&flags.follow, "follow", false, "stay, as the live producer of the sum")
	f.Var(&flags.every, "every", "with --follow: look every `D`")
	f.BoolVar(&flags.dropDead, "drop-dead", false, "leave out dead producers' parts")
	f.BoolVar(&flags.force, "force", false, "replace what is there")
	return cmd
}

// A merger is one run of merge.
type merger struct {
	*tool
	flags *mergeFlags
	set   *listing.Set
	rank  map[string]int // of FILE operands by their absolute paths: sums are in their order

	files []string              // inputs of the last look, in order
	parts map[string]*mergeFile // by path
	slots map[string]*mergeSlot // by name
	told  map[string]bool       // troubles with files that were told, and still are
	made  *mapfile.MapFile      // --out
	none  mapfile.Snapshot      // of no slot of it: to learn that it is still there
}

// A mergeFile is what is kept of an input.
type mergeFile struct {
	snapshot mapfile.Snapshot
	slots    map[string]*mergePart
}

// A mergePart is one file's share in a slot's sum.
type mergePart struct {
	id    [16]byte // of the file
	stamp mapfile.Stamp
	title string
	part  *summing.Part
	err   error // why there is no part
}

// A mergeSlot is the sum of one slot.
type mergeSlot struct {
	changed bool   // its parts have, since it was summed
	leftOut string // what it is, if it cannot be added
	trouble error  // why there is no new sum
	title   string
	sum     mapfile.Raw
	slot    *mapfile.Slot // in --out
	added   string        // type of slot
}

func (t *tool) merge(operands []string, flags *mergeFlags) error {
	switch {
	case flags.out == "":
		return usagef("merge: give --out FILE")
	case flags.out == "-":
		return usagef("merge: a map file cannot be written to stdout; give --out FILE")
	case flags.every == 0:
		return usagef("merge: --every must be longer than 0")
	}
	m := &merger{tool: t, flags: flags, set: listing.NewSet(nil, nil), rank: map[string]int{},
		parts: map[string]*mergeFile{}, slots: map[string]*mergeSlot{}, told: map[string]bool{}}
	defer m.set.Close()
	if err := m.addOperands(operands); err != nil {
		return err
	}
	if flags.follow {
		return m.follow()
	}
	return m.once()
}

// addOperands finds the files and directories.
func (m *merger) addOperands(operands []string) error {
	var files [][]string
	var dirs []string
	for _, operand := range operands {
		if m.isDir(operand) {
			dirs = append(dirs, operand)
			continue
		}
		path, err := m.findFile(operand)
		paths := []string{path}
		if err != nil {
			if !m.flags.follow && m.tool.flags.wait == 0 {
				return err
			}
			paths = m.placesOf(operand) // it may come
		}
		for _, path := range paths {
			if m.isOut(path) {
				return usagef("merge: %s is FILE and --out; the sum needs a file of its own", path)
			}
			m.rank[listing.Absolute(path)] = len(files) - len(operands) // before all files of directories
		}
		files = append(files, paths)
	}
	m.set = listing.NewSet(nil, dirs)
	for _, paths := range files {
		m.set.AddFile(paths...)
	}
	return nil
}

// isOut says whether a path is --out, by whatever name.
func (m *merger) isOut(path string) bool {
	return listing.Absolute(path) == listing.Absolute(m.flags.out) || sameFile(path, m.flags.out)
}

// once writes the sums and ends. Nothing is written if anything is wrong.
func (m *merger) once() error {
	if err := mayReplace(m.flags.out, m.flags.force); err != nil {
		return err
	}
	troubles, err := m.lookPatiently()
	if err != nil {
		return err
	}
	names := m.sums()
	for _, name := range names {
		if err := m.slots[name].trouble; err != nil && !isRefused(err) {
			troubles = append(troubles, err)
		}
	}
	if len(troubles) == 0 && m.summed() == 0 {
		troubles = append(troubles, &exitError{exitNoSlot, "no histograms and counters to add"})
	}
	if len(troubles) > 0 {
		m.failBounded(troubles)
		return &exitError{exitIO, m.showPath(m.flags.out) + " not written"}
	}
	m.tellLeftOut(names)
	if m.ctx.Err() != nil {
		return m.ctx.Err()
	}
	if err := m.write(names); err != nil {
		return err
	}
	return m.report()
}

// mergeRecord is what merge says of the file that it made.
type mergeRecord struct {
	record.Head
	File    string         `json:"file"`
	Slots   int            `json:"slots"`
	From    []string       `json:"from"`
	LeftOut []mergeLeftOut `json:"left_out"`
}

type mergeLeftOut struct {
	Name string `json:"name"`
	What string `json:"what"`
}

// report says what was written.
func (m *merger) report() error {
	n := m.summed()
	if m.wantsJSON() {
		rec := &mergeRecord{record.HeadOf("merge"), m.flags.out, n, append([]string{}, m.files...), []mergeLeftOut{}}
		for _, name := range slices.Sorted(maps.Keys(m.slots)) {
			if what := m.slots[name].leftOut; what != "" {
				rec.LeftOut = append(rec.LeftOut, mergeLeftOut{name, what})
			}
		}
		if err := m.newRecords(true).Put(rec); err != nil {
			return err
		}
		return m.tool.out.Flush()
	}
	path := show.Visible(m.showPath(m.flags.out))
	if err := m.tool.out.printf("%s  %s  from %s\n", path, show.Plural(n, "slot"), show.Plural(len(m.files), "file")); err != nil {
		return err
	}
	return m.tool.out.Flush()
}
