package serve

import (
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
)

// What stands before every endpoint: who may ask what, and headers that leave a browser nothing to be
// tricked with.

const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Handler is the server's handler for requests that come by l.
func (s *Server) Handler(l *Listener) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer s.recovered(w, r)
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("X-Frame-Options", "DENY")
		if !l.knows(r.Host) {
			s.fail(w, r, &statusError{http.StatusMisdirectedRequest, "this server does not answer to the name in Host; use the address that it printed"})
			return
		}
		if !s.authorised(r) {
			h.Set("WWW-Authenticate", `Basic realm="mapfile-dump", charset="UTF-8"`)
			s.fail(w, r, &statusError{http.StatusUnauthorized, "a user name and password are needed"})
			return
		}
		s.route(w, r)
	})
}

// route finds what a path asks for. Nothing is cleaned or redirected: a path is what it is.
func (s *Server) route(w http.ResponseWriter, r *http.Request) {
	address := r.URL.EscapedPath()
	if r.Method != http.MethodGet && r.Method != http.MethodHead && !(r.Method == http.MethodPost && address == multiAddress) {
		allow := "GET, HEAD"
		if address == multiAddress {
			allow += ", POST"
		}
		w.Header().Set("Allow", allow)
		s.fail(w, r, &statusError{http.StatusMethodNotAllowed, "this server is for reading only"})
		return
	}
	if a, ok := assets()[address]; ok {
		s.asset(w, r, a)
		return
	}
	if crossSite(r) {
		s.fail(w, r, &statusError{http.StatusForbidden, "pages of other sites get no data; see docs/serve.md for a reverse proxy"})
		return
	}
	if rest, ok := strings.CutPrefix(address, "/api/"); ok {
		s.api(w, r, rest)
		return
	}
	switch address {
	case "/metrics":
		s.metrics(w, r)
	case "/healthz":
		s.health(w, r)
	default:
		s.root(w, r, address)
	}
}

// crossSite says whether a page of another origin asks. Browsers say so in Sec-Fetch-Site; older ones
// only in Origin. Programs send neither.
func crossSite(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return false
	case "":
	default:
		return true
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	return !strings.EqualFold(origin, scheme+r.Host)
}

// recovered makes a fault of this program the end of one request only.
func (s *Server) recovered(w http.ResponseWriter, r *http.Request) {
	fault := recover()
	switch fault {
	case nil:
		return
	case http.ErrAbortHandler:
		panic(fault)
	}
	s.log.Error("a request failed by a fault of this program", "path", r.URL.Path, "fault", fault, "stack", string(debug.Stack()))
	s.fail(w, r, errInternal)
}

// health is for those who watch the server: ok, unless there are files and none can be read.
func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	v := s.hub.look(lookFresh)
	if len(v.Files) == 0 && len(v.Faults) > 0 {
		s.fail(w, r, &statusError{http.StatusServiceUnavailable, "no file can be read: " + s.describe(v.Faults[0])})
		return
	}
	s.send(w, r, answer{contentType: typeText, body: []byte("ok\n")})
}

// seldom logs at most a line a second: others can make the web server complain as often as they like.
type seldom struct {
	slog.Handler
	limiter
}
