package mapfile

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/mapfile/internal/shm"
)

// This chapter reads one slot: the reader's half of the protocol. Steps are numbered as in FORMAT.md.
//
// A reader copies first and asks afterwards whether what it copied was whole and still the slot's.
// It registers nowhere and counts nothing, which is what lets it map the file read-only.

// cursor is where a reader found a slot: the entry, and its extent decoded once.
type cursor struct {
	file   *file
	ref    entryRef
	pub    *uint64 // publish word
	ext    *uint64 // extent word
	gen    *uint32
	mark   *uint64 // the file's superseded word
	extent layout.Extent
	view   shm.View                   // a window that reaches to the extent's end
	stored atomic.Pointer[storedType] // of the last value
}

// how says what a read is for.
type how struct {
	limit    *limit    // the consistent cut of a Snapshot; nil: the newest
	check    bool      // verify the checksum
	headOnly bool      // no payload
	until    time.Time // when to give up; zero: after maxRead
	most     uint64    // payload bytes for which there is memory; 0: as many as the slot can hold
	anyway   bool      // also of a file that is superseded
}

// value is what a read copied.
type value struct {
	version uint64
	head    layout.Buffer
	payload []byte // private memory
}

// What a single try may find, beside a value.
var (
	errRetry   = errors.New("changed meanwhile")
	errMoved   = errors.New("the slot has another extent")
	errLapped  = errors.New("the version that was committed is overwritten") // only with a limit
	errNoValue = ErrNotPublished
)

// newCursor makes the cursor of an entry.
func (f *file) newCursor(ref entryRef, ext layout.ExtentWord) *cursor {
	c := &cursor{file: f, ref: ref}
	v := f.at(ref.off + layout.EntryLen)
	c.pub = v.Word(ref.off + layout.EntryPubOff)
	c.ext = v.Word(ref.off + layout.EntryExtOff)
	c.gen = v.Word32(ref.off + layout.EntryGenOff)
	c.mark = v.Word(layout.SupersededOff)
	c.setExtent(ext)
	return c
}

func (c *cursor) setExtent(ext layout.ExtentWord) {
	c.extent = ext.Decode()
	c.view = c.file.at(c.extent.End())
}

// typeOf returns the type of a value. It is called under no guard.
func (c *cursor) typeOf(head *layout.Buffer) (*storedType, error) {
	if t := c.stored.Load(); t != nil && t.ref == head.Type && t.id == head.TypeID {
		return t, nil
	}
	t, err := c.file.typeOf(head.Type, head.TypeID)
	if err == nil {
		c.stored.Store(t)
	}
	return t, err
}

// moved returns a cursor for the slot's present extent.
func (c *cursor) moved() (*cursor, error) {
	next := &cursor{file: c.file, ref: c.ref, pub: c.pub, ext: c.ext, gen: c.gen, mark: c.mark, extent: c.extent, view: c.view}
	err := c.file.guard(func() error {
		ext := layout.ExtentWord(shm.Load(c.ext))
		if ext.None() {
			return ErrNoSlot
		}
		next.setExtent(ext)
		return nil
	})
	return next, err
}

// Retries of one read. Most reads need none; a reader that a writer laps each time ends in ErrBusy.
const (
	spinTries = 64
	maxRead   = 500 * time.Millisecond
	maxUnseen = 64 << 10 // payload bytes for which memory is taken on the word of a header
)

// pause lets others run between two tries, longer with each.
func pause(try int) {
	if try < spinTries {
		runtime.Gosched()
		return
	}
	time.Sleep(min(time.Duration(try-spinTries+1)*10*time.Microsecond, time.Millisecond))
}

// read copies the slot's value into val, whose payload is memory to use or replace. It returns the
// cursor to remember, which is c unless the slot has moved.
func (c *cursor) read(val *value, h *how) (*cursor, error) {
	var deadline time.Time
	for try := 0; ; try++ {
		err := c.tryRead(val, h)
		switch err {
		case nil:
			return c, nil
		case errMoved:
			if c, err = c.moved(); err != nil {
				return c, err
			}
		case errRetry:
		default:
			return c, err
		}
		if try == spinTries {
			if deadline = h.until; deadline.IsZero() {
				deadline = time.Now().Add(maxRead)
			}
		} else if try > spinTries && time.Now().After(deadline) {
			return c, ErrBusy
		}
		pause(try)
	}
}

// tryRead is one try under the fault guard, which is written out because it is the hot path.
func (c *cursor) tryRead(val *value, h *how) (err error) {
	old := debug.SetPanicOnFault(true)
	done := false
	defer func() {
		if !done {
			err = c.file.explainFault(shm.Recovered(old, recover()))
		}
	}()
	err = c.copyValue(val, h)
	done = true
	debug.SetPanicOnFault(old)
	return err
}

// copyValue is the protocol.
func (c *cursor) copyValue(val *value, h *how) error {
	// R1: the extent word. R2: the generation. R3: the publish word.
	if shm.Load(c.ext) != uint64(c.extent.Word) {
		return errMoved
	}
	if shm.Load32(c.gen) != c.ref.generation {
		return ErrNoSlot
	}
	pub := layout.PublishWord(shm.Load(c.pub))
	if !pub.Valid(c.ref.salt) {
		if err := c.unstable(pub, pub.Version()); err != nil {
			return err
		}
		return fmt.Errorf("%w: its publish word fails its check", ErrCorrupt)
	}
	index, version, pending := pub.Index(), pub.Version(), false
	if mark := shm.Load(c.mark); mark != layout.NotSuperseded && !h.anyway && !c.file.lenient() {
		return markError(mark)
	}
	if pub.Marked() || h.limit != nil {
		var err error
		if index, version, pending, err = c.choose(pub, h.limit); err != nil {
			return err
		}
	}
	if version == 0 {
		if shm.Load(c.ext) != uint64(c.extent.Word) {
			return errMoved
		}
		return errNoValue
	}
	// R4: the buffer's sequence.
	off := c.extent.Buffer(index)
	seq, buf := c.view.WordAndBytes(off, layout.BufferHeadLen+c.extent.Capacity)
	if now := shm.Peek(seq); now != 2*version {
		if err := c.unstable(pub, version); err != nil {
			return err
		}
		return fmt.Errorf("%w: version %d: its buffer has sequence %d", ErrCorrupt, version, now)
	}
	// R5: the length, bounded. R6: copy out.
	layout.GetBuffer(buf, &val.head)
	n := uint64(val.head.Length)
	if n > c.extent.Capacity {
		if err := c.unstable(pub, version); err != nil {
			return err
		}
		return fmt.Errorf("%w: version %d: length %d exceeds the capacity %d", ErrCorrupt, version, n, c.extent.Capacity)
	}
	if h.headOnly {
		n = 0
	}
	if h.most > 0 && n > h.most {
		return fmt.Errorf("%w: the slots share space: their values are larger than the file", ErrCorrupt)
	}
	check := h.check && !h.headOnly
	payload := buf[layout.BufferHeadLen : layout.BufferHeadLen+n]
	val.payload = makeRoom(val.payload, payload)
	sum := uint32(0)
	if check {
		sum = layout.CheckSeed(version, &val.head, c.ref.salt)
	}
	if check && !val.head.Unchecked { // R8 already: the checksum over the private copy, while it is at hand
		sum = copySummed(val.payload, payload, val.payload, sum)
	} else {
		shm.Copy(val.payload, payload)
	}
	// R7: the ordering point, and what was true before must still be: the publish word where the
	// buffer was pending, the sequence, and last of all the extent word, because an extent that was
	// given away may show any sequence.
	shm.OrderLoads()
	if pending {
		if now := layout.PublishWord(shm.Load(c.pub)); now != pub && now.Version() < version {
			return errRetry
		}
	}
	if shm.Peek(seq) != 2*version {
		return errRetry
	}
	if shm.Load(c.ext) != uint64(c.extent.Word) {
		return errMoved
	}
	if c.file.closed.Load() {
		return ErrClosed
	}
	val.version = version
	if val.head.Unchecked && c.file.evidence && !h.headOnly {
		return fmt.Errorf("%w: version %d was published without a checksum before the machine went down: nothing shows that it is whole", ErrCorrupt, version)
	}
	if check && sum != val.head.Check {
		return fmt.Errorf("%w: version %d: checksum %08x, computed %08x", ErrCorrupt, version, val.head.Check, sum)
	}
	return nil
}

// makeRoom returns room for a copy, in dst's memory or more. Where the bytes are beyond the end of the file
// it faults, before memory is taken for what is not there.
//
//go:norace
func makeRoom(dst, mapped []byte) []byte {
	if n := len(mapped); n > maxUnseen {
		runtime.KeepAlive(mapped[n-1])
	}
	return slices.Grow(dst[:0], len(mapped))[:len(mapped)]
}

// copyPayload copies mapped bytes into dst's memory, or more.
func copyPayload(dst, mapped []byte) []byte {
	dst = makeRoom(dst, mapped)
	shm.Copy(dst, mapped)
	return dst
}

// unstable decides about something that a consistent file never shows: nil if the version is the
// published one and publish word and extent word are unchanged, so that nobody was at work and the
// slot is damaged. A buffer of another version may be written at any time.
func (c *cursor) unstable(pub layout.PublishWord, version uint64) error {
	shm.OrderLoads()
	switch {
	case c.file.closed.Load():
		return ErrClosed
	case version != pub.Version(), layout.PublishWord(shm.Load(c.pub)) != pub:
		return errRetry
	case shm.Load(c.ext) != uint64(c.extent.Word):
		return errMoved
	}
	return nil
}
