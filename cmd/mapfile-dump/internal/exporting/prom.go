package exporting

import (
	"bufio"
	"io"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/exposition"
)

// Prometheus's text format.

type promWriter struct {
	w     io.Writer
	label string
	exposition.Exposition
}

func newProm(w io.Writer, f *File) *promWriter {
	p := &promWriter{w: w, label: f.Label()}
	p.AddFile(p.label, f.Info)
	return p
}

func (p *promWriter) Put(s *Slot) error {
	p.AddSlot(p.label, exposition.Slot{SlotInfo: s.SlotInfo, Payload: s.Payload, Value: s.Value, Err: s.Err})
	return nil
}

func (p *promWriter) End() error {
	w := bufio.NewWriterSize(p.w, bufferSize)
	if err := p.Write(w); err != nil {
		return err
	}
	return w.Flush()
}

func (p *promWriter) Close() error { return nil }
