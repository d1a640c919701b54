// Package mapfiletest helps programs that use package mapfile to test themselves: files that go away
// with the test, restarts, and the sudden death of a producer.
package mapfiletest

import (
	"path/filepath"
	"testing"

	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/mapfile/internal/testhook"
)

// New makes a map file in a directory of the test and is its producer until the test ends. Readers
// open its Path.
func New(t testing.TB, opts ...mapfile.Option) *mapfile.MapFile {
	t.Helper()
	mf, err := mapfile.Create(filepath.Join(t.TempDir(), "test.map"), opts...)
	return until(t, mf, err)
}

// Reopen joins the file of mf as a new producer, as a restarted program would: after mf was closed or
// killed it takes its slots over, before that they are ErrOwned.
func Reopen(t testing.TB, mf *mapfile.MapFile, opts ...mapfile.Option) *mapfile.MapFile {
	t.Helper()
	mf, err := mapfile.OpenOrCreate(mf.Path(), opts...)
	return until(t, mf, err)
}

// Kill ends mf as SIGKILL would end its process, between two calls: its locks are free, its record
// still says that it is open, and every call on it is ErrClosed. A reader is just closed.
func Kill(mf *mapfile.MapFile) { testhook.Kill(mf) }

// OnStore has before called in front of every store by which this process changes a map file from now
// on; nil ends that. A program that kills itself at the n-th one, for every n, passes through every
// state that a death can leave. Payload and header of a buffer count as one store.
func OnStore(before func()) { testhook.OnStore(before) }

func until(t testing.TB, mf *mapfile.MapFile, err error) *mapfile.MapFile {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := mf.Close(); err != nil {
			t.Error(err)
		}
	})
	return mf
}
