package serve

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/record"
	"github.com/gomapfile/mapfile/mapfile"
)

// An answer is what a request gets, other than a stream.
type answer struct {
	status      int // 0: 200
	contentType string
	etag        string // "": the answer is not kept by anybody
	download    string // the name of the file to save it as
	body        []byte
	zipped      []byte // body compressed, if there is that already
}

const (
	typeJSON = "application/json"
	typeText = "text/plain; charset=utf-8"
)

// leastZipped is the length from which a body is compressed.
const leastZipped = 1400

// send answers. A client that has the body already is told so.
func (s *Server) send(w http.ResponseWriter, r *http.Request, a answer) {
	h := w.Header()
	if a.etag == "" {
		h.Set("Cache-Control", "no-store")
	} else {
		h.Set("Cache-Control", "no-cache") // kept, but asked for anew each time
		h.Set("Etag", a.etag)
		if hasETag(r.Header.Get("If-None-Match"), a.etag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	h.Set("Content-Type", a.contentType)
	if a.download != "" {
		h.Set("Content-Disposition", `attachment; filename="`+a.download+`"`) // of harmless characters only
	}
	body := a.body
	if len(body) >= leastZipped {
		h.Set("Vary", "Accept-Encoding")
		if acceptsGzip(r) {
			if a.zipped == nil {
				a.zipped = zip(body, gzip.BestSpeed)
			}
			body = a.zipped
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if a.status != 0 {
		w.WriteHeader(a.status)
	}
	if r.Method == http.MethodHead {
		return
	}
	const piece = 64 << 10 // each has the whole time
	control := http.NewResponseController(w)
	for len(body) > 0 {
		control.SetWriteDeadline(time.Now().Add(s.limits.Write))
		n, err := w.Write(body[:min(piece, len(body))])
		if err != nil {
			return // who asked has gone
		}
		body = body[n:]
	}
}

// query is what stands behind "?". One that cannot be read is answered.
func (s *Server) query(w http.ResponseWriter, r *http.Request) (url.Values, bool) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		s.fail(w, r, badRequest(err.Error()))
		return nil, false
	}
	return query, true
}

// hasETag says whether a list of tags as in If-None-Match has this one.
func hasETag(list, etag string) bool {
	weak := func(tag string) string { return strings.TrimPrefix(strings.TrimSpace(tag), "W/") }
	for tag := range strings.SplitSeq(list, ",") {
		if weak(tag) == weak(etag) || strings.TrimSpace(tag) == "*" {
			return true
		}
	}
	return false
}

func acceptsGzip(r *http.Request) bool {
	for coding := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(coding), ";")
		if name == "gzip" {
			q, err := strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(weight), "q="), 64)
			return err != nil || q > 0
		}
	}
	return false
}

// json answers with a value as one line of JSON.
func (s *Server) json(w http.ResponseWriter, r *http.Request, etag string, v any) {
	body, err := record.Line(v)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.send(w, r, answer{contentType: typeJSON, etag: etag, body: append(body, '\n')})
}

// A statusError is an error with the status of its own.
type statusError struct {
	status int
	text   string
}

func (e *statusError) Error() string { return e.text }

func notFound(text string) error   { return &statusError{http.StatusNotFound, text} }
func badRequest(text string) error { return &statusError{http.StatusBadRequest, text} }

// statusOf says with which status an error is told.
func statusOf(err error) int {
	var status *statusError
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &status):
		return status.status
	case errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, mapfile.ErrNoSlot), errors.Is(err, mapfile.ErrNotPublished), errors.Is(err, fs.ErrNotExist):
		return http.StatusNotFound
	case errors.Is(err, mapfile.ErrName):
		return http.StatusBadRequest
	case errors.Is(err, mapfile.ErrCorrupt), errors.Is(err, mapfile.ErrDecode), errors.Is(err, mapfile.ErrSchema),
		errors.Is(err, mapfile.ErrCodec), errors.Is(err, mapfile.ErrType), errors.Is(err, mapfile.ErrUnregistered),
		errors.Is(err, errTooLarge):
		return http.StatusUnprocessableEntity // the slot is there, and cannot be shown
	}
	return http.StatusServiceUnavailable // closed, replaced, busy: it may be better in a moment
}

// fail answers with an error: JSON below /api/, else text.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	a := answer{status: statusOf(err), contentType: typeText, body: []byte(s.describe(err) + "\n")}
	if strings.HasPrefix(r.URL.Path, "/api/") {
		text, jsonErr := json.Marshal(map[string]string{"error": s.describe(err)})
		if jsonErr == nil {
			a.contentType, a.body = typeJSON, append(text, '\n')
		}
	}
	if a.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	s.send(w, r, a)
}
