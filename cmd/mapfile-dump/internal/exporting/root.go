package exporting

import (
	"errors"
	"io"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/record"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/rootfile"
)

// A ROOT file: histograms as TH1D, TH2D and TProfile, everything else as its JSON.

type rootWriter struct {
	w    io.Writer
	file *rootfile.Writer
	meta rootMeta
}

// rootMeta is the metadata of the file: sessions, and the records of the slots without values.
type rootMeta struct {
	record.Head
	File      string             `json:"file"`
	Commit    record.Natural     `json:"commit"`
	Producers []*record.Producer `json:"producers"`
	Slots     []slotRecord       `json:"slots"`
}

func newROOT(w io.Writer, f *File) (*rootWriter, error) {
	file, err := rootfile.Create(f.Slots)
	if err != nil {
		return nil, err
	}
	r := &rootWriter{w: w, file: file}
	r.meta = rootMeta{Head: record.HeadOf("export"), File: f.Path, Commit: record.Natural(f.Commit), Producers: []*record.Producer{}, Slots: []slotRecord{}}
	for _, p := range f.Info.Producers {
		r.meta.Producers = append(r.meta.Producers, record.NewProducer(p))
	}
	return r, nil
}

func (r *rootWriter) Put(s *Slot) error {
	rec := slotRecord{Slot: record.NewSlot("slot", r.meta.File, s.SlotInfo), Error: s.fault()}
	r.meta.Slots = append(r.meta.Slots, rec)
	var v any
	switch {
	case s.hasBytesOnly():
		v = map[string][]byte{"payload": s.Payload}
	case s.Err != nil || s.Stamp.Version == 0:
		return nil // the metadata has it
	default:
		v = rootfile.FromNode(s.Type.Name, s.Value)
	}
	err := r.file.Put(s.Name, s.Title, v)
	var unfit *rootfile.UnfitError
	if errors.As(err, &unfit) {
		return &LeftOut{s.Name, unfit}
	}
	return err
}

func (r *rootWriter) End() error {
	if err := r.file.Meta(r.meta); err != nil {
		return err
	}
	_, err := r.file.WriteTo(r.w)
	return err
}

func (r *rootWriter) Close() error { return r.file.Close() }
