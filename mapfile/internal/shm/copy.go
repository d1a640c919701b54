//go:build !race

package shm

// Copy copies between private and mapped memory, or between two places of it.
func Copy(dst, src []byte) { copy(dst, src) }
