package filelock

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// fcntlFlock is the system call; a variable so that tests can play a kernel or a file system that
// does not keep the contract.
var fcntlFlock = unix.FcntlFlock

func try(fd uintptr, off int64) error {
	lk, err := oneByte(unix.F_WRLCK, off)
	if err != nil {
		return err
	}
	err = fcntl(fd, unix.F_OFD_SETLK, &lk)
	if err == unix.EAGAIN || err == unix.EACCES {
		return ErrHeld
	}
	return explain(err)
}

func unlock(fd uintptr, off int64) error {
	lk, err := oneByte(unix.F_UNLCK, off)
	if err != nil {
		return err
	}
	// A lock that stays shuts everybody else out for as long as the file is open, so one refusal (ENOLCK,
	// EIO of a network file system) is not taken for an answer.
	for range 3 {
		if err = fcntl(fd, unix.F_OFD_SETLK, &lk); err == nil {
			return nil
		}
	}
	return explain(err)
}

func held(fd uintptr, off int64) (bool, error) {
	// Asking for a shared lock finds only exclusive ones in its way, which is what an owner holds;
	// a reader's shared lock must not look like a live producer.
	lk, err := oneByte(unix.F_RDLCK, off)
	if err != nil {
		return false, err
	}
	if err := fcntl(fd, unix.F_OFD_GETLK, &lk); err != nil {
		return false, explain(err)
	}
	return lk.Type != unix.F_UNLCK, nil
}

// oneByte describes a lock of the byte at off. A bad offset is refused here, because the kernel's
// EINVAL for it could not be told from "no such locks".
func oneByte(kind int16, off int64) (unix.Flock_t, error) {
	if off < 0 {
		return unix.Flock_t{}, fmt.Errorf("filelock: offset %d: %w", off, os.ErrInvalid)
	}
	return unix.Flock_t{Type: kind, Whence: unix.SEEK_SET, Start: off, Len: 1}, nil
}

func fcntl(fd uintptr, cmd int, lk *unix.Flock_t) error {
	for {
		err := fcntlFlock(fd, cmd, lk)
		if err != unix.EINTR {
			return err
		}
	}
}

func explain(err error) error {
	switch err {
	case nil:
		return nil
	case unix.EINVAL, unix.ENOSYS, unix.EOPNOTSUPP:
		return fmt.Errorf("%w (%w)", ErrUnsupported, err)
	}
	return fmt.Errorf("filelock: %w", os.NewSyscallError("fcntl", err))
}
