// Package layout knows where each byte of a map file lies: offsets, words packed into 64 bits, and
// the put and get functions of the structures. It is pure: no files, no memory mapping, no atomics.
// FORMAT.md shows the same drawings; a test holds the two together.
//
//	0         header: identity, title, the words of the whole file      4 KiB
//	4096      session records, 128 of 256 bytes                         32 KiB
//	36864     arena: everything else, in units of 128 bytes
//
// All numbers are little-endian. An offset counts bytes from the start of the file; nothing in the
// file is an address.
package layout

import "math/bits"

// Magic, format version and size limits. Part of the format: do not change.
const (
	Magic         = "MAPFILE\n"
	FormatVersion = 1
	HeaderLen     = 4096
	UnitLen       = 128       // what the arena is divided into
	MaxFileLen    = 512 << 30 // an extent word has 32 bits for a unit

	MaxNameLen     = 255 // of a slot, in bytes
	MaxTitleLen    = 1000
	MaxFileTitle   = HeaderTitleEnd - HeaderTitleOff
	MaxTypeNameLen = 255
	MaxCodecLen    = 255
	MaxSchemaLen   = 16 << 20
	MaxPayload     = 1<<31 - 1
	MaxVersion     = 1<<48 - 1
	MaxSession     = 1<<48 - 1
)

// The header. The identity and the title are written before the file has a name and never change;
// the words after it are on lines of their own by who writes them.
//
//	   0  8  magic             "MAPFILE\n"
//	   8  4  format version    1
//	  12  4  header length     4096
//	  16 16  file id           random
//	  32 16  boot id           of the machine's boot in which the file was made
//	  48  8  created           wall clock, ns since 1970
//	  56  4  title length
//	  60  4  check             CRC32C of bytes 0..60 and of the title
//	  64  …  title             at most 448 bytes
//	 512  8  superseded        0, or 1: the path has another file by now; 2: the path is gone
//	 520  8  size              bytes of the file that are in use; the file may be longer
//	 640  8  structure         odd while somebody changes the structure
//	 648  8  structure holder  session number, for messages only
//	 656  4  structure pid     likewise
//	 768  8  changes           of the directory; odd during a change
//	 776  8  index             bucket word of the name index
//	 784  8  entries           directory entries ever used
//	 792  8  free entries      1 + first entry of the list of free ones, 0: none
//	 800  8  slots             live ones
//	 808  8  types             type records
//	 896  8  next session      the first session number not given out
//	1024  4  bell              bumped after publishes; readers sleep on it
//	1152  8  used              units in use
//	1280 192 entry chunks      offset of chunk i, which has 64<<i entries
//	1536 128 type chunks       offset of chunk i, which has 16<<i type words
//	1792 160 free map chunks   offset of chunk i, see FreeChunk
//	2048 256 hints             16 of {size, unit}: no free run of size units begins below unit
const (
	HeaderMagicOff     = 0
	HeaderVersionOff   = 8
	HeaderLenOff       = 12
	HeaderFileIDOff    = 16
	HeaderBootIDOff    = 32
	HeaderCreatedOff   = 48
	HeaderTitleLenOff  = 56
	HeaderCheckOff     = 60
	HeaderTitleOff     = 64
	HeaderTitleEnd     = 512
	SupersededOff      = 512
	SizeOff            = 520
	StructureOff       = 640
	StructureHolderOff = 648
	StructurePIDOff    = 656
	ChangesOff         = 768
	IndexOff           = 776
	NumEntriesOff      = 784
	FreeEntriesOff     = 792
	NumSlotsOff        = 800
	NumTypesOff        = 808
	NextSessionOff     = 896
	BellOff            = 1024
	UsedOff            = 1152
	EntryChunksOff     = 1280
	NumEntryChunks     = 24
	TypeChunksOff      = 1536
	NumTypeChunks      = 16
	FreeChunksOff      = 1792
	NumFreeChunks      = 20
	HintsOff           = 2048
	NumHints           = 16
)

// Values of the superseded word.
const (
	NotSuperseded = 0
	Replaced      = 1
	Removed       = 2
)

// A session record. A record is given out again only when no slot bears a mark of its session.
//
//	  0  8  number       of the session; 0: free
//	  8  8  commit       the commit word: the number of the session's last commit
//	 64  8  heartbeat    boot clock, ns
//	 72  8  beat every   ns between heartbeats
//	 80  4  ended        0: open, 1: closed by Close
//	128  8  started      wall clock, ns
//	136  4  pid
//	140  4  program length
//	144  8  process start boot clock, ns: with pid, for people
//	152 64  program
const (
	SessionsOff       = HeaderLen
	NumSessions       = 128
	SessionLen        = 256
	SessionNumberOff  = 0
	SessionCommitOff  = 8
	SessionBeatOff    = 64
	SessionEveryOff   = 72
	SessionEndedOff   = 80
	SessionStartedOff = 128
	SessionPIDOff     = 136
	SessionProgLenOff = 140
	SessionProcOff    = 144
	SessionProgOff    = 152
	MaxProgramLen     = 64
)

// Values of a record's ended word and of the ended field of an owner word.
const (
	SessionOpen   = 0
	SessionClosed = 1
	SessionDead   = 2 // only in owner words: the record has been given to another session
)

// ArenaOff is where the arena begins.
const ArenaOff = SessionsOff + NumSessions*SessionLen

// Locks are on bytes far beyond the end of the file: nothing is ever stored there.
const (
	StructureLockOff = 1 << 40
	SessionLockOff   = StructureLockOff + 1 // + record
	SelfTestLockOff  = SessionLockOff + NumSessions
)

// SessionOff returns the offset of session record i.
func SessionOff(i int) uint64 { return SessionsOff + uint64(i)*SessionLen }

// A directory entry: one for each slot. The publish word has a line of its own.
//
//	  0  8  publish word
//	 64  8  extent word
//	 72  4  generation    which slot this is; one more for each removal and each reuse
//	 76  4  name hash
//	 80  8  owner word
//	 88  8  floor         highest version ever used that no buffer shows any more
//	 96  8  label word    offset of name and title, in units
//	104  4  next          1 + next entry in the index chain or in the free list
//	108  4  pin           1 + buffer that the last Sync made durable, 0: none
//	112  4  type          of the last Add: number of a type record
//	116  4  buffers       K as asked for at Add; 0: by capacity
const (
	EntryLen      = 128
	EntryPubOff   = 0
	EntryExtOff   = 64
	EntryGenOff   = 72
	EntryHashOff  = 76
	EntryOwnerOff = 80
	EntryFloorOff = 88
	EntryLabelOff = 96
	EntryNextOff  = 104
	EntryPinOff   = 108
	EntryTypeOff  = 112
	EntryKOff     = 116
)

// MaxEntries is what the entry chunks hold together.
const MaxEntries = 64<<NumEntryChunks - 64

// MaxTypes is what the type chunks hold together.
const MaxTypes = 16<<NumTypeChunks - 16

// Label is {check u32, name length u16, title length u16, name, title}; the check is salted with
// entry and generation.
const LabelHeadLen = 8

// TypeRecord is {check u32, schema length u32, name length u16, codec length u16, zero u32,
// type ID u64, name, codec, schema}. It is written once and never changes.
const TypeRecordHeadLen = 24

// Chunk returns in which chunk of a table whose first chunk has first items item i lies, and where.
func Chunk(i, first uint64) (chunk int, pos uint64) {
	n := i + first
	chunk = bits.Len64(n/first) - 1
	return chunk, n - first<<chunk
}
