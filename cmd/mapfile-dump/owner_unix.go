//go:build unix

package main

import (
	"fmt"
	"os"
	"syscall"
)

// ownedByUs says whether gc may remove a file: it is ours, or we are root. Otherwise it says whose it
// is.
func ownedByUs(path string) (owner string, ours bool) {
	info, err := os.Lstat(path)
	if err != nil {
		return "", true // removing it will tell
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() == 0 || int(stat.Uid) == os.Geteuid() {
		return "", true
	}
	return fmt.Sprintf("owned by uid %d", stat.Uid), false
}
