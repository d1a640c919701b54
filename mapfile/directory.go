package mapfile

import (
	"fmt"

	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/mapfile/internal/shm"
)

// This chapter is the directory as producers change it: entries, labels, the index of names. All of
// it happens under the structure lock. The truth is in the entries; the index and the list of free
// entries can always be made anew from them.

// beginChange and endChange make the change count odd and even again: a name that readers do not find
// in between counts for nothing.
func beginChange(m shm.Mem) {
	if c := m.Load(layout.ChangesOff); c&1 == 0 {
		m.Store(layout.ChangesOff, c+1)
		shm.OrderAfterStore(m.Word(layout.ChangesOff))
	}
}

func endChange(m shm.Mem) { m.Store(layout.ChangesOff, (m.Load(layout.ChangesOff)|1)+1) }

// newSlot describes the entry that insert makes.
type newSlot struct {
	name, title string
	typeRef     uint32
	capacity    int
	k           int // 0: by capacity
}

// insert makes an entry with an extent of its own and no value.
func (s *session) insert(m shm.Mem, n *newSlot) (entryRef, error) {
	class, ok := layout.ClassFor(uint64(max(n.capacity, 1)))
	if !ok {
		return entryRef{}, fmt.Errorf("%w: capacity %d", ErrTooLarge, n.capacity)
	}
	if err := s.growIndex(m); err != nil {
		return entryRef{}, err
	}
	i, err := s.freeEntry(s.mem())
	if err != nil {
		return entryRef{}, err
	}
	m = s.mem()
	off := entryOff(m.View, i)
	ref := entryRef{index: i, generation: m.Load32(off+layout.EntryGenOff) + 1, off: off}
	ref.salt = layout.Salt(i, ref.generation)
	labelWord, err := s.newLabel(n.name, n.title, ref.salt)
	if err != nil {
		s.giveBackEntry(m, i)
		return entryRef{}, err
	}
	old := layout.ExtentWord(m.Load(off + layout.EntryExtOff))
	ext, err := s.newExtent(old, class, n.k)
	m = s.mem()
	if err != nil {
		s.free(m, labelWord*layout.UnitLen, uint64(layout.LabelLen(n.name, n.title)))
		s.giveBackEntry(m, i)
		return entryRef{}, err
	}
	// Everything but the extent word, which makes the entry visible, last of all.
	beginChange(m)
	hash := layout.NameHash(n.name)
	m.Store32(off+layout.EntryHashOff, hash)
	m.Store(off+layout.EntryLabelOff, labelWord)
	m.Store32(off+layout.EntryPinOff, 0)
	m.Store32(off+layout.EntryTypeOff, n.typeRef)
	m.Store32(off+layout.EntryKOff, uint32(n.k))
	m.Store(off+layout.EntryOwnerOff, uint64(layout.NewOwnerWord(s.number, s.record, layout.SessionOpen)))
	m.Store(off+layout.EntryPubOff, uint64(layout.NewPublishWord(0, 0, 0, ref.salt)))
	m.Store32(off+layout.EntryGenOff, ref.generation)
	bucket := s.bucket(m, hash)
	m.Store32(off+layout.EntryNextOff, m.Load32(bucket))
	m.Store(off+layout.EntryExtOff, uint64(ext))
	m.Store32(bucket, i+1)
	m.Store(layout.NumSlotsOff, m.Load(layout.NumSlotsOff)+1)
	endChange(m)
	return ref, nil
}

// newLabel takes space for a label, writes it and returns its label word.
func (s *session) newLabel(name, title string, salt uint64) (uint64, error) {
	n := uint64(layout.LabelLen(name, title))
	at, err := s.alloc(s.mem(), n)
	if err != nil {
		return 0, err
	}
	layout.PutLabel(s.mem().Bytes(at, n), name, title, salt)
	return at / layout.UnitLen, nil
}

// newExtent takes space for an extent with empty buffers and returns the word that follows old.
func (s *session) newExtent(old layout.ExtentWord, class, k int) (layout.ExtentWord, error) {
	if k == 0 {
		k = layout.DefaultK(class)
	}
	at, err := s.alloc(s.mem(), uint64(k)*layout.Stride(class))
	if err != nil {
		return 0, err
	}
	word := layout.NewExtentWord(old.Count()+1, k, class, at/layout.UnitLen)
	ext := word.Decode()
	m := s.mem()
	for b := range k {
		m.Store(ext.Buffer(b), 0)
	}
	return word, nil
}

// freeEntry takes an entry that no slot uses: a removed one, else the next new one.
func (s *session) freeEntry(m shm.Mem) (uint32, error) {
	for range s.numEntries() {
		next := m.Load(layout.FreeEntriesOff)
		if next == 0 {
			break
		}
		i := uint32(next - 1)
		off := entryOff(m.View, i)
		m.Store(layout.FreeEntriesOff, uint64(m.Load32(off+layout.EntryNextOff)))
		word := layout.ExtentWord(m.Load(off + layout.EntryExtOff))
		if word.None() && word.Count() < layout.MaxExtentCount-1 {
			return i, nil
		}
	}
	i := m.Load(layout.NumEntriesOff)
	if i >= layout.MaxEntries {
		return 0, fmt.Errorf("%w: %d slots", ErrFull, i)
	}
	if chunk, pos := layout.Chunk(i, 64); pos == 0 {
		n := uint64(64) << chunk * layout.EntryLen
		at, err := s.alloc(m, n)
		if err != nil {
			return 0, err
		}
		m = s.mem()
		m.Zero(at, n)
		m.Store(layout.EntryChunksOff+8*uint64(chunk), at)
	}
	m.Store(layout.NumEntriesOff, i+1)
	return uint32(i), nil
}

func (s *session) giveBackEntry(m shm.Mem, i uint32) {
	m.Store32(entryOff(m.View, i)+layout.EntryNextOff, uint32(m.Load(layout.FreeEntriesOff)))
	m.Store(layout.FreeEntriesOff, uint64(i)+1)
}

// bucket returns the offset of the bucket of a hash.
func (s *session) bucket(m shm.Mem, hash uint32) uint64 {
	index := layout.IndexWord(m.Load(layout.IndexOff))
	return index.Off() + 4*(uint64(hash)&(index.Buckets()-1))
}

// growIndex doubles the buckets when there are as many slots as buckets.
func (s *session) growIndex(m shm.Mem) error {
	old := layout.IndexWord(m.Load(layout.IndexOff))
	slots := min(m.Load(layout.NumSlotsOff), uint64(s.numEntries()))
	if old.Off() != 0 && slots < old.Buckets() {
		return nil
	}
	log2 := uint64(6)
	for uint64(1)<<log2 <= slots {
		log2++
	}
	if err := s.newIndex(log2); err != nil {
		return err
	}
	if old.Off() != 0 {
		s.free(s.mem(), old.Off(), 4*old.Buckets())
	}
	return nil
}

// newIndex makes 1<<log2 buckets and puts every entry that is in use into its chain.
func (s *session) newIndex(log2 uint64) error {
	n := uint64(4) << log2
	at, err := s.alloc(s.mem(), n)
	if err != nil {
		return err
	}
	m := s.mem()
	beginChange(m)
	m.Zero(at, n)
	m.Store(layout.IndexOff, uint64(layout.NewIndexWord(log2, at/layout.UnitLen)))
	for i := range s.numEntries() {
		off := entryOff(m.View, i)
		if layout.ExtentWord(m.Load(off + layout.EntryExtOff)).None() {
			continue
		}
		bucket := s.bucket(m, m.Load32(off+layout.EntryHashOff))
		m.Store32(off+layout.EntryNextOff, m.Load32(bucket))
		m.Store32(bucket, i+1)
	}
	endChange(m)
	return nil
}

// remove frees an entry and all that belongs to it. Floor has been stored.
func (s *session) remove(m shm.Mem, ref entryRef) {
	off := ref.off
	word := layout.ExtentWord(m.Load(off + layout.EntryExtOff))
	var l label
	hasLabel := s.readLabel(m.Load(off+layout.EntryLabelOff), ref.salt, &l)
	beginChange(m)
	m.Store(off+layout.EntryExtOff, uint64(word.Without()))
	shm.OrderAfterStore(m.Word(off + layout.EntryExtOff))
	m.Store32(off+layout.EntryGenOff, ref.generation+1)
	s.unchain(m, ref.index, m.Load32(off+layout.EntryHashOff))
	m.Store(layout.NumSlotsOff, m.Load(layout.NumSlotsOff)-1)
	endChange(m)
	ext := word.Decode()
	s.free(m, ext.Off, ext.Len())
	if hasLabel {
		s.free(m, m.Load(off+layout.EntryLabelOff)*layout.UnitLen, uint64(layout.LabelLen(string(l.name), string(l.title))))
	}
	s.giveBackEntry(m, ref.index)
}

// unchain takes an entry out of its chain.
func (s *session) unchain(m shm.Mem, i, hash uint32) {
	link := s.bucket(m, hash)
	for range s.numEntries() {
		next := m.Load32(link)
		if next == 0 {
			return
		}
		nextLink := entryOff(m.View, next-1) + layout.EntryNextOff
		if next-1 == i {
			m.Store32(link, m.Load32(nextLink))
			return
		}
		link = nextLink
	}
}

// relabel gives an entry another title.
func (s *session) relabel(ref entryRef, name, title string) error {
	word, err := s.newLabel(name, title, ref.salt)
	if err != nil {
		return err
	}
	m := s.mem()
	old := m.Load(ref.off + layout.EntryLabelOff)
	var l label
	hadLabel := s.readLabel(old, ref.salt, &l)
	m.Store(ref.off+layout.EntryLabelOff, word)
	shm.OrderAfterStore(m.Word(ref.off + layout.EntryLabelOff))
	if hadLabel {
		s.free(m, old*layout.UnitLen, uint64(layout.LabelLen(string(l.name), string(l.title))))
	}
	return nil
}
