package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"

	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/mapfile/mapfiletest"
)

// The files that the operations of failpoints begin with.

// makeSlots makes a file with slots that have number 1, or no value.
func makeSlots(path string, published bool, names ...string) (err error) {
	mf, err := mapfile.Create(path, quiet)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, mf.Close()) }()
	for _, name := range names {
		if _, err := mf.Add(name, numbered(name, 100, 1)); err != nil {
			return err
		}
	}
	if published {
		return mf.Update()
	}
	return nil
}

func makeThree(_, path string) error       { return makeSlots(path, true, "a", "b", "c") }
func makeOne(_, path string) error         { return makeSlots(path, true, "a") }
func makeUnpublished(_, path string) error { return makeSlots(path, false, "a", "b", "c") }

// many fills the first chunk of entries and the smallest index.
var many = func() state {
	s := state{}
	for i := range 64 {
		s[fmt.Sprintf("a%02d", i)] = 1
	}
	return s
}()

func makeMany(_, path string) error {
	var names []string
	for name := range many {
		names = append(names, name)
	}
	slices.Sort(names)
	return makeSlots(path, true, names...)
}

func makeHole(dir, path string) error {
	if err := makeThree(dir, path); err != nil {
		return err
	}
	mf, err := mapfile.OpenOrCreate(path, quiet)
	if err != nil {
		return err
	}
	return errors.Join(mf.Remove("b"), mf.Close())
}

// makeMarked leaves what a death in the middle of a commit does: every slot with a mark, just before
// the commit point or just behind it.
func makeMarked(decided bool) func(dir, path string) error {
	return func(dir, path string) error { return leaveDead(dir, path, "commit", decided) }
}

// makeHalfRemoved leaves a removal that is visible and not finished.
func makeHalfRemoved(dir, path string) error { return leaveDead(dir, path, "remove", true) }

// leaveDead dies in an operation on a file of three slots, at the last store before it shows or at
// the first one after.
func leaveDead(dir, path, name string, shown bool) error {
	for k, was := 1, ""; ; k++ {
		try := filepath.Join(dir, fmt.Sprint(k))
		if err := makeThree(dir, try); err != nil {
			return err
		}
		if _, err := dieAt(name, try, k); err != nil {
			return err
		}
		now, err := observePath(try)
		if err != nil {
			return err
		}
		if now.find([]state{before}) < 0 {
			if !shown {
				try = was
			}
			return os.Rename(try, path)
		}
		was = try
	}
}

// makeFullRecords leaves a file whose records have all been used, the one of the dead session next to
// be given out again.
func makeFullRecords(decided bool) func(dir, path string) error {
	return func(dir, path string) error {
		if err := leaveDead(dir, path, "commit", decided); err != nil {
			return err
		}
		for range 127 { // session 1 made the file, 2 died; 129 has the record of 1
			mf, err := mapfile.OpenOrCreate(path, quiet)
			if err != nil {
				return err
			}
			mapfiletest.Kill(mf)
		}
		return nil
	}
}

// makeRebooted makes a file look as if it was of another boot of the machine.
func makeRebooted(dir, path string) error {
	if err := makeThree(dir, path); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	var head [64]byte
	if _, err := file.ReadAt(head[:], 0); err != nil {
		return err
	}
	head[32] ^= 0xff // boot id
	binary.LittleEndian.PutUint32(head[60:], crc32.Checksum(head[:60], crc32.MakeTable(crc32.Castagnoli)))
	_, err = file.WriteAt(head[:], 0)
	return err
}
