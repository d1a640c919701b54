package layout

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

// What is put into bytes comes back, and damage is noticed.

func TestBufferHeaderComesBackAndEachFieldIsChecked(t *testing.T) {
	h := Buffer{Length: 5, Check: 6, TypeID: 7, Session: NewSessionWord(8, 9), Commit: 10, Wall: -11, Boot: 12, Type: 13, Rate: 15}
	b := make([]byte, BufferHeadLen)
	binary.LittleEndian.PutUint64(b, 99)
	PutBuffer(b, &h)
	var got Buffer
	GetBuffer(b, &got)
	if got != h {
		t.Fatalf("%+v instead of %+v", got, h)
	}
	if binary.LittleEndian.Uint64(b) != 99 {
		t.Error("PutBuffer wrote the sequence, which is stored with ordering")
	}
	payload := []byte("hello")
	sum := Check(3, &h, 4, payload)
	with := func(change func(*Buffer)) uint32 {
		changed := h
		change(&changed)
		return Check(3, &changed, 4, payload)
	}
	for name, damaged := range map[string]uint32{
		"version": Check(4, &h, 4, payload),
		"salt":    Check(3, &h, 5, payload),
		"payload": Check(3, &h, 4, []byte("hellp")),
		"length":  with(func(h *Buffer) { h.Length++ }),
		"mark":    with(func(h *Buffer) { h.Unchecked = true }),
		"type id": with(func(h *Buffer) { h.TypeID-- }),
		"session": with(func(h *Buffer) { h.Session++ }),
		"commit":  with(func(h *Buffer) { h.Commit++ }),
		"wall":    with(func(h *Buffer) { h.Wall++ }),
		"boot":    with(func(h *Buffer) { h.Boot++ }),
		"rate":    with(func(h *Buffer) { h.Rate++ }),
		"type":    with(func(h *Buffer) { h.Type++ }),
	} {
		if damaged == sum {
			t.Errorf("a changed %s is not noticed", name)
		}
	}
	pieces := CheckSeed(3, &h, 4)
	for i := range payload {
		pieces = CheckUpdate(pieces, payload[i:i+1])
	}
	if pieces != sum {
		t.Error("the checksum depends on the pieces that it is made of")
	}
}

func TestCheckWithoutPayloadCoversTheHeader(t *testing.T) {
	h := Buffer{Length: 5, Unchecked: true, TypeID: 7, Rate: 15}
	b := make([]byte, BufferHeadLen)
	PutBuffer(b, &h)
	var got Buffer
	if GetBuffer(b, &got); got != h {
		t.Fatalf("%+v instead of %+v", got, h)
	}
	sum := Check(3, &h, 4, []byte("hello"))
	if sum != Check(3, &h, 4, []byte("hellp")) {
		t.Error("it covers the payload")
	}
	if h.Length++; sum == Check(3, &h, 4, []byte("hello")) {
		t.Error("it does not cover the length")
	}
}

func TestIdentityComesBackAndDamageIsNamed(t *testing.T) {
	id := Identity{Version: FormatVersion, FileID: [16]byte{1, 2, 3}, BootID: [16]byte{4, 5}, Created: 6, Title: "a title"}
	whole := make([]byte, HeaderTitleEnd)
	PutIdentity(whole, &id)
	var got Identity
	if err := GetIdentity(whole, &got); err != nil || got != id {
		t.Fatalf("%+v, %v", got, err)
	}
	end := HeaderTitleOff + len(id.Title)
	for i := range end {
		for bit := range 8 {
			b := bytes.Clone(whole)
			b[i] ^= 1 << bit
			err := GetIdentity(b, &got)
			want := ErrHeader
			switch {
			case i < HeaderVersionOff:
				want = ErrMagic
			case i < HeaderLenOff:
				want = ErrVersion
			}
			if !errors.Is(err, want) {
				t.Fatalf("byte %d, bit %d: %v, not %v", i, bit, err, want)
			}
		}
	}
	b := bytes.Clone(whole)
	binary.BigEndian.PutUint32(b[HeaderVersionOff:], FormatVersion)
	if err := GetIdentity(b, &got); err != ErrEndian {
		t.Errorf("the other byte order: %v", err)
	}
	id.Title = strings.Repeat("x", MaxFileTitle)
	PutIdentity(whole, &id)
	if err := GetIdentity(whole, &got); err != nil || got != id {
		t.Errorf("the longest title: %v", err)
	}
}

// labels are names and titles that must come back as they were.
var labels = []struct{ name, title string }{
	{"a", ""}, {"a", "b"}, {"run1/hpx", "px;p_{x} [GeV];entries"}, {"name\nwith\x1bcontrols", "\x00"},
	{strings.Repeat("n", MaxNameLen), strings.Repeat("t", MaxTitleLen)},
}

func TestLabelsComeBackAndDamageIsNoticed(t *testing.T) {
	for _, l := range labels {
		const salt = 77
		n := LabelLen(l.name, l.title)
		b := bytes.Repeat([]byte{0xaa}, n+10) // what lies behind does not matter
		PutLabel(b, l.name, l.title, salt)
		if name, title, ok := GetLabel(b, salt); !ok || string(name) != l.name || string(title) != l.title {
			t.Fatalf("%q, %q came back as %q, %q, %v", l.name, l.title, name, title, ok)
		}
		if _, _, ok := GetLabel(b, salt+1); ok {
			t.Errorf("%q: the label of another entry passes", l.name)
		}
		for i := range n {
			b[i] ^= 0x10
			if _, _, ok := GetLabel(b, salt); ok {
				t.Fatalf("%q: damage of byte %d passes", l.name, i)
			}
			b[i] ^= 0x10
		}
		for i := range n {
			if _, _, ok := GetLabel(b[:i], salt); ok {
				t.Fatalf("%q: cut to %d of %d bytes it passes", l.name, i, n)
			}
		}
	}
}

func TestTypeRecordsComeBackAndDamageIsNoticed(t *testing.T) {
	for _, want := range []TypeRecord{
		{ID: 1, Name: "int64", Codec: "basic"},
		{ID: 1 << 63, Name: strings.Repeat("n", MaxTypeNameLen), Codec: strings.Repeat("c", MaxCodecLen), Schema: bytes.Repeat([]byte("schema"), 100)},
	} {
		b := make([]byte, want.Len())
		PutTypeRecord(b, &want)
		if n, ok := TypeRecordLen(b); !ok || n != uint64(len(b)) {
			t.Fatalf("length %d, %v; want %d", n, ok, len(b))
		}
		var got TypeRecord
		if !GetTypeRecord(b, &got) || got.ID != want.ID || got.Name != want.Name || got.Codec != want.Codec || !bytes.Equal(got.Schema, want.Schema) {
			t.Fatalf("%+v came back as %+v", want, got)
		}
		for i := range b {
			b[i] ^= 0x10
			if GetTypeRecord(b, &got) {
				t.Fatalf("damage of byte %d passes", i)
			}
			b[i] ^= 0x10
		}
	}
	var head [TypeRecordHeadLen]byte
	binary.LittleEndian.PutUint32(head[4:], MaxSchemaLen+1)
	head[8], head[10] = 1, 1
	if n, ok := TypeRecordLen(head[:]); ok {
		t.Errorf("a schema longer than the limit is believed: %d", n)
	}
}

// FuzzHostileBytes: whatever the bytes are, nothing panics, and what is accepted is within them and
// comes back the same when it is written again.
func FuzzHostileBytes(f *testing.F) {
	for _, l := range labels {
		b := make([]byte, LabelLen(l.name, l.title))
		PutLabel(b, l.name, l.title, 7)
		f.Add(b, uint64(7))
	}
	rec := TypeRecord{ID: 1, Name: "int64", Codec: "basic", Schema: []byte("s")}
	b := make([]byte, rec.Len())
	PutTypeRecord(b, &rec)
	f.Add(b, uint64(0))
	head := make([]byte, HeaderTitleEnd)
	PutIdentity(head, &Identity{Version: FormatVersion, Title: "t"})
	f.Add(head, ^uint64(0))
	f.Fuzz(func(t *testing.T, b []byte, word uint64) {
		if name, title, ok := GetLabel(b, word); ok {
			again := make([]byte, LabelLen(string(name), string(title)))
			PutLabel(again, string(name), string(title), word)
			if len(again) > len(b) || !bytes.Equal(again, b[:len(again)]) {
				t.Fatal("an accepted label is written another way")
			}
		}
		var rec TypeRecord
		if len(b) >= TypeRecordHeadLen && GetTypeRecord(b, &rec) && rec.Len() != len(b) {
			t.Fatal("an accepted type record has another length")
		}
		if len(b) >= HeaderTitleEnd {
			var id Identity
			if GetIdentity(b, &id) == nil && len(id.Title) > MaxFileTitle {
				t.Fatal("an accepted title is too long")
			}
		}
		if len(b) >= BufferHeadLen {
			var h Buffer
			GetBuffer(b, &h)
			Check(word, &h, word, b[BufferHeadLen:])
		}
		hostileWord(t, word)
	})
}

// hostileWord: a word may be anything, its parts stay in range.
func hostileWord(t *testing.T, word uint64) {
	ext := ExtentWord(word).Decode()
	if ext.K < 1 || ext.K > MaxK || ext.Stride%UnitLen != 0 || ext.End() < ext.Off || ext.Capacity >= ext.Stride {
		t.Fatalf("extent %+v", ext)
	}
	for i := range 2 * MaxK {
		if at := ext.Buffer(i); at < ext.Off || at+ext.Stride > ext.End() {
			t.Fatalf("buffer %d of %+v lies at %d", i, ext, at)
		}
	}
	if w := PublishWord(word); w.Index() > 15 || w.Pending() > 15 || w.Version() > MaxVersion {
		t.Fatalf("publish word %#x", word)
	}
	if w := OwnerWord(word); w.Record() > 255 || w.Ended() > 255 || w.Number() > MaxSession {
		t.Fatalf("owner word %#x", word)
	}
	if n := IndexWord(word).Buckets(); n == 0 || n > 1<<31 {
		t.Fatalf("index word %#x: %d buckets", word, n)
	}
}
