package mapfile

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/gomapfile/mapfile/codec"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/mapfile/internal/shm"
)

// This chapter is Get: from a slot's bytes to an object of the caller's own.

// Get returns a pointer to a fresh object of the slot's registered type; the caller owns it. See also
// the function Get.
func (mf *MapFile) Get(name string) (any, error) {
	v, _, err := mf.Reader(name).Get()
	return v, err
}

// GetInto makes *v what a fresh Get would give. It takes no lock of v, and after an error *v may hold
// a part of the value. What earlier calls returned does not change.
func (mf *MapFile) GetInto(name string, v any) error {
	_, err := mf.Reader(name).GetInto(v)
	return err
}

// Get reads a slot as T: *X, X, or an interface that *X implements, X being the registered type;
// anything else is ErrType.
func Get[T any](from Getter, name string) (T, error) {
	var zero T
	if from == nil {
		return zero, fail("get", "", name, ErrClosed)
	}
	v, err := from.Get(name)
	if err != nil {
		return zero, err
	}
	if t, ok := v.(T); ok {
		return t, nil
	}
	if x, ok := v.(*T); ok {
		return *x, nil
	}
	return zero, fail("get", pathOf(from), name, fmt.Errorf("%w: it holds a %T, not a %v", ErrType, v, reflect.TypeFor[T]()))
}

// pathOf is for messages; a Getter of somebody else has none.
func pathOf(from Getter) string {
	switch from := from.(type) {
	case *MapFile:
		return from.Path()
	case *Snapshot:
		return from.path()
	}
	return ""
}

// A SlotReader is a consumer's handle for reading one slot often. It may be used by several
// goroutines at once, and needs no closing.
type SlotReader struct {
	_    noCopy
	mf   *MapFile
	name string
	at   atomic.Pointer[cursor] // where the slot was last found
}

// Reader returns a handle for reading one slot often. The slot need not exist yet, and may be
// removed and added again: each call looks at what is there now.
func (mf *MapFile) Reader(name string) *SlotReader { return &SlotReader{mf: mf, name: name} }

// Get returns a pointer to a fresh object and says which publish it is.
func (r *SlotReader) Get() (any, Stamp, error) {
	var v any
	var stamp Stamp
	err := r.withValue("get", func(c *cursor, val *value) error {
		t, err := c.typeOf(&val.head)
		if err == nil {
			err = t.resolve(c.file.registry)
		}
		if err != nil {
			return err
		}
		v = reflect.New(t.goType).Interface()
		val.stamp(&stamp)
		return t.decode(val, v, true)
	})
	if err != nil {
		return nil, Stamp{}, err
	}
	return v, stamp, nil
}

// GetInto makes *v what a fresh Get would give, and says which publish it is. With a *Raw it needs
// neither registry nor codec.
func (r *SlotReader) GetInto(v any) (stamp Stamp, err error) {
	raw, ok := v.(*Raw)
	if !ok || raw == nil {
		err = r.decodeInto(v, &stamp)
		return stamp, err
	}
	if r == nil || r.mf == nil || r.mf.config == nil {
		return stamp, r.fail("get", ErrClosed)
	}
	h := &checked
	if r.mf.config.noCheck {
		h = &unchecked
	}
	var val value
	val.payload = raw.Payload[:0]
	c, err := r.read(&val, h)
	if err == nil {
		var t *storedType
		if t, err = c.typeOf(&val.head); err == nil {
			raw.Type, raw.Payload = t.info, val.payload
			val.stamp(&raw.Stamp)
			// Word by word: a copy in larger pieces would wait until the words are written.
			stamp.Version, stamp.Commit, stamp.Session = raw.Stamp.Version, raw.Stamp.Commit, raw.Stamp.Session
			stamp.Time = raw.Stamp.Time
			return stamp, nil
		}
	}
	return stamp, r.fail("get", err)
}

// decodeInto is GetInto for objects.
func (r *SlotReader) decodeInto(v any, stamp *Stamp) error {
	if r == nil {
		return fail("get", "", "", ErrClosed)
	}
	want, err := boundType(v)
	if err != nil {
		if _, closed := r.mf.reader(); closed != nil {
			err = closed
		}
		return r.fail("get", err)
	}
	return r.withValue("get", func(c *cursor, val *value) error {
		t, err := c.typeOf(&val.head)
		if err == nil {
			err = t.resolve(c.file.registry)
		}
		if err != nil {
			return err
		}
		if t.goType != want {
			return fmt.Errorf("%w: it holds a %s, which is a *%v here, not a %T", ErrType, quoted(t.info.Name), t.goType, v)
		}
		val.stamp(stamp)
		return t.decode(val, v, false)
	})
}

// Inspect decodes by the schema in the file, without the Go type.
func (r *SlotReader) Inspect() (codec.Node, Stamp, error) {
	var node codec.Node
	var stamp Stamp
	err := r.withValue("inspect", func(c *cursor, val *value) error {
		t, err := c.typeOf(&val.head)
		if err != nil {
			return err
		}
		val.stamp(&stamp)
		node, err = t.inspect(c.file.registry, val.payload)
		return err
	})
	return node, stamp, err
}

// Version returns the version that is published, by one load: is there anything new? 0: no value yet,
// or no slot.
func (r *SlotReader) Version() uint64 {
	defer runtime.KeepAlive(r)
	if r == nil {
		return 0
	}
	f, err := r.mf.reader()
	if err != nil {
		return 0
	}
	version, marked := uint64(0), false
	var c *cursor
	f.guard(func() error {
		c = r.at.Load()
		if c == nil || c.file != f || c.gone() {
			ref, ext, ok := f.find(r.name)
			if !ok {
				return nil
			}
			c = f.newCursor(ref, ext)
			r.at.Store(c)
		}
		pub := layout.PublishWord(shm.Load(c.pub))
		version, marked = pub.Version(), pub.Marked()
		return nil
	})
	if marked { // a commit is under way, or decided: its producer may have died before it told in the publish word
		var val value
		if _, err := c.read(&val, &how{headOnly: true, anyway: true}); err == nil {
			version = val.version
		}
	}
	return version
}

// gone tells whether the slot that the cursor is of has been removed.
func (c *cursor) gone() bool {
	return layout.ExtentWord(shm.Load(c.ext)).None() || shm.Load32(c.gen) != c.ref.generation
}

// checked and unchecked are how to read a value.
var checked, unchecked = how{check: true}, how{}

// withValue copies the slot's value and gives it to use. The value's memory is used again after use
// returns, unless use keeps the payload by setting val.payload to nil.
func (r *SlotReader) withValue(op string, use func(*cursor, *value) error) error {
	if r == nil {
		return fail(op, "", "", ErrClosed)
	}
	val := values.Get().(*value)
	c, err := r.read(val, &checked)
	if err == nil {
		err = use(c, val)
	}
	val.release()
	return r.fail(op, err)
}

// values are for copies of payloads; keepPayload bounds what an idle process keeps.
var values = sync.Pool{New: func() any { return new(value) }}

const keepPayload = 4 << 20

func (v *value) release() {
	if cap(v.payload) > keepPayload {
		v.payload = nil
	}
	values.Put(v)
}

// read copies the slot's value from wherever it is now, and tells where that was.
func (r *SlotReader) read(val *value, h *how) (*cursor, error) {
	if f, err := r.mf.reader(); err == nil { // the usual case: nothing has changed since the last time
		if c := r.at.Load(); c != nil && c.file == f && c.tryRead(val, h) == nil {
			return c, nil
		}
	}
	for relook := 0; ; {
		f, err := r.mf.reader()
		if err != nil {
			return nil, err
		}
		c := r.at.Load()
		known := c != nil && c.file == f
		if !known {
			if c, err = f.lookup(r.name); err != nil {
				if r.mf.retarget(f, err) {
					continue
				}
				return nil, err
			}
		}
		now, err := c.read(val, h)
		if err == nil {
			if now != c || !known {
				r.at.Store(now)
			}
			return now, nil
		}
		if f.evidence && errors.Is(err, ErrCorrupt) {
			return now, now.salvage(val)
		}
		if errors.Is(err, ErrNoSlot) && relook < 3 { // it was removed; the name may be there again
			relook++
			r.at.CompareAndSwap(c, nil)
			continue
		}
		if !r.mf.retarget(f, err) {
			return now, err
		}
	}
}

// lookup finds a slot by name.
func (f *file) lookup(name string) (*cursor, error) {
	var c *cursor
	err := f.guard(func() error {
		if err := f.superseded(); err != nil && !f.lenient() {
			return err
		}
		ref, ext, ok := f.find(name)
		if f.closed.Load() {
			return ErrClosed
		}
		if !ok {
			if err := checkName(name); err != nil {
				return err
			}
			return ErrNoSlot
		}
		c = f.newCursor(ref, ext)
		return nil
	})
	return c, err
}

func (r *SlotReader) fail(op string, err error) error {
	if err == nil {
		return nil
	}
	if r == nil {
		return fail(op, "", "", err)
	}
	return fail(op, r.mf.Path(), r.name, err)
}

// stamp says which publish a value is.
func (v *value) stamp(s *Stamp) {
	s.Version, s.Commit, s.Session = v.version, v.head.Commit, v.head.Session.Number()
	s.Time = unixTime(v.head.Wall)
}

// rate is publishes a second, whatever the file says.
func (v *value) rate() float64 {
	if r := float64(v.head.Rate); r >= 0 && r <= math.MaxFloat32 {
		return r
	}
	return 0
}

// decode sets *v from the payload. A codec that is no Reuser gets memory of its own, and a zero *v.
func (t *storedType) decode(val *value, v any, fresh bool) error {
	err := guardCodec(func() error {
		if t.reuser != nil {
			return t.reuser.DecodeReuse(val.payload, v)
		}
		if !fresh {
			reflect.ValueOf(v).Elem().SetZero()
		}
		payload := val.payload
		val.payload = nil // the codec may keep it
		return t.codec.Decode(payload, v)
	})
	if err != nil {
		return fmt.Errorf("%w: type %s, codec %s, version %d: %w", ErrDecode, quoted(t.info.Name), quoted(t.info.Codec), val.version, err)
	}
	return nil
}
