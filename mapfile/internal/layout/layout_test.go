package layout

import (
	"math/rand/v2"
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
		{"next session", NextSessionOff, 8}, {"bell", BellOff, 4}, {"used", UsedOff, 8},
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
	}{{1, 8}, {16 << 10, 8}, {17 << 10, 4}, {256 << 10, 4}, {300 << 10, 3}, {1 << 20, 3}, {3 << 20, 2}} {
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
