package serve

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"time"
)

// limiter lets something pass once a second.
type limiter struct {
	mu   sync.Mutex
	last time.Time
}

func (l *limiter) pass() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); now.Sub(l.last) >= time.Second {
		l.last = now
		return true
	}
	return false
}

// Handle drops what comes too soon.
func (h *seldom) Handle(ctx context.Context, record slog.Record) error {
	if !h.pass() {
		return nil
	}
	return h.Handler.Handle(ctx, record)
}

// limited is l with at most n connections at once; further ones wait in the system's queue.
func limited(l net.Listener, n int) net.Listener {
	return &limitedListener{Listener: l, room: make(chan struct{}, n), closed: make(chan struct{})}
}

type limitedListener struct {
	net.Listener
	room   chan struct{}
	once   sync.Once
	closed chan struct{}
}

func (l *limitedListener) Accept() (net.Conn, error) {
	select {
	case l.room <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.room
		return nil, err
	}
	return &limitedConn{Conn: conn, release: sync.OnceFunc(func() { <-l.room })}, nil
}

func (l *limitedListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type limitedConn struct {
	net.Conn
	release func()
}

func (c *limitedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}
