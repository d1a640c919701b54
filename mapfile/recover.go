package mapfile

import (
	"fmt"

	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/mapfile/internal/shm"
	"github.com/gomapfile/mapfile/mapfile/internal/testhook"
)

// This chapter is about files that were left by an earlier boot of the machine. Pages reach the disk
// in any order, so after a crash the words of a file prove nothing about each other: only checksums
// count. Nobody writes into such a file; readers take of each slot the published buffer if its
// checksum holds, else the newest whose does, and the first producer replaces the file by a new one
// with what is whole.

// salvage copies the newest buffer of a slot whose checksum holds.
func (c *cursor) salvage(val *value) error {
	return c.file.guard(func() error {
		v := c.file.at(c.extent.End())
		found, unchecked := false, false
		for b := range c.extent.K {
			off := c.extent.Buffer(b)
			seq := v.Load(off)
			if seq == 0 || seq&1 != 0 || seq/2 > layout.MaxVersion || found && seq/2 <= val.version {
				continue
			}
			var head layout.Buffer
			layout.GetBuffer(v.Bytes(off, layout.BufferHeadLen), &head)
			if uint64(head.Length) > c.extent.Capacity {
				continue
			}
			if head.Unchecked {
				unchecked = true
				continue
			}
			payload := copyPayload(nil, v.Bytes(off+layout.BufferHeadLen, uint64(head.Length)))
			if layout.Check(seq/2, &head, c.ref.salt, payload) == head.Check {
				found, val.version, val.head, val.payload = true, seq/2, head, payload
			}
		}
		switch {
		case !found && unchecked:
			return fmt.Errorf("%w: it was published without a checksum before the machine went down: nothing shows that it is whole", ErrCorrupt)
		case !found:
			return fmt.Errorf("%w: the machine went down while the slot was written, and no version of it is shown to be whole by a checksum", ErrCorrupt)
		}
		return nil
	})
}

// salvageInto copies into a new, empty file f what is whole in old: session records, so that it can
// still be told whose the slots were and numbers go on, and every slot with its newest whole value.
func salvageInto(f, old *file, c *config) error {
	s := &session{file: f, maxSize: c.maxSize}
	return f.guard(func() error {
		m, from := s.mem(), old.view()
		m.Write(layout.SessionsOff, from.Bytes(layout.SessionsOff, layout.NumSessions*layout.SessionLen))
		next := uint64(1)
		for i := range layout.NumSessions {
			next = max(next, from.Load(layout.SessionOff(i)+layout.SessionNumberOff)+1)
		}
		m.Store(layout.NextSessionOff, max(next, from.Load(layout.NextSessionOff))&layout.MaxSession)
		lost := 0
		for i := range old.numEntries() {
			var l label
			ref, ext, ok := old.readEntry(i, &l)
			if !ok {
				continue
			}
			if err := s.salvageSlot(old, old.newCursor(ref, ext), &l); err != nil {
				lost++
				c.logger.Warn("mapfile: a slot of the file of an earlier boot is not whole", "path", old.path, "slot", string(l.name), "error", err)
			}
		}
		c.logger.Info("mapfile: the file was left by an earlier boot; replaced by its whole values", "path", old.path, "lost", lost)
		return nil
	})
}

// salvageSlot copies one slot with its newest whole value, version and stamps.
func (s *session) salvageSlot(old *file, c *cursor, l *label) error {
	var val value
	if _, err := c.read(&val, &how{check: true}); err != nil {
		if err := c.salvage(&val); err != nil {
			return err
		}
	}
	t, err := old.typeOf(val.head.Type, val.head.TypeID)
	if err != nil {
		return err
	}
	s.countIn(&val.head)
	typeRef, err := s.internType(&t.info)
	if err != nil {
		return err
	}
	ref, err := s.insert(s.mem(), &newSlot{name: string(l.name), title: string(l.title), typeRef: typeRef, capacity: len(val.payload)})
	if err != nil {
		return err
	}
	m := s.mem()
	m.Store(ref.off+layout.EntryOwnerOff, old.view().Load(c.ref.off+layout.EntryOwnerOff))
	ext := layout.ExtentWord(m.Load(ref.off + layout.EntryExtOff)).Decode()
	at := ext.Buffer(0)
	val.head.Type = typeRef
	val.head.Boot = 0 // it was of another boot: the wall clock must do for the value's age
	val.head.Check = layout.Check(val.version, &val.head, ref.salt, val.payload)
	layout.PutBuffer(m.Bytes(at, layout.BufferHeadLen), &val.head)
	m.Write(at+layout.BufferHeadLen, val.payload)
	m.Store(at, 2*val.version)
	m.Store(ref.off+layout.EntryPubOff, uint64(layout.NewPublishWord(val.version, 0, 0, ref.salt)))
	return nil
}

// ringBell wakes the readers of a file of which this process is no producer.
func ringBell(m shm.Mem) {
	testhook.Step()
	addAndWake(m.Word32(layout.BellOff))
}

// countIn makes a value count as committed in the new file, where words count again: the session
// records may be older on the disk than the buffers.
func (s *session) countIn(head *layout.Buffer) {
	m, number := s.mem(), credible(head.Session.Number())
	m.Store(layout.NextSessionOff, max(m.Load(layout.NextSessionOff), number+1))
	if r := head.Session.Record(); r < layout.NumSessions && m.Load(layout.SessionOff(r)+layout.SessionNumberOff) == number {
		word := layout.SessionOff(r) + layout.SessionCommitOff
		m.Store(word, max(m.Load(word), credible(head.Commit)))
	}
}
