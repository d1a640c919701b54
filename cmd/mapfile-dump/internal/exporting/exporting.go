// Package exporting writes the slots of one commit in the formats of the commands export and record. The
// formats are described in docs/export.md.
package exporting

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/decode"
	"github.com/gomapfile/mapfile/codec"
	"github.com/gomapfile/mapfile/mapfile"
)

// The formats.
const (
	JSON   = "json"
	NDJSON = "ndjson"
	CSV    = "csv"
	ROOT   = "root"
	Prom   = "prom"
	RawDir = "raw-dir" // a directory; see Dir
)

// Formats lists them.
var Formats = []string{JSON, NDJSON, CSV, ROOT, Prom, RawDir}

// FormatOf tells the format by the ending of a file's name; "" if the ending is none of ours.
func FormatOf(path string) string {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".json":
		return JSON
	case ".ndjson", ".jsonl":
		return NDJSON
	case ".csv":
		return CSV
	case ".root":
		return ROOT
	case ".prom":
		return Prom
	}
	return ""
}

// File is what an export tells of the file.
type File struct {
	Path   string // as the user knows it
	Info   mapfile.FileInfo
	Commit uint64   // that all values are of; 0: the slots have several producers
	Slots  []string // the names of all slots that will be put
}

// Label names the file shortly: its base name without ".map".
func (f *File) Label() string { return Label(f.Path) }

// Label is described at File.Label.
func Label(path string) string {
	base := filepath.Base(path)
	if label := strings.TrimSuffix(base, ".map"); label != "" {
		return label
	}
	return base
}

// A Slot is a slot of the commit with its value. A Writer keeps nothing of it.
type Slot struct {
	mapfile.SlotInfo            // Type, Stamp and Length are those of the value; Stamp.Version 0: no value yet
	Payload          []byte     // as published; nil if it could not be read
	Value            codec.Node // decoded, if Err is nil and there is a value
	Err              error      // why there is no Value; a *decode.NotDecoded: the bytes are all there is
}

// fault is what is wrong with a slot; "" if nothing is, or if only a codec is missing.
func (s *Slot) fault() string {
	var notDecoded *decode.NotDecoded
	if s.Err == nil || errors.As(s.Err, &notDecoded) {
		return ""
	}
	return s.Err.Error()
}

// hasBytesOnly says whether the payload is all there is.
func (s *Slot) hasBytesOnly() bool {
	return s.Err != nil && s.Payload != nil && s.Stamp.Version != 0 && s.fault() == ""
}

// A Writer writes one export: Put for each slot, End, Close. It is for one goroutine. What it writes is
// valid only after an End without error; Close frees what it holds and may be called at any time.
type Writer interface {
	// Put adds a slot. A *LeftOut says that the format cannot hold this one; the others can be put all the same.
	Put(*Slot) error
	End() error
	Close() error
}

// LeftOut is a slot that a format cannot hold.
type LeftOut struct {
	Slot string
	Err  error
}

func (e *LeftOut) Error() string { return fmt.Sprintf("slot %s: left out: %v", e.Slot, e.Err) }
func (e *LeftOut) Unwrap() error { return e.Err }

// New begins an export to w in any format but RawDir.
func New(format string, w io.Writer, f *File) (Writer, error) {
	switch format {
	case JSON, NDJSON:
		return newJSON(w, f, format == NDJSON), nil
	case CSV:
		return newCSV(w), nil
	case ROOT:
		return newROOT(w, f)
	case Prom:
		return newProm(w, f), nil
	}
	return nil, fmt.Errorf("no format %q for one file", format)
}
