package main

import (
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// floor is what such a store cannot do without, and nothing else: a file that both sides map, for each
// slot three buffers with a sequence each, and a word that says which is the newest, by Go's atomics. It
// has no names, no types, no growth, no checksums, no guard against a file that is cut, no commits of
// many slots, and no way to wait.
type floor struct{}

const floorBuffers = 3

type floorFile struct {
	mem   []byte
	slots []floorSlot
}

type floorSlot struct {
	number uint64 // the publisher's
	newest *atomic.Uint64
	seq    [floorBuffers]*atomic.Uint64
	data   [floorBuffers][]byte
}

func openFloor(dir string, sizes []int, create bool) (*floorFile, error) {
	flags, prot := os.O_RDONLY, unix.PROT_READ
	if create {
		flags, prot = os.O_RDWR|os.O_CREATE, unix.PROT_READ|unix.PROT_WRITE
	}
	file, err := os.OpenFile(filepath.Join(dir, "floor"), flags, 0o600)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	const line = 64
	stride := func(size int) int { return line + (size+line-1)&^(line-1) }
	length := 0
	for _, size := range sizes {
		length += line + floorBuffers*stride(size)
	}
	if create {
		if err := file.Truncate(int64(length)); err != nil {
			return nil, err
		}
	}
	f := &floorFile{}
	if f.mem, err = unix.Mmap(int(file.Fd()), 0, length, prot, unix.MAP_SHARED); err != nil {
		return nil, err
	}
	word := func(at int) *atomic.Uint64 { return (*atomic.Uint64)(unsafe.Pointer(&f.mem[at])) }
	at := 0
	for _, size := range sizes {
		s := floorSlot{newest: word(at)}
		at += line
		for i := range floorBuffers {
			s.seq[i], s.data[i] = word(at), f.mem[at+line:][:size]
			at += stride(size)
		}
		f.slots = append(f.slots, s)
	}
	return f, nil
}

func (floor) create(dir string, sizes []int) (publisher, error) {
	f, err := openFloor(dir, sizes, true)
	if err != nil {
		return nil, err
	}
	for i, size := range sizes {
		if err := f.publish(i, make([]byte, size)); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (floor) open(dir string, sizes []int) (reader, error) { return openFloor(dir, sizes, false) }

func (f *floorFile) publish(slot int, value []byte) error {
	s := &f.slots[slot]
	s.number++
	b := s.number % floorBuffers
	s.seq[b].Store(2*s.number - 1)
	copy(s.data[b], value)
	s.seq[b].Store(2 * s.number)
	s.newest.Store(s.number)
	return nil
}

var errStarved = errors.New("a reader was overtaken a million times")

func (f *floorFile) read(slot int, buf []byte) error {
	s := &f.slots[slot]
	for range 1_000_000 {
		number := s.newest.Load()
		b := number % floorBuffers
		if s.seq[b].Load() != 2*number {
			continue
		}
		copy(buf, s.data[b])
		if s.seq[b].Load() == 2*number {
			return nil
		}
	}
	return errStarved
}

func (f *floorFile) close() error { return unix.Munmap(f.mem) }
