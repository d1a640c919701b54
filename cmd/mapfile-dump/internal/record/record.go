// Package record is the JSON of the program, a contract: the types here are described field by field in
// docs/mapfile-dump.md. A record is the same wherever it stands: alone, on a line of ndjson, in a list,
// or in an answer of the server.
package record

import (
	"fmt"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/listing"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/codec"
	"github.com/gomapfile/mapfile/mapfile"
)

// SchemaVersion is the version of the JSON. It changes when a field goes or changes its meaning, not
// when one is added.
const SchemaVersion = 1

// Head opens each record.
type Head struct {
	Schema int    `json:"schema"`
	Kind   string `json:"kind"`
}

// HeadOf is the head of a record of that kind.
func HeadOf(kind string) Head { return Head{SchemaVersion, kind} }

// Slot has the kinds "slot" (ls, get) and "event" (watch, with Event).
type Slot struct {
	Head
	Event    string    `json:"event,omitempty"`
	Changed  []string  `json:"changed,omitempty"`
	File     string    `json:"file"`
	Name     string    `json:"name"`
	Title    string    `json:"title"`
	Type     string    `json:"type"`
	Codec    string    `json:"codec"`
	Length   Whole     `json:"length"`
	Capacity Whole     `json:"capacity"`
	Version  Natural   `json:"version"`
	Commit   Natural   `json:"commit"`
	Session  Natural   `json:"session"`
	Time     Moment    `json:"time"`
	Age      *Real     `json:"age_seconds"`
	Rate     Real      `json:"rate"`
	State    string    `json:"state"`
	Producer *Producer `json:"producer"`
	Value    *Value    `json:"value,omitempty"` // see SetValue
	Payload  []byte    `json:"payload,omitempty"`
	SchemaOf any       `json:"stored_schema,omitempty"`
}

// Producer is one session of a producer.
type Producer struct {
	Session   Natural `json:"session"`
	Commit    Natural `json:"commit"`
	PID       int     `json:"pid"`
	Program   string  `json:"program"`
	Started   Moment  `json:"started"`
	Heartbeat Real    `json:"heartbeat_seconds"`
	State     string  `json:"state"`
}

// File has the kind "file" (ls, info).
type File struct {
	Head
	File          string      `json:"file"`
	Title         string      `json:"title"`
	ID            string      `json:"id"`
	FormatVersion int         `json:"format_version"`
	FileSystem    string      `json:"file_system"`
	Size          Whole       `json:"size"`
	Used          Whole       `json:"used"`
	Slots         int         `json:"slots"`
	Created       Moment      `json:"created"`
	Age           *Real       `json:"age_seconds"`
	State         string      `json:"state"`
	Producers     []*Producer `json:"producers"`
	Warnings      []string    `json:"warnings"`
}

// NewSlot is the record of a slot.
func NewSlot(kind, file string, s mapfile.SlotInfo) *Slot {
	r := &Slot{
		Head: HeadOf(kind), File: file, Name: s.Name, Title: s.Title, Type: s.Type.Name, Codec: s.Type.Codec,
		Length: Whole(s.Length), Capacity: Whole(s.Capacity), Version: Natural(s.Stamp.Version),
		Commit: Natural(s.Stamp.Commit), Session: Natural(s.Stamp.Session), Time: Moment(s.Stamp.Time),
		Rate: Real(show.Finite(s.Rate)), State: s.Producer.State.String(), Producer: NewProducer(s.Producer),
	}
	if s.Stamp.Version != 0 {
		age := Seconds(s.Age)
		r.Age = &age
	}
	return r
}

// SetValue sets the decoded value.
func (r *Slot) SetValue(n codec.Node) {
	value := Value(n)
	r.Value = &value
}

// NewProducer is the record of a producer; nil where there is none.
func NewProducer(p mapfile.Producer) *Producer {
	if p.Session == 0 {
		return nil
	}
	return &Producer{
		Session: Natural(p.Session), Commit: Natural(p.Commit), PID: p.PID, Program: p.Program,
		Started: Moment(p.Started), Heartbeat: Seconds(p.Heartbeat), State: p.State.String(),
	}
}

// NewFile is the record of a file.
func NewFile(f *listing.File) *File {
	r := &File{
		Head: HeadOf("file"), File: f.Path, Title: f.Info.Title, ID: fmt.Sprintf("%x", f.Info.ID),
		FormatVersion: f.Info.FormatVersion, FileSystem: f.Info.FileSystem, Size: Whole(f.Info.Size),
		Used: Whole(f.Info.Used), Slots: f.Info.NumSlots, Created: Moment(f.Info.Created),
		State: f.State.String(), Producers: []*Producer{}, Warnings: []string{},
	}
	if f.Published {
		age := Seconds(f.Last)
		r.Age = &age
	}
	for _, p := range f.Info.Producers {
		r.Producers = append(r.Producers, NewProducer(p))
	}
	r.Warnings = append(r.Warnings, f.Info.Warnings...)
	return r
}
