package main

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"strconv"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// The scribbler of hostile: what somebody writes into a file who knows the format and means harm.

// scribbler writes through a descriptor of its own. It knows the file by what Layout said when it was whole.
type scribbler struct {
	file   *os.File
	whole  []byte
	fields []mapfile.Field
	words  map[string][]mapfile.Field // fields of 4 and 8 bytes, by name
	names  []string
	rng    *rand.Rand
	count  int64
}

// scribble writes until the parent is gone.
func scribble(args []string) error {
	seed, _ := strconv.ParseUint(args[1], 10, 64)
	sample, err := readSample(args[0])
	if err != nil {
		return err
	}
	s := &scribbler{whole: sample.whole, fields: sample.fields, words: map[string][]mapfile.Field{}, rng: rand.New(rand.NewPCG(seed, 77))}
	for _, f := range s.fields {
		if (f.Length == 4 || f.Length == 8) && !f.Free {
			if s.words[f.Name] == nil {
				s.names = append(s.names, f.Name)
			}
			s.words[f.Name] = append(s.words[f.Name], f)
		}
	}
	if s.file, err = os.OpenFile(args[0], os.O_RDWR, 0); err != nil {
		return err
	}
	defer s.file.Close()
	say("ready")
	for last := time.Now(); ; {
		select {
		case <-parentClosed:
			return nil
		default:
		}
		s.burst()
		if time.Since(last) > time.Second {
			last = time.Now()
			say("%d", s.count)
		}
	}
}

// burst mends the file and then lies for some milliseconds, in one way or in several.
func (s *scribbler) burst() {
	s.write(0, s.whole)
	time.Sleep(time.Duration(s.rng.IntN(3)) * time.Millisecond) // others get to know it
	ways := []func(){s.noise, s.fieldsAnyhow, s.counts, s.sizes, s.circles, s.extents, s.marks, s.sessions, s.tables, s.lengths, s.pages, s.elsewhere}
	way := ways[s.rng.IntN(len(ways))]
	other := ways[s.rng.IntN(len(ways))]
	for end := time.Now().Add(time.Duration(1+s.rng.IntN(30)) * time.Millisecond); time.Now().Before(end); {
		way()
		if s.rng.IntN(3) == 0 {
			other()
		}
		if s.rng.IntN(4) == 0 { // most lies stay for a while
			time.Sleep(time.Millisecond)
		}
	}
}

func (s *scribbler) write(off int64, p []byte) {
	s.file.WriteAt(p, off)
	s.count++
}

func (s *scribbler) word(off int64, n int64, value uint64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], value)
	s.write(off, b[:n])
}

// put writes a word into a field.
func (s *scribbler) put(f mapfile.Field, value uint64) { s.word(f.Offset, f.Length, value) }

// any returns one of the words of that name.
func (s *scribbler) any(name string) (mapfile.Field, uint64) {
	list := s.words[name]
	if len(list) == 0 {
		return mapfile.Field{Length: 8, Offset: 512}, 0
	}
	f := list[s.rng.IntN(len(list))]
	var b [8]byte
	copy(b[:], s.whole[f.Offset:][:f.Length])
	return f, binary.LittleEndian.Uint64(b[:])
}

// absurd returns a number that is a limit of something.
func (s *scribbler) absurd() uint64 {
	switch s.rng.IntN(8) {
	case 0:
		return 0
	case 1:
		return ^uint64(0) - uint64(s.rng.IntN(300))
	case 2:
		return 1<<63 + uint64(s.rng.IntN(3)) - 1
	case 3:
		return uint64(len(s.whole)) + uint64(s.rng.IntN(256)) - 128
	case 4:
		return s.rng.Uint64() & 0xffff
	case 5:
		return s.rng.Uint64()
	default:
		return 1 << s.rng.IntN(64)
	}
}

// noise: random bytes anywhere.
func (s *scribbler) noise() {
	for range 50 {
		s.word(s.rng.Int64N(int64(len(s.whole)-8)), 8, s.rng.Uint64())
	}
}

// fieldsAnyhow: any word of any structure, absurd, or that of another one of the same name, or one off.
func (s *scribbler) fieldsAnyhow() {
	for range 10 {
		f, value := s.any(s.names[s.rng.IntN(len(s.names))])
		switch s.rng.IntN(4) {
		case 0:
			_, value = s.any(f.Name)
		case 1:
			value += uint64(s.rng.IntN(3)) - 1
		case 2:
			value ^= 1 << s.rng.IntN(64)
		default:
			value = s.absurd()
		}
		s.put(f, value)
	}
}

// counts: entries, types and slots without number, and a directory that is always in change.
func (s *scribbler) counts() {
	for _, name := range []string{"entries", "types", "slots", "free entries", "next session", "used"} {
		if s.rng.IntN(2) == 0 {
			f, _ := s.any(name)
			s.put(f, s.absurd())
		}
	}
	f, value := s.any("changes")
	s.put(f, value|uint64(s.rng.IntN(2)))
}

// sizes: files of all sizes, on and off.
func (s *scribbler) sizes() {
	f, value := s.any("size")
	s.put(f, []uint64{1 << 30, 1 << 39, 1 << 46, 1 << 47, 1 << 62, 1 << 63, ^uint64(127), 0, 128, 36864, value}[s.rng.IntN(11)])
	s.counts()
}

// circles: chains of the index that come back, in a directory that is always in change.
func (s *scribbler) circles() {
	f, value := s.any("changes")
	s.put(f, value|1)
	n := len(s.words["next"])
	for i := range n {
		s.put(s.words["next"][i], uint64((i+1+s.rng.IntN(2))%n+1))
	}
	if s.rng.IntN(2) == 0 {
		hash := s.rng.Uint64()
		for _, f := range s.words["name hash"] {
			s.put(f, hash)
		}
	}
	s.counts()
}

// extents: slots that lie elsewhere, on one another, with other K and class, longer than the file.
func (s *scribbler) extents() {
	for range 20 {
		f, value := s.any("extent word")
		switch s.rng.IntN(4) {
		case 0:
			_, value = s.any("extent word")
		case 1: // K and class
			value = value&^(0x3ff<<32) | s.rng.Uint64()&(0x3ff<<32)
		case 2: // unit
			value = value&^0xffffffff | uint64(s.rng.IntN(len(s.whole)/128))
		default:
			value = value&^0xffffffff | s.rng.Uint64()&0xffffffff
		}
		s.put(f, value)
	}
}

// marks: publish words whose check is right, with buffers pending that are not, or of versions that are not.
func (s *scribbler) marks() {
	for range 20 {
		publish, value := s.any("publish word")
		i := -1
		for j, f := range s.words["publish word"] {
			if f.Offset == publish.Offset {
				i = j
			}
		}
		if i < 0 {
			return
		}
		generation := binary.LittleEndian.Uint32(s.whole[publish.Offset+72:])
		word := value &^ 0xfff
		if s.rng.IntN(3) == 0 {
			word = s.absurd() << 16
		}
		word |= uint64(s.rng.IntN(16))<<12 | uint64(s.rng.IntN(16))<<8
		s.put(publish, word|checkOf(word, saltOf(uint32(i), generation)))
		if f, value := s.any("sequence"); s.rng.IntN(2) == 0 {
			s.put(f, value+uint64(s.rng.IntN(5)))
		}
	}
}

// saltOf and checkOf are FORMAT.md's.
func saltOf(entry, generation uint32) uint64 {
	return mixWords(uint64(entry)<<32|uint64(generation), 0x9e3779b97f4a7c15)
}

func checkOf(word, salt uint64) uint64 { return mixWords(word, salt|1) >> 56 }

func mixWords(x, y uint64) uint64 {
	x ^= y
	x *= 0xff51afd7ed558ccd
	x ^= x >> 32
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>29
}

// sessions: records that say anything, owners that are nobody, a bell that never rests, marks of replacement.
func (s *scribbler) sessions() {
	off := 4096 + s.rng.Int64N(128)*256
	for at := off; at < off+256; at += 8 {
		s.word(at, 8, s.absurd())
	}
	for range 20 {
		f, _ := s.any("owner")
		s.put(f, s.absurd())
		bell, _ := s.any("bell")
		s.put(bell, s.rng.Uint64())
	}
	if f, _ := s.any("superseded"); s.rng.IntN(4) == 0 {
		s.put(f, s.absurd())
	}
}

// tables: where the tables of entries, types and free units are.
func (s *scribbler) tables() {
	off := []int64{1280, 1536, 1792}[s.rng.IntN(3)] + 8*s.rng.Int64N(16)
	s.word(off, 8, s.absurd())
	f, _ := s.any("index")
	s.put(f, s.rng.Uint64()&(63<<32)|uint64(s.rng.IntN(len(s.whole)/128)))
	s.counts()
}

// lengths: buffers that say to hold more than there is, records and labels likewise.
func (s *scribbler) lengths() {
	for range 20 {
		f, _ := s.any("length")
		s.put(f, s.absurd())
	}
	for _, f := range s.fields {
		if (f.Name == "label" || len(f.Name) > 5 && f.Name[:5] == "type ") && s.rng.IntN(20) == 0 {
			s.word(f.Offset+4, 4, s.rng.Uint64())
		}
	}
}

// pages: whole pages of zeros, ones, or of another place.
func (s *scribbler) pages() {
	page := s.rng.Int64N(int64(len(s.whole)/4096)) * 4096
	p := make([]byte, 4096)
	switch s.rng.IntN(3) {
	case 0:
		for i := range p {
			p[i] = 0xff
		}
	case 1:
		copy(p, s.whole[s.rng.IntN(len(s.whole)-4096)&^7:])
	}
	s.write(page, p)
}

// elsewhere: one structure written over another of its kind.
func (s *scribbler) elsewhere() {
	from, _ := s.any("publish word")
	to, _ := s.any("publish word")
	s.write(to.Offset, s.whole[from.Offset:][:128])
}

// believe is the control: it reads by the offsets and lengths that the file has, and believes them.
func believe(args []string) error {
	span, _ := time.ParseDuration(args[2])
	over := time.Now().Add(span)
	entries := map[string]int64{}
	for len(entries) < 50 && time.Now().Before(over) { // the lies have begun already
		mf, err := mapfile.Open(args[0])
		if err != nil {
			continue
		}
		for f, err := range mf.Layout() {
			if err == nil && f.Name == "publish word" && f.Slot != "" {
				entries[f.Slot] = f.Offset
			}
		}
		mf.Close()
	}
	v := &hostileVictim{limit: time.Hour}
	for time.Now().Before(over) {
		whole, err := os.ReadFile(args[0])
		if err != nil {
			return err
		}
		for name, at := range entries {
			publish, extent := binary.LittleEndian.Uint64(whole[at:]), binary.LittleEndian.Uint64(whole[at+64:])
			off := extent & 0xffffffff * 128
			stride := (beliefCapacity(int(extent>>32&63)) + 64 + 127) / 128 * 128
			off += publish >> 12 & 15 * stride
			n := uint64(binary.LittleEndian.Uint32(whole[off+8:]))
			v.calls.Add(1)
			v.check("belief", name, &mapfile.Raw{Stamp: mapfile.Stamp{Session: 1}, Payload: whole[off+64:][:n]})
		}
	}
	v.report()
	return nil
}

// beliefCapacity is the capacity of a class, as FORMAT.md says.
func beliefCapacity(class int) uint64 {
	switch c := uint64(class); {
	case class < 8:
		return 64 + 128*c
	case class < 32:
		base := uint64(1024) << ((c - 8) / 4)
		return base + base/4*((c-8)%4)
	default:
		base := uint64(65536) << ((c - 32) / 2)
		return base + base/2*((c-32)%2)
	}
}
