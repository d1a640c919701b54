package mapfile

import (
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/mapfile/internal/shm"
)

// This chapter is what a successor does for the dead. All of it happens under the structure lock and
// can be done again from the start after another death.

// repairSession repairs every slot of an ended session and writes into its owner word how it ended,
// since the record is about to be given to another session.
func (s *session) repairSession(m shm.Mem, number uint64, record int) {
	ended := layout.SessionDead
	if m.Load32(layout.SessionOff(record)+layout.SessionEndedOff) == layout.SessionClosed {
		ended = layout.SessionClosed
	}
	for i := range s.numEntries() {
		off := entryOff(m.View, i)
		owner := layout.OwnerWord(m.Load(off + layout.EntryOwnerOff))
		if owner.Number() != number || owner.Record() != record || layout.ExtentWord(m.Load(off+layout.EntryExtOff)).None() {
			continue
		}
		s.repairSlot(m, i)
		m.Store(off+layout.EntryOwnerOff, uint64(layout.NewOwnerWord(number, record, ended)))
	}
}

// repairSlot brings a slot whose owner has died into order: T1, what was committed is published; T2,
// what was not committed loses its mark; T3, every complete buffer that was never published is made
// incomplete, so that its commit number can be used again.
func (s *session) repairSlot(m shm.Mem, i uint32) {
	off := entryOff(m.View, i)
	salt := layout.Salt(i, m.Load32(off+layout.EntryGenOff))
	ext := layout.ExtentWord(m.Load(off + layout.EntryExtOff)).Decode()
	pub := layout.PublishWord(m.Load(off + layout.EntryPubOff))
	if !pub.Valid(salt) {
		pub = s.rescuePublishWord(m, &ext, salt)
		m.Store(off+layout.EntryPubOff, uint64(pub))
	}
	if pub.Marked() {
		seq := m.Load(ext.Buffer(pub.Pending()))
		if seq&1 == 0 && seq > 2*pub.Version() && committed(m, ext.Buffer(pub.Pending())) {
			pub = layout.NewPublishWord(seq/2, pub.Pending(), pub.Pending(), salt) // T1
		} else {
			pub = layout.NewPublishWord(pub.Version(), pub.Index(), pub.Index(), salt) // T2
		}
		m.Store(off+layout.EntryPubOff, uint64(pub))
		shm.OrderAfterStore(m.Word(off + layout.EntryPubOff))
	}
	for b := range ext.K {
		at := ext.Buffer(b)
		if seq := m.Load(at); seq&1 == 0 && seq > 2*pub.Version() { // T3
			m.Store(at, seq-1)
		}
	}
}

// committed tells by the record of the session that wrote a buffer whether its commit is decided.
func committed(m shm.Mem, buffer uint64) bool {
	session := layout.SessionWord(m.Load(buffer + layout.BufferSessionOff))
	if session.Record() >= layout.NumSessions {
		return false
	}
	rec := layout.SessionOff(session.Record())
	return m.Load(rec+layout.SessionNumberOff) == session.Number() &&
		m.Load(buffer+layout.BufferCommitOff) <= m.Load(rec+layout.SessionCommitOff)
}

// rescuePublishWord is for a publish word that somebody has damaged: the newest whole buffer counts.
func (s *session) rescuePublishWord(m shm.Mem, ext *layout.Extent, salt uint64) layout.PublishWord {
	best, version := 0, uint64(0)
	for b := range ext.K {
		at := ext.Buffer(b)
		seq := m.Load(at)
		if seq&1 != 0 || seq/2 <= version || seq/2 > layout.MaxVersion {
			continue
		}
		var head layout.Buffer
		layout.GetBuffer(m.Bytes(at, layout.BufferHeadLen), &head)
		if uint64(head.Length) <= ext.Capacity &&
			layout.Check(seq/2, &head, salt, m.Bytes(at+layout.BufferHeadLen, uint64(head.Length))) == head.Check {
			best, version = b, seq/2
		}
	}
	return layout.NewPublishWord(version, best, best, salt)
}
