package mapfile

import (
	"fmt"
	"time"
)

// Raw is the raw form, in and out: a slot bound to a *Raw publishes Payload as it is; GetInto with a
// *Raw fills in all fields, Payload from Payload[:0], and needs neither registry nor codec.
type Raw struct {
	Type    TypeInfo
	Stamp   Stamp
	Payload []byte
}

// TypeInfo is what the file knows of a type.
type TypeInfo struct {
	Name, Codec string
	Schema      []byte // read only
}

// Stamp says which publish a value came from.
type Stamp struct {
	Version, Commit, Session uint64
	Time                     time.Time // the producer's wall clock, for display
}

// SlotInfo describes a slot.
type SlotInfo struct {
	Name, Title      string
	Type             TypeInfo
	Length, Capacity int64         // payload bytes: used, and held without growing
	Stamp            Stamp         // Version 0: added, never published
	Age              time.Duration // since the last publish; never negative, whatever clocks do
	Rate             float64       // publishes a second over the last few; 0 if unknown
	Producer         Producer
}

// FileInfo describes a file.
type FileInfo struct {
	Path, Title, FileSystem string
	ID                      [16]byte
	FormatVersion, NumSlots int
	Size, Used              int64
	Created                 time.Time
	Producers               []Producer // sessions, by number
	Warnings                []string   // "on a network file system", "file was removed" …
}

// Producer describes one session.
type Producer struct {
	Session, Commit uint64
	PID             int
	Program         string
	Started         time.Time
	Heartbeat       time.Duration // its age
	State           State
}

// String returns "program[pid]".
func (p Producer) String() string {
	if p.Session == 0 {
		return "nobody"
	}
	program := p.Program
	if program == "" {
		program = "session " + fmt.Sprint(p.Session)
	}
	return fmt.Sprintf("%s[%d]", printable(program), p.PID)
}

// State of a producer. Live means that the process runs, not that it has news: Age tells that.
type State int

const (
	StateUnknown    State = iota
	StateLive             // runs
	StateStalled          // stopped or hung: has its locks, heartbeat is old
	StateDead             // ended without Close
	StateClosed           // ended by Close
	StateSuperseded       // its file was replaced or removed
)

var stateNames = [...]string{"UNKNOWN", "LIVE", "STALLED", "DEAD", "CLOSED", "SUPERSEDED"}

// String returns LIVE, STALLED, DEAD, CLOSED, SUPERSEDED or UNKNOWN.
func (s State) String() string {
	if s < 0 || int(s) >= len(stateNames) {
		s = StateUnknown
	}
	return stateNames[s]
}

// Event says that there is something new, not what: Get gives that version or a newer one.
type Event struct {
	Kind     EventKind
	SlotInfo      // EventState, EventReplaced: Producer only, no name
	More     bool // further events of this wake-up follow at once; take a Snapshot when it is false
}

// EventKind tells what happened.
type EventKind int

const (
	EventPublished EventKind = iota + 1
	EventRemoved
	EventState    // of a producer, e.g. to StateDead; noticed within a second
	EventReplaced // WithFollow: a Recreate; events of the new file follow
)

var eventNames = [...]string{"unknown", "published", "removed", "state", "replaced"}

// String returns published, removed, state or replaced.
func (k EventKind) String() string {
	if k < 0 || int(k) >= len(eventNames) {
		k = 0
	}
	return eventNames[k]
}

// Getter is a *MapFile or a *Snapshot.
type Getter interface {
	Get(name string) (any, error)
	GetInto(name string, v any) error
}

var (
	_ Getter = (*MapFile)(nil)
	_ Getter = (*Snapshot)(nil)
)

// noCopy makes vet complain about copies of handles.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}
