package exporting

import (
	"bufio"
	"io"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/record"
)

// JSON: the records of `get -o json` and `get -o ndjson`.

type jsonWriter struct {
	w     *bufio.Writer
	file  *File
	lines bool
	n     int
}

func newJSON(w io.Writer, f *File, lines bool) *jsonWriter {
	return &jsonWriter{w: bufio.NewWriterSize(w, bufferSize), file: f, lines: lines}
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
		value := record.Value(s.Value)
		rec.Value = &value
	}
	return j.write(rec)
}

// write writes the record of a slot.
func (j *jsonWriter) write(rec slotRecord) error {
	line, err := record.Line(rec)
	if err != nil {
		return &LeftOut{rec.Name, err}
	}
	j.n++
	if !j.lines {
		j.w.WriteString(j.before())
	}
	j.w.Write(line)
	if j.lines {
		j.w.WriteByte('\n')
	}
	_, err = j.w.Write(nil) // the first error stays
	return err
}

// before is what stands before the record n of a list.
func (j *jsonWriter) before() string {
	if j.n == 1 {
		return record.ListHead + "\n"
	}
	return ",\n"
}

func (j *jsonWriter) End() error {
	switch {
	case j.lines:
	case j.n == 0:
		j.w.WriteString(record.ListHead + record.ListEnd + "\n")
	default:
		j.w.WriteString("\n" + record.ListEnd + "\n")
	}
	return j.w.Flush()
}

func (j *jsonWriter) Close() error { return nil }
