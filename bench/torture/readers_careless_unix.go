//go:build unix

package main

import (
	"encoding/binary"
	"os"

	"golang.org/x/sys/unix"

	"github.com/gomapfile/mapfile/mapfile"
)

// The control of readers: a reader that finds the published buffer as FORMAT.md says, copies it, and
// looks neither at the sequence nor at the words again.

// readCarelessly reads the slots that stay.
func (r *fullSpeedReader) readCarelessly(path string, reads int64) error {
	var names []string
	for _, size := range readSizes {
		names = append(names, sizeName(size))
	}
	entries, err := entryOffsets(path, names)
	if err != nil {
		return err
	}
	mem, err := mapOnce(path)
	if err != nil {
		return err
	}
	defer unix.Munmap(mem)
	mixture := weighted(names, readSizes)
	var copied []byte
	for n := int64(1); n <= reads; n++ {
		name := mixture[r.rng.IntN(len(mixture))]
		at, ok := publishedBuffer(mem, entries[name])
		if !ok {
			r.counts["not there"]++ // it has moved beyond what is mapped here
		} else if n := at + 64 + uint64(binary.LittleEndian.Uint32(mem[at+8:])); n <= uint64(len(mem)) {
			copied = append(copied[:0], mem[at+64:n]...)
			r.check(name, copied)
		}
		r.tell(n, n == reads)
	}
	return r.done()
}

// mapOnce maps a file as long as it is now, for reading.
func mapOnce(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	return unix.Mmap(int(file.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
}

// publishedBuffer returns where the entry's publish word and extent word say that the value is.
func publishedBuffer(mem []byte, entry uint64) (off uint64, ok bool) {
	publish := binary.LittleEndian.Uint64(mem[entry:])
	extent := binary.LittleEndian.Uint64(mem[entry+64:])
	unit, class, k, index := extent&0xffffffff, extent>>32&63, extent>>38&15+1, publish>>12&15
	stride := (capacityOf(class) + 64 + 127) &^ 127
	off = unit*128 + index%k*stride
	return off, unit != 0 && off+64 <= uint64(len(mem))
}

// entryOffsets finds the directory entries of slots.
func entryOffsets(path string, names []string) (map[string]uint64, error) {
	mf, err := mapfile.Open(path)
	if err != nil {
		return nil, err
	}
	defer mf.Close()
	offsets := map[string]uint64{}
	for field, err := range mf.Layout(names...) {
		if err != nil {
			return nil, err
		}
		if field.Name == "publish word" {
			offsets[field.Slot] = uint64(field.Offset)
		}
	}
	return offsets, nil
}
