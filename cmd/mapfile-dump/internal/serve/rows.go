package serve

import (
	"math"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/hist"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/listing"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/record"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/mapfile"
)

// The list in events: whole, and what has changed of it.

type listEvent struct {
	Files  []fileRecord `json:"files"`
	Slots  []*row       `json:"slots"`
	Gone   []string     `json:"gone,omitempty"`
	Faults []string     `json:"faults"`
}

// fileRecord is the record of ls, with the label.
type fileRecord struct {
	*record.File
	Label string `json:"label"`
}

// slotRecord is the record of ls, with the item.
type slotRecord struct {
	*record.Slot
	Item string `json:"item"`
}

// row is what the page's list shows of a slot.
type row struct {
	Item     string         `json:"item"`
	Label    string         `json:"label"`
	Name     string         `json:"name"`
	Title    string         `json:"title"`
	Type     string         `json:"type"`
	Codec    string         `json:"codec"`
	Version  record.Natural `json:"version"`
	Length   record.Whole   `json:"length"`
	Age      *record.Real   `json:"age_seconds"`
	Rate     record.Real    `json:"rate"`
	Bytes    record.Real    `json:"bytes_per_second"`
	State    string         `json:"state"`
	Drawable bool           `json:"drawable"` // as a histogram
}

func newRow(id, label string, s *listing.Slot) *row {
	r := &row{
		Item: id, Label: label, Name: s.Name, Title: s.Title, Type: s.Type.Name, Codec: s.Type.Codec,
		Version: record.Natural(s.Stamp.Version), Length: record.Whole(s.Length), Rate: record.Real(show.Finite(s.Rate)),
		Bytes: record.Real(s.BytesPerSecond()), State: s.Producer.State.String(), Drawable: hist.IsNamed(s.Type.Name),
	}
	if s.Stamp.Version != 0 {
		age := record.Seconds(s.Age)
		r.Age = &age
	}
	return r
}

func newFileRecord(f *listing.LabelledFile) fileRecord {
	return fileRecord{record.NewFile(&f.File), f.Label}
}

func wholeList(h *hub, v *view) []byte {
	list := listEvent{Files: []fileRecord{}, Slots: []*row{}, Faults: faults(h, v)}
	for i := range v.Files {
		f := &v.Files[i]
		list.Files = append(list.Files, newFileRecord(f))
		for j := range f.Slots {
			list.Slots = append(list.Slots, newRow(item{f.Label, f.Slots[j].Name}.String(), f.Label, &f.Slots[j]))
		}
	}
	return event("list", list)
}

func faults(h *hub, v *view) []string {
	texts := []string{}
	for _, err := range v.Faults {
		texts = append(texts, h.describe(err))
	}
	return texts
}

// known is the list as it was sent last.
type known struct {
	round  uint64
	files  map[string]*knownFile
	faults string
}

type knownFile struct {
	round uint64
	facts fileFacts
	slots map[string]*knownSlot
}

type fileFacts struct {
	id               [16]byte
	title            string
	size, used       int64
	slots, warnings  int
	producers, state string
}

type knownSlot struct {
	round uint64
	item  string
	facts slotFacts
}

// slotFacts is what makes a row worth sending again when it changes. The page counts ages on by itself.
type slotFacts struct {
	version, session uint64
	published        int64
	state            mapfile.State
	rate             float64 // of three digits
	title, typeName  string
	length           int64
}

// compare says what has changed since the last call; nil: nothing. It is structural if there is a file
// or slot more, or a file less: then the whole list is sent.
func (k *known) compare(h *hub, v *view) (changed *listEvent, structural bool) {
	k.round++
	if k.files == nil {
		k.files = map[string]*knownFile{}
	}
	list := &listEvent{Files: []fileRecord{}, Slots: []*row{}, Faults: faults(h, v)}
	texts := ""
	for _, fault := range list.Faults {
		texts += fault + "\n"
	}
	any := texts != k.faults
	k.faults = texts
	for i := range v.Files {
		f := &v.Files[i]
		old := k.files[f.Label]
		if old == nil {
			old = &knownFile{slots: map[string]*knownSlot{}}
			k.files[f.Label] = old
			structural = true
		}
		old.round = k.round
		before := len(list.Slots)
		for j := range f.Slots {
			s := &f.Slots[j]
			was := old.slots[s.Name]
			if was == nil {
				was = &knownSlot{item: item{f.Label, s.Name}.String()}
				old.slots[s.Name] = was
				structural = true
			}
			was.round = k.round
			if facts := factsOf(s); facts != was.facts {
				was.facts = facts
				if !structural {
					list.Slots = append(list.Slots, newRow(was.item, f.Label, s))
				}
			}
		}
		for name, was := range old.slots {
			if was.round != k.round {
				list.Gone = append(list.Gone, was.item)
				delete(old.slots, name)
			}
		}
		if facts := factsOfFile(f); facts != old.facts || len(list.Slots) > before {
			old.facts = facts
			list.Files = append(list.Files, newFileRecord(f))
		}
	}
	for label, old := range k.files {
		if old.round != k.round {
			delete(k.files, label)
			structural = true
		}
	}
	if !any && len(list.Files) == 0 && len(list.Slots) == 0 && len(list.Gone) == 0 {
		return nil, structural
	}
	return list, structural
}

func factsOf(s *listing.Slot) slotFacts {
	rate := show.Finite(s.Rate)
	if rate > 0 {
		unit := math.Pow(10, math.Floor(math.Log10(rate))-2)
		rate = math.Round(rate/unit) * unit
	}
	return slotFacts{
		s.Stamp.Version, s.Stamp.Session, s.Stamp.Time.UnixNano(), s.Producer.State, rate, s.Title, s.Type.Name, s.Length,
	}
}

func factsOfFile(f *listing.LabelledFile) fileFacts {
	facts := fileFacts{
		id: f.Info.ID, title: f.Info.Title, size: f.Info.Size, used: f.Info.Used, slots: f.Info.NumSlots,
		warnings: len(f.Info.Warnings), state: f.State.String(),
	}
	for _, p := range f.Info.Producers {
		facts.producers += p.String() + p.State.String() + "\n"
	}
	return facts
}
