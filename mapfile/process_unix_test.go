//go:build unix

package mapfile_test

import "syscall"

// Stop stops the child where it is, as Ctrl-Z does.
func (c *child) Stop() { c.signal(syscall.SIGSTOP) }

// Cont lets a stopped child run on.
func (c *child) Cont() { c.signal(syscall.SIGCONT) }

func (c *child) signal(s syscall.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		c.t.Fatal(err)
	}
}
