package mapfile

import (
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/gomapfile/mapfile/mapfile/internal/host"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
)

// This chapter is what can be told about slots and producers without decoding anything.

// Slots lists the slots that match, in the order in which they were added, without decoding. A slot
// that is there all the time is listed just once, whatever is added and removed meanwhile. An error
// with a slot's name concerns that slot and the loop goes on; one without is the last thing.
func (mf *MapFile) Slots(list ...string) iter.Seq2[SlotInfo, error] {
	return func(yield func(SlotInfo, error) bool) {
		p, err := parsePatterns(list)
		if err != nil {
			yield(SlotInfo{}, fail("slots", mf.Path(), "", err))
			return
		}
		f, err := mf.reader()
		if err != nil {
			yield(SlotInfo{}, fail("slots", mf.Path(), "", err))
			return
		}
		var l label // one for all: it is large
		producers := newProducerCache(f, 0)
		for i := uint32(0); ; i++ {
			info, err := f.slotAt(&i, &l, p, producers)
			switch {
			case err == errNoMore:
				return
			case mf.closed.Load():
				yield(SlotInfo{}, fail("slots", mf.Path(), "", ErrClosed))
				return
			case errors.Is(err, ErrNoSlot):
				continue // removed just now
			case errors.Is(err, ErrClosed):
				yield(SlotInfo{}, fail("slots", mf.Path(), "", mf.replaced(err)))
				return
			case err != nil && info.Name == "":
				yield(SlotInfo{}, fail("slots", mf.Path(), "", err))
				return
			}
			if !yield(info, fail("slots", mf.Path(), info.Name, err)) {
				return
			}
		}
	}
}

var errNoMore = errors.New("no more slots")

// slotAt describes the next slot that matches, from entry *i on, which it moves there. l is for its use.
func (f *file) slotAt(i *uint32, l *label, p *patterns, producers *producerCache) (info SlotInfo, err error) {
	var c *cursor
	err = f.guard(func() error {
		for n := f.numEntries(); *i < n; *i++ {
			ref, ext, ok := f.readEntry(*i, l)
			if !ok && !ext.None() { // it changes just now, or its label is damaged
				if ref, ext, ok = f.readEntryAgain(*i, l); !ok && !ext.None() {
					info.Name = fmt.Sprintf("#%d", *i)
					return fmt.Errorf("%w: the name of entry %d", ErrCorrupt, *i)
				}
			}
			if ok && p.match(string(l.name)) {
				info.Name, info.Title = string(l.name), string(l.title)
				c = f.newCursor(ref, ext)
				return nil
			}
		}
		return errNoMore
	})
	if err != nil {
		return info, err
	}
	err = c.describe(&info, producers)
	return info, err
}

// readEntryAgain tells an entry that changes from one that is damaged: if three times the same words
// lead to no name, nobody is changing it.
func (f *file) readEntryAgain(i uint32, l *label) (ref entryRef, ext layout.ExtentWord, ok bool) {
	v := f.view()
	off := entryOff(v, i)
	v = f.at(off + layout.EntryLen)
	type words struct {
		ext, label uint64
		generation uint32
	}
	var before words
	for try, same := 0, 0; try < 50 && same < 3; try++ {
		now := words{v.Load(off + layout.EntryExtOff), v.Load(off + layout.EntryLabelOff), v.Load32(off + layout.EntryGenOff)}
		if ref, ext, ok = f.readEntry(i, l); ok || ext.None() {
			return ref, ext, ok
		}
		if now == before {
			same++
		}
		before = now
		pause(try)
	}
	return ref, ext, false
}

// describe fills in all but name and title.
func (c *cursor) describe(info *SlotInfo, producers *producerCache) error {
	f := c.file
	val := values.Get().(*value)
	defer val.release()
	now, err := c.read(val, &how{headOnly: true, anyway: true})
	if errors.Is(err, ErrCorrupt) && f.evidence {
		err = now.salvage(val)
	}
	info.Capacity = int64(now.extent.Capacity)
	typeRef, typeID := val.head.Type, val.head.TypeID
	ownerErr := f.guard(func() error {
		v := f.view()
		owner := layout.OwnerWord(v.Load(c.ref.off + layout.EntryOwnerOff))
		info.Producer = *producers.get(v, owner)
		if err == ErrNotPublished {
			typeRef = v.Load32(c.ref.off + layout.EntryTypeOff)
			t, err := f.loadType(typeRef)
			if err != nil {
				return err
			}
			typeID = t.id
		}
		return nil
	})
	if err != nil && err != ErrNotPublished {
		return err
	}
	if ownerErr != nil {
		return ownerErr
	}
	if err == nil {
		info.Length = int64(val.head.Length)
		val.stamp(&info.Stamp)
		info.Age, info.Rate = f.ageAt(producers.uptime(), &val.head), val.rate()
	}
	t, err := f.typeOf(typeRef, typeID)
	if err != nil {
		return err
	}
	info.Type = t.info
	return nil
}

// age is the time since a publish: by the clock that nobody sets if it was in this boot, else by the
// wall clock.
func (f *file) age(head *layout.Buffer) time.Duration { return f.ageAt(host.Uptime(), head) }

func (f *file) ageAt(uptime time.Duration, head *layout.Buffer) time.Duration {
	if f.id.BootID == host.BootID() && head.Boot != 0 {
		return max(uptime-time.Duration(min(head.Boot, 1<<62)), 0)
	}
	return max(time.Since(unixTime(head.Wall)), 0)
}

// Stat describes the slot as Slots does.
func (r *SlotReader) Stat() (SlotInfo, error) {
	if r == nil {
		return SlotInfo{}, fail("stat", "", "", ErrClosed)
	}
	f, err := r.mf.reader()
	if err != nil {
		return SlotInfo{}, r.fail("stat", err)
	}
	info := SlotInfo{Name: r.name}
	c, err := f.lookup(r.name)
	if err == nil {
		err = f.guard(func() error {
			var l label
			if f.readLabel(f.view().Load(c.ref.off+layout.EntryLabelOff), c.ref.salt, &l) {
				info.Title = string(l.title)
			}
			return nil
		})
	}
	if err == nil {
		err = c.describe(&info, newProducerCache(f, 0))
	}
	return info, r.fail("stat", err)
}
