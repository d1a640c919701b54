package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/listing"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/record"
	"github.com/gomapfile/mapfile/mapfile"
)

// A hub does the work that all clients share: one look at the list a second while somebody watches it,
// and of each item one read, decode and encode for each change, however many watch. Nothing is done for
// what nobody watches.
//
// Clients take what is newest when they are ready for it. Nothing is queued for them, so a slow one
// skips, and disturbs nobody.
type hub struct {
	ctx      context.Context // ends with the server
	set      *listing.Set
	interval time.Duration // between two looks at an item
	describe func(error) string
	log      *slog.Logger

	lookMu sync.Mutex // one Look at a time
	now    atomic.Pointer[view]
	told   map[string]bool // faults of the last look; guarded by lookMu

	mu    sync.Mutex // guards the rooms and their clients
	rooms map[item]*room
	list  *listRoom

	decoding chan struct{} // bounds the memory that hostile payloads can make us use
	drawn    shelf[*frame]
	counts   counts
}

// counts are what /metrics says of the server itself.
type counts struct {
	encodes atomic.Int64 // Drawings, lists and rows that became bytes
	nanos   atomic.Int64 // spent for that, with reading and decoding
	streams atomic.Int64 // open now
}

// encoded counts an encoding that began at start.
func (c *counts) encoded(start time.Time) {
	c.encodes.Add(1)
	c.nanos.Add(int64(time.Since(start)))
}

// A view is a picture of the Set, and its open files by label.
type view struct {
	*listing.Picture
	files map[string]*mapfile.MapFile
}

const (
	lookEvery = time.Second            // for those who watch the list
	lookFresh = 500 * time.Millisecond // an answer may be that old
	decoders  = 2
)

func newHub(ctx context.Context, set *listing.Set, picture *listing.Picture, interval time.Duration, describe func(error) string, log *slog.Logger) *hub {
	h := &hub{
		ctx: ctx, set: set, interval: interval, describe: describe, log: log, told: map[string]bool{},
		rooms: map[item]*room{}, decoding: make(chan struct{}, decoders),
		drawn: shelf[*frame]{size: func(f *frame) int { return len(f.body) }},
	}
	h.list = &listRoom{hub: h, clients: map[*client]struct{}{}}
	if picture != nil {
		h.now.Store(h.viewOf(picture))
		for _, err := range picture.Faults { // who took the picture has told them
			h.told[describe(err)] = true
		}
	}
	return h
}

func (h *hub) viewOf(p *listing.Picture) *view {
	v := &view{p, map[string]*mapfile.MapFile{}}
	for _, f := range p.Files {
		if mf, ok := h.set.File(f.Label); ok {
			v.files[f.Label] = mf
		}
	}
	return v
}

// look lists everything, unless somebody did so a moment ago.
func (h *hub) look(fresh time.Duration) *view {
	h.lookMu.Lock()
	defer h.lookMu.Unlock()
	if v := h.now.Load(); v != nil && time.Since(v.At) < fresh {
		return v
	}
	v := h.viewOf(h.set.Look())
	h.now.Store(v)
	h.logFaults(v)
	return v
}

// logFaults logs what could be read at the look before and cannot any more.
func (h *hub) logFaults(v *view) {
	const most = 20
	told := map[string]bool{}
	for _, err := range v.Faults {
		text := h.describe(err)
		if !h.told[text] && len(told) < most {
			h.log.Warn("cannot be read", "err", text)
		}
		told[text] = true
	}
	h.told = told
}

// file is the open file of a label. One that is not there, or was closed, is looked for.
func (h *hub) file(label string) (*mapfile.MapFile, bool) {
	if v := h.now.Load(); v != nil {
		if mf, ok := v.files[label]; ok {
			return mf, true
		}
	}
	mf, ok := h.look(lookFresh).files[label]
	return mf, ok
}

var errNoFile = notFound("no such file now")

// stat finds an item and describes it.
func (h *hub) stat(it item) (*mapfile.MapFile, mapfile.SlotInfo, error) {
	for again := true; ; again = false {
		mf, ok := h.file(it.label)
		if !ok {
			return nil, mapfile.SlotInfo{}, errNoFile
		}
		info, err := mf.Reader(it.name).Stat()
		if again && errors.Is(err, mapfile.ErrClosed) { // by a later Look
			h.look(lookFresh)
			continue
		}
		return mf, info, err
	}
}

// read reads the payload of an item, with the description that belongs to it.
func (h *hub) read(it item) (*mapfile.MapFile, mapfile.SlotInfo, []byte, error) {
	mf, info, err := h.stat(it)
	if err != nil {
		return nil, info, nil, err
	}
	if info.Length > maxPayload {
		return mf, info, nil, fmt.Errorf("%d bytes are %w", info.Length, errTooLarge)
	}
	reader := mf.Reader(it.name)
	var raw mapfile.Raw
	if _, err := reader.GetInto(&raw); err != nil {
		return mf, info, nil, err
	}
	if raw.Stamp != info.Stamp { // published in between, perhaps once more
		if newer, err := reader.Stat(); err == nil {
			info = newer
		}
		info.Age += max(0, info.Stamp.Time.Sub(raw.Stamp.Time))
	}
	info.Type, info.Stamp, info.Length = raw.Type, raw.Stamp, int64(len(raw.Payload))
	return mf, info, raw.Payload, nil
}

// limited runs one of few at a time what may need much memory. Should a payload find a fault of this
// program, it is the error of that payload only.
func (h *hub) limited(work func() error) (err error) {
	h.decoding <- struct{}{}
	defer func() {
		<-h.decoding
		if fault := recover(); fault != nil {
			h.log.Error("a fault of this program", "fault", fault, "stack", string(debug.Stack()))
			err = errInternal
		}
	}()
	return work()
}

var errInternal = &statusError{http.StatusInternalServerError, "internal error"}

// draw is the newest frame of an item: the last one, if there is nothing new. It never fails: what is
// wrong is what the frame says.
func (h *hub) draw(it item, last *frame) *frame {
	_, info, err := h.stat(it)
	switch {
	case err != nil:
		return h.trouble(it, err, last)
	case info.Stamp.Version == 0:
		return h.trouble(it, mapfile.ErrNotPublished, last)
	}
	f := last
	if f == nil || f.id != identityOf(info.Stamp) {
		if f, err = h.drawn.get(it, identityOf(info.Stamp), func() (*frame, error) { return h.encode(it) }); err != nil {
			return h.trouble(it, err, last)
		}
	}
	if state := info.Producer.State.String(); f.state != state {
		changed := *f
		changed.state = state
		f = &changed
	}
	return f
}

// trouble is a frame that says what is wrong.
func (h *hub) trouble(it item, err error, last *frame) *frame {
	kind, text := "error", reason(err)
	switch {
	case errors.Is(err, errNoFile):
		kind = "none"
	case errors.Is(err, mapfile.ErrNoSlot):
		kind, text = "none", "no such slot now"
	case errors.Is(err, mapfile.ErrNotPublished):
		kind, text = "none", "no value yet"
	}
	// What is busy for a moment, or was just replaced, keeps its picture.
	if last != nil && (errors.Is(err, mapfile.ErrBusy) || errors.Is(err, mapfile.ErrSuperseded) || errors.Is(err, mapfile.ErrClosed)) {
		return last
	}
	f := message(it, kind, text)
	if last != nil && string(last.body) == string(f.body) {
		return last
	}
	return f
}

// encode reads, decodes and encodes an item.
func (h *hub) encode(it item) (f *frame, err error) {
	err = h.limited(func() error {
		defer h.counts.encoded(time.Now())
		mf, info, payload, err := h.read(it)
		if err != nil {
			return err
		}
		d := newDrawing(it, mf.Path(), info, payload)
		body, err := d.encode()
		f = &frame{
			id: identityOf(info.Stamp), kind: d.Kind, body: body, state: info.Producer.State.String(), known: true, age: info.Age, at: time.Now(),
		}
		return err
	})
	return f, err
}

// A client is woken when there is something new for it.
type client struct{ wake chan struct{} }

func newClient() *client { return &client{make(chan struct{}, 1)} }

func (c *client) call() {
	select {
	case c.wake <- struct{}{}:
	default: // it was called already
	}
}

// A room is an item that somebody watches.
type room struct {
	hub     *hub
	item    item
	clients map[*client]struct{}
	stop    context.CancelFunc
	latest  atomic.Pointer[frame] // nil until the first
}

// enter makes a client watch an item. It must leave again.
func (h *hub) enter(it item, c *client) *room {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.rooms[it]
	if r == nil {
		ctx, stop := context.WithCancel(h.ctx)
		r = &room{hub: h, item: it, clients: map[*client]struct{}{}, stop: stop}
		h.rooms[it] = r
		go r.run(ctx)
	}
	r.clients[c] = struct{}{}
	return r
}

func (r *room) leave(c *client) {
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	delete(r.clients, c)
	if len(r.clients) == 0 && r.hub.rooms[r.item] == r {
		r.stop()
		delete(r.hub.rooms, r.item)
	}
}

// statEvery is how often an item is looked at where its version has not changed: for the state of the
// producer, a file that was replaced by one with the same version, and what has gone or come back.
const statEvery = time.Second

// run looks for changes until the last client has left.
func (r *room) run(ctx context.Context) {
	tick := time.NewTicker(r.hub.interval)
	defer tick.Stop()
	var reader *mapfile.SlotReader
	var from *mapfile.MapFile
	var seen uint64 // version that was drawn
	var stated time.Time
	for {
		if mf := r.hub.openFile(r.item.label); mf != from {
			from, reader, stated = mf, mf.Reader(r.item.name), time.Time{}
		}
		if version := reader.Version(); version != seen || time.Since(stated) >= statEvery {
			seen, stated = version, time.Now()
			last := r.latest.Load()
			if f := r.hub.draw(r.item, last); f != last {
				r.latest.Store(f)
				r.call()
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// openFile is the open file of a label as of the last look; nil if there is none.
func (h *hub) openFile(label string) *mapfile.MapFile {
	if v := h.now.Load(); v != nil {
		return v.files[label]
	}
	return nil
}

func (r *room) call() {
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	for c := range r.clients {
		c.call()
	}
}

// A shelf keeps what was encoded of items, as long as it is the newest: one encoding for each version,
// also for those who ask again and again instead of watching.
type shelf[T any] struct {
	size    func(T) int
	mu      sync.Mutex
	entries map[item]*kept[T]
	bytes   int
}

type kept[T any] struct {
	mu    sync.Mutex // one encodes, the others wait for it
	id    identity
	value T
	ok    bool
	size  int
}

// Bounds of a shelf.
const (
	shelfItems = 4096
	shelfBytes = 64 << 20
)

// get is the item's value of that identity, or what encode makes now.
func (s *shelf[T]) get(it item, id identity, encode func() (T, error)) (T, error) {
	s.mu.Lock()
	if s.entries == nil {
		s.entries = map[item]*kept[T]{}
	}
	e := s.entries[it]
	if e == nil {
		for other := range s.entries { // any will do
			if len(s.entries) < shelfItems && s.bytes < shelfBytes {
				break
			}
			s.bytes -= s.entries[other].size
			delete(s.entries, other)
		}
		e = &kept[T]{}
		s.entries[it] = e
	}
	s.mu.Unlock()

	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ok && e.id == id {
		return e.value, nil
	}
	value, err := encode()
	if err != nil {
		return value, err
	}
	e.id, e.value, e.ok = id, value, true
	s.mu.Lock()
	if s.entries[it] == e {
		s.bytes += s.size(value) - e.size
		e.size = s.size(value)
	}
	s.mu.Unlock()
	return value, nil
}

// listRoom is the list that somebody watches.
type listRoom struct {
	hub     *hub
	clients map[*client]struct{} // guarded by hub.mu
	stop    context.CancelFunc

	mu      sync.Mutex
	changes uint64 // number of events so far
	rows    []byte // the newest event, from changes-1 to changes; nil: only the whole list tells it
	view    *view  // the newest, of which whole is the list
	whole   []byte
	known   known
}

// watchList makes a client watch the list. It must leave again.
func (h *hub) watchList(c *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.list
	if len(l.clients) == 0 {
		l.mu.Lock()
		l.view = nil // what was there when somebody looked last is too old
		l.mu.Unlock()
		var ctx context.Context
		ctx, l.stop = context.WithCancel(h.ctx)
		go l.run(ctx)
	}
	l.clients[c] = struct{}{}
}

func (l *listRoom) leave(c *client) {
	l.hub.mu.Lock()
	defer l.hub.mu.Unlock()
	delete(l.clients, c)
	if len(l.clients) == 0 {
		l.stop()
	}
}

// run looks once a second until the last client has left.
func (l *listRoom) run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		v := l.hub.look(lookFresh)
		if ctx.Err() != nil {
			return
		}
		if l.update(v) {
			l.hub.mu.Lock()
			for c := range l.clients {
				c.call()
			}
			l.hub.mu.Unlock()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// update compares with the picture before, and says whether there is an event.
func (l *listRoom) update(v *view) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if v == l.view {
		return false
	}
	first := l.view == nil
	l.view, l.whole = v, nil
	start := time.Now()
	changed, structural := l.known.compare(l.hub, v)
	switch {
	case first || structural:
		l.rows = nil
	case changed == nil:
		return false
	default:
		l.rows = event("rows", changed)
		l.hub.counts.encoded(start)
	}
	l.changes++
	return true
}

// next is the event for a client that has seen so many changes: nil if there is none, the whole list for
// one that is new or has missed some.
func (l *listRoom) next(seen uint64) (event []byte, changes uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.view == nil || seen == l.changes:
		return nil, seen
	case seen+1 == l.changes && l.rows != nil:
		return l.rows, l.changes
	}
	if l.whole == nil {
		defer l.hub.counts.encoded(time.Now())
		l.whole = wholeList(l.hub, l.view)
	}
	return l.whole, l.changes
}

// event is a server-sent event with JSON.
func event(name string, v any) []byte {
	line, err := record.Line(v)
	if err != nil { // cannot be: records only
		line = []byte("{}")
	}
	return fmt.Appendf(nil, "event: %s\ndata: %s\n\n", name, line)
}
