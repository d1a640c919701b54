//go:build unix

package main

import (
	"io/fs"
	"sync"
	"syscall"
)

// umask is what new files may not have. To read it is to set it, so it is done once.
var umask = sync.OnceValue(func() fs.FileMode {
	mask := syscall.Umask(0)
	syscall.Umask(mask)
	return fs.FileMode(mask)
})
