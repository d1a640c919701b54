package mapfile

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/gomapfile/mapfile/mapfile/internal/host"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/mapfile/internal/shm"
	"github.com/gomapfile/mapfile/mapfile/region"
	"github.com/gomapfile/mapfile/registry"
)

// file is one mapped map file as everybody sees it: for reading. Who may write has a session.
//
// Reads take no lock, not even against Close. Close sets closed and then unmaps; a read that goes on
// meanwhile meets a fault, which is an error, or copies bytes of whatever was mapped there since,
// which it throws away: every read looks at closed after its last load, and nothing that it loaded
// before is used without bounds.
type file struct {
	path     string // as it was given
	abs      string // the same from the root: the program may change its directory
	region   *region.Region
	id       layout.Identity
	registry *registry.Registry
	log      *slog.Logger

	// evidence: the file is of another boot and nobody has it. Its words prove nothing about each
	// other, only checksums count; nobody writes into it.
	evidence bool

	// lenientUntil: read on until then though the file is superseded. A reader that follows does, while
	// there is no other file at the path.
	lenientUntil atomic.Int64

	// moved: the file was marked as removed before it was opened here, and is what the path names. Its
	// producer lost it from another path. Read on, unless a Recreate replaces it here, too.
	moved      bool
	identified atomic.Int64 // when a reader that follows last compared the path with the file

	length      atomic.Uint64 // of the file when it was last asked for; see size
	stuckChange atomic.Uint64 // change count, odd, that a lookup has waited for in vain

	window atomic.Pointer[shm.View]
	mapped sync.Map // shm.View → nothing: every window there was, to tell faults of it from the caller's
	closed atomic.Bool
	once   sync.Once
	types  sync.Map // uint32 → *storedType

	typeBytes atomic.Int64 // what types holds, about
	own       atomic.Pointer[session]

	waiterMu sync.Mutex
	waiter   *waiter // made by the first Watch
}

// openFile maps the file at path and checks its header.
func openFile(path string, writable bool, c *config) (*file, error) {
	r, err := region.Open(path, writable)
	if err != nil {
		return nil, explainOpen(path, err)
	}
	f, err := newFile(path, r, c)
	if err != nil {
		r.Close()
		return nil, err
	}
	return f, nil
}

func newFile(path string, r *region.Region, c *config) (*file, error) {
	f := &file{path: path, abs: absolute(path), region: r, registry: c.registry, log: c.logger}
	if err := f.checkHeader(); err != nil {
		return nil, err
	}
	if err := f.guard(func() error {
		f.moved = f.view().Load(layout.SupersededOff) == layout.Removed
		return nil
	}); err != nil {
		return nil, err
	}
	f.moved = f.moved && f.identity() == nil
	if f.id.BootID != host.BootID() {
		held, err := f.anyLockHeld()
		if err != nil {
			return nil, err
		}
		f.evidence = !held
	}
	return f, nil
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path // no working directory: then relative paths lead nowhere anyway
}

// checkHeader maps the file and looks at all that can be wrong with its first 4 KiB.
func (f *file) checkHeader() error {
	actual, err := f.region.FileSize()
	if err != nil {
		return err
	}
	v := f.setWindow()
	return f.guard(func() error {
		if head := min(uint64(actual), layout.HeaderLen); head < layout.HeaderLen {
			if head >= 8 && string(v.Bytes(0, 8)) == layout.Magic {
				return fmt.Errorf("%w: cut to %d bytes", ErrCorrupt, actual)
			}
			return fmt.Errorf("%w: %d bytes are too few", ErrNotMapFile, actual)
		}
		var first [layout.HeaderTitleEnd]byte
		shm.Copy(first[:], v.Bytes(0, layout.HeaderTitleEnd))
		switch err := layout.GetIdentity(first[:], &f.id); {
		case errors.Is(err, layout.ErrMagic):
			return fmt.Errorf("%w: %v", ErrNotMapFile, err)
		case errors.Is(err, layout.ErrVersion):
			return fmt.Errorf("%w: it is %d, this program knows %d; use a newer mapfile", ErrFormatVersion, f.id.Version, layout.FormatVersion)
		case err != nil:
			return fmt.Errorf("%w: %v", ErrCorrupt, err)
		}
		size := v.Load(layout.SizeOff)
		if size < layout.ArenaOff+layout.FreeChunk0Units/8 || size > layout.MaxFileLen || size%layout.UnitLen != 0 {
			return fmt.Errorf("%w: the size word says %d", ErrCorrupt, size)
		}
		if size > uint64(actual) { // or it has grown since: the file gets longer before its size word
			if actual, err = f.region.FileSize(); err != nil {
				return err
			}
		}
		if size > uint64(actual) {
			return fmt.Errorf("%w: cut to %d of %d bytes", ErrCorrupt, actual, size)
		}
		return nil
	})
}

// explainOpen adds to a refused open or removal what one needs to know to mend it.
func explainOpen(path string, err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	if info, statErr := os.Stat(path); statErr == nil {
		return fmt.Errorf("%w (mode %v, %s)", err, info.Mode().Perm(), region.OwnerOf(info))
	}
	// The innermost directory that can be looked at is what forbids it.
	for dir, last := filepath.Dir(path), path; dir != last; dir, last = filepath.Dir(dir), dir {
		if info, statErr := os.Stat(dir); statErr == nil {
			return fmt.Errorf("%w (directory %s: mode %v, %s)", err, dir, info.Mode().Perm(), region.OwnerOf(info))
		}
	}
	return err
}

// view returns the window.
func (f *file) view() shm.View { return *f.window.Load() }

// size returns the size word, which must be true: nobody walks, maps or takes memory for what a file only
// says to have. The system is asked when the word is beyond what was seen before.
func (f *file) size() uint64 {
	size := f.view().Load(layout.SizeOff)
	if size > f.length.Load() {
		actual, err := f.region.FileSize()
		if err != nil || size > uint64(actual) {
			panic(shm.Bounds{Off: size})
		}
		f.length.Store(uint64(actual))
	}
	return size
}

// at returns a window that reaches to end, if the file does: where address space was short at the
// opening, a larger one is mapped, and the old one stays until Close.
func (f *file) at(end uint64) shm.View {
	v := f.view()
	if end <= v.Len() {
		return v
	}
	size := f.size()
	if end > size {
		return v // what lies beyond is refused by the window's own bounds
	}
	// All of the file at once: a process has room for some ten thousand windows, a file for more slots.
	if err := f.region.Reach(int64(size)); err != nil {
		panic(shm.Refused{Err: err})
	}
	return f.setWindow()
}

// viewOf is where the bytes of an open file are. A variable for the test that puts them where the race
// detector sees them.
var viewOf = func(r *region.Region) shm.View { return shm.NewView(r.View()) }

// setWindow takes the region's window.
func (f *file) setWindow() shm.View {
	v := viewOf(f.region)
	f.mapped.Store(v, nil)
	f.window.Store(&v)
	return v
}

// guard runs code that touches the mapping; see shm.Guard. What is wrong with the file is ErrCorrupt,
// unless the handle was closed meanwhile.
func (f *file) guard(do func() error) error {
	return f.explainFault(shm.Guard(do))
}

// A fault in other memory is the caller's own affair, as if there were no guard.
func (f *file) explainFault(err error) error {
	if err == nil {
		return nil
	}
	if fault, ok := errors.AsType[*shm.Fault](err); ok && !f.isMapped(fault.Addr) {
		panic(fault.Panic)
	}
	switch {
	case f.closed.Load():
		return ErrClosed
	case errors.Is(err, shm.ErrFault), errors.Is(err, shm.ErrBounds):
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return err
}

// isMapped tells whether an address that faulted is, or was, the mapping's.
func (f *file) isMapped(addr uintptr) bool {
	found := addr == 0
	f.mapped.Range(func(v, _ any) bool {
		found = found || v.(shm.View).Contains(addr)
		return !found
	})
	return found
}

// superseded returns ErrSuperseded if the header says so.
func (f *file) superseded() error { return markError(f.view().Load(layout.SupersededOff)) }

// markError says what a superseded word means. Who decides by the word asks for its error by the same load.
func markError(mark uint64) error {
	switch mark {
	case layout.NotSuperseded:
		return nil
	case layout.Removed:
		return fmt.Errorf("%w (removed)", ErrSuperseded)
	default:
		return ErrSuperseded
	}
}

// lenient tells whether to read on though the file is superseded.
func (f *file) lenient() bool {
	return f.moved && f.view().Load(layout.SupersededOff) == layout.Removed || int64(host.Uptime()) < f.lenientUntil.Load()
}

// identity compares the path with the open file: nil if it still names it, ErrSuperseded if another
// file or none is there.
func (f *file) identity() error {
	same, err := region.SameFile(f.abs, f.region.ID())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w (removed)", ErrSuperseded)
	case err != nil:
		return nil // a directory that cannot be searched now says nothing about the file
	case !same, f.copied():
		return ErrSuperseded
	}
	return nil
}

// copied tells whether the file was copied under its reader: an overlay does that when somebody first opens
// it for writing, and shows the old inode number for the copy, so that only the content tells. Whoever
// writes begins a session, in the copy.
func (f *file) copied() bool {
	if fs, err := f.region.FileSystem(); err != nil || fs.Name != "overlay" || f.own.Load() != nil {
		return false
	}
	there, err := region.Open(f.abs, false)
	if err != nil {
		return false
	}
	defer there.Close()
	ahead := false
	err = shm.Guard(func() error { // first the one that can only be ahead
		next := shm.NewView(there.View()).Load(layout.NextSessionOff)
		ahead = next > f.view().Load(layout.NextSessionOff)
		return nil
	})
	return err == nil && ahead
}

// close unmaps. Reads in flight end with ErrClosed.
func (f *file) close() error {
	var err error
	f.once.Do(func() {
		f.closed.Store(true)
		f.waiterMu.Lock()
		w := f.waiter
		f.waiterMu.Unlock()
		if w != nil {
			w.stop()
		}
		err = f.region.Close()
	})
	return err
}
