package layout

// Words: what is packed into 64 bits so that one atomic store changes all of it.

// PublishWord says which version of a slot is visible and in which buffer.
//
//	63            16 15   12 11    8 7      0
//	[   version    ] [index] [pending] [check]
//
// Pending is the buffer that a commit is about to publish; equal to index it means none.
type PublishWord uint64

// NewPublishWord packs a publish word; salt is from Salt.
func NewPublishWord(version uint64, index, pending int, salt uint64) PublishWord {
	w := version<<16 | uint64(index&15)<<12 | uint64(pending&15)<<8
	return PublishWord(w | uint64(check8(w, salt)))
}

func (w PublishWord) Version() uint64        { return uint64(w) >> 16 }
func (w PublishWord) Index() int             { return int(w >> 12 & 15) }
func (w PublishWord) Pending() int           { return int(w >> 8 & 15) }
func (w PublishWord) Marked() bool           { return w.Pending() != w.Index() }
func (w PublishWord) Valid(salt uint64) bool { return byte(w) == check8(uint64(w)&^255, salt) }

// Salt ties the checks of a slot to its entry and generation.
func Salt(entry, generation uint32) uint64 {
	return mix(uint64(entry)<<32|uint64(generation), 0x9e3779b97f4a7c15)
}

func check8(w, salt uint64) byte { return byte(mix(w, salt|1) >> 56) }

func mix(x, y uint64) uint64 {
	x ^= y
	x *= 0xff51afd7ed558ccd
	x ^= x >> 32
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>29
}

// ExtentWord says where a slot's buffers are.
//
//	63        42 41 38 37   32 31       0
//	[  count   ] [K-1] [class] [  unit  ]
//
// Unit 0 means that the slot has none: the entry is free. Count goes up with every store of the
// word, also for none, and never starts again, so that two equal loads mean that the extent was the
// slot's all the time between them.
type ExtentWord uint64

// MaxExtentCount is the last count; an entry that has reached it is not used again.
const MaxExtentCount = 1<<22 - 1

// NewExtentWord packs an extent word.
func NewExtentWord(count uint64, k, class int, unit uint64) ExtentWord {
	return ExtentWord(count<<42 | uint64(k-1)&15<<38 | uint64(class)&63<<32 | unit&0xffffffff)
}

func (w ExtentWord) Count() uint64 { return uint64(w) >> 42 }
func (w ExtentWord) None() bool    { return uint32(w) == 0 }
func (w ExtentWord) K() int        { return int(w>>38&15) + 1 }
func (w ExtentWord) Class() int    { return int(w >> 32 & 63) }
func (w ExtentWord) Off() uint64   { return uint64(uint32(w)) * UnitLen }

// Without returns the next word of an entry that has no extent.
func (w ExtentWord) Without() ExtentWord { return NewExtentWord(w.Count()+1, 1, 0, 0) }

// OwnerWord names the session to which a slot belongs.
//
//	63          16 15    8 7     0
//	[   number   ] [record] [ended]
//
// Ended is filled in when the record is about to be given to another session.
type OwnerWord uint64

// NewOwnerWord packs an owner word.
func NewOwnerWord(number uint64, record, ended int) OwnerWord {
	return OwnerWord(number<<16 | uint64(record)<<8 | uint64(ended))
}

func (w OwnerWord) Number() uint64 { return uint64(w) >> 16 }
func (w OwnerWord) Record() int    { return int(w >> 8 & 255) }
func (w OwnerWord) Ended() int     { return int(w & 255) }

// IndexWord says where the buckets of the name index are: {log2 of their number, unit}. A bucket is
// 4 bytes: 1 + first entry of its chain.
type IndexWord uint64

// NewIndexWord packs an index word.
func NewIndexWord(log2, unit uint64) IndexWord { return IndexWord(log2<<32 | unit) }

func (w IndexWord) Buckets() uint64 { return 1 << (uint64(w) >> 32 & 31) }
func (w IndexWord) Off() uint64     { return uint64(uint32(w)) * UnitLen }

// NameHash is the hash of a slot name in the index: FNV-1a, 32 bits.
func NameHash(name string) uint32 {
	h := uint32(2166136261)
	for i := range len(name) {
		h = (h ^ uint32(name[i])) * 16777619
	}
	return h
}
