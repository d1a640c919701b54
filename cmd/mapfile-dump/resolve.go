package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/mapfile"
)

// From operands to files and slots. A FILE is a path, or a bare name in the default directory. A SLOT
// is the name of a slot, and only if there is none of that name a pattern: names with brackets or
// stars in them need no quoting.

// A target is an opened FILE.
type target struct {
	mf   *mapfile.MapFile
	path string
	keep bool // set by who goes on with it after withFile, and closes it
}

// opened is the target of a file that somebody else opened.
func opened(mf *mapfile.MapFile) (*target, mapfile.FileInfo, error) {
	info, err := mf.Stat()
	return &target{mf: mf, path: info.Path}, info, err
}

// findFile says which path a FILE operand means.
func (t *tool) findFile(operand string) (string, error) {
	info, err := os.Stat(operand)
	here := err == nil
	bare := filepath.Base(operand) == operand && operand != "." && operand != ".."
	if !bare || here && !info.IsDir() || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return operand, nil // Open says what is wrong with it
	}
	dir, dirErr := t.defaultDir()
	if dirErr == nil {
		for _, name := range []string{operand, operand + ".map"} {
			path := filepath.Join(dir, name)
			if info, err := os.Stat(path); err == nil && !info.IsDir() {
				return path, nil
			}
		}
	}
	if here {
		return operand, nil
	}
	where := "neither here nor in " + dir
	if dirErr != nil {
		where = "not here, and no default directory: " + dirErr.Error()
	}
	return "", &missingError{operand, where}
}

// isDir says whether an operand means a directory: its bare name may be a file of the default directory, too,
// and then it means that.
func (t *tool) isDir(operand string) bool {
	info, err := os.Stat(operand)
	if err != nil || !info.IsDir() {
		return false
	}
	path, err := t.findFile(operand)
	return err != nil || path == operand
}

// missingError is a FILE that is nowhere.
type missingError struct{ name, where string }

func (e *missingError) Error() string { return e.name + ": no such file: " + e.where }
func (e *missingError) Unwrap() error { return fs.ErrNotExist }

// defaultDir asks for the default directory once.
func (t *tool) defaultDir() (string, error) {
	t.dirOnce.Do(func() { t.dir, t.dirErr = mapfile.DefaultDir() })
	return t.dir, t.dirErr
}

// showPath is the short form of a path: only the name in the default directory.
func (t *tool) showPath(path string) string {
	if t.dir != "" && filepath.Dir(path) == filepath.Clean(t.dir) {
		return filepath.Base(path)
	}
	return path
}

// open opens a FILE operand.
func (t *tool) open(operand string) (*target, error) {
	path, err := t.findFile(operand)
	if err != nil {
		return nil, err
	}
	mf, err := mapfile.Open(path)
	if err != nil {
		return nil, err
	}
	return &target{mf: mf, path: path}, nil
}

const (
	retryPause = 20 * time.Millisecond
	// A file that was replaced while we looked at it is opened again, and one that was made a moment
	// ago gets a moment for its first values: a producer that restarts is no failure.
	replacedFor = time.Second
	youngFile   = time.Second
	youngWait   = 250 * time.Millisecond
)

// withFile opens a FILE operand and reads from it, again and again while there is reason to hope: for
// --wait while file, slot or value are missing, and shortly while the file is being replaced. read
// must not print. It returns what went wrong, also with single slots; the last try counts.
func withFile[T any](t *tool, operand string, read func(*target) (T, []error)) (T, []error) {
	resume := func() {}
	if t.flags.wait > 0 {
		resume = t.clock.pause()
	}
	defer func() { resume(); t.clock.progress() }()
	start := time.Now()
	for {
		var result T
		var errs []error
		var created time.Time
		f, err := t.open(operand)
		if err != nil {
			errs = []error{err}
		} else {
			result, errs = read(f)
			if len(errs) > 0 {
				info, _ := f.mf.Stat()
				created = info.Created
			}
		}
		again := t.hope(errs, time.Since(start), created) && t.sleep(retryPause)
		if f != nil && (again || !f.keep) {
			f.mf.Close()
		}
		switch {
		case again:
		case t.ctx.Err() != nil:
			return result, []error{t.ctx.Err()}
		default:
			return result, errs
		}
	}
}

// hope says whether another try can mend one of the errors.
func (t *tool) hope(errs []error, tried time.Duration, created time.Time) bool {
	wait := time.Duration(t.flags.wait)
	for _, err := range errs {
		age := time.Since(created)
		switch noValue := isNoSlot(err) || errors.Is(err, mapfile.ErrNotPublished); {
		case errors.Is(err, mapfile.ErrSuperseded) && tried < replacedFor,
			noValue && tried < wait,
			noValue && tried < youngWait && age >= 0 && age < youngFile,
			errors.Is(err, fs.ErrNotExist) && tried < wait:
			return true
		}
	}
	return false
}

// sleep waits, unless the run ends.
func (t *tool) sleep(d time.Duration) bool {
	select {
	case <-t.ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// A selection is what SLOT operands or --match stand for.
type selection struct {
	patterns []string // for the library; none: all slots
	single   string   // the name, if one slot was asked for by name
}

// selectSlots finds out what SLOT operands mean. Those that mean nothing are errors; the others stay.
func (t *tool) selectSlots(f *target, operands []string) (selection, []error) {
	if len(operands) > 0 && len(t.flags.match) > 0 {
		return selection{}, []error{usagef("give SLOT or --match, not both")}
	}
	var sel selection
	var errs []error
	for _, operand := range operands {
		_, err := f.mf.Reader(operand).Stat()
		switch {
		case err == nil:
			sel.patterns = append(sel.patterns, literal(operand))
			if len(operands) == 1 {
				sel.single = operand
			}
			continue
		case hasWildcard(operand):
			if err = t.matchesAny(f, operand); err == nil {
				sel.patterns = append(sel.patterns, operand)
			}
		case isNoSlot(err):
			err = t.noSlot(f, operand)
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	for _, pattern := range t.flags.match {
		if err := t.matchesAny(f, pattern); err != nil {
			errs = append(errs, err)
			continue
		}
		sel.patterns = append(sel.patterns, pattern)
	}
	return sel, errs
}

// matchesAny is nil if the pattern matches a slot.
func (t *tool) matchesAny(f *target, pattern string) error {
	for _, err := range f.mf.Slots(pattern) {
		switch {
		case isNoSlot(err):
		case err == nil, concernsSlot(err):
			return nil
		default:
			return err
		}
	}
	if err := context.Cause(t.ctx); err != nil {
		return err
	}
	return &slotError{f.path, "no slot matches " + show.Quote(pattern)}
}

// noSlot is the error for a name that is not there. It names those that are like it.
func (t *tool) noSlot(f *target, name string) error {
	names := func(yield func(string) bool) {
		for info, err := range f.mf.Slots() {
			if err == nil && !yield(info.Name) {
				return
			}
		}
	}
	return &slotError{f.path, "no slot " + show.Quote(name) + nearText(near(name, names))}
}

// slotError is a slot that is not there, in this program's words.
type slotError struct{ path, text string }

func (e *slotError) Error() string { return e.text }
func (e *slotError) Unwrap() error { return mapfile.ErrNoSlot }

func isNoSlot(err error) bool { return errors.Is(err, mapfile.ErrNoSlot) }

// concernsSlot says whether an error of a loop over slots is about one of them only.
func concernsSlot(err error) bool {
	var e *mapfile.Error
	return errors.As(err, &e) && e.Slot != ""
}

const wildcards = `*?[\`

func hasWildcard(operand string) bool { return strings.ContainsAny(operand, wildcards) }

// literal is the pattern that matches just this name.
func literal(name string) string {
	if !hasWildcard(name) {
		return name
	}
	var b strings.Builder
	for _, r := range name {
		if strings.ContainsRune(wildcards, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
