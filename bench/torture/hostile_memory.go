package main

import (
	"bytes"
	"context"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"
)

// watchMemory looks at how much private memory this process has, and says so when it is more than the bound.
func watchMemory(ctx context.Context, bound int64, most *atomic.Int64) {
	told := false
	for ctx.Err() == nil {
		n := privateMemory()
		most.Store(max(most.Load(), n))
		if n > bound && !told {
			told = true
			say("memory-bound %d bytes, the bound is %d", n, bound)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// privateMemory is the memory of this process that is no file's: what the kernel says, else what Go has of it.
func privateMemory() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if _, rest, ok := bytes.Cut(status, []byte("RssAnon:")); err == nil && ok {
		if fields := bytes.Fields(rest); len(fields) > 0 {
			if kib, err := strconv.ParseInt(string(fields[0]), 10, 64); err == nil {
				return kib << 10
			}
		}
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.Sys)
}
