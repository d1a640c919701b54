package mapfile

import (
	"time"

	"github.com/gomapfile/mapfile/mapfile/internal/host"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/mapfile/internal/shm"
)

// This chapter is what readers know of producers.

// producer describes the session that an owner word names.
func (f *file) producer(v shm.View, owner layout.OwnerWord, state State) Producer {
	p := Producer{Session: owner.Number(), State: state}
	if owner.Record() >= layout.NumSessions {
		return p
	}
	if off := layout.SessionOff(owner.Record()); v.Load(off+layout.SessionNumberOff) == owner.Number() {
		f.fillProducer(v, off, &p)
	}
	return p
}

func (f *file) fillProducer(v shm.View, off uint64, p *Producer) {
	p.Commit = v.Load(off + layout.SessionCommitOff)
	p.PID = int(v.Load32(off + layout.SessionPIDOff))
	p.Started = unixTime(int64(v.Load(off + layout.SessionStartedOff)))
	p.Heartbeat = heartbeatAge(v, off)
	n := min(v.Load32(off+layout.SessionProgLenOff), layout.MaxProgramLen)
	name := make([]byte, n)
	shm.Copy(name, v.Bytes(off+layout.SessionProgOff, uint64(n)))
	p.Program = string(name)
}

// producerCache remembers the producers of one listing, or, with a time to live, of many events.
type producerCache struct {
	f     *file
	known map[layout.OwnerWord]*Producer
	ttl   time.Duration
	made  time.Time

	clock   time.Duration // the uptime at clockAt
	clockAt time.Time
}

// producerTTL is for how long snapshots and watchers believe what they know of a producer.
const producerTTL = 100 * time.Millisecond

func newProducerCache(f *file, ttl time.Duration) *producerCache {
	return &producerCache{f: f, known: map[layout.OwnerWord]*Producer{}, ttl: ttl, made: time.Now()}
}

// get returns a Producer that nobody changes.
func (c *producerCache) get(v shm.View, owner layout.OwnerWord) *Producer {
	if c.ttl > 0 && time.Since(c.made) > c.ttl {
		clear(c.known)
		c.made = time.Now()
	}
	p, ok := c.known[owner]
	if !ok {
		it := c.f.producer(v, owner, c.f.ownerState(v, owner))
		p = &it
		c.known[owner] = p
	}
	return p
}

// uptime is that of the machine. For a listing of thousands of slots the system is asked once only: from
// there on a clock counts that needs no system call, but stands still while the machine sleeps.
func (c *producerCache) uptime() time.Duration {
	since := time.Since(c.clockAt)
	if c.clockAt.IsZero() || since > producerTTL {
		c.clock, c.clockAt, since = host.Uptime(), time.Now(), 0
	}
	return c.clock + since
}
