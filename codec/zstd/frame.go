package zstdcodec

// One frame, as RFC 8878 has it:
//
//	| magic, header | block … block | checksum |
//	|  6 … 18 bytes |  3 + n each   |  4 or 0  |
//
// A block header has 24 bits, little-endian: last (1), type (2), size (21).

import (
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// The coders are made at first use and shared: they allow as many calls at once as there are
// processors, the others wait. Their buffers stay; a window of 1 MiB keeps them small, and slots are
// seldom larger.
var (
	encoder = sync.OnceValues(func() (*zstd.Encoder, error) {
		return zstd.NewWriter(nil, zstd.WithEncoderCRC(true), zstd.WithSingleSegment(true), // so that small frames state their size too
			zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true), zstd.WithZeroFrames(true))
	})
	decoder = sync.OnceValues(func() (*zstd.Decoder, error) {
		return zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(MaxLimit), zstd.WithDecoderMaxWindow(MaxLimit))
	})
)

func compress(dst, content []byte) ([]byte, error) {
	enc, err := encoder()
	if err != nil {
		return nil, err
	}
	return enc.EncodeAll(content, dst), nil
}

// decompress appends the content of src, which is exactly one frame, to dst, which is empty.
func decompress(dst, src []byte) ([]byte, error) {
	size, err := contentSize(src)
	if err != nil {
		return nil, err
	}
	dec, err := decoder()
	if err != nil {
		return nil, err
	}
	content, err := dec.DecodeAll(src, dst)
	if err != nil {
		return nil, err
	}
	if len(content) != size {
		return nil, fmt.Errorf("the frame holds %d bytes and states %d", len(content), size)
	}
	return content, nil
}

// contentSize returns the size that the frame states, if the frame is whole and alone and the size
// within bounds.
func contentSize(src []byte) (int, error) {
	var h zstd.Header
	if err := h.Decode(src); err != nil {
		return 0, err
	}
	switch max := limit(len(src)); {
	case h.Skippable:
		return 0, errors.New("a skippable frame")
	case h.DictionaryID != 0:
		return 0, errors.New("the frame needs a dictionary")
	case !h.HasFCS:
		return 0, errors.New("the frame does not state the size of its content")
	case h.FrameContentSize > uint64(max):
		return 0, fmt.Errorf("the frame states %d bytes of content; %d are allowed in a payload of %d", h.FrameContentSize, max, len(src))
	}
	end, err := frameEnd(src, h)
	if err != nil {
		return 0, err
	}
	if end != len(src) {
		return 0, fmt.Errorf("%d bytes behind the frame", len(src)-end)
	}
	return int(h.FrameContentSize), nil
}

// frameEnd goes from block to block; zstd.Decoder would take several frames for one content.
func frameEnd(src []byte, h zstd.Header) (int, error) {
	at := h.HeaderSize
	for last := false; !last; {
		if len(src)-at < 3 {
			return 0, errors.New("the frame is cut off")
		}
		header := uint32(src[at]) | uint32(src[at+1])<<8 | uint32(src[at+2])<<16
		last = header&1 == 1
		size := int(header >> 3)
		if kind := header >> 1 & 3; kind == 1 { // one byte, repeated size times
			size = 1
		}
		at += 3 + size
		if at > len(src) {
			return 0, errors.New("the frame is cut off")
		}
	}
	if h.HasCheckSum {
		at += 4
	}
	if at > len(src) {
		return 0, errors.New("the frame is cut off")
	}
	return at, nil
}
