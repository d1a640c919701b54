package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
)

// overHTTP is a server in the producer: net/http on a Unix socket, with a page for each value and one
// that holds all of them, one after another.
type overHTTP struct{}

func (overHTTP) create(dir string, sizes []int) (publisher, error) {
	values := newServed(sizes)
	bufs := sync.Pool{New: func() any { return new([]byte) }}
	pages := http.NewServeMux()
	pages.HandleFunc("GET /value/{slot}", func(w http.ResponseWriter, q *http.Request) {
		slot, err := strconv.Atoi(q.PathValue("slot"))
		buf := bufs.Get().(*[]byte)
		defer bufs.Put(buf)
		if err == nil {
			*buf, err = values.appendTo((*buf)[:0], slot)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", strconv.Itoa(len(*buf)))
		w.Write(*buf)
	})
	pages.HandleFunc("GET /values", func(w http.ResponseWriter, q *http.Request) {
		buf := bufs.Get().(*[]byte)
		defer bufs.Put(buf)
		w.Header().Set("Content-Type", "application/octet-stream")
		*buf = (*buf)[:0]
		for slot := range sizes {
			*buf, _ = values.appendTo(*buf, slot)
			if len(*buf) > 256<<10 {
				w.Write(*buf) // a reader that has gone does not concern the producer
				*buf = (*buf)[:0]
			}
		}
		w.Write(*buf)
	})
	pageServer, err := serveHTTP(dir, pages)
	if err != nil {
		return nil, err
	}
	return &httpPublisher{values, pageServer}, nil
}

// serveHTTP serves pages on the socket in dir.
func serveHTTP(dir string, pages http.Handler) (*http.Server, error) {
	listener, err := listen(dir)
	if err != nil {
		return nil, err
	}
	s := &http.Server{Handler: pages}
	go s.Serve(listener) // until it is closed
	return s, nil
}

type httpPublisher struct {
	*served
	server *http.Server
}

func (p *httpPublisher) close() error { return p.server.Close() }

func (overHTTP) open(dir string, _ []int) (reader, error) {
	return httpReader{httpClient(dir)}, answers(dir)
}

// httpClient asks the server on the socket in dir; it keeps the connection.
func httpClient(dir string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableCompression: true, // which costs more than a socket's bytes
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socketIn(dir))
		},
	}}
}

type httpReader struct{ client *http.Client }

// get has use read the body of a page to its end.
func get(client *http.Client, page string, use func(io.Reader) error) error {
	answer, err := client.Get("http://producer" + page)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", page, answer.Status)
	}
	if err := use(answer.Body); err != nil {
		return fmt.Errorf("%s: %w", page, err)
	}
	// A connection is used again only if its answer was read to the end.
	if n, err := io.Copy(io.Discard, answer.Body); n > 0 || err != nil {
		return errors.Join(fmt.Errorf("%s: %d bytes too many", page, n), err)
	}
	return nil
}

func (r httpReader) read(slot int, buf []byte) error {
	return get(r.client, "/value/"+strconv.Itoa(slot), func(body io.Reader) error {
		_, err := io.ReadFull(body, buf)
		return err
	})
}

func (r httpReader) readAll(bufs [][]byte) error {
	return get(r.client, "/values", func(body io.Reader) error {
		for _, buf := range bufs {
			if _, err := io.ReadFull(body, buf); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r httpReader) close() error {
	r.client.CloseIdleConnections()
	return nil
}
