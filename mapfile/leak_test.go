package mapfile_test

import (
	"runtime"
	"strings"
	"testing"
	"time"
)

// mapfileGoroutines counts the goroutines that run code of this module, those of tests left out.
func mapfileGoroutines() int {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	n := 0
	for _, stack := range strings.Split(string(buf), "\n\n") {
		if strings.Contains(stack, "gomapfile/mapfile/mapfile.") || strings.Contains(stack, "mapfile/internal/futex.") {
			n++
		}
	}
	return n
}

// noMoreGoroutines fails unless there are, after a moment, no more than before.
func noMoreGoroutines(t *testing.T, before int) {
	t.Helper()
	now := 0
	for range 4000 {
		if now = mapfileGoroutines(); now <= before {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	buf := make([]byte, 1<<20)
	t.Errorf("%d goroutines of the library, %d before\n%s", now, before, buf[:runtime.Stack(buf, true)])
}
