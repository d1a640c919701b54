package main

import (
	"github.com/gomapfile/mapfile/codec"
	binarycodec "github.com/gomapfile/mapfile/codec/binary"
	jsoncodec "github.com/gomapfile/mapfile/codec/json"
	msgpackcodec "github.com/gomapfile/mapfile/codec/msgpack"
	"github.com/gomapfile/mapfile/codec/pod"
	"github.com/gomapfile/mapfile/codec/protobuf"
	zstdcodec "github.com/gomapfile/mapfile/codec/zstd"
	"github.com/gomapfile/mapfile/registry"
)

// The codecs that this program reads: all that decode without Go types and without danger, and what
// zstd has compressed of them. Histograms of hbook are protobuf messages in the file. gob is not among
// them: see gob.go. What a type encodes by its own methods (binary) only its own program can read.
func init() {
	for _, c := range []codec.Codec{codec.Basic, protobuf.Codec, msgpackcodec.Codec, jsoncodec.Codec, pod.Codec, binarycodec.Codec} {
		for _, c := range []codec.Codec{c, zstdcodec.Wrap(c)} {
			if err := registry.Default.AddCodec(c); err != nil {
				panic(err)
			}
		}
	}
}
