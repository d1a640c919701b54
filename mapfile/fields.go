package mapfile

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/mapfile/internal/shm"
)

// This chapter names the bytes of a file, for people who look into one. The order and the words are
// those of FORMAT.md.

// A Field is a piece of a file.
type Field struct {
	Offset, Length int64
	Name           string // "magic", "sequence", "payload" …
	Value          string // for people; may hold text from the file: escape it before it gets to a terminal
	Slot           string // whose it is; "" for header, sessions, types and free space
	Bytes          []byte // the first bytes of a payload, label or schema, at most 256
	Free           bool   // unused: a hole, or the rest of a buffer
}

// maxFieldBytes is how many bytes of a payload a Field shows.
const maxFieldBytes = 256

// Layout yields what the file consists of, by rising offset; with patterns, only what belongs to the
// slots that match. It takes no lock: what changes meanwhile may be shown half changed. An error with
// a slot's name concerns that slot and the loop goes on.
func (mf *MapFile) Layout(list ...string) iter.Seq2[Field, error] {
	return func(yield func(Field, error) bool) {
		// The dump is made under the fault guard, the loop's body must not run there: so it is pulled.
		next, stop := iter.Pull2(func(yield func(Field, error) bool) { mf.layout(list, yield) })
		defer stop()
		for {
			field, err, ok := next()
			if !ok || !yield(field, err) {
				return
			}
			if mf != nil && mf.closed.Load() && !errors.Is(err, ErrClosed) {
				yield(Field{}, fail("layout", mf.Path(), "", ErrClosed))
				return
			}
		}
	}
}

func (mf *MapFile) layout(list []string, yield func(Field, error) bool) {
	p, err := parsePatterns(list)
	var f *file
	if err == nil {
		f, err = mf.reader()
	}
	if err == nil {
		d := &dumper{f: f, patterns: p, all: len(list) == 0, yield: yield}
		if err = mf.replaced(f.guard(d.run)); err == errStopped {
			return
		}
	}
	if err != nil {
		yield(Field{}, fail("layout", mf.Path(), "", err))
	}
}

// dumper yields fields.
type dumper struct {
	f        *file
	patterns *patterns
	all      bool
	yield    func(Field, error) bool
	stopped  bool
}

// wordField describes a word of a structure.
type wordField struct {
	off, n uint64
	name   string
	show   func(word uint64) string // nil: as a number
}

var headerFields = []wordField{
	{layout.SupersededOff, 8, "superseded", nil}, {layout.SizeOff, 8, "size", nil},
	{layout.StructureOff, 8, "structure", nil}, {layout.StructureHolderOff, 8, "structure holder", nil}, {layout.StructurePIDOff, 4, "structure pid", nil},
	{layout.ChangesOff, 8, "changes", nil}, {layout.IndexOff, 8, "index", showIndex},
	{layout.NumEntriesOff, 8, "entries", nil}, {layout.FreeEntriesOff, 8, "free entries", nil}, {layout.NumSlotsOff, 8, "slots", nil}, {layout.NumTypesOff, 8, "types", nil},
	{layout.NextSessionOff, 8, "next session", nil}, {layout.BellOff, 4, "bell", nil},
	{layout.UsedOff, 8, "used", nil},
}

var sessionFields = []wordField{
	{layout.SessionNumberOff, 8, "session", nil}, {layout.SessionCommitOff, 8, "commit", nil},
	{layout.SessionBeatOff, 8, "heartbeat", showDuration}, {layout.SessionEveryOff, 8, "beat every", showDuration},
	{layout.SessionEndedOff, 4, "ended", nil}, {layout.SessionStartedOff, 8, "started", showTime},
	{layout.SessionPIDOff, 4, "pid", nil}, {layout.SessionProgLenOff, 4, "program length", nil}, {layout.SessionProcOff, 8, "process start", showDuration},
}

var entryFields = []wordField{
	{layout.EntryPubOff, 8, "publish word", showPublishWord}, {layout.EntryExtOff, 8, "extent word", showExtentWord},
	{layout.EntryGenOff, 4, "generation", nil}, {layout.EntryHashOff, 4, "name hash", showHex}, {layout.EntryOwnerOff, 8, "owner", showOwner},
	{layout.EntryFloorOff, 8, "floor", nil}, {layout.EntryLabelOff, 8, "label word", nil}, {layout.EntryNextOff, 4, "next", nil},
	{layout.EntryPinOff, 4, "pin", nil}, {layout.EntryTypeOff, 4, "type", nil}, {layout.EntryKOff, 4, "buffers", nil},
}

var bufferFields = []wordField{
	{layout.BufferSeqOff, 8, "sequence", showSequence}, {layout.BufferLengthOff, 4, "length", showLength}, {layout.BufferLengthOff + 4, 4, "check", showHex},
	{layout.BufferTypeIDOff, 8, "type ID", showHex}, {layout.BufferSessionOff, 8, "session", showSession}, {layout.BufferCommitOff, 8, "commit", nil},
	{layout.BufferWallOff, 8, "wall", showTime}, {layout.BufferBootOff, 8, "boot", showDuration}, {layout.BufferTypeOff, 4, "type", nil}, {layout.BufferRateOff, 4, "rate", showRate},
}

func showLength(w uint64) string {
	if n, unchecked := layout.PayloadLen(uint32(w)); unchecked {
		return fmt.Sprintf("%d, without checksum", n)
	}
	return fmt.Sprint(w)
}

func showHex(w uint64) string      { return fmt.Sprintf("%x", w) }
func showDuration(w uint64) string { return time.Duration(min(w, 1<<62)).String() }
func showRate(w uint64) string     { return fmt.Sprint(math.Float32frombits(uint32(w))) }
func showTime(w uint64) string     { return unixTime(int64(w)).UTC().Format(time.RFC3339Nano) }

func showIndex(w uint64) string {
	index := layout.IndexWord(w)
	return fmt.Sprintf("%d buckets at %d", index.Buckets(), index.Off())
}

func showPublishWord(w uint64) string {
	p := layout.PublishWord(w)
	if p.Marked() {
		return fmt.Sprintf("version %d, buffer %d, pending %d", p.Version(), p.Index(), p.Pending())
	}
	return fmt.Sprintf("version %d, buffer %d", p.Version(), p.Index())
}

func showExtentWord(w uint64) string {
	e := layout.ExtentWord(w)
	if e.None() {
		return fmt.Sprintf("none, count %d", e.Count())
	}
	ext := e.Decode()
	return fmt.Sprintf("%d buffers of %d bytes at %d, count %d", ext.K, ext.Capacity, ext.Off, e.Count())
}

func showOwner(w uint64) string {
	o := layout.OwnerWord(w)
	return fmt.Sprintf("session %d, record %d", o.Number(), o.Record())
}

func showSession(w uint64) string {
	s := layout.SessionWord(w)
	return fmt.Sprintf("%d, record %d", s.Number(), s.Record())
}

func showSequence(w uint64) string {
	switch {
	case w == 0:
		return "0 (never written)"
	case w&1 != 0:
		return fmt.Sprintf("%d (version %d, incomplete)", w, (w+1)/2)
	}
	return fmt.Sprintf("%d (version %d, complete)", w, w/2)
}

// words yields the fields of a structure at off.
func (d *dumper) words(off uint64, fields []wordField, slot string) {
	v := d.f.at(off + layout.SessionLen)
	for _, w := range fields {
		word := uint64(0)
		if w.n == 8 {
			word = v.Load(off + w.off)
		} else {
			word = uint64(v.Load32(off + w.off))
		}
		value := fmt.Sprint(word)
		if w.show != nil {
			value = w.show(word)
		}
		d.emit(Field{Offset: int64(off + w.off), Length: int64(w.n), Name: w.name, Value: value, Slot: slot})
	}
}

func (d *dumper) emit(f Field) {
	if !d.stopped && !d.yield(f, nil) {
		d.stopped = true
	}
}

func (d *dumper) run() error {
	if d.all {
		d.identity()
		d.words(0, headerFields, "")
		v := d.f.view()
		for i := range layout.NumSessions {
			if off := layout.SessionOff(i); v.Load(off+layout.SessionNumberOff) != 0 {
				d.words(off, sessionFields, "")
				n := min(v.Load32(off+layout.SessionProgLenOff), layout.MaxProgramLen)
				d.emit(Field{Offset: int64(off + layout.SessionProgOff), Length: int64(n), Name: "program", Value: d.text(off+layout.SessionProgOff, uint64(n))})
			}
		}
	}
	var pieces []piece
	size := d.f.size()
	err := d.f.pieces(func(p piece, damage error) error {
		if damage == nil {
			damage = checkPiece(p, size)
		}
		if damage != nil {
			if !d.stopped && d.all && !d.yield(Field{}, &Error{Op: "layout", Path: d.f.path, Slot: fmt.Sprintf("#%d", p.index), Err: damage}) {
				d.stopped = true
			}
			return nil
		}
		pieces = append(pieces, p)
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(pieces, func(a, b piece) int { return cmp.Compare(a.off, b.off) })
	end := uint64(layout.ArenaOff)
	for _, p := range pieces {
		if d.stopped {
			return errStopped
		}
		d.hole(end, p.off)
		d.piece(p)
		end = max(end, p.off+layout.Units(p.n)*layout.UnitLen)
	}
	d.hole(end, size)
	if d.stopped {
		return errStopped
	}
	return nil
}

func (d *dumper) hole(from, to uint64) {
	if d.all && to > from {
		d.emit(Field{Offset: int64(from), Length: int64(to - from), Name: "free", Free: true})
	}
}

// identity yields what was written when the file was made.
func (d *dumper) identity() {
	id := &d.f.id
	d.emit(Field{0, 8, "magic", quoteGraphic(layout.Magic), "", nil, false})
	d.emit(Field{layout.HeaderVersionOff, 4, "format version", fmt.Sprint(id.Version), "", nil, false})
	d.emit(Field{layout.HeaderLenOff, 4, "header length", fmt.Sprint(layout.HeaderLen), "", nil, false})
	d.emit(Field{layout.HeaderFileIDOff, 16, "file id", hex.EncodeToString(id.FileID[:]), "", nil, false})
	d.emit(Field{layout.HeaderBootIDOff, 16, "boot id", hex.EncodeToString(id.BootID[:]), "", nil, false})
	d.emit(Field{layout.HeaderCreatedOff, 8, "created", showTime(uint64(id.Created)), "", nil, false})
	d.emit(Field{layout.HeaderTitleLenOff, 4, "title length", fmt.Sprint(len(id.Title)), "", nil, false})
	d.emit(Field{layout.HeaderCheckOff, 4, "check", showHex(uint64(d.f.view().Load32(layout.HeaderCheckOff))), "", nil, false})
	if id.Title != "" {
		d.emit(Field{layout.HeaderTitleOff, int64(len(id.Title)), "title", id.Title, "", nil, false})
	}
}

// text copies bytes of the file as a string.
func (d *dumper) text(off, n uint64) string { return string(d.bytes(off, n)) }

func (d *dumper) bytes(off, n uint64) []byte {
	buf := make([]byte, n)
	shm.Copy(buf, d.f.at(off+n).Bytes(off, n))
	return buf
}

// piece yields the fields of a piece of the arena.
func (d *dumper) piece(p piece) {
	switch p.kind {
	case pieceEntryChunk:
		first := uint32(64<<p.index - 64)
		for i := first; i < min(d.f.numEntries(), first+64<<p.index); i++ {
			var l label
			_, ext, ok := d.f.readEntry(i, &l)
			if name, shown := d.shown(&l, ok); shown || d.all && ext.Count() > 0 {
				d.words(p.off+uint64(i-first)*layout.EntryLen, entryFields, name)
			}
		}
	case pieceExtent:
		d.extent(p)
	case pieceLabel:
		var l label
		_, _, ok := d.f.readEntry(p.index, &l)
		if name, shown := d.shown(&l, ok); shown {
			d.emit(Field{int64(p.off), int64(p.n), "label", name + " " + quoteGraphic(string(l.title)), name, d.bytes(p.off, min(p.n, maxFieldBytes)), false})
		}
	case pieceTypeRecord:
		if d.all {
			var rec layout.TypeRecord
			value := "fails its checksum"
			if layout.GetTypeRecord(d.bytes(p.off, p.n), &rec) {
				value = fmt.Sprintf("%s, codec %s, schema of %d bytes", rec.Name, rec.Codec, len(rec.Schema))
			}
			d.emit(Field{int64(p.off), int64(p.n), fmt.Sprintf("type %d", p.index), value, "", d.bytes(p.off, min(p.n, maxFieldBytes)), false})
		}
	default:
		if d.all {
			d.emit(Field{int64(p.off), int64(p.n), pieceNames[p.kind], fmt.Sprint(p.index), "", nil, false})
		}
	}
}

func (d *dumper) shown(l *label, ok bool) (string, bool) {
	return string(l.name), ok && d.patterns.match(string(l.name))
}

// extent yields the buffers of a slot.
func (d *dumper) extent(p piece) {
	var l label
	_, word, ok := d.f.readEntry(p.index, &l)
	name, shown := d.shown(&l, ok)
	ext := word.Decode()
	if !shown && !(d.all && !ok) || ext.Off != p.off {
		return
	}
	for b := range ext.K {
		if d.stopped {
			return
		}
		off := ext.Buffer(b)
		if d.f.at(off+8).Load(off) == 0 {
			d.emit(Field{int64(off), int64(ext.Stride), "buffer", fmt.Sprintf("%d, never written", b), name, nil, true})
			continue
		}
		d.words(off, bufferFields, name)
		length, _ := layout.PayloadLen(d.f.at(off + layout.BufferHeadLen).Load32(off + layout.BufferLengthOff))
		n := min(uint64(length), ext.Capacity)
		at := off + layout.BufferHeadLen
		d.emit(Field{int64(at), int64(n), "payload", "", name, d.bytes(at, min(n, maxFieldBytes)), false})
		if n < ext.Capacity {
			d.emit(Field{int64(at + n), int64(ext.Capacity - n), "rest of buffer", "", name, nil, true})
		}
	}
}
