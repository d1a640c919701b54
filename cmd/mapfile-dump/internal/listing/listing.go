// Package listing tells what there is: files with the state of their producers, and their slots, as rows
// that can be sorted. A Set keeps files open for those who look again and again.
package listing

import (
	"cmp"
	"slices"
	"time"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/mapfile"
)

// File is what a list tells of a file.
type File struct {
	Path      string
	Info      mapfile.FileInfo
	State     mapfile.State    // of the producer that is most alive
	Producer  mapfile.Producer // that one; its Session is 0 where there is none
	Published bool
	Last      time.Duration // age of the newest value
}

// Slot is a slot and its file.
type Slot struct {
	Path string
	mapfile.SlotInfo
}

// RateNow is how often the slot is published a second now. Rate is that of the last publishes, however
// long ago they were: without a live producer it is over, and a slot that has been silent for much longer
// than its pace is not published at that pace any more.
func (s *Slot) RateNow() float64 {
	rate := min(show.Finite(s.Rate), 1e9) // more is a lie
	if s.Producer.State != mapfile.StateLive {
		return 0
	}
	if silent := s.Age.Seconds(); silent > 0 {
		rate = min(rate, 2/silent)
	}
	if rate < 1e-6 { // less than one in a week
		return 0
	}
	return rate
}

// BytesPerSecond is how fast bytes are published now: those of the newest value times RateNow.
func (s *Slot) BytesPerSecond() float64 { return s.RateNow() * float64(s.Length) }

// RoomFor is an empty list with room for the slots of a file. The number in the file may be a lie.
func RoomFor(info mapfile.FileInfo) []Slot { return make([]Slot, 0, min(max(info.NumSlots, 0), 1<<14)) }

// FileOf sums up an open file.
func FileOf(mf *mapfile.MapFile, info mapfile.FileInfo) File {
	f := newFile(info)
	for slot, err := range mf.Slots() {
		if err == nil {
			f.count(slot)
		}
	}
	return f
}

func newFile(info mapfile.FileInfo) File {
	f := File{Path: info.Path, Info: info, Producer: mostAlive(info.Producers)}
	f.State = f.Producer.State
	return f
}

// count takes a slot into the age of the newest value.
func (f *File) count(slot mapfile.SlotInfo) {
	if slot.Stamp.Version != 0 && (!f.Published || slot.Age < f.Last) {
		f.Published, f.Last = true, slot.Age
	}
}

// mostAlive is the live producer, or else the stalled one, or else the last.
func mostAlive(producers []mapfile.Producer) mapfile.Producer {
	rank := func(p mapfile.Producer) int {
		switch p.State {
		case mapfile.StateLive:
			return 2
		case mapfile.StateStalled:
			return 1
		}
		return 0
	}
	var best mapfile.Producer
	for _, p := range producers {
		if best.Session == 0 || rank(p) > rank(best) || rank(p) == rank(best) && p.Session > best.Session {
			best = p
		}
	}
	return best
}

// Keys are the keys to sort by. Age begins with the newest, rate and size with the greatest.
var Keys = []string{"name", "age", "rate", "size"}

// SortSlots sorts by one of Keys, equal ones by file and name.
func SortSlots(slots []Slot, key string, reverse bool) {
	order := func(a, b *Slot) int {
		first := 0
		switch key {
		case "age":
			first = cmp.Or(lastIf(a.Stamp.Version == 0, b.Stamp.Version == 0), cmp.Compare(a.Age, b.Age))
		case "rate":
			first = cmp.Compare(show.Finite(b.Rate), show.Finite(a.Rate))
		case "size":
			first = cmp.Compare(b.Length, a.Length)
		}
		if first != 0 {
			return first
		}
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Name, b.Name))
	}
	// Slots are large: they are moved once, when their order is known.
	sorted := make([]*Slot, len(slots))
	for i := range slots {
		sorted[i] = &slots[i]
	}
	slices.SortFunc(sorted, order)
	if reverse {
		slices.Reverse(sorted)
	}
	moved := make([]Slot, len(slots))
	for i, s := range sorted {
		moved[i] = *s
	}
	copy(slots, moved)
}

// SortFiles sorts by one of Keys; files have no rate.
func SortFiles(files []File, key string, reverse bool) {
	order := func(a, b File) int {
		byName := cmp.Compare(a.Path, b.Path)
		switch key {
		case "age":
			return cmp.Or(lastIf(!a.Published, !b.Published), cmp.Compare(a.Last, b.Last), byName)
		case "size":
			return cmp.Or(cmp.Compare(b.Info.Size, a.Info.Size), byName)
		}
		return byName
	}
	slices.SortStableFunc(files, order)
	if reverse {
		slices.Reverse(files)
	}
}

// lastIf orders what has no value behind what has one.
func lastIf(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}
