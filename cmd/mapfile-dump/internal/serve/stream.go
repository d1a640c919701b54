package serve

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Server-sent events: the list, and Drawings of items, each as it is now and then at each change.

const (
	aliveEvery = 10 * time.Second
	eventType  = "text/event-stream"
)

// watched is an item that a stream watches.
type watched struct {
	room *room
	sent *frame
	at   time.Time // when it was sent
}

// events is GET /api/events?list=1&item=ITEM&rate=HZ.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	query, ok := s.query(w, r)
	if !ok {
		return
	}
	var items []item
	asked := map[item]bool{}
	for _, text := range query["item"] {
		it, ok := parseItem(text)
		if !ok {
			s.fail(w, r, badRequest("item is not LABEL/NAME with escaped segments: "+text))
			return
		}
		if !asked[it] {
			asked[it] = true
			items = append(items, it)
		}
	}
	if len(items) > s.limits.Items {
		s.fail(w, r, badRequest(fmt.Sprintf("%d items are too many for a stream; at most %d", len(items), s.limits.Items)))
		return
	}
	interval := s.hub.interval
	if text := query.Get("rate"); text != "" {
		rate, err := strconv.ParseFloat(text, 64)
		if err != nil || !(rate > 0) {
			s.fail(w, r, badRequest("rate is not a number of updates a second"))
			return
		}
		interval = max(interval, time.Duration(min(float64(time.Minute), float64(time.Second)/rate)))
	}
	if s.hub.counts.streams.Add(1) > int64(s.limits.Streams) {
		s.hub.counts.streams.Add(-1)
		s.fail(w, r, &statusError{http.StatusServiceUnavailable, "too many streams are open; close other pages of this server"})
		return
	}
	defer s.hub.counts.streams.Add(-1)

	h := w.Header()
	h.Set("Content-Type", eventType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // a proxy passes events on at once
	if r.Method == http.MethodHead {
		return
	}
	out := &eventWriter{w: w, control: http.NewResponseController(w), limit: s.limits.Write}
	out.write([]byte("retry: 1000\n\n"))

	me := newClient()
	list := query.Get("list") == "1"
	if list {
		s.hub.watchList(me)
		defer s.hub.list.leave(me)
	}
	var all []*watched
	for _, it := range items {
		room := s.hub.enter(it, me)
		defer room.leave(me)
		all = append(all, &watched{room: room})
	}
	s.stream(r.Context(), r, out, me, list, all, interval)
}

// stream writes what is new, as long as there are client and server.
func (s *Server) stream(ctx context.Context, r *http.Request, out *eventWriter, me *client, list bool, all []*watched, interval time.Duration) {
	var seen uint64
	alive := time.NewTicker(s.limits.Alive)
	defer alive.Stop()
	later := time.NewTimer(0) // for what is new but must wait for the rate
	defer later.Stop()
	for {
		if list {
			event, changes := s.hub.list.next(seen)
			out.write(event)
			seen = changes
		}
		now := time.Now()
		var wait time.Duration // until the first of those that must wait
		for _, watch := range all {
			f := watch.room.latest.Load()
			if f == watch.sent {
				continue
			}
			if early := interval - now.Sub(watch.at); early > 0 {
				if wait == 0 || early < wait {
					wait = early
				}
				continue
			}
			out.write([]byte("event: draw\ndata: "))
			out.write(f.body)
			out.write(f.end(now))
			out.write([]byte("\n\n"))
			watch.sent, watch.at = f, now
		}
		if out.flush() != nil {
			return
		}
		if wait > 0 {
			later.Reset(wait)
		}
		select {
		case <-ctx.Done():
			return
		case <-s.hub.ctx.Done():
			return
		case <-me.wake:
		case <-later.C:
		case <-alive.C:
			if !s.authorised(r) { // the password was taken away
				return
			}
			out.write([]byte(": alive\n\n"))
		}
	}
}

// eventWriter writes to a client that may be slow: each write has a limit of its own, and the first
// error stays.
type eventWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	limit   time.Duration
	dirty   bool
	err     error
}

func (o *eventWriter) write(p []byte) {
	if o.err != nil || len(p) == 0 {
		return
	}
	o.dirty = true
	o.control.SetWriteDeadline(time.Now().Add(o.limit))
	_, o.err = o.w.Write(p)
}

func (o *eventWriter) flush() error {
	if o.err == nil && o.dirty {
		o.dirty = false
		o.control.SetWriteDeadline(time.Now().Add(o.limit))
		o.err = o.control.Flush()
	}
	return o.err
}
