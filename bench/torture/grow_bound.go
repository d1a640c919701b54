package main

import "math"

// How long a file may be: the bound of grow, and what it is counted in. Nothing of this asks the library.
//
// A slot that was added without options holds K buffers for its largest payload so far, rounded up to a
// class (by a quarter at most up to 64 KiB, by a half above), each with a header of 64 bytes, and a label.
// The directory has room for up to twice as many entries as there ever were slots at one time, and an
// index. That is 1.4 KiB for a payload of 8 bytes, and four to six times the payload from 2 KiB to 256 KiB.
// A payload that shrinks gives nothing back; Remove does.
//
// A file is at most 2½ times as long as what slots and directory held at one time, and 1 MiB: as much again
// may be in holes, each too short for what was asked for, and when none is long enough the file grows by a
// quarter. Measured were 1.1 to 1.9 times. That is for slots that come and go without regard to where they
// lie: who chooses which ones to remove can make any allocator that moves nothing need more. For first fit
// it is known to be about the logarithm, to base 2, of the longest run over the shortest.

const (
	// growFactor is that of the bound, in halves.
	growFactor = 5
	// growSlack is for the header, the sessions, types, and the size that the file begins with.
	growSlack = 1 << 20
	// labelLen is what the label of a slot takes whose name is short.
	labelLen = 128
	// entryLen is what the directory takes for a slot, and keeps: an entry, as many entries as a chunk of
	// them may have too many, two buckets of the index, and what the index had before.
	entryLen = 2*128 + 12
)

// capacityOf is the capacity of a class, as in FORMAT.md.
func capacityOf(c uint64) uint64 {
	switch {
	case c <= 7:
		return 64 + 128*c
	case c <= 31:
		b := uint64(1024) << ((c - 8) / 4)
		return b + b/4*((c-8)%4)
	default:
		b := uint64(65536) << ((c - 32) / 2)
		return b + b/2*((c-32)%2)
	}
}

// extentLen is what the buffers take of a slot whose largest payload so far has n bytes.
func extentLen(n int) uint64 {
	for c := uint64(0); ; c++ {
		stride := (capacityOf(c) + 64 + 127) &^ 127
		if stride-64 >= uint64(n) {
			return buffersFor(capacityOf(c)) * stride
		}
	}
}

// buffersFor is how many buffers a slot of that capacity gets if it was not asked for a number.
func buffersFor(capacity uint64) uint64 {
	switch {
	case capacity <= 2<<10:
		return 8
	case capacity <= 256<<10:
		return 4
	case capacity <= 1<<20:
		return 3
	default:
		return 2
	}
}

// growHeld counts what slots hold.
type growHeld struct {
	bytes, most      uint64 // extents and labels; the most of them at one time
	slots, mostSlots uint64
	payload, mostPay uint64 // the largest payloads of all slots, when bytes were most
	given            uint64 // what was given out in all
}

func (h *growHeld) take(n uint64) {
	h.given += n
	if h.bytes += n; h.bytes > h.most {
		h.most, h.mostPay = h.bytes, h.payload
	}
}

// add counts a slot without a value.
func (h *growHeld) add() {
	h.slots++
	h.mostSlots = max(h.mostSlots, h.slots)
	h.take(labelLen + extentLen(0))
}

// grow: a slot whose largest payload had so many bytes now has more. While it moves it holds both extents.
func (h *growHeld) grow(from, to int) {
	h.payload += uint64(to - from)
	if a, b := extentLen(from), extentLen(to); a != b {
		h.take(b)
		h.bytes -= a
	}
}

// remove: a slot is gone whose largest payload had so many bytes.
func (h *growHeld) remove(largest int) {
	h.slots--
	h.payload -= uint64(largest)
	h.bytes -= labelLen + extentLen(largest)
}

// mostHeld is what slots and directory held at most at one time.
func (h *growHeld) mostHeld() uint64 { return h.most + entryLen*h.mostSlots }

// bound is how long the file may be.
func (h *growHeld) bound() uint64 { return growFactor*h.mostHeld()/2 + growSlack }

// powerLaw makes a size of a number x from 0 to 1: as many are between 8 and 16 bytes as between 128 and
// 256 KiB.
func powerLaw(x float64, least, most int) int {
	return int(float64(least) * math.Pow(float64(most)/float64(least), x))
}
