package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime/debug"
	"syscall"
)

// limitMemory limits what this process may still take: the collector works harder near the limit, and
// the kernel refuses memory at twice of it, which ends the process.
func limitMemory(limit uint64) error {
	debug.SetMemoryLimit(int64(limit))
	var pages uint64
	statm, err := os.ReadFile("/proc/self/statm")
	if err == nil {
		_, err = fmt.Fscan(bytes.NewReader(statm), &pages) // the first number is the size of the address space
	}
	if err != nil {
		return fmt.Errorf("limiting memory: %w", err)
	}
	most := pages*uint64(os.Getpagesize()) + 2*limit
	return setAddressSpace(most)
}

func setAddressSpace(most uint64) error {
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_AS, &old); err != nil {
		return fmt.Errorf("limiting memory: %w", err)
	}
	if most >= old.Max { // the user's own limit is lower
		return nil
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: most, Max: most}); err != nil {
		return fmt.Errorf("limiting memory: %w", err)
	}
	return nil
}
