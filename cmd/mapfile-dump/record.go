package main

import (
	"fmt"

	"github.com/gomapfile/mapfile/mapfile"
)

// The JSON records: these types are the contract, described field by field in docs/mapfile-dump.md.
// A record is the same wherever it stands: alone, on a line of ndjson, or in a list.

// head opens each record.
type head struct {
	Schema int    `json:"schema"`
	Kind   string `json:"kind"`
}

func headOf(kind string) head { return head{schemaVersion, kind} }

// slotRecord has the kinds "slot" (ls, get) and "event" (watch, with Event).
type slotRecord struct {
	head
	Event    string          `json:"event,omitempty"`
	Changed  []string        `json:"changed,omitempty"`
	File     string          `json:"file"`
	Name     string          `json:"name"`
	Title    string          `json:"title"`
	Type     string          `json:"type"`
	Codec    string          `json:"codec"`
	Length   whole           `json:"length"`
	Capacity whole           `json:"capacity"`
	Version  natural         `json:"version"`
	Commit   natural         `json:"commit"`
	Session  natural         `json:"session"`
	Time     moment          `json:"time"`
	Age      *real           `json:"age_seconds"`
	Rate     real            `json:"rate"`
	State    string          `json:"state"`
	Producer *producerRecord `json:"producer"`
	Value    *valueJSON      `json:"value,omitempty"`
	Payload  []byte          `json:"payload,omitempty"`
	SchemaOf any             `json:"stored_schema,omitempty"`
}

type producerRecord struct {
	Session   natural `json:"session"`
	Commit    natural `json:"commit"`
	PID       int     `json:"pid"`
	Program   string  `json:"program"`
	Started   moment  `json:"started"`
	Heartbeat real    `json:"heartbeat_seconds"`
	State     string  `json:"state"`
}

type fileRecord struct {
	head
	File          string            `json:"file"`
	Title         string            `json:"title"`
	ID            string            `json:"id"`
	FormatVersion int               `json:"format_version"`
	FileSystem    string            `json:"file_system"`
	Size          whole             `json:"size"`
	Used          whole             `json:"used"`
	Slots         int               `json:"slots"`
	Created       moment            `json:"created"`
	Age           *real             `json:"age_seconds"`
	State         string            `json:"state"`
	Producers     []*producerRecord `json:"producers"`
	Warnings      []string          `json:"warnings"`
}

func newSlotRecord(kind, file string, s mapfile.SlotInfo) *slotRecord {
	r := &slotRecord{
		head: headOf(kind), File: file, Name: s.Name, Title: s.Title, Type: s.Type.Name, Codec: s.Type.Codec,
		Length: whole(s.Length), Capacity: whole(s.Capacity), Version: natural(s.Stamp.Version),
		Commit: natural(s.Stamp.Commit), Session: natural(s.Stamp.Session), Time: moment(s.Stamp.Time),
		Rate: real(finite(s.Rate)), State: s.Producer.State.String(), Producer: newProducerRecord(s.Producer),
	}
	if s.Stamp.Version != 0 {
		age := seconds(s.Age)
		r.Age = &age
	}
	return r
}

func newProducerRecord(p mapfile.Producer) *producerRecord {
	if p.Session == 0 {
		return nil
	}
	return &producerRecord{
		Session: natural(p.Session), Commit: natural(p.Commit), PID: p.PID, Program: p.Program,
		Started: moment(p.Started), Heartbeat: seconds(p.Heartbeat), State: p.State.String(),
	}
}

func newFileRecord(f *fileStatus) *fileRecord {
	r := &fileRecord{
		head: headOf("file"), File: f.path, Title: f.info.Title, ID: fmt.Sprintf("%x", f.info.ID),
		FormatVersion: f.info.FormatVersion, FileSystem: f.info.FileSystem, Size: whole(f.info.Size),
		Used: whole(f.info.Used), Slots: f.info.NumSlots, Created: moment(f.info.Created),
		State: f.state.String(), Producers: []*producerRecord{}, Warnings: []string{},
	}
	if f.published {
		age := seconds(f.last)
		r.Age = &age
	}
	for _, p := range f.info.Producers {
		r.Producers = append(r.Producers, newProducerRecord(p))
	}
	r.Warnings = append(r.Warnings, f.info.Warnings...)
	return r
}
