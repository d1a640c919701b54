package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/decode"
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
		if info, err := os.Stat(operand); err == nil && info.IsDir() && !m.isFileElsewhere(operand) {
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
			m.rank[absolutePath(path)] = len(files) - len(operands) // before all files of directories
		}
		files = append(files, paths)
	}
	m.set = listing.NewSet(nil, dirs)
	for _, paths := range files {
		m.set.AddFile(paths...)
	}
	return nil
}

func absolutePath(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// isOut says whether a path is --out, by whatever name.
func (m *merger) isOut(path string) bool {
	if absolutePath(path) == absolutePath(m.flags.out) {
		return true
	}
	a, errA := os.Stat(path)
	b, errB := os.Stat(m.flags.out)
	return errA == nil && errB == nil && os.SameFile(a, b)
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

// lookPatiently looks once; with --wait until all files are there, and a slot.
func (m *merger) lookPatiently() (troubles []error, err error) {
	resume := func() {}
	if m.tool.flags.wait > 0 {
		resume = m.clock.pause()
	}
	defer func() { resume(); m.clock.progress() }()
	for start := time.Now(); ; {
		troubles = m.look()
		if m.ctx.Err() != nil {
			return nil, m.ctx.Err()
		}
		absent := len(m.slots) == 0 || slices.ContainsFunc(troubles, func(err error) bool { return errors.Is(err, fs.ErrNotExist) || isNoSlot(err) })
		if !absent || time.Since(start) >= time.Duration(m.tool.flags.wait) {
			return troubles, nil
		}
		if !m.sleep(retryPause) {
			return nil, m.ctx.Err()
		}
	}
}

// mostTroubles bounds the lines about slots that cannot be added.
const mostTroubles = 20

func (m *merger) failBounded(troubles []error) {
	for i, err := range troubles {
		if i < mostTroubles {
			m.fail(err)
		} else {
			m.keepCode(m.cause(err))
		}
	}
	if more := len(troubles) - mostTroubles; more > 0 {
		m.note(fmt.Sprintf("… %d more", more))
	}
}

// look reads what has changed in the inputs since the last look. The troubles are those with files and with
// slots that cannot be read; what such a file or slot brought before stays.
func (m *merger) look() (troubles []error) {
	picture := m.set.Look()
	unsure := map[string]bool{} // files, and slots of files as path, NUL, name
	for _, err := range picture.Faults {
		var e *mapfile.Error
		if errors.As(err, &e) {
			if m.isOut(e.Path) {
				continue
			}
			if e.Slot != "" {
				unsure[e.Path+"\x00"+e.Slot] = true
			} else if !errors.Is(err, fs.ErrNotExist) {
				unsure[e.Path] = true
			}
		}
		troubles = append(troubles, err)
	}
	present := map[string]bool{}
	matched := map[string]bool{} // patterns that match something
	var stats []os.FileInfo
	m.files = nil
	for _, f := range picture.Files {
		m.progress()
		if m.ctx.Err() != nil {
			return append(troubles, m.ctx.Err())
		}
		if m.isOut(f.Path) {
			continue
		}
		stat, err := os.Stat(f.Path)
		if errors.Is(err, fs.ErrNotExist) { // it is still open, but there no more
			troubles = append(troubles, gone(f.Path))
			continue
		}
		if err == nil {
			if slices.ContainsFunc(stats, func(other os.FileInfo) bool { return os.SameFile(stat, other) }) {
				continue // by another name
			}
			stats = append(stats, stat)
		}
		mf, ok := m.set.File(f.Label)
		if !ok {
			continue
		}
		m.files = append(m.files, f.Path)
		present[f.Path] = true
		troubles = append(troubles, m.readFile(mf, &f, unsure, matched)...)
	}
	for path := range m.parts {
		switch {
		case present[path]:
		case unsure[path]:
			m.files = append(m.files, path)
		default:
			troubles = append(troubles, gone(path))
			m.forget(path)
		}
	}
	slices.SortFunc(m.files, func(a, b string) int {
		return cmp.Or(cmp.Compare(m.rank[absolutePath(a)], m.rank[absolutePath(b)]), cmp.Compare(a, b))
	})
	for _, pattern := range m.tool.flags.match {
		if !matched[pattern] && len(present) > 0 {
			troubles = append(troubles, &exitError{exitNoSlot, "no slot matches " + show.Quote(pattern)})
		}
	}
	return troubles
}

// progress starts the clock of --timeout anew; with --follow that is for the whole time.
func (m *merger) progress() {
	if !m.flags.follow {
		m.clock.progress()
	}
}

// gone is the trouble with a file that was there.
func gone(path string) error { return &mapfile.Error{Op: "merge", Path: path, Err: fs.ErrNotExist} }

// forget takes away a file's parts.
func (m *merger) forget(path string) {
	if f := m.parts[path]; f != nil {
		for name := range f.slots {
			m.changed(name)
		}
		delete(m.parts, path)
	}
}

// readFile reads the slots of one input that have changed, as of one commit.
func (m *merger) readFile(mf *mapfile.MapFile, f *listing.LabelledFile, unsure, matched map[string]bool) (troubles []error) {
	known := m.parts[f.Path]
	if known == nil {
		known = &mergeFile{slots: map[string]*mergePart{}}
		m.parts[f.Path] = known
	}
	chosen, err := m.chosen(mf, matched)
	if err != nil {
		return []error{err}
	}
	wanted := map[string]mapfile.SlotInfo{}
	news := false
	for _, s := range f.Slots {
		dropped := m.flags.dropDead && s.Producer.State == mapfile.StateDead
		if s.Stamp.Version == 0 || dropped || chosen != nil && !chosen[s.Name] {
			continue
		}
		wanted[s.Name] = s.SlotInfo
		if p := known.slots[s.Name]; p == nil || p.id != f.Info.ID || p.stamp != s.Stamp {
			news = true
		}
	}
	for name := range known.slots {
		if _, ok := wanted[name]; !ok && !unsure[f.Path+"\x00"+name] {
			delete(known.slots, name)
			m.changed(name)
		}
	}
	if !news {
		return m.unread(known)
	}
	if err := mf.SnapshotInto(&known.snapshot); err != nil {
		return append(m.unread(known), err)
	}
	for info := range known.snapshot.Slots() {
		p := known.slots[info.Name]
		if _, ok := wanted[info.Name]; !ok || p != nil && p.id == f.Info.ID && p.stamp == info.Stamp {
			continue
		}
		r, err := readSlot(&known.snapshot, info)
		switch {
		case errors.Is(err, mapfile.ErrNotPublished):
			continue
		case err != nil:
			troubles = append(troubles, err)
			continue
		}
		p = &mergePart{id: f.Info.ID, stamp: r.info.Stamp, title: r.info.Title}
		if p.part, err = summing.Read(r.info.Type, r.payload); err != nil {
			p.err = decode.Refused(f.Path, info.Name, err)
		}
		known.slots[info.Name] = p
		m.changed(info.Name)
	}
	return append(troubles, m.unread(known)...)
}

// unread are the errors of parts that could not be decoded.
func (m *merger) unread(f *mergeFile) (errs []error) {
	for _, p := range f.slots {
		if p.err != nil {
			errs = append(errs, p.err)
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	return errs
}

// isRefused says whether a slot's trouble is a part that could not be decoded: one of those of look.
func isRefused(err error) bool { return errors.Is(err, mapfile.ErrDecode) }

// chosen are the names that --match chooses in a file; nil: all.
func (m *merger) chosen(mf *mapfile.MapFile, matched map[string]bool) (map[string]bool, error) {
	if len(m.tool.flags.match) == 0 {
		return nil, nil
	}
	chosen := map[string]bool{}
	for _, pattern := range m.tool.flags.match {
		for info, err := range mf.Slots(pattern) {
			switch {
			case isNoSlot(err):
			case err == nil, concernsSlot(err):
				chosen[info.Name], matched[pattern] = true, true
			default:
				matched[pattern] = true // nobody knows
				return nil, err
			}
		}
	}
	return chosen, nil
}

// changed notes that a slot has to be summed anew.
func (m *merger) changed(name string) {
	if m.slots[name] == nil {
		m.slots[name] = &mergeSlot{}
	}
	m.slots[name].changed = true
}

// sums adds up the slots that have changed, and returns their names.
func (m *merger) sums() (names []string) {
	for name, s := range m.slots {
		if s.changed {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		m.progress()
		s := m.slots[name]
		s.changed, s.leftOut, s.trouble = false, "", nil
		var shares []summing.Share
		addable := false
		title := ""
		for _, path := range m.files {
			p := m.parts[path].slots[name]
			if p == nil {
				continue
			}
			if p.err != nil {
				s.trouble = p.err
				continue
			}
			addable = addable || p.part.Addable()
			title = cmp.Or(title, p.title)
			shares = append(shares, summing.Share{From: m.showPath(path), Part: p.part})
		}
		switch {
		case s.trouble != nil || len(shares) == 0:
			continue
		case !addable:
			s.leftOut = shares[0].What
			continue
		}
		ty, payload, err := summing.Sum(shares)
		if err != nil {
			s.trouble = &exitError{exitIO, name + ": " + err.Error()}
			continue
		}
		s.title, s.sum.Payload = title, payload
		if s.sum.Type.Name != ty.Name {
			s.sum.Type = ty
		}
	}
	return names
}

// summed is the number of sums.
func (m *merger) summed() (n int) {
	for _, s := range m.slots {
		if s.sum.Type.Name != "" {
			n++
		}
	}
	return n
}

// tellLeftOut names slots that cannot be added.
func (m *merger) tellLeftOut(names []string) {
	var list []string
	for _, name := range names {
		if what := m.slots[name].leftOut; what != "" && !m.told["left out "+name] {
			m.told["left out "+name] = true
			list = append(list, name+": "+what)
		}
	}
	if more := len(list) - mostTroubles; more > 0 {
		list = append(list[:mostTroubles], fmt.Sprintf("… %d more", more))
	}
	if len(list) > 0 {
		m.note("left out, neither histograms nor counters: " + strings.Join(list, ", "))
	}
}

// sumTitle is the title of the files that merge makes, by which it knows them again.
const sumTitle = "sum by mapfile-dump merge"

// write makes --out with all sums in one commit. If that fails, it leaves no file behind.
func (m *merger) write(names []string) error {
	size := int64(0) // at once, so that a full disk is found before anything is replaced
	for _, s := range m.slots {
		size += 2*int64(len(s.sum.Payload)) + 2048
	}
	create := mapfile.Create
	if m.flags.force {
		create = mapfile.Recreate
	}
	out, err := create(m.flags.out, mapfile.WithSize(size), mapfile.WithBuffers(2), mapfile.WithTitle(sumTitle))
	if errors.Is(err, fs.ErrExist) {
		return mayReplace(m.flags.out, false)
	}
	if err != nil {
		return err
	}
	m.made = out
	err = m.publish(names)
	if err = cmp.Or(err, out.Close()); err != nil {
		mapfile.RemoveDead(m.flags.out)
	}
	return err
}

// publish publishes the sums of these slots in one commit. Slots that no file has any more are removed.
func (m *merger) publish(names []string) error {
	var list []*mapfile.Slot
	for _, name := range names {
		s := m.slots[name]
		if !m.hasParts(name) {
			delete(m.slots, name)
			if s.slot != nil {
				if err := m.made.Remove(name); err != nil {
					return err
				}
			}
			continue
		}
		if s.trouble != nil || s.leftOut != "" {
			continue
		}
		if err := m.add(name, s); err != nil {
			return err
		}
		list = append(list, s.slot)
	}
	if len(list) == 0 {
		return nil
	}
	return m.made.UpdateSlots(list...)
}

func (m *merger) hasParts(name string) bool {
	for _, f := range m.parts {
		if f.slots[name] != nil {
			return true
		}
	}
	return false
}

// add makes the slot in --out, anew if it is of another type by now.
func (m *merger) add(name string, s *mergeSlot) error {
	if s.slot != nil {
		if s.added == s.sum.Type.Name {
			return nil
		}
		if err := m.made.Remove(name); err != nil {
			return err
		}
	}
	var err error
	s.added = s.sum.Type.Name
	s.slot, err = m.made.Add(name, &s.sum, mapfile.WithTitle(s.title), mapfile.WithCapacity(len(s.sum.Payload)))
	return err
}

// follow keeps the sum until it is told to end.
func (m *merger) follow() (err error) {
	defer func() {
		if m.made != nil {
			err = cmp.Or(err, m.made.Close())
		}
	}()
	resume := m.clock.pause() // --timeout counts from the first sum on
	defer func() { resume() }()
	for first := true; ; first = false {
		troubles := m.look()
		if i := slices.IndexFunc(troubles, func(err error) bool { return errors.Is(err, mapfile.ErrName) }); i >= 0 {
			return troubles[i] // a bad pattern
		}
		if first {
			if m.made, err = m.openOut(); err != nil {
				return err
			}
		}
		if err := m.made.SnapshotInto(&m.none, "*/no such slot"); err != nil {
			return err // somebody has replaced or removed the file
		}
		m.tellTroubles(troubles)
		if m.ctx.Err() == nil {
			names := m.sums()
			m.tellLeftOut(names)
			if err := m.publish(names); err != nil {
				return err
			}
			m.tellSlots(names)
		}
		if first && m.ctx.Err() == nil {
			if err := m.removeLeftovers(); err != nil {
				return err
			}
			if err := m.report(); err != nil {
				return err
			}
			resume()
			resume = func() {}
		}
		if !m.sleep(time.Duration(m.flags.every)) {
			if errors.Is(m.cause(m.ctx.Err()), errGaveUp) {
				return nil // --timeout: as long as that
			}
			return m.ctx.Err()
		}
	}
}

// openOut opens --out for --follow: a new file, or one that an earlier merge has left.
func (m *merger) openOut() (*mapfile.MapFile, error) {
	path, title := m.flags.out, mapfile.WithTitle(sumTitle)
	if m.flags.force {
		return mapfile.Recreate(path, title)
	}
	old, err := mapfile.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return mapfile.OpenOrCreate(path, title)
	}
	if err != nil {
		return nil, err
	}
	info, err := old.Stat()
	old.Close()
	if err != nil {
		return nil, err
	}
	for _, p := range info.Producers {
		if p.State == mapfile.StateLive || p.State == mapfile.StateStalled {
			return nil, fmt.Errorf("%s: has a live producer, %v; --force replaces it", m.showPath(path), p)
		}
	}
	if info.Title != sumTitle {
		return nil, fmt.Errorf("%s: was not made by merge; --force replaces it", m.showPath(path))
	}
	return mapfile.OpenOrCreate(path, title)
}

// removeLeftovers removes what an earlier merge left that no file has any more.
func (m *merger) removeLeftovers() error {
	for info, err := range m.made.Slots() {
		if err != nil {
			if concernsSlot(err) {
				continue
			}
			return err
		}
		if s := m.slots[info.Name]; s == nil || s.leftOut != "" {
			if err := m.made.Remove(info.Name); err != nil && !isNoSlot(err) {
				return err
			}
		}
	}
	return nil
}

// tellTroubles tells each trouble with files once, as long as it lasts.
func (m *merger) tellTroubles(troubles []error) {
	lasting := map[string]bool{}
	for _, err := range troubles {
		if errors.Is(err, mapfile.ErrBusy) || m.ctx.Err() != nil {
			continue // next time
		}
		text := "trouble " + m.describe(err)
		lasting[text] = true
		if !m.told[text] {
			m.note(m.describe(err))
		}
	}
	for text := range m.told {
		if strings.HasPrefix(text, "trouble ") && !lasting[text] {
			delete(m.told, text)
		}
	}
	maps.Copy(m.told, lasting)
}

// tellSlots tells which slots keep their last sum, and why, once.
func (m *merger) tellSlots(names []string) {
	for _, name := range names {
		s := m.slots[name]
		if s == nil {
			continue
		}
		if s.trouble == nil || isRefused(s.trouble) || m.told[s.trouble.Error()] {
			continue
		}
		m.told[s.trouble.Error()] = true
		m.note(s.trouble.Error() + "; it keeps its last sum")
	}
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
		if err := m.newRecords(true).put(rec); err != nil {
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
