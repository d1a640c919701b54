package mapfile

import (
	"runtime"

	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/mapfile/internal/shm"
)

// Sync makes everything that is published now durable against power loss; readers never need it. What
// it made durable stays so until the next Sync: slots of four buffers or more do not use that buffer
// again before.
func (mf *MapFile) Sync() error {
	defer runtime.KeepAlive(mf)
	f, err := mf.reader()
	if err != nil {
		return fail("sync", mf.Path(), "", err)
	}
	if s := mf.s; s != nil {
		return fail("sync", f.path, "", s.sync())
	}
	return fail("sync", f.path, "", f.syncAll())
}

func (f *file) syncAll() error {
	var size uint64
	err := f.guard(func() error {
		size = f.view().Load(layout.SizeOff)
		f.at(size) // what others have added beyond our window, too
		return nil
	})
	if err != nil {
		return err
	}
	return f.syncRange(0, size)
}

func (f *file) syncRange(off, n uint64) error { return f.region.Sync(int64(off), int64(n)) }

// sync pins the published buffer of each of our slots while it writes the file to the disk. Until it
// is done the buffer of the Sync before is pinned, too.
func (s *session) sync() error {
	s.syncMu.Lock()
	defer s.syncMu.Unlock()
	slots := s.all()
	for _, sl := range slots {
		sl.mu.Lock()
		if sl.extent.K >= 4 && sl.version > 0 && sl.err == nil {
			sl.pinning = sl.current
		}
		sl.mu.Unlock()
	}
	err := s.syncAll()
	for _, sl := range slots {
		sl.mu.Lock()
		if sl.pinning >= 0 && err == nil && sl.err == nil {
			sl.pinned = sl.pinning
			err = s.guard(func() error {
				m := shm.Writable(s.at(sl.ref.off + layout.EntryLen))
				m.Store32(sl.ref.off+layout.EntryPinOff, uint32(sl.pinned+1))
				return nil
			})
		}
		sl.pinning = -1
		sl.mu.Unlock()
	}
	return err
}
