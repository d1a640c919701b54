// Package registry ties type names to Go types and codecs, in this process.
//
// A map file stores for each value a type name, never a Go type: the name is explicit, stable and
// chosen by the program, so that two programs, or two builds of one, mean the same by it. A reader
// only ever builds types that its registry knows.
//
// Most programs use [Default] through [Register], one line beside the type:
//
//	func init() { registry.Register[Config]("shop.Config", jsoncodec.Codec) }
//
// Whole families of types, such as all protobuf messages, come by a [Resolver], which a blank import
// of the codec's package adds to Default.
package registry

import (
	"errors"
	"fmt"
	"hash/fnv"
	"iter"
	"maps"
	"reflect"
	"slices"
	"sync"

	"github.com/gomapfile/mapfile/codec"
)

// MaxNameLen is the longest type name in bytes.
const MaxNameLen = 255

// ErrTaken is wrapped by the errors of registrations that collide with an earlier one.
var ErrTaken = errors.New("already taken")

// Default is the registry that is used where none is given. It is one value among others: tests and
// programs with foreign plugins can make their own.
var Default = &Registry{}

// A Type is one known type.
type Type struct {
	Name  string
	ID    uint64       // hash of Name; the file stores it
	Go    reflect.Type // X; Get gives *X
	Codec codec.Codec
}

// A Resolver knows types that nobody registered one by one. Its methods are called by several
// goroutines at once; they give the same answer to the same question for ever.
type Resolver interface {
	ByName(name string) (Type, bool)
	ByType(t reflect.Type) (Type, bool)
}

// A Registry is ready as its zero value, which has the basic types ("int64", "string" …). All
// methods may be called by several goroutines at once. What is in it stays in it.
type Registry struct {
	mu        sync.RWMutex
	byName    map[string]Type
	byType    map[reflect.Type]Type
	byID      map[uint64]Type
	codecs    map[string]codec.Codec
	resolvers []Resolver
}

// Register adds type T to Default under a name that stays for ever; change the name when old and new
// can no longer read one another. It is for init functions: it panics, naming both sides, if name,
// type or hash is taken, or if the codec refuses the type. The same again is no error.
func Register[T any](name string, c codec.Codec) {
	if err := RegisterIn[T](Default, name, c); err != nil {
		panic(err)
	}
}

// RegisterIn is Register for other registries, with an error. T is X, not *X.
func RegisterIn[T any](r *Registry, name string, c codec.Codec) error {
	return r.add(name, reflect.TypeFor[T](), c)
}

// ID is the hash of a type name that files store: FNV-1a, 64 bits.
func ID(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()
}

func (r *Registry) add(name string, t reflect.Type, c codec.Codec) error {
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("registry: cannot register %v as %q: %w", t, name, fmt.Errorf(format, args...))
	}
	switch {
	case name == "" || len(name) > MaxNameLen:
		return refuse("a type name has 1 to %d bytes", MaxNameLen)
	case c == nil || c.Name() == "":
		return refuse("no codec, or one without a name")
	case t.Kind() == reflect.Pointer:
		return refuse("it is a pointer; register %v, Get gives a pointer to it", t.Elem())
	case t.Kind() == reflect.Interface:
		return refuse("it is an interface; register the types that implement it")
	}
	if ch, ok := c.(codec.Checker); ok {
		if err := ch.Check(t); err != nil {
			return refuse("codec %q refuses it: %w", c.Name(), err)
		}
	}
	id := ID(name)
	r.mu.Lock()
	defer r.mu.Unlock()
	if old, ok := r.byName[name]; ok {
		if old.Go == t && old.Codec.Name() == c.Name() && same(old.Codec, c) {
			return nil
		}
		return refuse("the name is %w by %v with codec %q", ErrTaken, old.Go, old.Codec.Name())
	}
	if old, ok := r.byType[t]; ok {
		return refuse("the type is %w: it is registered as %q with codec %q", ErrTaken, old.Name, old.Codec.Name())
	}
	if old, ok := r.byID[id]; ok {
		return refuse("the hash %016x is %w by the name %q; choose another name", id, ErrTaken, old.Name)
	}
	if _, ok := basicByName[name]; ok {
		return refuse("the name is %w by a basic type", ErrTaken)
	}
	if b, ok := basicByID[id]; ok {
		return refuse("the hash %016x is %w by the basic type %q; choose another name", id, ErrTaken, b.Name)
	}
	if b, ok := basicByType[t]; ok {
		return refuse("the type is %w: it is the basic type %q", ErrTaken, b.Name)
	}
	if err := r.addCodecLocked(c); err != nil {
		return refuse("%w", err)
	}
	if r.byName == nil {
		r.byName, r.byType, r.byID = map[string]Type{}, map[reflect.Type]Type{}, map[uint64]Type{}
	}
	ty := Type{Name: name, ID: id, Go: t, Codec: c}
	r.byName[name], r.byType[t], r.byID[id] = ty, ty, ty
	return nil
}

// AddCodec adds a codec, so that values which others wrote with it can be read. Codecs named at a
// registration are added by it. Another codec of the same name is an error, the same again is none.
func (r *Registry) AddCodec(c codec.Codec) error {
	if c == nil || c.Name() == "" {
		return errors.New("registry: AddCodec: no codec, or one without a name")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.addCodecLocked(c); err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	return nil
}

func (r *Registry) addCodecLocked(c codec.Codec) error {
	old, ok := r.codecs[c.Name()]
	if !ok && c.Name() == codec.Basic.Name() {
		old, ok = codec.Basic, true
	}
	if ok {
		if !same(old, c) {
			return fmt.Errorf("the codec name %q is %w by %T, not %T, or by another one of that type", c.Name(), ErrTaken, old, c)
		}
		return nil
	}
	if r.codecs == nil {
		r.codecs = map[string]codec.Codec{}
	}
	r.codecs[c.Name()] = c
	return nil
}

// same tells whether two codecs of one name may stand for each other: they have the same Go type and,
// if they are plain struct values, are equal. So codecs by codec.Func, which serve one type each, share
// a name with nobody, nor do compressed ones around different codecs.
func same(a, b codec.Codec) bool {
	if reflect.TypeOf(a) != reflect.TypeOf(b) {
		return false
	}
	va, vb := reflect.ValueOf(a), reflect.ValueOf(b)
	return va.Kind() != reflect.Struct || !va.Comparable() || !vb.Comparable() || a == b
}

// Codec returns the codec of that name.
func (r *Registry) Codec(name string) (codec.Codec, bool) {
	r.mu.RLock()
	c, ok := r.codecs[name]
	r.mu.RUnlock()
	if !ok && name == codec.Basic.Name() {
		return codec.Basic, true
	}
	return c, ok
}

// AddResolver adds a family of types. Types registered one by one come first, then resolvers in the
// order in which they were added. The same resolver again is no error.
func (r *Registry) AddResolver(res Resolver) error {
	if res == nil {
		return errors.New("registry: AddResolver: nil resolver")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if reflect.TypeOf(res).Comparable() && slices.Contains(r.resolvers, res) {
		return nil
	}
	r.resolvers = append(r.resolvers, res)
	return nil
}

// ByName returns the type of that name.
func (r *Registry) ByName(name string) (Type, bool) {
	r.mu.RLock()
	ty, ok := r.byName[name]
	resolvers := r.resolvers
	r.mu.RUnlock()
	if ok {
		return ty, true
	}
	if ty, ok := basicByName[name]; ok {
		return ty, true
	}
	for _, res := range resolvers { // without the lock: a resolver is code of others
		if ty, ok := res.ByName(name); ok {
			return complete(ty), true
		}
	}
	return Type{}, false
}

// ByType returns the type whose values are t's. For a pointer *X it answers as for X.
func (r *Registry) ByType(t reflect.Type) (Type, bool) {
	if t == nil {
		return Type{}, false
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	r.mu.RLock()
	ty, ok := r.byType[t]
	resolvers := r.resolvers
	r.mu.RUnlock()
	if ok {
		return ty, true
	}
	if ty, ok := basicByType[t]; ok {
		return ty, true
	}
	for _, res := range resolvers {
		if ty, ok := res.ByType(t); ok {
			return complete(ty), true
		}
	}
	return Type{}, false
}

// complete fills in the hash where a resolver left it out.
func complete(ty Type) Type {
	if ty.ID == 0 {
		ty.ID = ID(ty.Name)
	}
	return ty
}

// All yields the types that were registered one by one and the basic ones, by name.
func (r *Registry) All() iter.Seq[Type] {
	r.mu.RLock()
	all := slices.Collect(maps.Values(r.byName))
	r.mu.RUnlock()
	all = slices.AppendSeq(all, maps.Values(basicByName))
	slices.SortFunc(all, func(a, b Type) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return slices.Values(all)
}

// The basic types are those that every registry has. A name is that of the Go type; int and uint are
// left out: their size differs between machines.
var basicByName, basicByType, basicByID = func() (map[string]Type, map[reflect.Type]Type, map[uint64]Type) {
	byName, byType, byID := map[string]Type{}, map[reflect.Type]Type{}, map[uint64]Type{}
	for _, t := range []reflect.Type{
		reflect.TypeFor[bool](), reflect.TypeFor[string](), reflect.TypeFor[[]byte](),
		reflect.TypeFor[int8](), reflect.TypeFor[int16](), reflect.TypeFor[int32](), reflect.TypeFor[int64](),
		reflect.TypeFor[uint8](), reflect.TypeFor[uint16](), reflect.TypeFor[uint32](), reflect.TypeFor[uint64](),
		reflect.TypeFor[float32](), reflect.TypeFor[float64](),
		reflect.TypeFor[[]int8](), reflect.TypeFor[[]int16](), reflect.TypeFor[[]int32](), reflect.TypeFor[[]int64](),
		reflect.TypeFor[[]uint16](), reflect.TypeFor[[]uint32](), reflect.TypeFor[[]uint64](),
		reflect.TypeFor[[]float32](), reflect.TypeFor[[]float64](),
	} {
		ty := Type{Name: t.String(), ID: ID(t.String()), Go: t, Codec: codec.Basic}
		byName[ty.Name], byType[t], byID[ty.ID] = ty, ty, ty
	}
	return byName, byType, byID
}()
