package serve

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/decode"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/exporting"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/listing"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/record"
	"github.com/gomapfile/mapfile/mapfile"
)

// The JSON API: the records of ls and get, Drawings, downloads, events.

func (s *Server) api(w http.ResponseWriter, r *http.Request, address string) {
	what, rest, hasItem := strings.Cut(address, "/")
	switch {
	case what == "files" && !hasItem:
		s.files(w, r)
		return
	case what == "slots" && !hasItem:
		s.slots(w, r)
		return
	case what == "events" && !hasItem:
		s.events(w, r)
		return
	}
	answers := map[string]func(http.ResponseWriter, *http.Request, item){"value": s.value, "draw": s.draw, "download": s.download}
	answerItem, ok := answers[what]
	if !ok || !hasItem {
		s.fail(w, r, notFound("no such endpoint; there are files, slots, value, draw, download and events"))
		return
	}
	it, ok := parseItem(rest)
	if !ok {
		s.fail(w, r, notFound("no such item: want LABEL/NAME with escaped segments"))
		return
	}
	answerItem(w, r, it)
}

// listOf is the JSON of a list of records.
func listOf[T any](items []T) any {
	return struct {
		record.Head
		Items []T `json:"items"`
	}{record.HeadOf("list"), items}
}

// files is GET /api/files.
func (s *Server) files(w http.ResponseWriter, r *http.Request) {
	v := s.hub.look(lookFresh)
	records := []fileRecord{}
	for i := range v.Files {
		records = append(records, newFileRecord(&v.Files[i]))
	}
	s.json(w, r, "", listOf(records))
}

// slots is GET /api/slots?file=LABEL&match=PATTERN. Without file it is those of all files.
func (s *Server) slots(w http.ResponseWriter, r *http.Request) {
	query, ok := s.query(w, r)
	if !ok {
		return
	}
	v := s.hub.look(lookFresh)
	records := []slotRecord{}
	found := false
	for i := range v.Files {
		f := &v.Files[i]
		if query.Has("file") && query.Get("file") != f.Label {
			continue
		}
		found = true
		slots := f.Slots
		if patterns := query["match"]; len(patterns) > 0 {
			var err error
			if slots, err = matching(v.files[f.Label], patterns, f.Path); err != nil {
				s.fail(w, r, err)
				return
			}
		}
		for j := range slots {
			slot := &slots[j]
			records = append(records, slotRecord{record.NewSlot("slot", f.Path, slot.SlotInfo), item{f.Label, slot.Name}.String()})
		}
	}
	if !found && query.Has("file") {
		s.fail(w, r, errNoFile)
		return
	}
	s.json(w, r, "", listOf(records))
}

// matching are the slots of a file that match.
func matching(mf *mapfile.MapFile, patterns []string, path string) ([]listing.Slot, error) {
	var slots []listing.Slot
	for info, err := range mf.Slots(patterns...) {
		var e *mapfile.Error
		switch {
		case errors.Is(err, mapfile.ErrNoSlot):
		case err == nil:
			slots = append(slots, listing.Slot{Path: path, SlotInfo: info})
		case errors.As(err, &e) && e.Slot != "": // the others can be listed
		default:
			return nil, err
		}
	}
	listing.SortSlots(slots, "name", false)
	return slots, nil
}

// value is GET /api/value/ITEM: the record of get.
func (s *Server) value(w http.ResponseWriter, r *http.Request, it item) {
	if s.unchanged(w, r, it) {
		return
	}
	var line []byte
	var etag string
	err := s.hub.limited(func() (err error) {
		line, etag, err = s.valueRecord(it)
		return err
	})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.send(w, r, answer{contentType: typeJSON, etag: etag, body: append(line, '\n')})
}

func (s *Server) valueRecord(it item) (line []byte, etag string, err error) {
	mf, info, payload, err := s.hub.read(it)
	if err != nil {
		return nil, "", err
	}
	rec := slotRecord{record.NewSlot("slot", mf.Path(), info), it.String()}
	node, err := decode.Payload(mf.Path(), it.name, info.Type, payload)
	var undecoded *decode.NotDecoded
	switch {
	case errors.As(err, &undecoded):
		rec.Payload = payload
	case err != nil:
		return nil, "", err
	default:
		rec.SetValue(node)
	}
	line, err = record.Line(rec)
	return line, etagOf(info), err
}

// etagOf is the version as HTTP has it, with the state of the producer.
func etagOf(info mapfile.SlotInfo) string {
	return identityOf(info.Stamp).etag(info.Producer.State.String())
}

// unchanged answers a client that has the newest version already, without reading it.
func (s *Server) unchanged(w http.ResponseWriter, r *http.Request, it item) bool {
	tags := r.Header.Get("If-None-Match")
	if tags == "" {
		return false
	}
	_, info, err := s.hub.stat(it)
	if err != nil || info.Stamp.Version == 0 || !hasETag(tags, etagOf(info)) {
		return false
	}
	s.send(w, r, answer{etag: etagOf(info)})
	return true
}

// draw is GET /api/draw/ITEM: a Drawing. What is wrong with the item is in it.
func (s *Server) draw(w http.ResponseWriter, r *http.Request, it item) {
	if s.unchanged(w, r, it) {
		return
	}
	f := s.hub.draw(it, nil)
	a := answer{contentType: typeJSON, body: append(f.full(), '\n')}
	if f.id.version != 0 {
		a.etag = f.id.etag(f.state)
	}
	s.send(w, r, a)
}

var downloadTypes = map[string]string{
	exporting.JSON: typeJSON,
	exporting.CSV:  "text/csv; charset=utf-8",
	exporting.ROOT: "application/octet-stream",
}

// download is GET /api/download/ITEM?to=json|csv|root: what export writes of this slot.
func (s *Server) download(w http.ResponseWriter, r *http.Request, it item) {
	query, ok := s.query(w, r)
	if !ok {
		return
	}
	format := query.Get("to")
	contentType, ok := downloadTypes[format]
	if !ok {
		s.fail(w, r, badRequest("want to=json, to=csv or to=root"))
		return
	}
	var body bytes.Buffer
	if err := s.hub.limited(func() error { return s.export(&body, it, format) }); err != nil {
		s.fail(w, r, err)
		return
	}
	s.send(w, r, answer{contentType: contentType, download: fileName(it.name) + "." + format, body: body.Bytes()})
}

// export writes an export of one slot.
func (s *Server) export(w io.Writer, it item, format string) error {
	mf, info, payload, err := s.hub.read(it)
	if err != nil {
		return err
	}
	about, err := mf.Stat()
	if err != nil {
		return err
	}
	slot := exporting.Slot{SlotInfo: info, Payload: payload}
	slot.Value, slot.Err = decode.Payload(mf.Path(), it.name, info.Type, payload)
	export, err := exporting.New(format, w, &exporting.File{Path: mf.Path(), Info: about, Commit: info.Stamp.Commit, Slots: []string{it.name}})
	if err != nil {
		return err
	}
	defer export.Close()
	if err := export.Put(&slot); err != nil {
		var left *exporting.LeftOut
		if errors.As(err, &left) {
			return &statusError{http.StatusUnprocessableEntity, left.Err.Error()}
		}
		return err
	}
	return export.End()
}

// fileName makes a harmless name for a file of a slot's.
func fileName(slot string) string {
	name := []byte(slot)
	for i, c := range name {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.' && i > 0 && name[i-1] != '.':
		default:
			name[i] = '_'
		}
	}
	const long = 100
	text := strings.Trim(string(name[:min(len(name), long)]), "-")
	if text == "" {
		return "slot"
	}
	return text
}
