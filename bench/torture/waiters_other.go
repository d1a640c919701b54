//go:build !linux

package main

// Here nobody sleeps in the kernel, and it is not known who sleeps: only a watcher that is never told is found.

func sleeps(int) bool    { return false }
func threadsOnBell() int { return -1 }
