// Package decode turns payloads into decoded values by the codec that the file names and the schema that
// it stores, so that types which this program has never seen are shown as well.
package decode

import (
	"fmt"

	"github.com/gomapfile/mapfile/codec"
	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/registry"
)

// NotDecoded is a payload that is shown as bytes, for no fault of its own.
type NotDecoded struct{ Path, Slot, Reason string }

func (e *NotDecoded) Error() string {
	return fmt.Sprintf("%s: slot %s: %s; shown as bytes", e.Path, e.Slot, e.Reason)
}

// Payload decodes a payload of a slot. The error is a *NotDecoded, or else an *mapfile.Error with
// mapfile.ErrDecode of a payload that is intact but that its codec refuses.
func Payload(path, slot string, ty mapfile.TypeInfo, payload []byte) (codec.Node, error) {
	undecoded := func(reason string) error { return &NotDecoded{path, slot, reason} }
	if IsGob(ty.Codec) {
		return codec.Node{}, undecoded(fmt.Sprintf("%s with codec %q is decoded only with --trust-gob", ty.Name, ty.Codec))
	}
	c, ok := registry.Default.Codec(ty.Codec)
	if !ok {
		return codec.Node{}, undecoded(fmt.Sprintf("%s with codec %q, which this program has not", ty.Name, ty.Codec))
	}
	inspector, ok := c.(codec.Inspector)
	if !ok {
		return codec.Node{}, undecoded(fmt.Sprintf("%s with codec %q, whose payload nobody but its Go type can read", ty.Name, ty.Codec))
	}
	node, err := inspector.Inspect(ty.Schema, payload)
	return node, Refused(path, slot, err)
}

// Refused is the error of a payload that is intact but cannot be decoded.
func Refused(path, slot string, err error) error {
	if err == nil {
		return nil
	}
	return &mapfile.Error{Op: "get", Path: path, Slot: slot, Err: fmt.Errorf("%w: %w", mapfile.ErrDecode, err)}
}

// Names of codecs that hold gob: it can take a whole process down, and Payload does not decode it.
const (
	Gob  = "gob"
	Zstd = "zstd+" + Gob
)

// IsGob says whether a codec is gob, or gob compressed.
func IsGob(codecName string) bool { return codecName == Gob || codecName == Zstd }
