// Package filelock locks single bytes of a file against other processes and other handles.
//
// A lock belongs to the open file description, not to the process: a second descriptor of the same
// file is excluded even in the same process, reading the file elsewhere drops nothing, and the kernel
// frees the locks of a process that died, however it died. The bytes may lie past the end of the
// file, so locks need no room in it.
//
// What the kernel does not do, and the caller must: two goroutines that share one descriptor both
// get the lock, so each lock needs a mutex beside it; and closing the descriptor frees nothing while
// a mapping of the file lives, so unlock explicitly. Descriptors must be opened with O_CLOEXEC, else
// a child process keeps the locks of a dead parent.
//
// Nothing here waits: a lock is had at once or is ErrHeld. All functions may be called by several
// goroutines at once. Errors other than the ones below are those of the system, wrapped, with the
// errno found by errors.Is or errors.As (ENOLCK: no locks left; EBADF: not open for writing).
package filelock

import (
	"errors"
	"fmt"
)

var (
	// ErrHeld: somebody else has the lock.
	ErrHeld = errors.New("filelock: held by somebody else")

	// ErrUnsupported: this kernel, sandbox or operating system has no locks of this kind. It wraps
	// errors.ErrUnsupported. There is no silent way to go on without a lock.
	ErrUnsupported = fmt.Errorf("filelock: open file description locks: %w", errors.ErrUnsupported)

	// ErrNotExclusive: the file system grants the same lock twice, see SelfTest. It wraps
	// errors.ErrUnsupported, too.
	ErrNotExclusive = fmt.Errorf("filelock: this file system grants one lock to two holders: %w", errors.ErrUnsupported)
)

// Try takes the exclusive lock of the byte at off for the descriptor fd, which must be open for
// writing. ErrHeld if another descriptor has it (or a shared lock on it). Taking a lock twice through
// one descriptor succeeds, and one Unlock frees it.
func Try(fd uintptr, off int64) error { return try(fd, off) }

// Unlock frees the lock of the byte at off. A lock that fd does not hold is no error.
func Unlock(fd uintptr, off int64) error { return unlock(fd, off) }

// Held tells whether somebody other than fd holds the exclusive lock of the byte at off. It changes
// nothing and a descriptor that may only read suffices. Through the holder's own descriptor the
// answer is false.
func Held(fd uintptr, off int64) (bool, error) { return held(fd, off) }

// SelfTest checks that locks exclude on the file system of fd: some network and virtual file systems
// grant whatever is asked for, and then ErrNotExclusive is the answer. reopen opens the same file for
// writing a second time; SelfTest calls closeFile when it is done with it. The byte at off is locked
// for a moment and must have no other use: if somebody else holds it (another test), locks exclude.
func SelfTest(fd uintptr, off int64, reopen func() (second uintptr, closeFile func() error, err error)) error {
	err := Try(fd, off)
	if errors.Is(err, ErrHeld) {
		return nil
	}
	if err != nil {
		return err
	}
	defer Unlock(fd, off)

	second, closeFile, err := reopen()
	if err != nil {
		return fmt.Errorf("filelock: self-test: %w", err)
	}
	defer closeFile()
	err = Try(second, off)
	if err == nil {
		Unlock(second, off)
		return ErrNotExclusive
	}
	if !errors.Is(err, ErrHeld) {
		return err
	}
	// A refusal that nobody can see is no use to readers, who learn by Held who lives.
	isHeld, err := Held(second, off)
	if err == nil && !isHeld {
		return ErrNotExclusive
	}
	return err
}
