package mapfile

import (
	"sync/atomic"
	"time"

	"github.com/gomapfile/mapfile/mapfile/internal/host"
)

// clock stamps publishes. Reading the time costs more than publishing 4 KiB, so stamps are coarse
// while a file is hot: the ringer refreshes them a few thousand times a second, and the first publish
// after a calm takes the time itself.
type clock struct {
	wall, boot atomic.Int64
	start      atomic.Pointer[time.Time] // boot clock = offset + time since start
	offset     atomic.Int64
}

// set reads the machine's clocks; between two of them the process's monotonic clock, which is
// cheaper, stands in for the boot clock.
func (c *clock) set() {
	now := time.Now()
	c.offset.Store(int64(host.Uptime()))
	c.start.Store(&now)
	c.refresh()
}

// refresh brings the stamps up to date.
func (c *clock) refresh() {
	now := time.Now()
	c.wall.Store(now.UnixNano())
	c.boot.Store(c.offset.Load() + int64(now.Sub(*c.start.Load())))
}

// now returns the stamps as of the last refresh.
func (c *clock) now() (wall int64, boot uint64) { return c.wall.Load(), uint64(c.boot.Load()) }
