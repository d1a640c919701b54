package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"math/bits"
	"os"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// Stamps as a producer leaves them whose clocks are wrong, written into the file. Checksums are made anew
// as FORMAT.md says, so that the values stay right.

const stampedSlot = "stamped/x"

// stamper patches a file.
type stamper struct {
	*world
	path   string
	file   *os.File
	fields []mapfile.Field
	number uint64
}

// stamps looks at a file with wrong stamps: while its producer lives, when it is dead, and after another
// boot.
func (w *world) stamps(path string) error {
	c, err := start("namespaces.member", path, "produce", time.Hour.String()) // no heartbeat overwrites ours
	if err != nil {
		return err
	}
	defer c.Kill()
	if _, err := c.Expect("ready", hangs); err != nil {
		return err
	}
	w.number++
	if err := obey(c, "own "+stampedSlot, fmt.Sprintf("update %d", w.number)); err != nil {
		return err
	}
	s := &stamper{world: w, path: path, number: w.number}
	if s.file, err = os.OpenFile(path, os.O_RDWR, 0); err != nil {
		return err
	}
	defer s.file.Close()
	if s.fields, err = stampFields(path); err != nil {
		return err
	}
	for _, change := range []func() error{
		func() error { return nil },
		func() error { c.Kill(); return nil },
		s.otherBoot,
	} {
		if err := change(); err != nil {
			return err
		}
		if err := s.heartbeats(!c.isGone()); err != nil {
			return err
		}
		if err := s.values(); err != nil {
			return err
		}
	}
	if err := mapfile.RemoveDead(path); err != nil {
		w.Wrong("removed", "a file with wrong stamps that nobody has: %v", err)
	}
	return nil
}

// stampFields returns the fields that belong to the one session and the one value of the file.
func stampFields(path string) ([]mapfile.Field, error) {
	mf, err := mapfile.Open(path)
	if err != nil {
		return nil, err
	}
	defer mf.Close()
	var fields []mapfile.Field
	for f, err := range mf.Layout() {
		if err != nil {
			return nil, err
		}
		fields = append(fields, f)
	}
	return fields, nil
}

// field returns the last field of that name before the one called before.
func (s *stamper) field(name, before string) (mapfile.Field, error) {
	found := mapfile.Field{Length: -1}
	for _, f := range s.fields {
		if f.Name == name {
			found = f
		}
		if f.Name == before && found.Length >= 0 {
			return found, nil
		}
	}
	return found, fmt.Errorf("the layout shows no %q before a %q", name, before)
}

// get and put read and write a field of the value's buffer or of the session.
func (s *stamper) get(name, before string) (uint64, error) {
	f, err := s.field(name, before)
	if err != nil {
		return 0, err
	}
	var b [8]byte
	_, err = s.file.ReadAt(b[:f.Length], f.Offset)
	return binary.LittleEndian.Uint64(b[:]), err
}

func (s *stamper) put(name, before string, value uint64) error {
	f, err := s.field(name, before)
	if err != nil {
		return err
	}
	b := binary.LittleEndian.AppendUint64(nil, value)
	_, err = s.file.WriteAt(b[:f.Length], f.Offset)
	return err
}

// wrongTimes are what clocks may have said, around now.
func wrongTimes(now uint64) []uint64 {
	hour, year := uint64(time.Hour), uint64(365*24*time.Hour)
	return []uint64{0, 1, now - now/2, now - hour, now + hour, now + year, now + 100*year, 100 * year, math.MaxInt64, math.MaxInt64 + 1, math.MaxUint64}
}

// heartbeats: a wrong one neither revives the dead nor buries the living.
func (s *stamper) heartbeats(alive bool) error {
	now := uint64(uptimeHere())
	for _, beat := range wrongTimes(now) {
		for _, every := range []uint64{0, 1, uint64(time.Second), math.MaxUint64} {
			err := errors.Join(s.put("heartbeat", "process start", beat), s.put("beat every", "process start", every),
				s.put("started", "process start", beat))
			if err != nil {
				return err
			}
			state := s.see(fmt.Sprintf("heartbeat %d each %d", beat, every)).Producer.State
			live, stalled := state == mapfile.StateLive, state == mapfile.StateStalled
			if alive != (live || stalled) {
				s.Wrong("state", "alive %v, heartbeat %d each %d: %v", alive, beat, every, state)
			}
			if old := beat+uint64(time.Minute) < now || beat > now+uint64(time.Minute); live && old && every <= uint64(time.Second) {
				s.Wrong("state", "heartbeat %d each %d at %d: live for ever", beat, every, now)
			}
		}
	}
	return nil
}

// values: a wrong stamp of a value gives no wrong age.
func (s *stamper) values() error {
	for _, boot := range wrongTimes(uint64(uptimeHere())) {
		for _, wall := range wrongTimes(uint64(time.Now().UnixNano())) {
			if err := s.stampValue(wall, boot); err != nil {
				return err
			}
			s.see(fmt.Sprintf("wall %d, boot %d", wall, boot))
		}
	}
	return nil
}

// see reads the file anew: the value is right and no age is negative.
func (s *stamper) see(what string) (info mapfile.SlotInfo) {
	s.Add("wrong stamps", 1)
	mf, err := mapfile.Open(s.path)
	if err == nil {
		defer mf.Close()
		info, err = mf.Reader(stampedSlot).Stat()
	}
	if err != nil {
		s.Wrong("lost", "%s: %v", what, err)
		return info
	}
	if number, err := numberOf(mf, stampedSlot); err != nil || number != s.number {
		s.Wrong("lost", "%s: number %d of %d: %v", what, number, s.number, err)
	}
	if _, _, err := lookAt(mf, stampedSlot, math.MaxInt64); err != nil {
		s.Wrong("ages", "%s: %v", what, err)
	}
	snap, err := mf.Snapshot()
	if err != nil {
		s.Wrong("lost", "%s: Snapshot: %v", what, err)
		return info
	}
	for i := range snap.Slots() {
		if i.Age < 0 || i.Producer.Heartbeat < 0 {
			s.Wrong("ages", "%s: Snapshot: age %v, heartbeat %v ago", what, i.Age, i.Producer.Heartbeat)
		}
	}
	return info
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// otherBoot makes the file one of another boot, which nobody has.
func (s *stamper) otherBoot() error {
	var head [64]byte
	if _, err := s.file.ReadAt(head[:], 0); err != nil {
		return err
	}
	head[32]++
	binary.LittleEndian.PutUint32(head[60:], crc32.Checksum(head[:60], castagnoli)) // there is no title
	_, err := s.file.WriteAt(head[:], 0)
	return err
}

// stampValue gives the value other times.
func (s *stamper) stampValue(wall, boot uint64) error {
	before, err := s.checkOfValue()
	if err != nil {
		return err
	}
	if stored, err := s.get("check", "payload"); err != nil || uint32(stored) != before {
		return fmt.Errorf("the check of a whole value is %08x, computed %08x: %w", stored, before, err)
	}
	if err := errors.Join(s.put("wall", "payload", wall), s.put("boot", "payload", boot)); err != nil {
		return err
	}
	check, err := s.checkOfValue()
	if err != nil {
		return err
	}
	return s.put("check", "payload", uint64(check))
}

// checkOfValue computes what FORMAT.md calls the check of a buffer.
func (s *stamper) checkOfValue() (uint32, error) {
	var errs []error
	get := func(name string) uint64 {
		v, err := s.get(name, "payload")
		errs = append(errs, err)
		return v
	}
	generation, err := s.get("generation", "name hash")
	errs = append(errs, err)
	payload, err := s.field("payload", "payload")
	errs = append(errs, err)
	bytes := make([]byte, max(payload.Length, 0))
	_, err = s.file.ReadAt(bytes, payload.Offset)
	errs = append(errs, err)
	salt := saltOf(0, uint32(generation))
	// The session's own record has a field of this name, too: the buffer's comes last.
	x := fold(get("sequence")/2^0x6a09e667f3bcc908, salt^get("rate")^0xbb67ae8584caa73b) ^
		fold(get("length")^get("type")<<32^0x3c6ef372fe94f82b, get("type ID")^0xa54ff53a5f1d36f1) ^
		fold(get("session")^0x510e527fade682d1, get("commit")^0x9b05688c2b3e6c1f) ^
		fold(get("wall")^0x1f83d9abfb41bd6b, get("boot")^0x5be0cd19137e2179)
	return crc32.Update(uint32(x^x>>32), castagnoli, bytes), errors.Join(errs...)
}

func fold(x, y uint64) uint64 {
	high, low := bits.Mul64(x, y)
	return high ^ low
}
