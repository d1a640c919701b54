package layout

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestChunksOfATableFollowOneAnotherWithoutGapOrOverlap(t *testing.T) {
	for _, first := range []uint64{16, 64} {
		chunk, pos := 0, uint64(0)
		for i := range uint64(20_000) {
			gotChunk, gotPos := Chunk(i, first)
			if gotChunk != chunk || gotPos != pos {
				t.Fatalf("Chunk(%d, %d) = %d, %d; want %d, %d", i, first, gotChunk, gotPos, chunk, pos)
			}
			if pos++; pos == first<<chunk {
				chunk, pos = chunk+1, 0
			}
		}
	}
}

func TestLastItemOfEachTableLiesInItsLastChunk(t *testing.T) {
	for _, table := range []struct {
		last, first uint64
		chunks      int
	}{
		{MaxEntries - 1, 64, NumEntryChunks},
		{MaxTypes - 1, 16, NumTypeChunks},
	} {
		chunk, pos := Chunk(table.last, table.first)
		if chunk != table.chunks-1 || pos != table.first<<chunk-1 {
			t.Errorf("last item in chunk %d at %d", chunk, pos)
		}
		if chunk, _ := Chunk(table.last+1, table.first); chunk != table.chunks {
			t.Errorf("the next item lies in chunk %d", chunk)
		}
	}
}

func TestChunksOfTheFreeMapCoverTheLargestFile(t *testing.T) {
	next := uint64(0)
	for c := FreeChunkOf(0); ; c = c.Next() {
		if c.First != next || c.Units == 0 || c.Len()*8 != c.Units {
			t.Fatalf("chunk %d covers %d units from %d, expected from %d", c.Index, c.Units, c.First, next)
		}
		for _, unit := range []uint64{c.First, c.First + c.Units/2, c.First + c.Units - 1} {
			if FreeChunkOf(unit) != c {
				t.Fatalf("unit %d is in %+v, not in %+v", unit, FreeChunkOf(unit), c)
			}
		}
		if c.WordOff() < FreeChunksOff || c.WordOff()+8 > FreeChunksOff+8*NumFreeChunks {
			t.Fatalf("the word of chunk %d lies at %d", c.Index, c.WordOff())
		}
		if next = c.First + c.Units; next >= MaxFileLen/UnitLen {
			if c.Index != NumFreeChunks-1 {
				t.Fatalf("%d chunks are needed, %d have words", c.Index+1, NumFreeChunks)
			}
			return
		}
	}
}

func TestHeaderFieldsDoNotOverlap(t *testing.T) {
	fields := []struct {
		name     string
		off, len uint64
	}{
		{"magic", HeaderMagicOff, 8}, {"version", HeaderVersionOff, 4}, {"header length", HeaderLenOff, 4},
		{"file id", HeaderFileIDOff, 16}, {"boot id", HeaderBootIDOff, 16}, {"created", HeaderCreatedOff, 8},
		{"title length", HeaderTitleLenOff, 4}, {"check", HeaderCheckOff, 4}, {"title", HeaderTitleOff, MaxFileTitle},
		{"superseded", SupersededOff, 8}, {"size", SizeOff, 8},
		{"structure", StructureOff, 8}, {"holder", StructureHolderOff, 8}, {"pid", StructurePIDOff, 4},
		{"changes", ChangesOff, 8}, {"index", IndexOff, 8}, {"entries", NumEntriesOff, 8},
		{"free entries", FreeEntriesOff, 8}, {"slots", NumSlotsOff, 8}, {"types", NumTypesOff, 8},
		{"next session", NextSessionOff, 8}, {"bell", BellOff, 4}, {"used", UsedOff, 8}, {"rover", RoverOff, 8},
		{"entry chunks", EntryChunksOff, 8 * NumEntryChunks}, {"type chunks", TypeChunksOff, 8 * NumTypeChunks},
		{"free map chunks", FreeChunksOff, 8 * NumFreeChunks}, {"end", HeaderLen, 0},
	}
	for i := 1; i < len(fields); i++ {
		if a, b := fields[i-1], fields[i]; a.off+a.len > b.off || b.off%min(max(b.len, 1), 8) != 0 {
			t.Errorf("%s at %d..%d, %s at %d", a.name, a.off, a.off+a.len, b.name, b.off)
		}
	}
	if SessionProgOff+MaxProgramLen > SessionLen || EntryKOff+4 > EntryLen || ArenaOff%UnitLen != 0 || EntryLen%UnitLen != 0 {
		t.Error("a record is longer than its place")
	}
}

func TestClassesGrowAndEachHoldsWhatItSays(t *testing.T) {
	for c := range NumClasses {
		switch {
		case Capacity(c) < ClassCapacity(c):
			t.Errorf("class %d: capacity %d is less than the nominal %d", c, Capacity(c), ClassCapacity(c))
		case Stride(c)%UnitLen != 0 || Stride(c) != Capacity(c)+BufferHeadLen:
			t.Errorf("class %d: stride %d", c, Stride(c))
		case c > 0 && Capacity(c) <= Capacity(c-1):
			t.Errorf("class %d holds %d, the one before %d", c, Capacity(c), Capacity(c-1))
		case c > 8 && Capacity(c) > Capacity(c-1)*8/5:
			t.Errorf("class %d: a step from %d to %d wastes too much", c, Capacity(c-1), Capacity(c))
		case DefaultK(c) < MinK || DefaultK(c) > MaxK || c > 0 && DefaultK(c) > DefaultK(c-1):
			t.Errorf("class %d has %d buffers", c, DefaultK(c))
		}
	}
	if _, ok := ClassFor(MaxPayload); !ok {
		t.Error("no class holds the largest payload")
	}
}

func TestClassForIsTheSmallestThatHolds(t *testing.T) {
	sizes := []uint64{0, 1}
	for c := range NumClasses {
		sizes = append(sizes, Capacity(c)-1, Capacity(c), Capacity(c)+1)
	}
	for _, n := range sizes {
		c, ok := ClassFor(n)
		if last := Capacity(NumClasses - 1); !ok && n <= last || ok && n > last {
			t.Errorf("ClassFor(%d) = %d, %v", n, c, ok)
		}
		if ok && (Capacity(c) < n || c > 0 && Capacity(c-1) >= n) {
			t.Errorf("ClassFor(%d) = %d, which holds %d", n, c, Capacity(c))
		}
	}
}

func TestDefaultBuffersAreTheDocumentedOnes(t *testing.T) {
	for _, want := range []struct {
		n uint64
		k int
	}{{1, 8}, {2 << 10, 8}, {3 << 10, 4}, {256 << 10, 4}, {300 << 10, 3}, {1 << 20, 3}, {3 << 20, 2}} {
		if c, _ := ClassFor(want.n); DefaultK(c) != want.k {
			t.Errorf("%d bytes: %d buffers, not %d", want.n, DefaultK(c), want.k)
		}
	}
}

func TestWordsGiveBackWhatWasPacked(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		version, index, pending, salt := r.Uint64()&MaxVersion, r.IntN(16), r.IntN(16), r.Uint64()
		p := NewPublishWord(version, index, pending, salt)
		if p.Version() != version || p.Index() != index || p.Pending() != pending || p.Marked() != (index != pending) || !p.Valid(salt) {
			t.Fatalf("publish word %#x of %d, %d, %d", uint64(p), version, index, pending)
		}
		count, k, class, unit := r.Uint64N(MaxExtentCount+1), 1+r.IntN(16), r.IntN(64), uint64(r.Uint32())
		e := NewExtentWord(count, k, class, unit)
		if e.Count() != count || e.K() != k || e.Class() != class || e.Off() != unit*UnitLen || e.None() != (unit == 0) {
			t.Fatalf("extent word %#x of %d, %d, %d, %d", uint64(e), count, k, class, unit)
		}
		number, record, ended := r.Uint64()&MaxSession, r.IntN(NumSessions), r.IntN(3)
		o := NewOwnerWord(number, record, ended)
		if o.Number() != number || o.Record() != record || o.Ended() != ended {
			t.Fatalf("owner word %#x of %d, %d, %d", uint64(o), number, record, ended)
		}
		if s := NewSessionWord(number, record); s.Number() != number || s.Record() != record {
			t.Fatalf("session word %#x of %d, %d", uint64(s), number, record)
		}
		log2 := r.Uint64N(32)
		if i := NewIndexWord(log2, unit); i.Buckets() != 1<<log2 || i.Off() != unit*UnitLen {
			t.Fatalf("index word %#x of %d, %d", uint64(i), log2, unit)
		}
	}
}

func TestNextWordOfAnExtentIsNoneWithAHigherCount(t *testing.T) {
	w := NewExtentWord(41, 8, 12, 1000)
	if next := w.Without(); !next.None() || next.Count() != 42 || next == w {
		t.Errorf("%#x", uint64(next))
	}
}

func TestChangedPublishWordIsMostlyNoticed(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	passed, n := 0, 100_000
	for range n {
		salt := r.Uint64()
		w := NewPublishWord(r.Uint64()&MaxVersion, r.IntN(16), r.IntN(16), salt)
		if damaged := w ^ PublishWord(uint64(1)<<r.IntN(64)); damaged.Valid(salt) {
			passed++
		}
	}
	if passed > n/100 { // by chance 1 of 256
		t.Errorf("%d of %d flipped bits passed the check", passed, n)
	}
	other := 0
	for i := range uint32(10_000) {
		if NewPublishWord(uint64(i), 1, 1, Salt(i, 1)).Valid(Salt(i, 2)) {
			other++
		}
	}
	if other > 100 {
		t.Errorf("%d of 10000 words passed the check of another generation", other)
	}
}

func TestBuffersOfAnExtentLieSideBySide(t *testing.T) {
	ext := NewExtentWord(7, 3, 20, 512).Decode()
	for i := range 7 {
		if got, want := ext.Buffer(i), ext.Off+uint64(i%3)*ext.Stride; got != want {
			t.Errorf("buffer %d at %d, not %d", i, got, want)
		}
	}
	if ext.Len() != 3*ext.Stride || ext.End() != ext.Off+ext.Len() || ext.Buffer(2)+ext.Stride != ext.End() {
		t.Errorf("%+v", ext)
	}
}

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
	for name, damaged := range map[string]uint32{
		"version": Check(4, &h, 4, payload),
		"salt":    Check(3, &h, 5, payload),
		"payload": Check(3, &h, 4, []byte("hellp")),
		"length":  Check(3, &Buffer{6, 6, 7, h.Session, 10, -11, 12, 13, 15}, 4, payload),
		"type id": Check(3, &Buffer{5, 6, 6, h.Session, 10, -11, 12, 13, 15}, 4, payload),
		"session": Check(3, &Buffer{5, 6, 7, h.Session + 1, 10, -11, 12, 13, 15}, 4, payload),
		"commit":  Check(3, &Buffer{5, 6, 7, h.Session, 11, -11, 12, 13, 15}, 4, payload),
		"wall":    Check(3, &Buffer{5, 6, 7, h.Session, 10, -10, 12, 13, 15}, 4, payload),
		"boot":    Check(3, &Buffer{5, 6, 7, h.Session, 10, -11, 13, 13, 15}, 4, payload),
		"rate":    Check(3, &Buffer{5, 6, 7, h.Session, 10, -11, 12, 13, 16}, 4, payload),
		"type":    Check(3, &Buffer{5, 6, 7, h.Session, 10, -11, 12, 14, 15}, 4, payload),
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
