//go:build unix

package main

import "syscall"

// Stop freezes the child, Cont lets it go on.
func (c *child) Stop() error { return c.cmd.Process.Signal(syscall.SIGSTOP) }
func (c *child) Cont() error { return c.cmd.Process.Signal(syscall.SIGCONT) }

// die ends this process at once, as kill -9 does: nothing is cleaned up.
func die() {
	syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
	select {}
}
