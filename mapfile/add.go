package mapfile

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"github.com/gomapfile/mapfile/codec"
	"github.com/gomapfile/mapfile/internal/inplace"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/mapfile/internal/shm"
	"github.com/gomapfile/mapfile/registry"
)

// Add makes the slot name (an fs.ValidPath of at most 255 bytes) and binds v, a non-nil pointer.
// Nothing is copied or published. The slot of a dead or closed producer is taken over, and its last
// value stays readable until the first Update, so that Get and Set can go on from it. The slot of a
// live producer is ErrOwned, one already added here ErrSlotExists. Add and Remove act at once; they
// are not part of a commit.
func (mf *MapFile) Add(name string, v any, opts ...SlotOption) (*Slot, error) {
	s, err := mf.writer()
	if err != nil {
		return nil, fail("add", mf.Path(), name, err)
	}
	sl, err := s.add(mf.config.slots, name, v, opts)
	if err != nil {
		return nil, fail("add", s.path, name, err)
	}
	return &Slot{mf: mf, sl: sl}, nil
}

func (s *session) add(base slotConfig, name string, v any, opts []SlotOption) (*slot, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	c := base
	for _, o := range opts {
		if o == nil {
			return nil, errors.New("a nil option")
		}
		o.slot(&c)
	}
	if err := errors.Join(c.errs...); err != nil {
		return nil, err
	}
	sl := &slot{s: s, name: name, bound: v, locker: c.locker, k: c.buffers}
	info, err := sl.bindType(v, c.codec, s.registry)
	if err != nil {
		return nil, err
	}
	if err := s.reserve(name); err != nil {
		return nil, err
	}
	sl.group = s.joinGroup(sl.locker)
	err = s.change(func(m shm.Mem) error { return s.place(sl, info, &c) })
	if err == nil && c.capacity > int(sl.extent.Capacity) {
		sl.mu.Lock()
		err = sl.move(uint64(c.capacity)) // a slot that was taken over may be too small
		sl.mu.Unlock()
	}
	if err = s.settle(name, sl, err); err != nil {
		s.leaveGroup(sl.locker)
		return nil, err
	}
	return sl, nil
}

// bindType finds out under which type, codec and schema v is written.
func (sl *slot) bindType(v any, c codec.Codec, r *registry.Registry) (*TypeInfo, error) {
	t, err := boundType(v)
	if err != nil {
		return nil, err
	}
	if t == nil { // a *Raw says itself what it is
		info := v.(*Raw).Type
		if info.Name == "" || info.Codec == "" {
			return nil, fmt.Errorf("%w: a Raw needs Type.Name and Type.Codec", ErrType)
		}
		sl.inPlace, sl.typeID = true, registry.ID(info.Name)
		return &info, nil
	}
	ty, ok := r.ByType(t)
	if !ok {
		return nil, fmt.Errorf("%w: *%v; add a line: registry.Register[%v](%q, yourCodec), or import its adapter", ErrUnregistered, t, t, t)
	}
	if c == nil {
		c = ty.Codec
	}
	if ch, ok := c.(codec.Checker); ok {
		if err := ch.Check(t); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrEncode, err)
		}
	}
	info := &TypeInfo{Name: ty.Name, Codec: c.Name()}
	if d, ok := c.(codec.Describer); ok {
		if info.Schema, err = d.Describe(t); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrEncode, err)
		}
	}
	sl.goType, sl.codec, sl.typeID = t, c, ty.ID
	_, sl.inPlace = c.(inplace.Codec)
	return info, nil
}

// reserve takes the name within this handle, so that two Adds of it do not meet.
func (s *session) reserve(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone != nil {
		return s.gone
	}
	if _, ok := s.slots[name]; ok {
		return ErrSlotExists
	}
	s.slots[name] = nil
	return nil
}

// lockerGroup is the slots with one Locker.
type lockerGroup struct{ id, slots int }

// joinGroup numbers Lockers: slots of one number are encoded together. None is 0.
func (s *session) joinGroup(l sync.Locker) (id int) {
	if l == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g, ok := s.groups[l]
	if !ok {
		s.lastGroup++
		g = &lockerGroup{id: s.lastGroup}
		s.groups[l] = g
	}
	g.slots++
	return g.id
}

// leaveGroup forgets a Locker with its last slot.
func (s *session) leaveGroup(l sync.Locker) {
	if l == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.groups[l]; g != nil {
		if g.slots--; g.slots == 0 {
			delete(s.groups, l)
		}
	}
}

// settle puts the slot where reserve took the name, or gives the name back.
func (s *session) settle(name string, sl *slot, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && s.gone != nil {
		err = s.gone
	}
	if err != nil {
		delete(s.slots, name)
		return err
	}
	s.slots[name] = sl
	s.list = nil
	return nil
}

// place finds or makes the entry, under the structure lock.
func (s *session) place(sl *slot, info *TypeInfo, c *slotConfig) error {
	typeRef, err := s.internType(info)
	if err != nil {
		return err
	}
	sl.typeRef = typeRef
	ref, _, found := s.find(sl.name)
	if found {
		return s.takeOver(sl, ref, c)
	}
	ref, err = s.insert(s.mem(), &newSlot{name: sl.name, title: c.title, typeRef: typeRef, capacity: c.capacity, k: c.buffers})
	if err != nil {
		return err
	}
	sl.attach(s.mem(), ref)
	return nil
}

// takeOver makes the slot of a producer that is gone ours.
func (s *session) takeOver(sl *slot, ref entryRef, c *slotConfig) error {
	m := s.mem()
	owner := layout.OwnerWord(m.Load(ref.off + layout.EntryOwnerOff))
	if owner.Number() != s.number { // ours without a handle: an Add of it failed halfway
		if err := s.mustBeGone(m, owner); err != nil {
			return err
		}
	}
	s.repairSlot(m, ref.index)
	if c.hasTitle {
		if err := s.relabel(ref, sl.name, c.title); err != nil {
			return err
		}
		m = s.mem()
	}
	m.Store32(ref.off+layout.EntryTypeOff, sl.typeRef)
	m.Store32(ref.off+layout.EntryKOff, uint32(c.buffers))
	m.Store(ref.off+layout.EntryOwnerOff, uint64(layout.NewOwnerWord(s.number, s.record, layout.SessionOpen)))
	sl.attach(m, ref)
	s.log.Info("mapfile: slot taken over", "path", s.path, "slot", sl.name, "from session", owner.Number())
	return nil
}

// mustBeGone returns ErrOwned with the owner's name unless it has ended.
func (s *session) mustBeGone(m shm.Mem, owner layout.OwnerWord) error {
	switch state := s.ownerState(m.View, owner); state {
	case StateDead, StateClosed:
		return nil
	case StateUnknown:
		if owner.Number() == 0 {
			return nil
		}
		return fmt.Errorf("%w, session %d, whose state cannot be told", ErrOwned, owner.Number())
	default:
		return fmt.Errorf("%w: %v, which is %v; it must Remove the slot or end", ErrOwned, s.producer(m.View, owner, state), state)
	}
}

// checkName says what is wrong with a slot name.
func checkName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: a slot needs one", ErrName)
	case len(name) > layout.MaxNameLen:
		return fmt.Errorf("%w: %d bytes; %d is the limit", ErrName, len(name), layout.MaxNameLen)
	case name == "." || !fs.ValidPath(name):
		return fmt.Errorf("%w: it must be a slash-separated path like run1/hpx, without empty parts, . or .., in UTF-8", ErrName)
	case strings.ContainsRune(name, 0):
		return fmt.Errorf("%w: it has a zero byte", ErrName)
	}
	return nil
}
