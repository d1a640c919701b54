//go:build unix && !linux

package main

import "runtime"

// maxrssUnit is what the system counts a process's peak memory in: on macOS bytes.
var maxrssUnit int64 = func() int64 {
	if runtime.GOOS == "darwin" {
		return 1
	}
	return 1 << 10
}()
