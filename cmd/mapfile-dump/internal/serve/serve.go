// Package serve is the browser's view of map files, and the same for programs: a page, a JSON API, what
// ROOT's clients ask for, metrics.
//
// It is safe by default. Requests only read; no part of one is ever a path of the file system; pages of
// other sites get nothing; answers run no script but ours; connections, streams, sizes and times are
// limited. docs/serve.md has the endpoints and the whole of that.
package serve

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/listing"
)

// Config is what a Server serves. Set and Describe must be given.
type Config struct {
	Set      *listing.Set
	Picture  *listing.Picture   // of the Set, if one was taken already
	Describe func(error) string // an error for people
	Log      *slog.Logger       // of problems; nil: none
	Auth     *Auth              // nil: everybody may look
	MaxRate  float64            // updates of an item a second; 0: 10
	Limits   Limits             // zero fields: those of DefaultLimits
}

// Limits are what one server does at most.
type Limits struct {
	Connections int           // at once; others wait
	Streams     int           // event streams at once; others are told to come again
	Items       int           // that one stream watches
	Header      int           // bytes of a request's header
	Body        int64         // bytes of the body of multi.json
	Read        time.Duration // for a request
	Write       time.Duration // for an answer, or one write of a stream
	Idle        time.Duration // between two requests of a connection
	Alive       time.Duration // between two signs of life in a stream
}

// DefaultLimits are for a group of people who look at the same files.
var DefaultLimits = Limits{
	Connections: 1024, Streams: 512, Items: 64, Header: 64 << 10, Body: 64 << 10,
	Read: 10 * time.Second, Write: 30 * time.Second, Idle: 60 * time.Second, Alive: aliveEvery,
}

// A Server answers requests. Its methods may be called by several goroutines at once.
type Server struct {
	hub      *hub
	describe func(error) string
	log      *slog.Logger
	auth     *Auth
	limits   Limits
	stop     context.CancelFunc
	registry *prometheus.Registry

	rootObjects shelf[[]byte] // for JSROOT
}

// New makes a server. Close must be called; it does not close the Set.
func New(c Config) *Server {
	ctx, stop := context.WithCancel(context.Background())
	s := &Server{describe: c.Describe, log: c.Log, auth: c.Auth, limits: c.Limits.filled(), stop: stop}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	rate := c.MaxRate
	if !(rate > 0) {
		rate = 10
	}
	interval := max(time.Millisecond, min(time.Minute, time.Duration(float64(time.Second)/rate)))
	s.hub = newHub(ctx, c.Set, c.Picture, interval, c.Describe, s.log)
	s.registry = newRegistry(&s.hub.counts)
	s.rootObjects.size = func(object []byte) int { return len(object) }
	return s
}

// filled has the default for each limit that is not given.
func (l Limits) filled() Limits {
	d := DefaultLimits
	fill(&l.Connections, d.Connections)
	fill(&l.Streams, d.Streams)
	fill(&l.Items, d.Items)
	fill(&l.Header, d.Header)
	fill(&l.Body, d.Body)
	fill(&l.Read, d.Read)
	fill(&l.Write, d.Write)
	fill(&l.Idle, d.Idle)
	fill(&l.Alive, d.Alive)
	return l
}

func fill[T int | int64 | time.Duration](limit *T, usual T) {
	if *limit == 0 {
		*limit = usual
	}
}

// Close ends all streams.
func (s *Server) Close() { s.stop() }

// Serve answers requests until ctx ends, and returns its cause; or the error for which it cannot go on.
// Requests that are being answered then get a moment. The listener is closed.
func (s *Server) Serve(ctx context.Context, l *Listener) error {
	web := &http.Server{
		Handler:           s.Handler(l),
		ReadHeaderTimeout: s.limits.Read,
		ReadTimeout:       s.limits.Read,
		WriteTimeout:      s.limits.Write,
		IdleTimeout:       s.limits.Idle,
		MaxHeaderBytes:    s.limits.Header,
		ErrorLog:          slog.NewLogLogger(&seldom{Handler: s.log.Handler()}, slog.LevelWarn),
	}
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(l.limited(s.limits.Connections)) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	s.stop()
	moment, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if err := web.Shutdown(moment); err != nil {
		web.Close()
	}
	if err := <-ended; err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return context.Cause(ctx)
}
