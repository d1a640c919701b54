package mapfile

import (
	"errors"
	"io/fs"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/gomapfile/mapfile/mapfile/internal/host"
	"github.com/gomapfile/mapfile/mapfile/internal/testhook"
)

// A MapFile is an open map file. One handle that writes is one producer session.
//
// A handle that is dropped without Close is closed some time after nobody can reach it any more; its
// slots then look like those of a producer that was killed.
type MapFile struct {
	_      noCopy
	path   string
	config *config
	file   atomic.Pointer[file]
	s      *session // nil: reading
	closed atomic.Bool

	followMu sync.Mutex // one goroutine at a time looks for a new file
	cleanup  runtime.Cleanup
}

// newMapFile makes the handle, and lets the garbage collector close what is forgotten.
func newMapFile(path string, c *config, f *file, s *session) *MapFile {
	mf := &MapFile{path: path, config: c, s: s}
	mf.file.Store(f)
	if s != nil {
		mf.cleanup = runtime.AddCleanup(mf, func(s *session) { s.abandon() }, s)
	} else {
		mf.cleanup = runtime.AddCleanup(mf, func(f *file) { f.close() }, f)
	}
	return mf
}

// Path returns the path that the file was opened with.
func (mf *MapFile) Path() string {
	if mf == nil {
		return ""
	}
	return mf.path
}

// reader returns the file to read from.
func (mf *MapFile) reader() (*file, error) {
	if mf == nil || mf.closed.Load() {
		return nil, ErrClosed
	}
	f := mf.file.Load()
	if f == nil { // a zero MapFile
		return nil, ErrClosed
	}
	if mf.config.follow {
		f = mf.following(f)
	}
	return f, nil
}

// following is f, or what it was replaced by.
func (mf *MapFile) following(f *file) *file {
	if mf.lost(f) {
		return mf.file.Load()
	}
	return f
}

// lost looks from time to time whether the path of a handle that follows still names the file: one
// that was removed after its producer had died bears no mark. It tells whether there is another file
// now.
func (mf *MapFile) lost(f *file) bool {
	now, last := int64(host.Uptime()), f.identified.Load()
	if now-last < int64(recheck) || !f.identified.CompareAndSwap(last, now) {
		return false
	}
	return f.identity() != nil && mf.follow(f)
}

// writer returns the session to write with.
func (mf *MapFile) writer() (*session, error) {
	if _, err := mf.reader(); err != nil {
		return nil, err
	}
	if mf.s == nil {
		return nil, ErrReadOnly
	}
	return mf.s, nil
}

// retarget decides after a failed read whether to try again on another file: it has been closed
// because a new one was found, or is superseded and this handle follows.
func (mf *MapFile) retarget(f *file, err error) bool {
	switch {
	case mf.closed.Load() || mf.config == nil || !mf.config.follow:
		return false
	case errors.Is(err, ErrClosed):
		return mf.file.Load() != f
	case errors.Is(err, ErrSuperseded):
		mf.follow(f)
		return true
	}
	return false
}

// replaced is the error of a loop over a file that was closed under it: a handle that follows is not
// closed, but has another file by now.
func (mf *MapFile) replaced(err error) error {
	if errors.Is(err, ErrClosed) && !mf.closed.Load() {
		return ErrSuperseded
	}
	return err
}

// follow opens the file that the path names now, if it is another one. While there is none, the old
// file goes on being read.
func (mf *MapFile) follow(old *file) (changed bool) {
	mf.followMu.Lock()
	defer mf.followMu.Unlock()
	if mf.closed.Load() || mf.file.Load() != old {
		return true
	}
	f, err := openFile(old.abs, false, mf.config)
	if err == nil && f.id.FileID == old.id.FileID && !old.copied() {
		f.close()
		err = fs.ErrNotExist
	}
	if err != nil {
		old.lenientUntil.Store(int64(host.Uptime() + recheck/5))
		return false
	}
	f.path = old.path
	mf.file.Store(f)
	mf.cleanup.Stop()
	mf.cleanup = runtime.AddCleanup(mf, func(f *file) { f.close() }, f)
	old.close()
	if mf.closed.Load() { // Close came between: it may have closed the old one only
		f.close()
	}
	return true
}

// Close ends the handle; afterwards every call on it and on its slots is ErrClosed. It publishes
// nothing; the file and its values stay. It waits for writes in flight, not for code of the user.
// Closing twice is harmless.
func (mf *MapFile) Close() error {
	if mf == nil || mf.file.Load() == nil || !mf.closed.CompareAndSwap(false, true) {
		return nil
	}
	var err error
	if mf.s != nil {
		mf.s.close(true)
	}
	err = mf.file.Load().close()
	return fail("close", mf.path, "", err)
}

// close ends a session: first no slot can be updated any more, then nobody else waits for it.
// orderly tells others that the producer ended by itself.
func (s *session) close(orderly bool) {
	s.mu.Lock()
	s.gone = ErrClosed
	s.mu.Unlock()
	s.commitMu.Lock()
	for _, sl := range s.all() {
		sl.mu.Lock()
		sl.end(ErrClosed)
		sl.mu.Unlock()
	}
	s.commitMu.Unlock()
	s.structure <- struct{}{} // a change in flight, by Add or Remove, ends first
	s.closed.Store(true)
	<-s.structure
	s.end(orderly)
}

// abandon ends a session as a death would: for a handle that was dropped without Close.
func (s *session) abandon() {
	if !s.closed.Load() {
		s.close(false)
		s.file.close()
	}
}

func init() {
	testhook.Kill = func(mf any) {
		if mf := mf.(*MapFile); mf.s == nil {
			mf.Close()
		} else if mf.closed.CompareAndSwap(false, true) {
			mf.s.abandon()
		}
	}
}

// Update publishes the named slots, or without names all of this session, changed or not, as one
// commit: all or nothing. The error joins an *Error for each slot that failed. Update(list...) with
// an empty list means all, too; UpdateSlots without slots does nothing.
func (mf *MapFile) Update(names ...string) error {
	defer runtime.KeepAlive(mf) // a handle is not forgotten during its last call
	s, err := mf.writer()
	if err != nil {
		return fail("update", mf.Path(), "", err)
	}
	if len(names) == 0 {
		return fail("update", s.path, "", s.commit(s.all()))
	}
	var errs []error
	slots := make([]*slot, 0, len(names))
	for _, name := range names {
		s.mu.Lock()
		sl := s.slots[name]
		s.mu.Unlock()
		if sl == nil {
			errs = append(errs, fail("update", s.path, name, ErrNoSlot))
			continue
		}
		slots = append(slots, sl)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return fail("update", s.path, "", s.commit(slots))
}

// UpdateSlots publishes the slots as one commit.
func (mf *MapFile) UpdateSlots(slots ...*Slot) error {
	defer runtime.KeepAlive(mf)
	s, err := mf.writer()
	if err != nil {
		return fail("update", mf.Path(), "", err)
	}
	var errs []error
	list := make([]*slot, 0, len(slots))
	for _, h := range slots {
		if h == nil || h.sl == nil || h.sl.s != s {
			errs = append(errs, fail("update", s.path, h.Name(), ErrNoSlot))
			continue
		}
		list = append(list, h.sl)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if len(list) == 0 {
		return nil
	}
	return fail("update", s.path, "", s.commit(list))
}
