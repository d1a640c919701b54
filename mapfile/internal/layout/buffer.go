package layout

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"math/bits"
)

// The header of a buffer.
//
//	 0  8  sequence   2·version: complete; odd: being written, or never published
//	 8  4  length     of the payload, 31 bits; bit 31: the check does not cover the payload
//	12  4  check      CRC32C, see Check
//	16  8  type ID    hash of the type name
//	24  8  session    number and record: number<<16 | record
//	32  8  commit
//	40  8  wall       clock, ns since 1970
//	48  8  boot       clock, ns since the machine's boot
//	56  4  type       number of the type record
//	60  4  rate       float32, publishes a second over the last few
const (
	BufferHeadLen    = 64
	BufferSeqOff     = 0
	BufferLengthOff  = 8
	BufferTypeIDOff  = 16
	BufferSessionOff = 24
	BufferCommitOff  = 32
	BufferWallOff    = 40
	BufferBootOff    = 48
	BufferTypeOff    = 56
	BufferRateOff    = 60
)

// Buffer is a decoded buffer header, without its sequence.
type Buffer struct {
	Length    uint32
	Check     uint32
	TypeID    uint64
	Session   SessionWord
	Commit    uint64
	Wall      int64
	Boot      uint64
	Type      uint32
	Rate      float32
	Unchecked bool // the check does not cover the payload
}

// uncheckedBit of the length word says so.
const uncheckedBit = 1 << 31

// lengthWord is the length as it is stored.
func (h *Buffer) lengthWord() uint32 {
	if h.Unchecked {
		return h.Length | uncheckedBit
	}
	return h.Length
}

// PayloadLen takes a stored length word apart.
func PayloadLen(word uint32) (length uint32, unchecked bool) {
	return word &^ uncheckedBit, word&uncheckedBit != 0
}

// SessionWord names the session that wrote a buffer and its record.
type SessionWord uint64

// NewSessionWord packs a session word.
func NewSessionWord(number uint64, record int) SessionWord {
	return SessionWord(number<<16 | uint64(record))
}

func (w SessionWord) Number() uint64 { return uint64(w) >> 16 }
func (w SessionWord) Record() int    { return int(w & 0xffff) }

// PutBuffer writes the header but its sequence into b, 64 bytes.
func PutBuffer(b []byte, h *Buffer) {
	_ = b[BufferHeadLen-1]
	le := binary.LittleEndian
	le.PutUint64(b[8:], uint64(h.lengthWord())|uint64(h.Check)<<32)
	le.PutUint64(b[16:], h.TypeID)
	le.PutUint64(b[24:], uint64(h.Session))
	le.PutUint64(b[32:], h.Commit)
	le.PutUint64(b[40:], uint64(h.Wall))
	le.PutUint64(b[48:], h.Boot)
	le.PutUint64(b[56:], uint64(h.Type)|uint64(math.Float32bits(h.Rate))<<32)
}

// GetBuffer reads what PutBuffer wrote, or is writing: whether what it read is whole, readers ask
// afterwards, and so the race detector need not know of it.
//
//go:norace
func GetBuffer(b []byte, h *Buffer) {
	_ = b[BufferHeadLen-1]
	le := binary.LittleEndian
	lc := le.Uint64(b[8:])
	h.Length, h.Unchecked = PayloadLen(uint32(lc))
	h.Check = uint32(lc >> 32)
	h.TypeID = le.Uint64(b[16:])
	h.Session = SessionWord(le.Uint64(b[24:]))
	h.Commit = le.Uint64(b[32:])
	h.Wall = int64(le.Uint64(b[40:]))
	h.Boot = le.Uint64(b[48:])
	tr := le.Uint64(b[56:])
	h.Type, h.Rate = uint32(tr), math.Float32frombits(uint32(tr>>32))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// CheckSeed folds the version, the whole header but sequence and check, and the slot's salt into the
// start value of the payload's CRC. Multiplications that do not wait for one another cost a tenth of
// hashing 56 more bytes. The constants are the fractions of the square roots of the first primes.
func CheckSeed(version uint64, h *Buffer, salt uint64) uint32 {
	x := fold(version^0x6a09e667f3bcc908, salt^uint64(math.Float32bits(h.Rate))^0xbb67ae8584caa73b) ^
		fold(uint64(h.lengthWord())^uint64(h.Type)<<32^0x3c6ef372fe94f82b, h.TypeID^0xa54ff53a5f1d36f1) ^
		fold(uint64(h.Session)^0x510e527fade682d1, h.Commit^0x9b05688c2b3e6c1f) ^
		fold(uint64(h.Wall)^0x1f83d9abfb41bd6b, h.Boot^0x5be0cd19137e2179)
	return uint32(x ^ x>>32)
}

// fold is the product of 128 bits, its halves on one another.
func fold(x, y uint64) uint64 {
	high, low := bits.Mul64(x, y)
	return high ^ low
}

// CheckUpdate adds a piece of payload to a running check.
func CheckUpdate(check uint32, p []byte) uint32 { return crc32.Update(check, castagnoli, p) }

// Check is the checksum of a buffer: CRC32C of the payload, seeded by everything else; the seed alone
// where it does not cover the payload.
func Check(version uint64, h *Buffer, salt uint64, payload []byte) uint32 {
	seed := CheckSeed(version, h, salt)
	if h.Unchecked {
		return seed
	}
	return CheckUpdate(seed, payload)
}
