package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gomapfile/mapfile/mapfile"
)

// A sample is a map file that proofs damage: its bytes, and what its slots hold. What is read from a
// damaged copy is compared with that; the library's checksums are not needed to find a wrong value.
type sample struct {
	whole  []byte
	values []sampleValue
	fields []mapfile.Field // what the bytes are
}

type sampleValue struct {
	name    string
	value   mapfile.Raw
	payload map[uint64]string // by version, of all that the buffers hold
}

// sampleSlots are the slots of a sample that is made here, with the bytes of their values.
var sampleSlots = []struct {
	name string
	n    int
}{{"tiny", 8}, {"run1/small", 100}, {"run1/kilo", 1000}, {"run2/page", 4096}, {"run2/large", 12_000}}

// newSample makes a file as a producer leaves it that has done a bit of everything, or takes the one at
// path.
func newSample(p *proof, path string) (*sample, error) {
	if path == "" {
		path = filepath.Join(p.dir, "sample.map")
		if err := makeSample(path); err != nil {
			return nil, err
		}
	}
	return readSample(path)
}

func makeSample(path string) error {
	mf, err := mapfile.Create(path, mapfile.WithTitle("a file to be damaged"))
	if err != nil {
		return err
	}
	defer mf.Close()
	bound := make([]*mapfile.Raw, len(sampleSlots))
	for i, s := range sampleSlots {
		bound[i] = rawOf(makePayload(nil, s.n, stamp{1, 1, uint64(i)}))
		bound[i].Type.Schema = []byte("what a payload looks like")
		if _, err := mf.Add(s.name, bound[i], mapfile.WithTitle("slot "+s.name)); err != nil {
			return err
		}
	}
	gone, unset := rawOf(makePayload(nil, 300, stamp{1, 1, 99})), rawOf(nil)
	_, err1 := mf.Add("gone", gone)
	_, err2 := mf.Add("unset", unset)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	var names []string
	for _, s := range sampleSlots {
		names = append(names, s.name)
	}
	for number := uint64(1); number <= 5; number++ {
		for i, s := range sampleSlots {
			bound[i].Payload = makePayload(bound[i].Payload, s.n, stamp{number, number, uint64(i)})
		}
		if err := mf.Update(names...); err != nil {
			return err
		}
	}
	return errors.Join(mf.Update("gone"), mf.Remove("gone"), mf.Close())
}

// readSample reads a file that is whole.
func readSample(path string) (*sample, error) {
	s := &sample{}
	var err error
	if s.whole, err = os.ReadFile(path); err != nil {
		return nil, err
	}
	mf, err := mapfile.Open(path)
	if err != nil {
		return nil, err
	}
	defer mf.Close()
	for info, err := range mf.Slots() {
		v := sampleValue{name: info.Name, payload: map[uint64]string{}}
		if err == nil && info.Stamp.Version > 0 {
			err = mf.GetInto(info.Name, &v.value)
		}
		if err != nil {
			return nil, err
		}
		if info.Stamp.Version > 0 {
			s.values = append(s.values, v)
		}
	}
	version := uint64(0)
	for f, err := range mf.Layout() {
		if err != nil {
			return nil, err
		}
		s.fields = append(s.fields, f)
		switch f.Name {
		case "sequence":
			word, _, _ := strings.Cut(f.Value, " ")
			n, _ := strconv.ParseUint(word, 10, 64)
			version = n / 2
		case "payload":
			for i := range s.values {
				if s.values[i].name == f.Slot {
					s.values[i].payload[version] = string(s.whole[f.Offset:][:f.Length])
				}
			}
		}
	}
	return s, nil
}

// copyTo writes the whole sample to a new file.
func (s *sample) copyTo(path string) error { return os.WriteFile(path, s.whole, 0o600) }

// A damagedRead is how a read of a damaged file ended.
type damagedRead int

const (
	readRight   damagedRead = iota // the value, as if there were no damage
	readError                      // an error that says what is wrong
	readOlder                      // a value that was true before, under its own version
	readWrong                      // something else, given out as right
	readStrange                    // an error that is none of the library's
)

// judge compares what was read with what is true.
func (v *sampleValue) judge(got *mapfile.Raw, err error) damagedRead {
	switch {
	case err != nil && isTyped(err):
		return readError
	case err != nil:
		return readStrange
	case bytes.Equal(got.Payload, v.value.Payload) && got.Stamp.Version == v.value.Stamp.Version && got.Type.Name == v.value.Type.Name:
		return readRight
	case string(got.Payload) == v.payload[got.Stamp.Version] && got.Type.Name == v.value.Type.Name:
		return readOlder
	}
	return readWrong
}

// sentinels are the errors that damage may cause.
var sentinels = []error{
	mapfile.ErrCorrupt, mapfile.ErrNotMapFile, mapfile.ErrFormatVersion, mapfile.ErrSuperseded, mapfile.ErrNoSlot, mapfile.ErrNotPublished,
	mapfile.ErrBusy, mapfile.ErrLocked, mapfile.ErrOwned, mapfile.ErrFull, mapfile.ErrTooLarge, mapfile.ErrType, mapfile.ErrCodec, mapfile.ErrUnregistered, mapfile.ErrDecode,
	mapfile.ErrSchema, mapfile.ErrSlotExists, fs.ErrNotExist, fs.ErrExist,
}

// isTyped tells whether an error is the library's own, with one of its kinds.
func isTyped(err error) bool {
	var e *mapfile.Error
	if !errors.As(err, &e) {
		return false
	}
	for _, s := range sentinels {
		if errors.Is(err, s) {
			return true
		}
	}
	return false
}

// fieldAt returns the name of the field that a byte belongs to, for people: "payload", "extent word".
func (s *sample) fieldNames() []string {
	names := make([]string, len(s.whole))
	for i := range names {
		names[i] = "between fields"
	}
	for _, f := range s.fields {
		name := f.Name
		if f.Free {
			name = "free"
		}
		for i := range f.Length {
			// A piece of a table is named by what lies in it.
			if at := f.Offset + i; names[at] == "between fields" || names[at] == "entry chunk" {
				names[at] = name
			}
		}
	}
	return names
}

// caught runs do and returns what it panicked with, nil if it did not.
func caught(do func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	do()
	return nil
}
