package shm

// Copy copies between private and mapped memory, or between two places of it. A reader may copy a
// buffer while its writer fills it, finds that out by the sequence, and forgets what it has copied:
// so the race detector is told to look away.
//
//go:norace
func Copy(dst, src []byte) { copy(dst, src) }
