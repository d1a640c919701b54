package mapfile

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/mapfile/internal/shm"
)

// This chapter moves a slot that has outgrown its extent into a larger one. The slot reads the same
// before and after, and the update that needed the room follows as usual. Readers that copy from the
// old extent meanwhile find the extent word changed, last of all that they look at, and start again.

// move gives the slot room for payloads of n bytes, with mu held and no buffer of it pending.
func (sl *slot) move(n uint64) error {
	class, ok := layout.ClassFor(n)
	if !ok {
		return fmt.Errorf("%w: %d bytes; %d is the limit", ErrTooLarge, n, layout.MaxPayload)
	}
	if sl.extent.Word.Count() >= layout.MaxExtentCount-1 {
		return fmt.Errorf("%w: the slot has moved %d times; remove it and add it again", ErrFull, sl.extent.Word.Count())
	}
	if sl.err != nil {
		return sl.err
	}
	return sl.s.change(func(shm.Mem) error {
		word, err := sl.s.newExtent(sl.extent.Word, class, sl.k)
		if err != nil {
			return err
		}
		old, next := sl.extent, word.Decode()
		m := sl.s.mem() // the file may be longer by now
		// Readers go by the index in the publish word, which stays, modulo the K of the extent: not modulo
		// the K of every extent since the last publish.
		index := layout.PublishWord(shm.Load(sl.pub)).Index() % next.K
		sl.copyBuffers(m, &old, &next, index)
		// What the lost buffers carried must not be used again; also not after a death.
		m.Store(sl.ref.off+layout.EntryFloorOff, sl.top)
		if sl.pinned >= 0 { // what Sync made durable stays so through the move
			if err := sl.s.syncRange(next.Off, next.Len()); err != nil {
				return err
			}
		}
		m.Store(sl.ref.off+layout.EntryExtOff, uint64(word)) // the switch
		shm.OrderAfterStore(m.Word(sl.ref.off + layout.EntryExtOff))
		sl.setExtent(next)
		sl.current = index
		if sl.pinned >= 0 || sl.pinning >= 0 { // the published buffer is the durable one now
			if sl.pinned >= 0 {
				sl.pinned = sl.current
			}
			if sl.pinning >= 0 {
				sl.pinning = sl.current
			}
			m.Store32(sl.ref.off+layout.EntryPinOff, uint32(sl.pinned+1))
		}
		if sl.pinned >= 0 {
			if err := sl.s.syncRange(sl.ref.off, layout.EntryLen); err != nil {
				return err // the old extent is not given away: the disk may still lead to it
			}
		}
		sl.s.free(m, old.Off, old.Len())
		return nil
	})
}

// copyBuffers takes the published buffer along to index target, and of the others the newest that find
// room: snapshots may still look for them.
func (sl *slot) copyBuffers(m shm.Mem, old, next *layout.Extent, target int) {
	copyBuffer := func(from, to int) {
		src, dst := old.Buffer(from), next.Buffer(to)
		var head layout.Buffer
		layout.GetBuffer(m.Bytes(src, layout.BufferHeadLen), &head)
		n := layout.BufferHeadLen + min(uint64(head.Length), old.Capacity, next.Capacity)
		shm.Copy(m.Bytes(dst+8, n-8), m.Bytes(src+8, n-8))
		m.Store(dst, m.Load(src))
	}
	taken := make([]bool, next.K)
	copyBuffer(sl.current, target)
	taken[target] = true
	others := make([]int, 0, old.K)
	for b := range old.K {
		if b != sl.current {
			others = append(others, b)
		}
	}
	slices.SortFunc(others, func(a, b int) int { return -cmp.Compare(m.Load(old.Buffer(a)), m.Load(old.Buffer(b))) })
	for _, b := range others {
		if t := b % next.K; !taken[t] {
			copyBuffer(b, t)
			taken[t] = true
		}
	}
}
