//go:build unix

package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// fileLocker is a lock of a whole file, which all its users wait for.
type fileLocker struct{ file *os.File }

func newFileLocker(path string) locker {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		panic(err)
	}
	return &fileLocker{file}
}

func (l *fileLocker) lock(exclusive bool) (unlock func()) {
	how := unix.LOCK_SH
	if exclusive {
		how = unix.LOCK_EX
	}
	for {
		err := unix.Flock(int(l.file.Fd()), how)
		if err == nil {
			return func() { unix.Flock(int(l.file.Fd()), unix.LOCK_UN) }
		}
		if err != unix.EINTR {
			panic(fmt.Sprint("flock: ", err))
		}
	}
}
