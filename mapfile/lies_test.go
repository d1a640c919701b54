package mapfile_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
)

// What one can write into a file to harm those who read it.

// image is a file in private memory, to be damaged.
type image []byte

func (b image) put(off, word uint64)          { binary.LittleEndian.PutUint64(b[off:], word) }
func (b image) put32(off uint64, word uint32) { binary.LittleEndian.PutUint32(b[off:], word) }
func (b image) word(off uint64) uint64        { return binary.LittleEndian.Uint64(b[off:]) }
func (b image) word32(off uint64) uint32      { return binary.LittleEndian.Uint32(b[off:]) }

// entry returns where entry i of the first chunk lies.
func (b image) entry(i int) uint64 {
	return b.word(layout.EntryChunksOff) + uint64(i)*layout.EntryLen
}

func (b image) extent(i int) layout.Extent {
	return layout.ExtentWord(b.word(b.entry(i) + layout.EntryExtOff)).Decode()
}

// mark makes the publish word of entry i name a pending buffer.
func (b image) mark(i int) {
	off := b.entry(i)
	salt := layout.Salt(uint32(i), b.word32(off+layout.EntryGenOff))
	pub := layout.PublishWord(b.word(off + layout.EntryPubOff))
	b.put(off+layout.EntryPubOff, uint64(layout.NewPublishWord(pub.Version(), pub.Index(), pub.Index()^1, salt)))
}

// hostileSlots is how many slots the file has that the tests damage; "big" is the first.
const hostileSlots = 40

// hostileImage is a file as a producer left it that has closed it.
func hostileImage(t testing.TB) image {
	t.Helper()
	path := filepath.Join(testDir(t), "whole.map")
	mf := createFile(t, path)
	big := make([]float64, 30_000)
	addSlot(t, mf, "big", &big, mapfile.WithBuffers(2))
	for i := 1; i < hostileSlots; i++ {
		n := int64(i)
		addSlot(t, mf, fmt.Sprintf("n/%d", i), &n, mapfile.WithTitle("a number"))
	}
	mustUpdate(t, mf)
	mustUpdate(t, mf)
	mf.Close()
	b, err := os.ReadFile(path)
	must(err)
	return b
}

// lies are what one can write into a file to harm those who read it.
var lies = []struct {
	name string
	tell func(b image)
}{
	{"the truth", func(b image) {}},
	{"a size of 64 TiB", func(b image) { b.put(layout.SizeOff, 1<<46) }},
	{"a size beyond what can be addressed", func(b image) { b.put(layout.SizeOff, 1<<63) }},
	{"the largest size", func(b image) { b.put(layout.SizeOff, ^uint64(127)) }},
	{"no size", func(b image) { b.put(layout.SizeOff, 0) }},
	{"a size in the header", func(b image) { b.put(layout.SizeOff, 256) }},
	{"more entries than fit", func(b image) { b.put(layout.NumEntriesOff, 1<<40) }},
	{"more types than fit", func(b image) { b.put(layout.NumTypesOff, 1<<40) }},
	{"a directory always in change", func(b image) { b.put(layout.ChangesOff, b.word(layout.ChangesOff)|1) }},
	{"a structure always in change", func(b image) { b.put(layout.StructureOff, b.word(layout.StructureOff)|1) }},
	{"chains that go in circles", func(b image) {
		b.put(layout.ChangesOff, b.word(layout.ChangesOff)|1)
		b.put(layout.NumEntriesOff, 1<<40)
		for i := range hostileSlots {
			b.put32(b.entry(i)+layout.EntryNextOff, uint32((i+7)%hostileSlots+1))
		}
	}},
	{"a chain of one entry that is its own next", func(b image) {
		b.put(layout.NumEntriesOff, 1<<40)
		for i := range hostileSlots {
			b.put32(b.entry(i)+layout.EntryNextOff, uint32(i+1))
		}
	}},
	{"all names with one hash", func(b image) {
		for i := range hostileSlots {
			b.put32(b.entry(i)+layout.EntryHashOff, layout.NameHash("absent"))
		}
	}},
	{"an index of 2^31 buckets", func(b image) {
		b.put(layout.IndexOff, uint64(layout.NewIndexWord(31, b.word(layout.IndexOff)&0xffffffff)))
	}},
	{"an index far away", func(b image) { b.put(layout.IndexOff, uint64(layout.NewIndexWord(6, 1<<31))) }},
	{"entries at an odd place", func(b image) { b.put(layout.EntryChunksOff, b.word(layout.EntryChunksOff)+3) }},
	{"entries nowhere", func(b image) { b.put(layout.EntryChunksOff, 0) }},
	{"entries at the end of the address space", func(b image) { b.put(layout.EntryChunksOff, ^uint64(7)) }},
	{"entries in the header", func(b image) { b.put(layout.EntryChunksOff, 512) }},
	{"types at the end of the address space", func(b image) { b.put(layout.TypeChunksOff, ^uint64(7)) }},
	{"free maps at the end of the address space", func(b image) { b.put(layout.FreeChunksOff, ^uint64(7)) }},
	{"type records far away", func(b image) { b.put(b.word(layout.TypeChunksOff), 1<<57-1) }},
	{"labels far away", func(b image) {
		for i := range hostileSlots {
			b.put(b.entry(i)+layout.EntryLabelOff, 1<<57-1-uint64(i))
		}
	}},
	{"slots that all have all of the file", func(b image) {
		for i := range hostileSlots {
			b.put(b.entry(i)+layout.EntryExtOff, b.word(b.entry(0)+layout.EntryExtOff))
		}
	}},
	{"slots of 48 GiB", func(b image) {
		for i := range hostileSlots {
			ext := b.extent(i)
			b.put(b.entry(i)+layout.EntryExtOff, uint64(layout.NewExtentWord(9, 16, 63, ext.Off/layout.UnitLen)))
		}
	}},
	{"payloads of 4 GiB", func(b image) {
		for i := range hostileSlots {
			ext := b.extent(i)
			b.put(b.entry(i)+layout.EntryExtOff, uint64(layout.NewExtentWord(9, 16, 62, ext.Off/layout.UnitLen)))
			for k := range ext.K {
				b.put32(ext.Buffer(k)+layout.BufferLengthOff, 3<<30)
				b.put(ext.Buffer(k), 4)
			}
		}
	}},
	{"marks that no commit explains", func(b image) {
		for i := range hostileSlots {
			b.mark(i)
		}
	}},
	{"marks of a session that is not there", func(b image) {
		for i := range hostileSlots {
			b.mark(i)
			for ext, k := b.extent(i), 0; k < ext.K; k++ {
				b.put(ext.Buffer(k), b.word(ext.Buffer(k))+100)
				b.put(ext.Buffer(k)+layout.BufferSessionOff, uint64(layout.NewSessionWord(77, 5)))
			}
		}
	}},
	{"commits that are never decided", func(b image) {
		for i := range layout.NumSessions {
			b.put(layout.SessionOff(i)+layout.SessionCommitOff, 0)
		}
	}},
	{"owners that cannot be", func(b image) {
		for i := range hostileSlots {
			b.put(b.entry(i)+layout.EntryOwnerOff, ^uint64(i))
		}
	}},
	{"clocks at their ends", func(b image) {
		for i := range layout.NumSessions {
			for off := uint64(layout.SessionBeatOff); off < layout.SessionLen; off += 8 {
				b.put(layout.SessionOff(i)+off, 1<<63-uint64(i&1))
			}
			b.put32(layout.SessionOff(i)+layout.SessionProgLenOff, 1<<31)
		}
	}},
	{"a free map that is full", func(b image) {
		for i := range uint64(layout.FreeChunk0Units / 8) {
			b[b.word(layout.FreeChunksOff)+i] = 0xff
		}
	}},
	{"an unknown mark of replacement", func(b image) { b.put(layout.SupersededOff, 1<<63) }},
	{"all words of the header but identity and size", func(b image) {
		for off := uint64(layout.StructureOff); off < layout.HeaderLen; off += 8 {
			b.put(off, ^uint64(0))
		}
	}},
}
