package mapfile

import (
	"fmt"
	"time"

	"github.com/gomapfile/mapfile/codec"
	"github.com/gomapfile/mapfile/registry"
)

// inspect decodes a payload without the Go type, by the codec that the file names.
func (t *storedType) inspect(r *registry.Registry, payload []byte) (codec.Node, error) {
	c, ok := r.Codec(t.info.Codec)
	if !ok {
		if ty, found := r.ByName(t.info.Name); found && ty.Codec.Name() == t.info.Codec {
			c, ok = ty.Codec, true
		}
	}
	if !ok {
		return codec.Node{}, fmt.Errorf("%w: %s, for type %s", ErrCodec, quoted(t.info.Codec), quoted(t.info.Name))
	}
	in, ok := c.(codec.Inspector)
	if !ok {
		return codec.Node{}, fmt.Errorf("%w: codec %s cannot decode without the Go type", ErrCodec, quoted(t.info.Codec))
	}
	var node codec.Node
	err := guardCodec(func() (err error) {
		node, err = in.Inspect(t.info.Schema, payload)
		return err
	})
	if err != nil {
		return codec.Node{}, fmt.Errorf("%w: type %s, codec %s: %w", ErrDecode, quoted(t.info.Name), quoted(t.info.Codec), err)
	}
	return node, nil
}

// unixTime is a wall clock of the file; 0 is no time.
func unixTime(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns)
}
