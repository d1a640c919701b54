package mapfile

import (
	"bytes"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/gomapfile/mapfile/codec"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/mapfile/internal/shm"
	"github.com/gomapfile/mapfile/registry"
)

// This chapter is types: the file's table of type records, written once and never changed, and how a
// reader ties a record to a Go type and a codec of its own.

// storedType is a type record as this process knows it.
type storedType struct {
	ref  uint32 // number of the record
	id   uint64
	info TypeInfo

	mu       sync.Mutex // guards finding the rest, at the first decode
	resolved atomic.Bool
	goType   reflect.Type
	codec    codec.Codec
	reuser   codec.Reuser // nil: give the codec memory of its own
}

// typeWordOff returns where type word i lies.
func typeWordOff(v shm.View, i uint32) uint64 {
	chunk, pos := layout.Chunk(uint64(i), 16)
	if chunk >= layout.NumTypeChunks {
		panic(shm.Bounds{Off: uint64(i)})
	}
	base := v.Load(layout.TypeChunksOff + 8*uint64(chunk))
	if base == 0 {
		panic(shm.Bounds{})
	}
	return base + 8*pos
}

// numTypes returns how many type records there are; a lie is bounded by what has room.
func (f *file) numTypes() uint32 {
	return uint32(min(f.view().Load(layout.NumTypesOff), layout.MaxTypes, f.size()/layout.UnitLen))
}

// typeOf returns the type record that a buffer names. It is called under no guard.
func (f *file) typeOf(ref uint32, id uint64) (*storedType, error) {
	if t, ok := f.types.Load(ref); ok && t.(*storedType).id == id {
		return t.(*storedType), nil
	}
	var t *storedType
	err := f.guard(func() (err error) {
		t, err = f.loadType(ref)
		return err
	})
	if err == nil && t.id != id {
		err = fmt.Errorf("%w: type record %d is of another type than the payload says", ErrCorrupt, ref)
	}
	if err != nil {
		return nil, err
	}
	return f.keepType(ref, t), nil
}

// maxKnownTypes is for how many bytes of type records a reader keeps in memory, about. A file has few,
// but a hostile one may show another record with each value.
const maxKnownTypes = 64 << 20

// keepType remembers a type record. It returns the one to use: of two equal ones that which was there.
func (f *file) keepType(ref uint32, t *storedType) *storedType {
	known, loaded := f.types.LoadOrStore(ref, t)
	if loaded && known.(*storedType).id == t.id {
		return known.(*storedType)
	}
	if n := int64(len(t.info.Schema) + 1000); f.typeBytes.Add(n) > maxKnownTypes {
		f.types.Clear()
		f.typeBytes.Store(n)
	}
	f.types.Store(ref, t)
	return t
}

// loadType reads type record ref.
func (f *file) loadType(ref uint32) (*storedType, error) {
	v := f.view()
	if ref >= f.numTypes() {
		return nil, fmt.Errorf("%w: type record %d does not exist", ErrCorrupt, ref)
	}
	at := f.at(typeWordOff(v, ref)+8).Load(typeWordOff(v, ref)) * layout.UnitLen
	var head [layout.TypeRecordHeadLen]byte
	shm.Copy(head[:], f.at(at+layout.TypeRecordHeadLen).Bytes(at, layout.TypeRecordHeadLen))
	n, ok := layout.TypeRecordLen(head[:])
	if !ok || at+n > f.size() {
		return nil, fmt.Errorf("%w: type record %d has an absurd length", ErrCorrupt, ref)
	}
	buf := make([]byte, n)
	shm.Copy(buf, f.at(at+n).Bytes(at, n))
	var rec layout.TypeRecord
	if !layout.GetTypeRecord(buf, &rec) {
		return nil, fmt.Errorf("%w: type record %d fails its checksum", ErrCorrupt, ref)
	}
	return &storedType{ref: ref, id: rec.ID, info: TypeInfo{Name: rec.Name, Codec: rec.Codec, Schema: rec.Schema}}, nil
}

// internType returns the number of a record equal to want, which it writes if there is none. It
// needs the structure lock.
func (s *session) internType(want *TypeInfo) (uint32, error) {
	m := s.mem()
	n := s.numTypes()
	for i := range n {
		var t *storedType
		if known, ok := s.types.Load(i); ok {
			t = known.(*storedType)
		} else {
			var err error
			if t, err = s.loadType(i); err != nil {
				continue // a damaged record is nobody's type any more
			}
			t = s.keepType(i, t)
		}
		if t.info.Name == want.Name && t.info.Codec == want.Codec && bytes.Equal(t.info.Schema, want.Schema) {
			return i, nil
		}
	}
	if n >= layout.MaxTypes {
		return 0, fmt.Errorf("%w: %d types", ErrFull, n)
	}
	rec := layout.TypeRecord{ID: registry.ID(want.Name), Name: want.Name, Codec: want.Codec, Schema: want.Schema}
	if len(rec.Name) == 0 || len(rec.Name) > layout.MaxTypeNameLen || len(rec.Codec) == 0 || len(rec.Codec) > layout.MaxCodecLen {
		return 0, fmt.Errorf("%w: a type name and a codec name have 1 to 255 bytes", ErrName)
	}
	if len(rec.Schema) > layout.MaxSchemaLen {
		return 0, fmt.Errorf("%w: a schema of %d bytes", ErrTooLarge, len(rec.Schema))
	}
	at, err := s.alloc(m, uint64(rec.Len()))
	if err != nil {
		return 0, err
	}
	if chunk, pos := layout.Chunk(uint64(n), 16); pos == 0 {
		size := uint64(16) << chunk * 8
		table, err := s.alloc(s.mem(), size)
		if err != nil {
			s.free(s.mem(), at, uint64(rec.Len()))
			return 0, err
		}
		s.mem().Zero(table, size)
		s.mem().Store(layout.TypeChunksOff+8*uint64(chunk), table)
	}
	m = s.mem()
	layout.PutTypeRecord(m.Bytes(at, uint64(rec.Len())), &rec)
	m.Store(typeWordOff(m.View, n), at/layout.UnitLen)
	m.Store(layout.NumTypesOff, uint64(n)+1)
	return n, nil
}

// resolve finds the Go type and the codec for a stored type, once.
func (t *storedType) resolve(r *registry.Registry) error {
	if t.resolved.Load() {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.resolved.Load() {
		return nil
	}
	err := t.doResolve(r)
	t.resolved.Store(err == nil) // an error is tried again: registrations may come late
	return err
}

func (t *storedType) doResolve(r *registry.Registry) error {
	ty, ok := r.ByName(t.info.Name)
	if !ok {
		return fmt.Errorf("%w: %s, written with codec %s; register it, e.g. registry.Register[YourType](%q, …), or import its adapter",
			ErrUnregistered, quoted(t.info.Name), quoted(t.info.Codec), t.info.Name)
	}
	c := ty.Codec
	if c.Name() != t.info.Codec {
		if c, ok = r.Codec(t.info.Codec); !ok {
			return fmt.Errorf("%w: %s, for type %s; import its package and registry.Default.AddCodec it",
				ErrCodec, quoted(t.info.Codec), quoted(t.info.Name))
		}
	}
	if ch, ok := c.(codec.Checker); ok && c != ty.Codec {
		if err := ch.Check(ty.Go); err != nil {
			return fmt.Errorf("%w: codec %s cannot hold %v: %w", ErrSchema, quoted(c.Name()), ty.Go, err)
		}
	}
	if d, ok := c.(codec.Describer); ok {
		mine, err := d.Describe(ty.Go)
		if err == nil && !bytes.Equal(mine, t.info.Schema) {
			err = guardCodec(func() error { return d.Compatible(t.info.Schema, mine) })
		}
		if err != nil {
			return fmt.Errorf("%w: type %s: %w", ErrSchema, quoted(t.info.Name), err)
		}
	}
	t.goType, t.codec = ty.Go, c
	t.reuser, _ = c.(codec.Reuser)
	return nil
}

// guardCodec turns a panic of a codec into an error.
func guardCodec(do func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the codec panicked: %v", r)
		}
	}()
	return do()
}

// appendGuarded is c.Append, a panic being an error.
func appendGuarded(c codec.Codec, dst []byte, v any) (out []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			out, err = nil, fmt.Errorf("codec %s panicked: %v", quoted(c.Name()), r)
		}
	}()
	return c.Append(dst, v)
}
