package shm_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gomapfile/mapfile/mapfile/internal/shm"
)

// A file that is cut while it is mapped: every access behind its end is an error, under garbage
// collection and in many goroutines, and what is left stays readable.
func TestFaultsInACutFileAreErrors(t *testing.T) {
	page := os.Getpagesize()
	path := filepath.Join(t.TempDir(), "cut")
	if err := os.WriteFile(path, make([]byte, 4*page), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	mapping, err := unix.Mmap(int(file.Fd()), 0, 4*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mapping)
	m := shm.Writable(shm.NewView(unsafe.Pointer(&mapping[0]), uintptr(len(mapping))))
	if err := shm.Guard(func() error { m.Store(uint64(3*page), 7); return nil }); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, int64(page)); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			private := make([]byte, 2*page)
			for i := range 200 {
				for _, access := range []func(){
					func() { m.Load(uint64(3 * page)) },
					func() { m.Store(uint64(2*page), 1) },
					func() { shm.Copy(private, m.Bytes(0, uint64(2*page))) },
					func() { m.Write(uint64(page), private) },
				} {
					if err := shm.Guard(func() error { access(); return nil }); !errors.Is(err, shm.ErrFault) {
						t.Errorf("behind the end: %v", err)
					}
				}
				if err := shm.Guard(func() error { m.Load(8); return nil }); err != nil {
					t.Errorf("what is left: %v", err)
				}
				if i%50 == 0 {
					runtime.GC()
				}
			}
		})
	}
	wg.Wait()
}

// Who may only read gets an error, too, when something stores through a mapping without permission.
func TestStoreToAReadOnlyMappingIsAnError(t *testing.T) {
	mapping, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mapping)
	m := shm.Writable(shm.NewView(unsafe.Pointer(&mapping[0]), uintptr(len(mapping))))
	if err := shm.Guard(func() error { m.Store(0, 1); return nil }); !errors.Is(err, shm.ErrFault) {
		t.Fatal(err)
	}
}
