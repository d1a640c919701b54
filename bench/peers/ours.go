package main

import (
	"context"
	"fmt"
	"iter"
	"path/filepath"

	"github.com/gomapfile/mapfile/mapfile"
)

// ours is this library, by handles and with raw payloads, as the peers have them.
type ours struct{ unchecked bool }

func (o ours) options() []mapfile.Option {
	if o.unchecked {
		return []mapfile.Option{mapfile.WithoutCheck()}
	}
	return nil
}

func (o ours) create(dir string, sizes []int) (publisher, error) {
	opts := o.options()
	if len(sizes) >= manySlots {
		opts = append(opts, mapfile.WithBuffers(3)) // what its documentation says of many calm slots
	}
	mf, err := mapfile.Create(filepath.Join(dir, "ours.map"), opts...)
	if err != nil {
		return nil, err
	}
	p := &ourPublisher{mf: mf, raws: make([]mapfile.Raw, len(sizes))}
	for i, size := range sizes {
		p.raws[i] = mapfile.Raw{Type: mapfile.TypeInfo{Name: "bench.Value", Codec: "none"}, Payload: make([]byte, size)}
		slot, err := mf.Add(slotName(i), &p.raws[i], mapfile.WithCapacity(size))
		if err != nil {
			return nil, err
		}
		p.slots = append(p.slots, slot)
	}
	return p, mf.Update()
}

// manySlots is from how many slots on we ask for three buffers, as the floor has.
const manySlots = 1000

func slotName(i int) string { return fmt.Sprintf("value/%06d", i) }

type ourPublisher struct {
	mf    *mapfile.MapFile
	slots []*mapfile.Slot
	raws  []mapfile.Raw
}

func (p *ourPublisher) publish(slot int, value []byte) error {
	p.raws[slot].Payload = value
	return p.slots[slot].Update()
}

func (p *ourPublisher) publishAll(values [][]byte) error {
	for i, v := range values {
		p.raws[i].Payload = v
	}
	return p.mf.Update()
}

func (p *ourPublisher) close() error { return p.mf.Close() }

func (o ours) open(dir string, sizes []int) (reader, error) {
	mf, err := mapfile.Open(filepath.Join(dir, "ours.map"), o.options()...)
	if err != nil {
		return nil, err
	}
	r := &ourReader{mf: mf}
	for i := range sizes {
		r.slots = append(r.slots, mf.Reader(slotName(i)))
	}
	return r, nil
}

type ourReader struct {
	mf    *mapfile.MapFile
	slots []*mapfile.SlotReader
	raw   mapfile.Raw
	next  func() (mapfile.Event, error, bool) // of a Watch; nil: none yet
	stop  func()
}

func (r *ourReader) read(slot int, buf []byte) error {
	r.raw.Payload = buf
	_, err := r.slots[slot].GetInto(&r.raw)
	return err
}

func (r *ourReader) wait() error {
	if r.next == nil {
		r.next, r.stop = iter.Pull2(r.mf.Watch(context.Background(), slotName(0)))
	}
	_, err, _ := r.next()
	return err
}

func (r *ourReader) close() error {
	if r.stop != nil {
		r.stop()
	}
	return r.mf.Close()
}
