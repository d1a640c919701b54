//go:build !linux

package main

import "runtime/debug"

// limitMemory makes the collector work harder near the limit. Nothing enforces it on this system; the
// decoder's own bounds and the time limit remain.
func limitMemory(limit uint64) error {
	debug.SetMemoryLimit(int64(limit))
	return nil
}
