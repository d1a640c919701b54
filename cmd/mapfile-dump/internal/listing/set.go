package listing

import (
	"cmp"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// A Set is the files that a viewer looks at: single ones, and those of directories. It keeps them open,
// follows a Recreate, notices files that come and go, and tries again what could not be opened. Its
// methods may be called by several goroutines at once.
type Set struct {
	mu    sync.Mutex
	files []*single
	dirs  []*directory
	open  map[string]*mapfile.MapFile // as of the last Look, by label
}

// single is a FILE operand. It stays in the Set while the file is not there. A file that vanishes without
// another one in its place goes on being shown, with a warning in its Info.
type single struct {
	paths []string // where it may be: the first that is there counts
	mf    *mapfile.MapFile
}

type directory struct {
	path string
	dir  *mapfile.Dir
}

// NewSet looks after files and directories given by their paths. Nothing is opened before the first Look.
func NewSet(files, dirs []string) *Set {
	s := &Set{}
	for _, path := range files {
		s.AddFile(path)
	}
	for _, path := range dirs {
		s.dirs = append(s.dirs, &directory{path: path})
	}
	return s
}

// AddFile adds a file that is, or will be, at the first of these paths where there is one.
func (s *Set) AddFile(paths ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files = append(s.files, &single{paths: paths})
}

// open opens the file; the error is that of the first path if it is nowhere.
func (f *single) open() (err error) {
	for i, path := range f.paths {
		mf, openErr := mapfile.Open(path, mapfile.WithFollow())
		if openErr == nil {
			f.mf = mf
			return nil
		}
		if i == 0 || !errors.Is(openErr, fs.ErrNotExist) {
			err = openErr
		}
		if !errors.Is(openErr, fs.ErrNotExist) {
			break
		}
	}
	return err
}

// Picture is what a Set looks like at one moment.
type Picture struct {
	At     time.Time
	Files  []LabelledFile
	Faults []error // what could not be opened or read: *mapfile.Error with path, perhaps slot
}

// LabelledFile is a file of a Picture with all its slots, by name. Slots have no Schema; one that cannot be
// read is a fault and not among them.
type LabelledFile struct {
	// Label names the file shortly and uniquely in the Set: its base name without ".map", with as much
	// of the directories before it as is needed to tell it from the others.
	Label string
	File
	Slots []Slot
}

// Look lists everything anew. Files are in the order of their labels.
func (s *Set) Look() *Picture {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &Picture{At: time.Now()}
	var files []*mapfile.MapFile
	var paths []string
	known := map[string]bool{} // by path: a file of a DIR may be a FILE, too
	isNew := func(path string) bool {
		path = Absolute(path)
		was := known[path]
		known[path] = true
		return !was
	}
	add := func(mf *mapfile.MapFile, err error) {
		var e *mapfile.Error
		switch {
		case err != nil:
			if !errors.As(err, &e) || isNew(e.Path) {
				p.Faults = append(p.Faults, err)
			}
		case isNew(mf.Path()):
			files, paths = append(files, mf), append(paths, mf.Path())
		}
	}
	for _, f := range s.files {
		var err error
		if f.mf == nil {
			err = f.open()
		}
		add(f.mf, err)
	}
	for _, d := range s.dirs {
		if d.dir == nil {
			var err error
			if d.dir, err = mapfile.OpenDir(d.path); err != nil {
				p.Faults = append(p.Faults, err)
				continue
			}
		}
		for mf, err := range d.dir.Files() {
			add(mf, err)
		}
	}
	s.open = map[string]*mapfile.MapFile{}
	labels := labelsOf(paths)
	for i, mf := range files {
		f, faults, err := list(mf)
		p.Faults = append(p.Faults, faults...)
		if err != nil {
			s.drop(mf)
			p.Faults = append(p.Faults, err)
			continue
		}
		f.Label = labels[i]
		s.open[f.Label] = mf
		p.Files = append(p.Files, f)
	}
	slices.SortFunc(p.Files, func(a, b LabelledFile) int { return cmp.Compare(a.Label, b.Label) })
	return p
}

// drop closes a single file that cannot be read any more, so that the next Look opens it anew.
func (s *Set) drop(mf *mapfile.MapFile) {
	for _, f := range s.files {
		if f.mf == mf {
			f.mf.Close()
			f.mf = nil
		}
	}
}

// Absolute is one path for all ways to write it; it does not look at links.
func Absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return filepath.Clean(path)
}

// list lists one file. A trouble with a slot is a fault, one with the file an error.
func list(mf *mapfile.MapFile) (f LabelledFile, faults []error, err error) {
	info, err := mf.Stat()
	if err != nil {
		return f, nil, err
	}
	f.File = newFile(info)
	f.Slots = RoomFor(info)
	for slot, err := range mf.Slots() {
		if err != nil {
			faults = append(faults, err)
			continue
		}
		slot.Type.Schema = nil
		f.count(slot)
		f.Slots = append(f.Slots, Slot{f.Path, slot})
	}
	slices.SortFunc(f.Slots, func(a, b Slot) int { return cmp.Compare(a.Name, b.Name) })
	return f, faults, nil
}

// File is the open file of a label of the last Look. It may be closed by a later Look, when the file has
// gone; then it answers ErrClosed.
func (s *Set) File(label string) (*mapfile.MapFile, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	mf, ok := s.open[label]
	return mf, ok
}

// Close closes all files.
func (s *Set) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.files {
		if f.mf != nil {
			f.mf.Close()
		}
	}
	for _, d := range s.dirs {
		if d.dir != nil {
			d.dir.Close()
		}
	}
	s.files, s.dirs, s.open = nil, nil, nil
}

// labelsOf gives each path a label of its own: the last element, and as many more as it needs. No two
// paths may be the same file's name.
func labelsOf(paths []string) []string {
	labels := make([]string, len(paths))
	parts := make([][]string, len(paths))
	for i, path := range paths {
		parts[i] = strings.Split(filepath.ToSlash(Absolute(path)), "/")
	}
	base := func(i int) string { return parts[i][len(parts[i])-1] }
	label := func(i, n int, suffix bool) string {
		text := strings.Join(parts[i][max(0, len(parts[i])-n):], "/")
		if short := strings.TrimSuffix(text, ".map"); !suffix && strings.Trim(base(i), ".") != "map" {
			text = short // else the label would be "", "." or "..", which no address can have
		}
		return text
	}
	// Once more for those that are alike: with the suffix if that is what tells them apart, else with one
	// directory more, …
	type try struct {
		elements int
		suffix   bool
	}
	tries := make([]try, len(paths))
	for i := range tries {
		tries[i] = try{1, false}
	}
	for {
		alike := map[string][]int{}
		for i := range paths {
			labels[i] = label(i, tries[i].elements, tries[i].suffix)
			alike[labels[i]] = append(alike[labels[i]], i)
		}
		again := false
		for _, group := range alike {
			if len(group) < 2 {
				continue
			}
			sameBase := !slices.ContainsFunc(group, func(i int) bool { return base(i) != base(group[0]) })
			for _, i := range group {
				switch t := &tries[i]; {
				case !sameBase && !t.suffix:
					t.suffix, again = true, true
				case sameBase && t.elements < len(parts[i]):
					t.elements, again = t.elements+1, true
				}
			}
		}
		if !again {
			return labels
		}
	}
}
