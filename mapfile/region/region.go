// Package region maps files into memory: the room that knows what an operating system's memory and
// files are like.
//
// A [Region] is one open file and the window through which its bytes are seen. The window reaches
// far past the end of the file, so that the file can grow, in this process or in another, and the
// new bytes appear where they belong without anything being mapped again. Where address space is
// too short for that, a larger window is mapped beside the old one when it is needed: nothing that
// was ever mapped moves or vanishes before Close.
//
// Touching bytes of the window past the end of the file, or of a file that somebody cut, is a fault
// (SIGBUS), and so is storing through a Region that was not opened writable: those who load and
// store guard themselves, see runtime/debug.SetPanicOnFault.
//
// Nothing here changes the state of the process (umask, working directory, signals, limits).
// Descriptors are close-on-exec, and a forked child does not have the mapping.
package region

import (
	"errors"
	"io/fs"
	"sync"
	"sync/atomic"
	"unsafe"
)

// A Region is an open, mapped, regular file.
//
// All methods may be called by several goroutines at once; Grow, Reach and the naming of the file
// take their turns. Across processes the caller excludes a Grow of the same file by others. After
// Close methods return fs.ErrClosed and View returns nothing; that nobody uses the window any more
// is the caller's care. There is no finalizer: a Region that is forgotten stays mapped.
type Region struct {
	fd       int
	path     string // for messages; what Open or LinkNew was given
	writable bool
	id       FileID

	// life is held for reading by every method that uses fd or the windows, for writing by Close
	// alone, so that neither goes away under a method. A Sync that takes seconds delays only Close.
	life   sync.RWMutex
	closed bool

	mu      sync.Mutex // held by Grow, Reach, the naming methods
	temp    tempName   // of a file made by CreateTemp that has no name of its own yet
	current atomic.Pointer[window]
	old     []*window // smaller windows, still mapped
}

// FileID tells one file from all others of the machine for as long as it is open somewhere. When it
// is not, the system may give the same ID to a new file.
type FileID struct {
	Dev, Ino uint64
}

// Info is what the system knows of a file.
type Info struct {
	ID       FileID
	Size     int64
	Mode     fs.FileMode // type and permission bits
	UID, GID int
	Links    int // names that the file has; 0 once the last was removed
}

var (
	// ErrNotRegular: the path names something else than a regular file; the text says what.
	ErrNotRegular = errors.New("not a regular file")

	// ErrSymlink: the path names a symbolic link, which is never replaced by a file.
	ErrSymlink = errors.New("a symbolic link is in the way")

	// ErrAddressSpace: no address space is left to map the file.
	ErrAddressSpace = errors.New("no address space to map the file")
)

// Open opens the file at path and maps it. It follows symbolic links, makes no file, and does not
// wait for the other end of a FIFO. What is no regular file is ErrNotRegular.
func Open(path string, writable bool) (*Region, error) {
	// Opening alone has effects on some things (it wakes the writer of a FIFO, rewinds a tape), so
	// look first. What counts is the second look, through the descriptor.
	info, err := statPath(path)
	if err == nil {
		err = mustBeRegular(info)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	fd, err := openFile(path, writable)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	r, err := newRegion(fd, path, writable)
	if err != nil {
		closeFD(fd)
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return r, nil
}

// newRegion maps what fd has open. On an error fd is still the caller's.
func newRegion(fd int, path string, writable bool) (*Region, error) {
	info, err := statFD(fd)
	if err != nil {
		return nil, err
	}
	if err := mustBeRegular(info); err != nil {
		return nil, err
	}
	r := &Region{fd: fd, path: path, writable: writable, id: info.ID}
	w, err := openWindow(fd, writable, info.Size)
	if err != nil {
		return nil, err
	}
	r.current.Store(w)
	return r, nil
}

// View returns the address and the length of the window: byte i of the file is at base+i. The two
// belong together also while another goroutine calls Reach. After Close they are nil and 0.
func (r *Region) View() (base unsafe.Pointer, n uintptr) {
	w := r.current.Load()
	if w == nil {
		return nil, 0
	}
	return w.base, w.len
}

// Reach makes the bytes [0,size) addressable, whether the file is that long yet or not. It does
// nothing while the window covers them; else View returns a larger window from now on, at another
// address, and the old one stays mapped until Close.
func (r *Region) Reach(size int64) error {
	return r.during("map", func() error {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.reach(size)
	})
}

func (r *Region) reach(size int64) error {
	w := r.current.Load()
	if size <= 0 || uint64(size) <= uint64(w.len) {
		return nil
	}
	larger, err := openWindow(r.fd, r.writable, size)
	if err != nil {
		return err
	}
	r.old = append(r.old, w)
	r.current.Store(larger)
	return nil
}

// Sync writes the n bytes at off to the disk, whichever process changed them, and returns when they
// are there. Bytes past the end of the window are left out.
func (r *Region) Sync(off, n int64) error {
	return r.during("sync", func() error {
		base, size := r.View()
		if off < 0 || n < 0 {
			return fs.ErrInvalid
		}
		if uint64(off) >= uint64(size) {
			return nil
		}
		end := uint64(off) + min(uint64(n), uint64(size)-uint64(off))
		start := uint64(off) &^ (pageSize - 1)
		if end == start {
			return nil
		}
		return syncMemory(unsafe.Slice((*byte)(unsafe.Add(base, uintptr(start))), end-start))
	})
}

// Close unmaps all windows and closes the file. A file made by CreateTemp that never got its name is
// gone. Closing twice is no error.
func (r *Region) Close() error {
	r.life.Lock()
	defer r.life.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	err := r.temp.remove()
	for _, w := range append(r.old, r.current.Swap(nil)) {
		err = errors.Join(err, w.close())
	}
	r.old = nil
	if err = errors.Join(err, closeFD(r.fd)); err != nil {
		return &fs.PathError{Op: "close", Path: r.path, Err: err}
	}
	return nil
}

// during runs do while Close waits, and says in an error what was done to which file.
func (r *Region) during(op string, do func() error) error {
	r.life.RLock()
	defer r.life.RUnlock()
	err := fs.ErrClosed
	if !r.closed {
		err = do()
	}
	if err != nil {
		return &fs.PathError{Op: op, Path: r.path, Err: err}
	}
	return nil
}
