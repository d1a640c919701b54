package exporting

import (
	"bufio"
	"io"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/record"
)

// JSON: the records of `get -o json` and `get -o ndjson`.

type jsonWriter struct {
	w    *bufio.Writer
	file *File
	list *record.List
}

func newJSON(w io.Writer, f *File, lines bool) *jsonWriter {
	buffered := bufio.NewWriterSize(w, bufferSize)
	return &jsonWriter{buffered, f, record.NewList(buffered, lines)}
}

const bufferSize = 64 << 10

// slotRecord is a slot record with what an export adds.
type slotRecord struct {
	*record.Slot
	Error       string `json:"error,omitempty"`        // why there is no value
	PayloadFile string `json:"payload_file,omitempty"` // raw-dir: its file, and that of its schema
	SchemaFile  string `json:"schema_file,omitempty"`
}

func (j *jsonWriter) Put(s *Slot) error {
	rec := slotRecord{Slot: record.NewSlot("slot", j.file.Path, s.SlotInfo), Error: s.fault()}
	switch {
	case s.Err != nil:
		rec.Payload = s.Payload
	case s.Stamp.Version != 0:
		rec.SetValue(s.Value)
	}
	return j.write(rec)
}

// write writes the record of a slot.
func (j *jsonWriter) write(rec slotRecord) error {
	line, err := record.Line(rec)
	if err != nil {
		return &LeftOut{rec.Name, err}
	}
	return j.list.PutLine(line)
}

func (j *jsonWriter) End() error {
	if err := j.list.End(); err != nil {
		return err
	}
	return j.w.Flush()
}

func (j *jsonWriter) Close() error { return nil }
