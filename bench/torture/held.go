package main

import "time"

// held is what a process holds: memory in KiB, and numbers.
type held struct {
	RSS, Anon, Heap                      int64
	Files, Mappings, Goroutines, Threads int64
}

// sameAs tells whether a process holds no more and no less of what must be given back.
func (h held) sameAs(other held) bool {
	return h.Files == other.Files && h.Mappings == other.Mappings && h.Goroutines == other.Goroutines
}

// heldAtLast waits a while for what is just ending, until this process holds what it did before.
func heldAtLast(before held, patience time.Duration) held {
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if h := heldNow(); h.sameAs(before) || time.Now().After(deadline) {
			return h
		}
	}
}
