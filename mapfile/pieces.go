package mapfile

import (
	"fmt"

	"github.com/gomapfile/mapfile/mapfile/internal/layout"
)

// piece is something that lies in the arena and can be reached from the header.
type piece struct {
	kind   pieceKind
	index  uint32 // of the entry, type record or chunk
	off, n uint64
}

type pieceKind uint8

const (
	pieceFreeChunk pieceKind = iota
	pieceEntryChunk
	pieceIndex
	pieceTypeChunk
	pieceTypeRecord
	pieceExtent
	pieceLabel
)

var pieceNames = [...]string{"free map chunk", "entry chunk", "index", "type chunk", "type record", "extent", "label"}

// pieces calls visit for everything that can be reached, whatever the free map says: the truth that
// the free map and the index can be rebuilt from. What is damaged comes with an error; visit decides
// whether to go on. It needs a guard, and, for an answer that holds together, the structure lock.
func (f *file) pieces(visit func(p piece, damage error) error) error {
	v := f.view()
	size := f.size()
	last := layout.FreeChunkOf(size/layout.UnitLen - 1)
	for c := layout.FreeChunkOf(0); ; c = c.Next() {
		if err := visit(piece{pieceFreeChunk, uint32(c.Index), v.Load(c.WordOff()), c.Len()}, nil); err != nil {
			return err
		}
		if c.Index >= last.Index {
			break
		}
	}
	if index := layout.IndexWord(v.Load(layout.IndexOff)); index.Off() != 0 {
		if err := visit(piece{pieceIndex, 0, index.Off(), 4 * index.Buckets()}, nil); err != nil {
			return err
		}
	}
	if err := f.entryPieces(visit); err != nil {
		return err
	}
	return f.typePieces(visit)
}

func (f *file) entryPieces(visit func(p piece, damage error) error) error {
	v := f.view()
	n := f.numEntries()
	for chunk := range layout.NumEntryChunks {
		if uint64(n) > 64<<chunk-64 {
			p := piece{pieceEntryChunk, uint32(chunk), v.Load(layout.EntryChunksOff + 8*uint64(chunk)), 64 << chunk * layout.EntryLen}
			if err := visit(p, nil); err != nil {
				return err
			}
		}
	}
	var l label
	for i := range n {
		off := entryOff(v, i)
		v := f.at(off + layout.EntryLen)
		word := layout.ExtentWord(v.Load(off + layout.EntryExtOff))
		if word.None() {
			continue
		}
		ext := word.Decode()
		if err := visit(piece{pieceExtent, i, ext.Off, ext.Len()}, nil); err != nil {
			return err
		}
		at := v.Load(off + layout.EntryLabelOff)
		p := piece{pieceLabel, i, at * layout.UnitLen, 0}
		var damage error
		if f.readLabel(at, layout.Salt(i, v.Load32(off+layout.EntryGenOff)), &l) {
			p.n = uint64(layout.LabelLen(string(l.name), string(l.title)))
		} else {
			damage = fmt.Errorf("%w: the name of entry %d fails its checksum", ErrCorrupt, i)
		}
		if err := visit(p, damage); err != nil {
			return err
		}
	}
	return nil
}

func (f *file) typePieces(visit func(p piece, damage error) error) error {
	v := f.view()
	n := f.numTypes()
	for chunk := range layout.NumTypeChunks {
		if uint64(n) > 16<<chunk-16 {
			p := piece{pieceTypeChunk, uint32(chunk), v.Load(layout.TypeChunksOff + 8*uint64(chunk)), 16 << chunk * 8}
			if err := visit(p, nil); err != nil {
				return err
			}
		}
	}
	for i := range n {
		at := f.at(typeWordOff(v, i)+8).Load(typeWordOff(v, i)) * layout.UnitLen
		p := piece{pieceTypeRecord, i, at, 0}
		var damage error
		if size, ok := layout.TypeRecordLen(f.at(at+layout.TypeRecordHeadLen).Bytes(at, layout.TypeRecordHeadLen)); ok {
			p.n = size
		} else {
			damage = fmt.Errorf("%w: type record %d has an absurd length", ErrCorrupt, i)
		}
		if err := visit(p, damage); err != nil {
			return err
		}
	}
	return nil
}
