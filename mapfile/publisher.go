package mapfile

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
)

// valueSlot is the one slot of a file that has one object.
const valueSlot = "value"

// A Publisher shares one object in a file of its own.
type Publisher[T any] struct {
	_    noCopy
	mf   *MapFile
	slot *Slot
}

// Publish makes or joins the file and publishes *v in the slot "value".
func Publish[T any](path string, v *T, opts ...Option) (*Publisher[T], error) {
	mf, err := OpenOrCreate(path, opts...)
	if err != nil {
		return nil, err
	}
	slot, err := mf.Add(valueSlot, v)
	if err == nil {
		err = slot.Update()
	}
	if err != nil {
		mf.Close()
		return nil, err
	}
	return &Publisher[T]{mf: mf, slot: slot}, nil
}

// Update publishes the object as it is now: call it after changing *v.
func (p *Publisher[T]) Update() error {
	if p == nil {
		return fail("update", "", valueSlot, ErrClosed)
	}
	return p.slot.Update()
}

// Set binds another object and publishes it.
func (p *Publisher[T]) Set(v *T) error {
	if p == nil {
		return fail("set", "", valueSlot, ErrClosed)
	}
	if err := p.slot.Set(v); err != nil {
		return err
	}
	return p.slot.Update()
}

// Close ends the publisher; the file and its value stay.
func (p *Publisher[T]) Close() error {
	if p == nil {
		return nil
	}
	return p.mf.Close()
}

// A Viewer sees one object of another process. It may be used by several goroutines at once.
type Viewer[T any] struct {
	_      noCopy
	mf     *MapFile
	reader *SlotReader
}

// Attach opens the file, and follows a Recreate. The object's type must be registered.
func Attach[T any](path string, opts ...Option) (*Viewer[T], error) {
	mf, err := Open(path, append([]Option{WithFollow()}, opts...)...)
	if err != nil {
		return nil, err
	}
	t := reflect.TypeFor[T]()
	if _, ok := mf.config.registry.ByType(t); !ok || t.Kind() == reflect.Pointer {
		mf.Close()
		return nil, fail("attach", path, valueSlot, fmt.Errorf("%w: %v; add a line: registry.Register[%v](…)", ErrUnregistered, t, t))
	}
	return &Viewer[T]{mf: mf, reader: mf.Reader(valueSlot)}, nil
}

// Get returns a fresh copy of the object; the caller owns it.
func (v *Viewer[T]) Get() (*T, error) {
	t := new(T)
	if _, err := v.GetInto(t); err != nil {
		return nil, err
	}
	return t, nil
}

// GetInto makes *dst what a fresh Get would give, and says which publish it is.
func (v *Viewer[T]) GetInto(dst *T) (Stamp, error) {
	if v == nil {
		return Stamp{}, fail("get", "", valueSlot, ErrClosed)
	}
	return v.reader.GetInto(dst)
}

// Watch yields the object as it is now, and then the newest after each change. An error that is not
// the last thing that the loop yields concerns one version; the loop goes on.
func (v *Viewer[T]) Watch(ctx context.Context) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		if v == nil {
			yield(nil, fail("watch", "", valueSlot, ErrClosed))
			return
		}
		last := Stamp{}
		for ev, err := range v.mf.Watch(ctx, valueSlot) {
			if err != nil {
				if !yield(nil, err) {
					return
				}
				continue
			}
			if ev.Kind != EventPublished {
				continue
			}
			t := new(T)
			stamp, err := v.reader.GetInto(t)
			switch {
			case errors.Is(err, ErrNoSlot), errors.Is(err, ErrNotPublished), errors.Is(err, ErrClosed), errors.Is(err, ErrSuperseded):
				continue // the next event tells
			case err != nil:
				t = nil
			case stamp.Version == last.Version && stamp.Session == last.Session:
				continue // got it with the event before
			}
			last = stamp
			if !yield(t, err) {
				return
			}
		}
	}
}

// Close ends the viewer.
func (v *Viewer[T]) Close() error {
	if v == nil {
		return nil
	}
	return v.mf.Close()
}
