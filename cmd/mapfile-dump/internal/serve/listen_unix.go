//go:build unix

package serve

import (
	"errors"
	"net"
	"syscall"
)

// listenPrivate makes a socket that nobody else can reach, not for a moment either.
func listenPrivate(path string) (net.Listener, error) {
	old := syscall.Umask(0o177)
	defer syscall.Umask(old)
	return net.Listen("unix", path)
}

// isRefused says whether nobody listens on a socket.
func isRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
