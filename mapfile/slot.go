package mapfile

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/gomapfile/mapfile/codec"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/mapfile/internal/shm"
	"github.com/gomapfile/mapfile/mapfile/internal/testhook"
)

// A Slot is a producer's handle. Once removed it answers ErrNoSlot, also if the name is added anew.
// All methods may be called by several goroutines at once.
type Slot struct {
	_  noCopy
	mf *MapFile // a file whose slots are in use is not forgotten
	sl *slot
}

// slot is what Slot is a handle of. The session knows it, so it must not lead to the MapFile.
//
// An update of one of very many slots is slow because nothing of it is in a cache. So what it needs is
// together, at the top.
type slot struct {
	s       *session
	locker  sync.Locker
	codec   codec.Codec
	inPlace bool // the codec may encode straight into the slot's buffer
	typeRef uint32
	typeID  uint64

	// What is bound, and tickets, which say of two encodings which is not older. Set may not wait for mu:
	// it leaves the object in next, and who has mu or binding and needs it fetches it. Next, ended, and the
	// counting of tickets belong to binding, which is held for a few instructions only; bound to both.
	tickets atomic.Uint64
	next    atomic.Pointer[any]
	bound   any

	// mu is held from the choice of a buffer to the publish word, and by a commit for all its slots,
	// in the order of their entries. Everything below belongs to it.
	mu        sync.Mutex
	started   atomic.Bool // a version has been published: the capacity is a fair guess
	err       error       // why the slot cannot be updated any more
	published uint64      // ticket of the newest encoding that was published
	pub       *uint64
	mark      *uint64 // the file's superseded word
	mem       shm.Mem // a window that reaches to the extent's end
	extent    layout.Extent
	version   uint64 // published
	current   int    // published buffer
	top       uint64 // highest version ever used
	length    int    // of the last payload
	pinned    int    // buffer that the last Sync made durable, or -1
	pinning   int    // buffer that a running Sync makes durable, or -1
	rate      rate
	ref       entryRef

	// What is needed now and then. Name, goType, group and k never change.
	name    string
	goType  reflect.Type // X; nil for a *Raw
	group   int          // slots with the same Locker have the same
	k       int          // buffers asked for; 0: by capacity
	binding sync.Mutex
	ended   error // as err; Set does not wait for mu
}

// filled is a buffer that has been written and is not yet published.
type filled struct {
	buffer  int
	version uint64
}

// Name returns the slot's name.
func (h *Slot) Name() string {
	if h == nil || h.sl == nil {
		return ""
	}
	return h.sl.name
}

// Version returns the version that was last published; 0: none.
func (h *Slot) Version() uint64 {
	if h == nil || h.sl == nil {
		return 0
	}
	h.sl.mu.Lock()
	defer h.sl.mu.Unlock()
	return h.sl.version
}

// Set binds v, a non-nil pointer of the same type, from the next Update on. An object that nobody
// touches any more after Set needs no lock.
func (h *Slot) Set(v any) error {
	if h == nil || h.sl == nil {
		return fail("set", "", "", ErrClosed)
	}
	return fail("set", h.sl.s.path, h.sl.name, h.sl.set(v))
}

func (sl *slot) set(v any) error {
	t, err := boundType(v)
	if err == nil && t != sl.goType {
		err = fmt.Errorf("%w: it was added with a *%v, not a %T", ErrType, sl.typeName(), v)
	}
	sl.binding.Lock()
	defer sl.binding.Unlock()
	if sl.ended != nil {
		return sl.ended
	}
	if err == nil {
		sl.next.Store(&v)
	}
	return err
}

// end makes every further call fail; with mu held.
func (sl *slot) end(err error) {
	sl.err = err
	sl.binding.Lock()
	sl.ended = err
	sl.binding.Unlock()
}

func (sl *slot) typeName() string {
	if sl.goType == nil {
		return "mapfile.Raw"
	}
	return sl.goType.String()
}

// boundType returns X for a non-nil *X, and nil for a *Raw.
func boundType(v any) (reflect.Type, error) {
	if raw, ok := v.(*Raw); ok && raw != nil {
		return nil, nil
	}
	rv := reflect.ValueOf(v)
	if rv.Kind() != reflect.Pointer || rv.IsNil() {
		return nil, fmt.Errorf("%w: a non-nil pointer is needed, not %T", ErrType, v)
	}
	return rv.Type().Elem(), nil
}

// take returns the bound object and a ticket, for an encoding in private memory: of two encodings of a
// slot the one with the higher ticket is not older. It is called with the Locker held. The error is that
// of a slot that has ended.
func (sl *slot) take() (any, uint64, error) {
	sl.binding.Lock()
	defer sl.binding.Unlock()
	v := sl.bound
	if next := sl.next.Load(); next != nil {
		v = *next
	}
	return v, sl.tickets.Add(1), sl.ended
}

// takeInPlace is take for an encoding in place, with mu held. It needs no ticket of its own: whoever has
// one by now began before, and is dropped if it comes after. The object is looked up last, so that one
// which was bound before a later ticket is not missed.
func (sl *slot) takeInPlace() (any, uint64) {
	ticket := sl.tickets.Load()
	if sl.next.Load() != nil {
		sl.bind()
	}
	return sl.bound, ticket
}

func (sl *slot) bind() {
	sl.binding.Lock()
	defer sl.binding.Unlock()
	sl.bound = *sl.next.Load()
	sl.next.Store(nil)
}

// overtaken tells whether an encoding in private memory has become old, with mu held.
func (sl *slot) overtaken(ticket uint64) bool { return ticket <= sl.published && sl.err == nil }

// attach makes the handle of an entry that is ours by now: under the structure lock.
func (sl *slot) attach(m shm.Mem, ref entryRef) {
	sl.ref = ref
	sl.pub = m.Word(ref.off + layout.EntryPubOff)
	sl.mark = m.Word(layout.SupersededOff)
	sl.setExtent(layout.ExtentWord(m.Load(ref.off + layout.EntryExtOff)).Decode())
	pub := layout.PublishWord(shm.Load(sl.pub))
	sl.version, sl.current = pub.Version(), pub.Index()%sl.extent.K
	sl.started.Store(sl.version > 0)
	sl.pinned, sl.pinning = int(m.Load32(ref.off+layout.EntryPinOff))-1, -1
	sl.top = highestVersion(m, ref.off, &sl.extent)
}

// setExtent remembers where the buffers are.
func (sl *slot) setExtent(ext layout.Extent) {
	sl.extent = ext
	sl.mem = shm.Writable(sl.s.at(ext.End()))
}

// highestVersion is the highest version that the slot ever used, also by those who died writing it:
// a number that was used twice could tear a value.
func highestVersion(m shm.Mem, entry uint64, ext *layout.Extent) uint64 {
	top := max(m.Load(entry+layout.EntryFloorOff), layout.PublishWord(m.Load(entry+layout.EntryPubOff)).Version())
	for b := range ext.K {
		top = max(top, (m.Load(ext.Buffer(b))+1)/2)
	}
	return top
}

// ready tells whether the slot can be updated; with mu held, under a guard.
func (sl *slot) ready() bool {
	return sl.err == nil && shm.Load(sl.mark) == layout.NotSuperseded && sl.top < layout.MaxVersion
}

// notReady says why.
func (sl *slot) notReady() error {
	if sl.err != nil {
		return sl.err
	}
	if mark := shm.Load(sl.mark); mark != layout.NotSuperseded {
		return markError(mark)
	}
	return fmt.Errorf("%w: the slot has used up its %d versions; remove it and add another", ErrTooLarge, uint64(layout.MaxVersion))
}

// victim chooses the buffer for the version after the one in buffer current: the oldest that is neither
// that one nor pinned. Versions go around the buffers in turn, so that is the next one in the ring.
func (sl *slot) victim(current int) int {
	b := current
	for range sl.extent.K {
		if b++; b >= sl.extent.K {
			b = 0
		}
		if b != current && b != sl.pinned && b != sl.pinning {
			return b
		}
	}
	return (current + 1) % sl.extent.K // only pins left, with few buffers: durability gives way
}

// source is what a buffer is filled with: a payload in private memory or, if that is nil, the encoding
// of v, which is made in place.
type source struct {
	payload []byte
	v       any
	commit  uint64 // number that the buffer gets
	show    bool   // publish it at once: an update of this slot alone
}

// fill writes the next version into a spare buffer, with mu held: steps W1 to W4, or W5. What does not
// fit is returned as overflow, in private memory, for the caller to make room and call again.
func (sl *slot) fill(src *source) (f filled, overflow []byte, err error) {
	old := debug.SetPanicOnFault(true)
	done := false
	defer func() {
		if !done {
			overflow, err = nil, sl.s.explainFill(recoverFill(old, recover()))
		}
	}()
	f, overflow, err = sl.write(src)
	done = true
	debug.SetPanicOnFault(old)
	return f, overflow, err
}

// explainFill is explainFault where the object is read: memory of its own that faults is an error of
// encoding, as a panic of the codec is.
func (f *file) explainFill(err error) error {
	if fault, ok := errors.AsType[*shm.Fault](err); ok && !f.isMapped(fault.Addr) {
		return fmt.Errorf("%w: memory of the object cannot be reached: %v", ErrEncode, fault.Panic)
	}
	return f.explainFault(err)
}

// recoverFill is shm.Recovered where a codec runs: a panic of the codec is an error of encoding.
func recoverFill(old bool, r any) error {
	switch r := r.(type) {
	case shm.Bounds, shm.Refused:
		return shm.Recovered(old, r)
	case runtime.Error:
		if _, isFault := r.(interface{ Addr() uintptr }); isFault {
			return shm.Recovered(old, r)
		}
	}
	debug.SetPanicOnFault(old)
	return fmt.Errorf("%w: the codec panicked: %v", ErrEncode, r)
}

func (sl *slot) write(src *source) (f filled, overflow []byte, err error) {
	if !sl.ready() {
		return f, nil, sl.notReady()
	}
	if uint64(len(src.payload)) > sl.extent.Capacity {
		return f, src.payload, nil
	}
	// W1: the buffer. Its version is used up from here on, whatever happens.
	f = filled{buffer: sl.victim(sl.current), version: sl.top + 1}
	sl.top = f.version
	if shm.Prefetches {
		sl.fetchNext(f.buffer)
	}
	seq, buf := sl.mem.WordAndBytes(sl.extent.Buffer(f.buffer), layout.BufferHeadLen+sl.extent.Capacity)
	// W2: odd sequence, ordering point: whoever sees the new bytes sees that they are unfinished.
	testhook.Step()
	shm.StoreRelease(seq, 2*f.version-1)
	shm.OrderAfterStore(seq)
	// W3: payload and header.
	payload := buf[layout.BufferHeadLen:]
	var head layout.Buffer // field by field: a literal is made beside and copied, which takes 15 ns
	head.TypeID, head.Type = sl.typeID, sl.typeRef
	head.Session, head.Commit = layout.NewSessionWord(sl.s.number, sl.s.record), src.commit
	head.Unchecked = sl.s.noCheck
	head.Wall, head.Boot = sl.s.clock.now()
	head.Rate = sl.rate.at(f.version, head.Boot)
	if src.payload != nil {
		head.Length = uint32(len(src.payload))
		head.Check = fillPayload(payload, src.payload, layout.CheckSeed(f.version, &head, sl.ref.salt), !head.Unchecked)
	} else {
		out, err := sl.codec.Append(payload[:0:len(payload)], src.v)
		if err != nil {
			return f, nil, fmt.Errorf("%w: %w", ErrEncode, err)
		}
		if len(out) > len(payload) || len(out) > 0 && &out[0] != &payload[0] {
			return f, out, nil
		}
		head.Length = uint32(len(out))
		head.Check = layout.Check(f.version, &head, sl.ref.salt, out)
	}
	sl.length = int(head.Length)
	layout.PutBuffer(buf[:layout.BufferHeadLen], &head)
	// W4: even sequence: complete.
	testhook.Step()
	shm.StoreRelease(seq, 2*f.version)
	if src.show { // W5
		sl.show(f)
	}
	return f, nil, nil
}

// A writer is slow where readers have copied the buffer that it overwrites: each of its lines has to be
// fetched back from another core's cache. So it asks for lines well before it needs them. For small
// values those of the next update's buffer, if there are so many buffers that no reader is at that one
// any more; for larger ones those that come next in the same copy. (What was measured: bench/RESULTS.md.)
const (
	fetchBuffers = 8         // as many buffers allow to fetch the next one
	fetchWhole   = 4 << 10   // a payload up to that is fetched before its update
	fetchAhead   = 2 << 10   // while a larger one is copied, lines that far ahead
	fetchLargest = 256 << 10 // up to that; 16 KiB with a checksum, which gives the stores time
	fetchChecked = 16 << 10
)

// fetchNext asks for the lines of the buffer after b.
func (sl *slot) fetchNext(b int) {
	if sl.extent.K < fetchBuffers || sl.length > fetchWhole {
		return
	}
	next := sl.extent.Buffer(sl.victim(b))
	shm.PrefetchWrite(sl.mem.Bytes(next, layout.BufferHeadLen+min(uint64(sl.length), sl.extent.Capacity)))
}

// fillPayload copies src and returns the checksum, going on from check.
func fillPayload(dst, src []byte, check uint32, checked bool) uint32 {
	n := len(src)
	switch {
	case shm.Prefetches && n > fetchWhole && (n <= fetchChecked || n <= fetchLargest && !checked):
		return fillAhead(dst, src, check, checked)
	case checked:
		return copySummed(dst, src, src, check)
	}
	shm.Copy(dst, src)
	return check
}

// fillAhead is fillPayload that asks for lines ahead of itself.
func fillAhead(dst, src []byte, check uint32, checked bool) uint32 {
	const piece = fetchAhead / 2
	shm.PrefetchWrite(dst[:min(fetchAhead, len(src))])
	for len(src) > 0 {
		n := min(piece, len(src))
		if len(src) > fetchAhead {
			shm.PrefetchWrite(dst[fetchAhead:min(fetchAhead+piece, len(src))])
		}
		shm.Copy(dst, src[:n])
		if checked {
			check = layout.CheckUpdate(check, src[:n])
		}
		dst, src = dst[n:], src[n:]
	}
	return check
}

// copySummed copies src to dst and returns the checksum, going on from check: in pieces, so that it runs
// over bytes that are in the first-level cache. Private is the one of the two that nobody else sees.
func copySummed(dst, src, private []byte, check uint32) uint32 {
	const piece = 4096
	for len(src) > 2*piece {
		shm.Copy(dst, src[:piece])
		check = layout.CheckUpdate(check, private[:piece])
		dst, src, private = dst[piece:], src[piece:], private[piece:]
	}
	shm.Copy(dst, src)
	return layout.CheckUpdate(check, private[:len(src)])
}

// show stores the publish word: the filled buffer is the slot's value from here on (W5).
func (sl *slot) show(f filled) {
	testhook.Step()
	shm.StoreRelease(sl.pub, uint64(layout.NewPublishWord(f.version, f.buffer, f.buffer, sl.ref.salt)))
	sl.version, sl.current = f.version, f.buffer
	if !sl.started.Load() { // a store would wait for all lines that were written
		sl.started.Store(true)
	}
}

// forget makes a filled buffer incomplete, because it will not be published: its commit number will
// be used again.
func (sl *slot) forget(f filled) {
	sl.mem.Store(sl.extent.Buffer(f.buffer), 2*f.version-1)
}
