package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// sleeps tells whether all threads of a process sleep. One that runs, or waits for a processor, has state R.
func sleeps(pid int) bool {
	tasks := fmt.Sprintf("/proc/%d/task/", pid)
	threads, err := os.ReadDir(tasks)
	for _, t := range threads {
		stat, errStat := os.ReadFile(tasks + t.Name() + "/stat") // number (name) state …
		_, state, ok := bytes.Cut(stat[bytes.LastIndexByte(stat, ')')+1:], []byte(" "))
		if errStat != nil || !ok || state[0] != 'S' {
			return false
		}
	}
	return err == nil && len(threads) > 0
}

// threadsOnBell counts the threads of this process that sleep until some other process wakes them: on the bell,
// since Go's own sleep on words of the process. -1: the system does not tell.
func threadsOnBell() (n int) {
	const tasks = "/proc/self/task/"
	threads, err := os.ReadDir(tasks)
	if err != nil {
		return -1
	}
	for _, t := range threads {
		// It says: number, arguments; or "running". A kernel may be without it, or forbid it.
		text, err := os.ReadFile(tasks + t.Name() + "/syscall")
		if err != nil && !errors.Is(err, unix.ESRCH) {
			return -1
		}
		var call, addr, op int64
		fmt.Sscanf(string(text), "%d 0x%x 0x%x", &call, &addr, &op)
		if call == unix.SYS_FUTEX_WAITV || call == unix.SYS_FUTEX && op == 0 {
			n++
		}
	}
	return n
}
