package main

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/gomapfile/mapfile/mapfile"
)

// Payloads that tell by themselves whether they are whole and which they are, so that no checksum of
// the library is needed to find a torn or a wrong one:
//
//	 0 8  number    counted by the producer, for example the version
//	 8 8  commit    of the producer's own count
//	16 8  slot
//	24 8  length
//	32 8  check    CRC32 (IEEE) of all other bytes
//	40 …  words that depend on number, slot and their place
//
// Shorter ones, of 8 bytes at least, have {number u32, check u32} and the same filling behind it. The
// check of a short one covers the slot's number and the length, which are not in it.

const (
	stampLen      = 40
	shortStampLen = 8
)

// A stamp is what a payload says of itself. Short payloads carry the low 32 bits of Number only.
type stamp struct{ Number, Commit, Slot uint64 }

// makePayload makes a payload of n bytes, 8 at least, in buf's memory if there is room.
func makePayload(buf []byte, n int, s stamp) []byte {
	n = max(n, shortStampLen)
	if cap(buf) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	le := binary.LittleEndian
	if n < stampLen {
		le.PutUint32(buf, uint32(s.Number))
		fillWords(buf[shortStampLen:], s.Number&0xffffffff, s.Slot)
		le.PutUint32(buf[4:], shortCheck(buf, s.Slot))
		return buf
	}
	le.PutUint64(buf, s.Number)
	le.PutUint64(buf[8:], s.Commit)
	le.PutUint64(buf[16:], s.Slot)
	le.PutUint64(buf[24:], uint64(n))
	fillWords(buf[stampLen:], s.Number, s.Slot)
	le.PutUint64(buf[32:], longCheck(buf))
	return buf
}

// checkPayload validates every byte of a payload of the given slot.
func checkPayload(p []byte, slot uint64) (stamp, error) {
	le := binary.LittleEndian
	switch n := len(p); {
	case n < shortStampLen:
		return stamp{}, fmt.Errorf("%d bytes are too few", n)
	case n < stampLen:
		s := stamp{Number: uint64(le.Uint32(p)), Slot: slot}
		if sum := shortCheck(p, slot); le.Uint32(p[4:]) != sum {
			return s, fmt.Errorf("number %d, %d bytes: check %08x, computed %08x", s.Number, n, le.Uint32(p[4:]), sum)
		}
		return s, nil
	default:
		s := stamp{le.Uint64(p), le.Uint64(p[8:]), le.Uint64(p[16:])}
		if made := le.Uint64(p[24:]); made != uint64(n) {
			return s, fmt.Errorf("number %d has %d bytes, was made with %d", s.Number, n, made)
		}
		if s.Slot != slot {
			return s, fmt.Errorf("number %d is of slot %d, not %d", s.Number, s.Slot, slot)
		}
		if sum := longCheck(p); le.Uint64(p[32:]) != sum {
			return s, fmt.Errorf("number %d, %d bytes: check %08x, computed %08x", s.Number, n, le.Uint64(p[32:]), sum)
		}
		return s, nil
	}
}

func longCheck(p []byte) uint64 {
	return uint64(crc32.Update(crc32.ChecksumIEEE(p[:32]), crc32.IEEETable, p[stampLen:]))
}

func shortCheck(p []byte, slot uint64) uint32 {
	var head [20]byte
	copy(head[:4], p)
	binary.LittleEndian.PutUint64(head[4:], slot)
	binary.LittleEndian.PutUint64(head[12:], uint64(len(p)))
	return crc32.Update(crc32.ChecksumIEEE(head[:]), crc32.IEEETable, p[shortStampLen:])
}

// fillWords fills with what differs from any other number's and slot's filling in every word, so that
// a mixture never looks whole.
func fillWords(p []byte, number, slot uint64) {
	word := number*0x9e3779b97f4a7c15 ^ slot*0xff51afd7ed558ccd
	for ; len(p) >= 8; p = p[8:] {
		word += 0xc4ceb9fe1a85ec53
		binary.LittleEndian.PutUint64(p, word)
	}
	for i := range p {
		p[i] = byte(word>>(8*i)) + 1
	}
}

// rawOf wraps a payload as what a slot can be bound to.
func rawOf(payload []byte) *mapfile.Raw {
	return &mapfile.Raw{Type: mapfile.TypeInfo{Name: "torture.Payload", Codec: "torture"}, Payload: payload}
}
