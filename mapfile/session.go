package mapfile

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomapfile/mapfile/mapfile/internal/filelock"
	"github.com/gomapfile/mapfile/mapfile/internal/host"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/mapfile/internal/shm"
)

// This chapter is producer sessions: a handle that writes has a record in the file and holds the lock
// of the record's byte for as long as it lives. Others see by that lock that it lives, and by its
// heartbeat that it runs.

// session is a file that this handle may write.
type session struct {
	*file
	number     uint64
	record     int
	commitWord *uint64
	commits    atomic.Uint64 // what the commit word says: nobody else stores it

	lockTimeout time.Duration
	maxSize     int64
	noCheck     bool          // payloads get no checksum
	every       time.Duration // between heartbeats

	structure  chan struct{} // holds a value while a goroutine of this handle is at the structure lock
	commitMu   sync.Mutex    // one commit at a time
	oldCommits sync.Pool     // of *commit
	bell       *bell
	clock      clock
	stop       chan struct{}
	stopped    sync.WaitGroup // heartbeat and ringer

	mu        sync.Mutex // guards what follows; never held while waiting for anything but memory
	slots     map[string]*slot
	list      []*slot // of slots; nil: to be made anew
	groups    map[sync.Locker]*lockerGroup
	lastGroup int
	gone      error // why nothing can be written any more: ErrClosed, ErrSuperseded

	syncMu sync.Mutex
}

// mem is the mapping for writing: all of the file, as long as it is now. Others may have made it longer
// than our window; while we hold the structure lock they cannot.
func (s *session) mem() shm.Mem { return shm.Writable(s.at(s.view().Load(layout.SizeOff))) }

// newSession gives the file a producer: finds a record, after repairing what its last session left.
func newSession(f *file, c *config) (*session, error) {
	s := &session{
		file: f, lockTimeout: c.lockTimeout, maxSize: c.maxSize, noCheck: c.noCheck, every: c.heartbeat,
		structure: make(chan struct{}, 1), slots: map[string]*slot{}, groups: map[sync.Locker]*lockerGroup{}, stop: make(chan struct{}), record: -1,
	}
	if err := s.selfTestLocks(); err != nil {
		return nil, err
	}
	s.clock.set()
	err := s.change(func(m shm.Mem) error {
		record, err := s.takeRecord(m)
		if err != nil {
			return err
		}
		s.begin(m, record)
		return nil
	})
	if err != nil {
		if s.record >= 0 {
			filelock.Unlock(f.region.Fd(), layout.SessionLockOff+int64(s.record))
		}
		return nil, err
	}
	s.bell = newBell(s)
	f.own.Store(s)
	return s, nil
}

// selfTestLocks refuses file systems on which locks do not exclude: there two producers would write
// one slot. Without /proc a new file, which has no name yet, is not tested: who joins it does that.
func (s *session) selfTestLocks() error {
	path := fmt.Sprintf("/proc/self/fd/%d", s.region.Fd())
	if _, err := os.Stat(path); err != nil {
		if path = s.abs; s.identity() != nil {
			return nil
		}
	}
	return filelock.SelfTest(s.region.Fd(), layout.SelfTestLockOff, func() (uintptr, func() error, error) {
		second, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return 0, nil, err
		}
		return second.Fd(), second.Close, nil
	})
}

// takeRecord finds a record that nobody holds and takes its lock. Before a record is given out again,
// everything that its session left is repaired: whether a mark is committed can be told from this
// record only. Then it is nobody's, and only then locked: by its lock a dead session would look alive.
func (s *session) takeRecord(m shm.Mem) (int, error) {
	var refused [layout.NumSessions]bool
	for {
		record, err := s.freeRecord(m, &refused)
		if err != nil {
			return 0, err
		}
		word := layout.SessionOff(record) + layout.SessionNumberOff
		if number := m.Load(word); number != 0 {
			s.repairSession(m, number, record)
			m.Store(word, 0)
			shm.OrderAfterStore(m.Word(word))
		}
		err = filelock.Try(s.region.Fd(), layout.SessionLockOff+int64(record))
		if err == nil {
			s.record = record
			return record, nil
		}
		if !errors.Is(err, filelock.ErrHeld) {
			return 0, err
		}
		refused[record] = true // a reader has a shared lock on it, which Held does not tell
	}
}

// freeRecord finds a record that nobody holds: one without a session, else that of the session that
// began first. The structure lock keeps others from taking it meanwhile.
func (s *session) freeRecord(m shm.Mem, refused *[layout.NumSessions]bool) (int, error) {
	best, bestNumber := -1, uint64(0)
	for i := range layout.NumSessions {
		number := m.Load(layout.SessionOff(i) + layout.SessionNumberOff)
		if refused[i] || best >= 0 && number >= bestNumber {
			continue
		}
		held, err := filelock.Held(s.region.Fd(), layout.SessionLockOff+int64(i))
		if err != nil {
			return 0, err
		}
		if !held {
			best, bestNumber = i, number
		}
		if best >= 0 && bestNumber == 0 {
			break
		}
	}
	switch {
	case best >= 0:
		return best, nil
	case slices.Contains(refused[:], true):
		return 0, fmt.Errorf("%w: a reader holds locks of producers that have ended; see who has the file open", ErrLocked)
	}
	return 0, fmt.Errorf("%w: %d producers have the file open", ErrFull, layout.NumSessions)
}

// credible leaves out numbers that nobody can have counted up to: records have no checksum, and a damaged
// one must not make the next number overflow.
func credible(number uint64) uint64 {
	if number > layout.MaxSession/2 {
		return 0
	}
	return number
}

// begin makes the record ours. Number 0, commit word, number, and only then the file's next number:
// a reader that loads next first never takes a running session for an ended one. The commit word
// goes on from the highest in the file, so that commits of a restarted producer do too.
func (s *session) begin(m shm.Mem, record int) {
	commit, next := uint64(0), max(credible(m.Load(layout.NextSessionOff)), 1)
	for i := range layout.NumSessions {
		commit = max(commit, credible(m.Load(layout.SessionOff(i)+layout.SessionCommitOff)))
		next = max(next, credible(m.Load(layout.SessionOff(i)+layout.SessionNumberOff))+1) // of one that died before S5
	}
	off := layout.SessionOff(record)
	m.Store(off+layout.SessionNumberOff, 0)
	shm.OrderAfterStore(m.Word(off + layout.SessionNumberOff))
	m.Store(off+layout.SessionCommitOff, commit)
	m.Store(off+layout.SessionBeatOff, uint64(host.Uptime()))
	m.Store(off+layout.SessionEveryOff, uint64(s.every))
	m.Store32(off+layout.SessionEndedOff, layout.SessionOpen)
	m.Store(off+layout.SessionStartedOff, uint64(time.Now().UnixNano()))
	m.Store32(off+layout.SessionPIDOff, uint32(os.Getpid()))
	m.Store(off+layout.SessionProcOff, uint64(host.Uptime()))
	program := host.Program()
	program = program[:min(len(program), layout.MaxProgramLen)]
	m.Store32(off+layout.SessionProgLenOff, uint32(len(program)))
	m.Write(off+layout.SessionProgOff, []byte(program))
	m.Store(off+layout.SessionNumberOff, next)
	shm.OrderAfterStore(m.Word(off + layout.SessionNumberOff))
	m.Store(layout.NextSessionOff, next+1)
	s.number, s.record, s.commitWord = next, record, m.Word(off+layout.SessionCommitOff)
	s.commits.Store(commit)
}

// alive returns why nothing can be written any more, if that is so.
func (s *session) alive() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gone
}

// beat shows that the process runs, keeps the clock, and looks whether the path still names this
// file: whoever finds it replaced or removed marks it, since nobody should publish into a file that
// nobody finds.
func (s *session) beat() {
	defer s.stopped.Done()
	ticker := time.NewTicker(s.every)
	defer ticker.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-ticker.C:
		}
		s.clock.set()
		lost := s.identity()
		s.guard(func() error {
			m := s.mem()
			m.Store(layout.SessionOff(s.record)+layout.SessionBeatOff, uint64(host.Uptime()))
			if lost != nil && m.Load(layout.SupersededOff) == layout.NotSuperseded {
				s.markSuperseded(m, lost)
			}
			return nil
		})
	}
}

// markSuperseded tells readers and producers of the file that its path has another file by now, or
// none.
func (s *session) markSuperseded(m shm.Mem, lost error) {
	mark := uint64(layout.Replaced)
	if lost != ErrSuperseded {
		mark = layout.Removed
	}
	m.Store(layout.SupersededOff, mark)
	s.bell.ringNow()
	s.log.Warn("mapfile: the file was replaced or removed under its producer", "path", s.path)
}

// end releases the record: stop heartbeat and ringer, ring once more, unlock. Slots are closed by now.
func (s *session) end(closed bool) {
	close(s.stop)
	s.bell.stop()
	s.stopped.Wait()
	if closed {
		s.guard(func() error {
			m := s.mem()
			off := layout.SessionOff(s.record)
			m.Store(off+layout.SessionBeatOff, uint64(host.Uptime()))
			m.Store32(off+layout.SessionEndedOff, layout.SessionClosed)
			return nil
		})
	}
	filelock.Unlock(s.region.Fd(), layout.SessionLockOff+int64(s.record))
	if closed {
		s.bell.ringNow()
	}
}

// ownerState tells whose a slot is: the state of the session that its owner word names.
func (f *file) ownerState(v shm.View, owner layout.OwnerWord) State {
	if owner.Number() == 0 || owner.Record() >= layout.NumSessions {
		return StateUnknown
	}
	off := layout.SessionOff(owner.Record())
	if v.Load(off+layout.SessionNumberOff) == owner.Number() {
		state := f.recordState(v, owner.Record())
		if v.Load(off+layout.SessionNumberOff) == owner.Number() { // else the lock may be another session's
			return state
		}
	}
	// The record has another session by now, or will get one.
	if owner.Ended() == layout.SessionClosed {
		return StateClosed
	}
	return StateDead
}

// recordState is the state of the session that has a record now.
func (f *file) recordState(v shm.View, record int) State {
	off := layout.SessionOff(record)
	held, err := f.lockHeld(record)
	switch {
	case err != nil:
		return StateUnknown
	case !held && v.Load32(off+layout.SessionEndedOff) == layout.SessionClosed:
		return StateClosed
	case !held:
		return StateDead
	case v.Load(layout.SupersededOff) != layout.NotSuperseded:
		return StateSuperseded
	}
	every := min(time.Duration(v.Load(off+layout.SessionEveryOff)&(1<<62-1)), time.Hour)
	if heartbeatAge(v, off) > 3*max(every, defaultHeartbeat/2) {
		return StateStalled
	}
	return StateLive
}

// heartbeatAge is how long ago the session last showed that it runs: never negative, and a heartbeat
// from the future is as old as can be, so that nobody is alive for ever by a wrong number.
func heartbeatAge(v shm.View, off uint64) time.Duration {
	now, beat := uint64(host.Uptime()), v.Load(off+layout.SessionBeatOff)
	if beat > now {
		if beat-now < uint64(time.Second) { // stamped between our two loads, or on another core
			return 0
		}
		return time.Duration(min(now, 1<<62))
	}
	return time.Duration(min(now-beat, 1<<62))
}

// lockHeld tells whether a session holds its record's lock. The kernel does not tell a descriptor of
// its own locks, so our own session is known here.
func (f *file) lockHeld(record int) (bool, error) {
	if own := f.own.Load(); own != nil && own.record == record {
		return true, nil
	}
	return filelock.Held(f.region.Fd(), layout.SessionLockOff+int64(record))
}

// anyLockHeld tells whether any producer has the file.
func (f *file) anyLockHeld() (bool, error) {
	for i := range layout.NumSessions {
		if held, err := f.lockHeld(i); held || err != nil {
			return held, err
		}
	}
	return false, nil
}
