package main

import (
	"fmt"

	"github.com/gomapfile/mapfile/codec"
	zstdcodec "github.com/gomapfile/mapfile/codec/zstd"
	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/registry"
)

// From payload to decoded value: by the codec that the file names and the schema that it stores, so
// that types which this program has never seen are shown as well.

// notDecoded is a payload that is shown as bytes, for no fault of its own.
type notDecoded struct{ path, slot, reason string }

func (e *notDecoded) Error() string {
	return fmt.Sprintf("%s: slot %s: %s; shown as bytes", e.path, e.slot, e.reason)
}

// decode decodes what was read.
func (t *tool) decode(path string, r reading, trustGob bool) (codec.Node, error) {
	ty := r.info.Type
	undecoded := func(reason string) error { return &notDecoded{t.showPath(path), r.info.Name, reason} }
	if isGob(ty.Codec) {
		if !trustGob {
			return codec.Node{}, undecoded(fmt.Sprintf("%s with codec %q is decoded only with --trust-gob", ty.Name, ty.Codec))
		}
		payload, err := uncompressed(ty.Codec, r.payload)
		if err != nil {
			return codec.Node{}, refused(path, r.info.Name, err)
		}
		node, err := t.decodeGob(payload)
		return node, refused(path, r.info.Name, err)
	}
	c, ok := registry.Default.Codec(ty.Codec)
	if !ok {
		return codec.Node{}, undecoded(fmt.Sprintf("%s with codec %q, which this program has not", ty.Name, ty.Codec))
	}
	inspector, ok := c.(codec.Inspector)
	if !ok {
		return codec.Node{}, undecoded(fmt.Sprintf("%s with codec %q, whose payload nobody but its Go type can read", ty.Name, ty.Codec))
	}
	node, err := inspector.Inspect(ty.Schema, r.payload)
	return node, refused(path, r.info.Name, err)
}

// refused is the error of a payload that is intact but cannot be decoded.
func refused(path, slot string, err error) error {
	if err == nil {
		return nil
	}
	return &mapfile.Error{Op: "get", Path: path, Slot: slot, Err: fmt.Errorf("%w: %w", mapfile.ErrDecode, err)}
}

const (
	gobName  = "gob"
	zstdName = "zstd+" + gobName
)

// isGob says whether a codec is gob, or gob compressed.
func isGob(codecName string) bool { return codecName == gobName || codecName == zstdName }

// uncompressed is the gob of a payload.
func uncompressed(codecName string, payload []byte) ([]byte, error) {
	if codecName != zstdName {
		return payload, nil
	}
	keep := codec.Func(gobName, nil, func(src []byte, v *[]byte) error { *v = src; return nil })
	var content []byte
	err := zstdcodec.Wrap(keep).Decode(payload, &content)
	return content, err
}
