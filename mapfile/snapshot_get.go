package mapfile

import (
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/gomapfile/mapfile/codec"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
)

// This chapter is what can be asked of a Snapshot.

// Commit is the number of the commit that the snapshot shows; 0 if its slots have several producers.
func (s *Snapshot) Commit() uint64 {
	if s == nil {
		return 0
	}
	return s.commit
}

func (s *Snapshot) fail(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return fail(op, s.path(), name, err)
}

// path is for messages; a zero Snapshot has none.
func (s *Snapshot) path() string {
	if s == nil || s.file == nil {
		return ""
	}
	return s.file.path
}

// describe tells what the slot was so long ago.
func (slot *snapSlot) describe(since time.Duration) SlotInfo {
	info := SlotInfo{Name: slot.name, Title: slot.title, Capacity: int64(slot.cursor.extent.Capacity), Producer: *slot.producer}
	if slot.stored != nil {
		info.Type = slot.stored.info
	}
	if slot.val.version > 0 {
		info.Length, info.Rate = int64(slot.val.head.Length), slot.val.rate()
		info.Age = max(slot.cursor.file.age(&slot.val.head)-since, 0)
		slot.val.stamp(&info.Stamp)
	}
	return info
}

// find returns the slot with its value, checked.
func (s *Snapshot) find(op, name string) (*snapSlot, error) {
	if s == nil {
		return nil, fail(op, "", name, ErrClosed)
	}
	i, ok := slices.BinarySearchFunc(s.slots, name, func(a snapSlot, name string) int { return strings.Compare(a.name, name) })
	if !ok {
		return nil, s.fail(op, name, ErrNoSlot)
	}
	slot := &s.slots[i]
	if slot.err != nil {
		return slot, s.fail(op, name, slot.err)
	}
	if sum := layout.Check(slot.val.version, &slot.val.head, slot.cursor.ref.salt, slot.val.payload); sum != slot.val.head.Check {
		return slot, s.fail(op, name, fmt.Errorf("%w: version %d: checksum %08x, computed %08x", ErrCorrupt, slot.val.version, slot.val.head.Check, sum))
	}
	return slot, nil
}

// Get returns a pointer to a fresh object; see MapFile.Get.
func (s *Snapshot) Get(name string) (any, error) {
	slot, err := s.find("get", name)
	if err != nil {
		return nil, err
	}
	if err := slot.stored.resolve(s.file.registry); err != nil {
		return nil, s.fail("get", name, err)
	}
	v := reflect.New(slot.stored.goType).Interface()
	if err := slot.decode(v, true); err != nil {
		return nil, s.fail("get", name, err)
	}
	return v, nil
}

// GetInto makes *v what a fresh Get would give; with a *Raw it needs neither registry nor codec.
func (s *Snapshot) GetInto(name string, v any) error {
	slot, err := s.find("get", name)
	if err != nil {
		return err
	}
	want, err := boundType(v)
	if err != nil {
		return s.fail("get", name, err)
	}
	if raw, ok := v.(*Raw); ok {
		raw.Type, raw.Payload = slot.stored.info, append(raw.Payload[:0], slot.val.payload...)
		slot.val.stamp(&raw.Stamp)
		return nil
	}
	if err := slot.stored.resolve(s.file.registry); err != nil {
		return s.fail("get", name, err)
	}
	if slot.stored.goType != want {
		return s.fail("get", name, fmt.Errorf("%w: it holds a %s, which is a *%v here, not a %T", ErrType, quoted(slot.stored.info.Name), slot.stored.goType, v))
	}
	return s.fail("get", name, slot.decode(v, false))
}

// decode gives codecs that are no Reuser a copy of the snapshot's bytes.
func (slot *snapSlot) decode(v any, fresh bool) error {
	val := slot.val
	if slot.stored.reuser == nil {
		val.payload = slices.Clone(val.payload)
	}
	return slot.stored.decode(&val, v, fresh)
}

// Stat describes a slot as of the snapshot.
func (s *Snapshot) Stat(name string) (SlotInfo, error) {
	slot, err := s.find("stat", name)
	if slot == nil {
		return SlotInfo{}, err
	}
	if errors.Is(err, ErrNotPublished) {
		err = nil
	}
	return slot.describe(time.Since(s.taken)), err
}

// Inspect decodes by the schema in the file, without the Go type.
func (s *Snapshot) Inspect(name string) (codec.Node, error) {
	slot, err := s.find("inspect", name)
	if err != nil {
		return codec.Node{}, err
	}
	node, err := slot.stored.inspect(s.file.registry, slot.val.payload)
	return node, s.fail("inspect", name, err)
}

// Slots yields the slots by name, also those without a value.
func (s *Snapshot) Slots() iter.Seq[SlotInfo] {
	return func(yield func(SlotInfo) bool) {
		if s == nil {
			return
		}
		for i := range s.slots {
			if !yield(s.slots[i].describe(time.Since(s.taken))) {
				return
			}
		}
	}
}
