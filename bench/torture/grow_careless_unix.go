//go:build unix

package main

import (
	"encoding/binary"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gomapfile/mapfile/mapfile"
)

// The control of grow: a reader that has found once where values are, and trusts that.

// canReadCarelessly: the control works here.
const canReadCarelessly = true

// oldPlace is where a slot's value was in the beginning.
type oldPlace struct {
	name    string
	off, to uint64
}

// readOldPlaces finds the values of all slots, and goes on reading them where they were. A value that is
// gone is told once.
func (r *growReader) readOldPlaces(path string) error {
	mem, err := mapOnce(path)
	if err != nil {
		return err
	}
	defer unix.Munmap(mem)
	places, err := findPlaces(path, mem)
	if err != nil {
		return err
	}
	var copied []byte
	for round, last := 0, false; ; round++ {
		left := places[:0]
		for _, at := range places {
			copied = append(copied[:0], mem[at.off:at.to]...)
			_, err := checkPayload(copied, slotNumber(at.name))
			switch {
			case err == nil:
				r.counts["reads"]++
				left = append(left, at)
			case round == 0: // before anything changes
				return err
			default:
				say("wrong torn: %s: %v", at.name, err)
			}
		}
		places = left
		if last {
			return r.done()
		}
		last = r.toldToStop(round)
		time.Sleep(time.Millisecond)
	}
}

// findPlaces finds the published payloads. Nobody changes them meanwhile.
func findPlaces(path string, mem []byte) ([]oldPlace, error) {
	mf, err := mapfile.Open(path)
	if err != nil {
		return nil, err
	}
	defer mf.Close()
	var names []string
	for info, err := range mf.Slots() {
		if err != nil {
			return nil, err
		}
		names = append(names, info.Name)
	}
	entries, err := entryOffsets(path, names)
	if err != nil {
		return nil, err
	}
	var places []oldPlace
	for _, name := range names {
		if off, ok := publishedBuffer(mem, entries[name]); ok {
			n := uint64(binary.LittleEndian.Uint32(mem[off+8:]))
			places = append(places, oldPlace{name, off + 64, off + 64 + n})
		}
	}
	return places, nil
}
