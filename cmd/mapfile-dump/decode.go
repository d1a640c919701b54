package main

import (
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/decode"
	"github.com/gomapfile/mapfile/codec"
	zstdcodec "github.com/gomapfile/mapfile/codec/zstd"
)

// decode decodes what was read, gob only if the user trusts it.
func (t *tool) decode(path string, r reading, trustGob bool) (codec.Node, error) {
	ty := r.info.Type
	if !trustGob || !decode.IsGob(ty.Codec) {
		return decode.Payload(t.showPath(path), r.info.Name, ty, r.payload)
	}
	payload, err := uncompressed(ty.Codec, r.payload)
	if err != nil {
		return codec.Node{}, decode.Refused(path, r.info.Name, err)
	}
	node, err := t.decodeGob(payload)
	return node, decode.Refused(path, r.info.Name, err)
}

// uncompressed is the gob of a payload.
func uncompressed(codecName string, payload []byte) ([]byte, error) {
	if codecName != decode.Zstd {
		return payload, nil
	}
	keep := codec.Func(decode.Gob, nil, func(src []byte, v *[]byte) error { *v = src; return nil })
	var content []byte
	err := zstdcodec.Wrap(keep).Decode(payload, &content)
	return content, err
}
