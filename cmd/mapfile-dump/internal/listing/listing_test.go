package listing_test

import (
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/listing"
	"github.com/gomapfile/mapfile/mapfile"
)

func TestFileOfSumsUpAFile(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		slots     []string
		published bool
	}{{nil, false}, {[]string{"never"}, false}, {[]string{"never", "n"}, true}} {
		path := filepath.Join(dir, strings.Join(c.slots, "-")+"x.map")
		write(t, path, c.slots...)
		mf, err := mapfile.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		info, err := mf.Stat()
		if err != nil {
			t.Fatal(err)
		}
		f := listing.FileOf(mf, info)
		mf.Close()
		if f.Published != c.published || f.Published != (f.Last > 0) || f.Last > time.Minute || f.Path != path || f.State != mapfile.StateClosed || f.Producer.Session != 1 {
			t.Errorf("%q: %+v", c.slots, f)
		}
	}
}

// The producer that a list names is the one that is most alive, and of several the last.
func TestProducerOfAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.map")
	write(t, path, "first")
	kill := startProducer(t, path)
	s := newSet(t, []string{path}, nil)
	two, err := mapfile.OpenOrCreate(path)
	if err != nil {
		t.Fatal(err)
	}
	defer two.Close()
	f := wantNow(t, s, "a(first n)").Files[0]
	if f.State != mapfile.StateLive || f.Producer.Session != 3 || len(f.Info.Producers) < 2 {
		t.Errorf("two live producers: %+v", f.File)
	}
	if err := two.Close(); err != nil {
		t.Fatal(err)
	}
	if f := wantNow(t, s, "a(first n)").Files[0]; f.State != mapfile.StateLive || f.Producer.Session != 2 {
		t.Errorf("the last one closed: %+v", f.File)
	}
	kill()
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if f = wantNow(t, s, "a(first n)").Files[0]; f.State != mapfile.StateLive {
			break
		}
		if time.Since(start) > 10*time.Second {
			t.Fatalf("killed: %+v", f.File)
		}
	}
}

func slotsToSort() []listing.Slot {
	slot := func(path, name string, version uint64, age time.Duration, rate float64, length int64) listing.Slot {
		return listing.Slot{Path: path, SlotInfo: mapfile.SlotInfo{Name: name, Stamp: mapfile.Stamp{Version: version}, Age: age, Rate: rate, Length: length}}
	}
	return []listing.Slot{
		slot("f1", "d", 9, 3*time.Second, 1, 10),
		slot("f2", "a", 9, 2*time.Second, 10, 30),
		slot("f1", "c", 0, 0, 0, 0), // never published
		slot("f1", "b", 9, time.Second, math.NaN(), 20),
		slot("f1", "e", 9, 3*time.Second, math.Inf(1), 10),
		slot("f1", "f", 9, 3*time.Second, -5, 10),
	}
}

func TestSortSlots(t *testing.T) {
	for _, c := range []struct{ key, want, reversed string }{
		{"name", "b c d e f a", "a f e d c b"},
		{"age", "b a d e f c", "c f e d a b"},
		{"rate", "a d b c e f", "f e c b d a"}, // what is no rate counts as none
		{"size", "a b d e f c", "c f e d b a"},
	} {
		for _, reverse := range []bool{false, true} {
			slots := slotsToSort()
			listing.SortSlots(slots, c.key, reverse)
			var names []string
			for _, s := range slots {
				names = append(names, s.Name)
			}
			want := c.want
			if reverse {
				want = c.reversed
			}
			if got := strings.Join(names, " "); got != want {
				t.Errorf("by %s, reverse %v: %s, want %s", c.key, reverse, got, want)
			}
		}
	}
}

func TestSortFiles(t *testing.T) {
	file := func(path string, published bool, last time.Duration, size int64) listing.File {
		return listing.File{Path: path, Published: published, Last: last, Info: mapfile.FileInfo{Size: size}}
	}
	for _, c := range []struct {
		key     string
		reverse bool
		want    string
	}{
		{"name", false, "a b c"}, {"name", true, "c b a"},
		{"age", false, "c a b"}, {"size", false, "b a c"}, {"rate", false, "a b c"},
	} {
		files := []listing.File{file("b", false, 0, 300), file("c", true, time.Second, 100), file("a", true, time.Minute, 200)}
		listing.SortFiles(files, c.key, c.reverse)
		var paths []string
		for _, f := range files {
			paths = append(paths, f.Path)
		}
		if got := strings.Join(paths, " "); got != c.want {
			t.Errorf("by %s: %s, want %s", c.key, got, c.want)
		}
	}
}

// Bytes a second are those that are published now.
func TestBytesPerSecond(t *testing.T) {
	live := mapfile.Producer{State: mapfile.StateLive}
	for _, c := range []struct {
		info mapfile.SlotInfo
		want float64
	}{
		{mapfile.SlotInfo{Rate: 2, Length: 100, Producer: live, Age: 100 * time.Millisecond}, 200},
		{mapfile.SlotInfo{Rate: 2, Length: 100, Producer: live, Age: 100 * time.Second}, 2},
		{mapfile.SlotInfo{Rate: 2, Length: 100, Producer: mapfile.Producer{State: mapfile.StateDead}}, 0},
		{mapfile.SlotInfo{Rate: math.NaN(), Length: 100, Producer: live}, 0},
		{mapfile.SlotInfo{Rate: math.Inf(1), Length: 100, Producer: live}, 0},
		{mapfile.SlotInfo{Rate: -1, Length: 100, Producer: live}, 0},
	} {
		s := listing.Slot{SlotInfo: c.info}
		if got := s.BytesPerSecond(); got != c.want {
			t.Errorf("%+v: %v, want %v", c.info, got, c.want)
		}
	}
}

// How long a Look takes: of a file with 3,000 slots, and of 100 files with 30 slots each.
func BenchmarkLook(b *testing.B) {
	for _, c := range []struct {
		name         string
		files, slots int
	}{{"slots=3000", 1, 3000}, {"files=100", 100, 30}} {
		b.Run(c.name, func(b *testing.B) {
			dir := b.TempDir()
			for i := range c.files {
				mf, err := mapfile.Create(filepath.Join(dir, string(rune('a'+i%26))+strings.Repeat("x", i/26)+".map"))
				if err != nil {
					b.Fatal(err)
				}
				defer mf.Close()
				n := int64(1)
				for j := range c.slots {
					if _, err := mf.Add("crate/"+strings.Repeat("ch", j%7)+time.Duration(j).String(), &n); err != nil {
						b.Fatal(err)
					}
				}
				if err := mf.Update(); err != nil {
					b.Fatal(err)
				}
			}
			s := listing.NewSet(nil, []string{dir})
			defer s.Close()
			b.ReportAllocs()
			for b.Loop() {
				if p := s.Look(); len(p.Files) != c.files || len(p.Faults) > 0 {
					b.Fatal(len(p.Files), p.Faults)
				}
			}
		})
	}
}

// Sorting 3,000 slots by what is in no order.
func BenchmarkSortSlots(b *testing.B) {
	slots := make([]listing.Slot, 3000)
	for b.Loop() {
		for i := range slots {
			slots[i] = listing.Slot{Path: "f", SlotInfo: mapfile.SlotInfo{Name: "slot", Rate: float64(i * 7919 % 3001)}}
		}
		listing.SortSlots(slots, "rate", false)
	}
}
