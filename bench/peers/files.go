package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// renamed is a file for each value, written beside and renamed over the one before. Readers open it anew
// each time; inotify tells them of news.
type renamed struct{}

func (renamed) create(dir string, sizes []int) (publisher, error) {
	f := newRenamed(dir, sizes)
	for i, size := range sizes {
		if err := f.publish(i, make([]byte, size)); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (renamed) open(dir string, sizes []int) (reader, error) {
	f := newRenamed(dir, sizes)
	_, err := os.Stat(f.paths[0])
	return f, err
}

func newRenamed(dir string, sizes []int) *renamedFiles {
	f := &renamedFiles{fresh: filepath.Join(dir, "fresh"), notes: -1}
	for i := range sizes {
		f.paths = append(f.paths, filepath.Join(dir, fmt.Sprintf("value-%06d", i)))
	}
	return f
}

type renamedFiles struct {
	paths []string
	fresh string
	notes int // the descriptor of inotify; -1: none yet
}

func (f *renamedFiles) publish(slot int, value []byte) error {
	if err := os.WriteFile(f.fresh, value, 0o600); err != nil {
		return err
	}
	return os.Rename(f.fresh, f.paths[slot])
}

func (f *renamedFiles) read(slot int, buf []byte) error {
	file, err := os.Open(f.paths[slot])
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.ReadFull(file, buf)
	return err
}

// wait sleeps until a file is renamed. inotify keeps what happened before.
func (f *renamedFiles) wait() (err error) {
	if f.notes < 0 {
		if f.notes, err = unix.InotifyInit1(unix.IN_CLOEXEC); err != nil {
			return err
		}
		if _, err := unix.InotifyAddWatch(f.notes, filepath.Dir(f.fresh), unix.IN_MOVED_TO); err != nil {
			return err
		}
	}
	var notes [4096]byte
	for {
		if _, err := unix.Read(f.notes, notes[:]); err != unix.EINTR {
			return err
		}
	}
}

func (f *renamedFiles) close() error {
	if f.notes < 0 {
		return nil
	}
	return unix.Close(f.notes)
}

// inBolt is a bbolt database without fsync. While one process has it open for writing no other can have
// it open at all, so a reader finds it only once the publisher has closed it.
type inBolt struct{}

var boltBucket = []byte("values")

func openBolt(dir string, readOnly bool) (*bolt.DB, error) {
	path := filepath.Join(dir, "bolt")
	if readOnly {
		if _, err := os.Stat(path); err != nil { // bbolt would wait for it
			return nil, err
		}
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{
		Timeout: time.Second, NoSync: true, NoFreelistSync: true, FreelistType: bolt.FreelistMapType, ReadOnly: readOnly,
	})
	if err != nil {
		return nil, fmt.Errorf("bbolt lets one process have the file: %w", err)
	}
	return db, nil
}

func (inBolt) create(dir string, sizes []int) (publisher, error) {
	db, err := openBolt(dir, false)
	if err != nil {
		return nil, err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucket(boltBucket)
		return err
	})
	if err != nil {
		return nil, err
	}
	b := newBolt(db, sizes)
	return b, b.publishAll(makeValues(sizes))
}

func (inBolt) open(dir string, sizes []int) (reader, error) {
	db, err := openBolt(dir, true)
	if err != nil {
		return nil, err
	}
	return newBolt(db, sizes), nil
}

func newBolt(db *bolt.DB, sizes []int) *boltFile {
	b := &boltFile{db: db}
	for i := range sizes {
		b.keys = append(b.keys, []byte(slotName(i)))
	}
	return b
}

type boltFile struct {
	db   *bolt.DB
	keys [][]byte
}

func (b *boltFile) publish(slot int, value []byte) error {
	return b.db.Update(func(tx *bolt.Tx) error { return tx.Bucket(boltBucket).Put(b.keys[slot], value) })
}

func (b *boltFile) publishAll(values [][]byte) error {
	return b.db.Update(func(tx *bolt.Tx) error {
		bucket := tx.Bucket(boltBucket)
		for i, v := range values {
			if err := bucket.Put(b.keys[i], v); err != nil {
				return err
			}
		}
		return nil
	})
}

func (b *boltFile) read(slot int, buf []byte) error {
	return b.db.View(func(tx *bolt.Tx) error {
		copy(buf, tx.Bucket(boltBucket).Get(b.keys[slot]))
		return nil
	})
}

func (b *boltFile) readAll(bufs [][]byte) error {
	return b.db.View(func(tx *bolt.Tx) error {
		bucket := tx.Bucket(boltBucket)
		for i, buf := range bufs {
			copy(buf, bucket.Get(b.keys[i]))
		}
		return nil
	})
}

func (b *boltFile) close() error { return b.db.Close() }
