package serve

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/decode"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/exposition"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/hist"
)

// newRegistry has the metrics of the server itself.
func newRegistry(c *counts) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister( // each once: it cannot fail
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "mapfile_serve_encodes_total",
			Help: "Drawings, lists and rows that were encoded: once for each change, however many clients there are.",
		}, func() float64 { return float64(c.encodes.Load()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "mapfile_serve_encode_seconds_total",
			Help: "Time that was spent for them, with reading and decoding.",
		}, func() float64 { return float64(c.nanos.Load()) / 1e9 }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "mapfile_serve_clients",
			Help: "Event streams that are open.",
		}, func() float64 { return float64(c.streams.Load()) }),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return registry
}

// metrics is GET /metrics. A slot that cannot be sent is counted in it, and does not fail it.
func (s *Server) metrics(w http.ResponseWriter, r *http.Request) {
	var text bytes.Buffer
	if err := s.hub.limited(func() error { return s.expose(&text) }); err != nil {
		s.fail(w, r, err)
		return
	}
	s.send(w, r, answer{contentType: exposition.ContentType, body: text.Bytes()})
}

func (s *Server) expose(text *bytes.Buffer) error {
	v := s.hub.look(lookFresh)
	e := exposition.Exposition{LabelNative: len(v.Files) > 1}
	families, err := s.registry.Gather()
	if err != nil {
		return err
	}
	e.AddFamilies(families)
	for i := range v.Files {
		f := &v.Files[i]
		e.AddFile(f.Label, f.Info)
		for _, slot := range f.Slots {
			m := exposition.Slot{SlotInfo: slot.SlotInfo}
			if slot.Stamp.Version != 0 && mayBeMetric(slot.Type.Name, slot.Length) {
				_, info, payload, err := s.hub.read(item{f.Label, slot.Name})
				if m.Err = err; err == nil {
					m.SlotInfo, m.Payload = info, payload
					m.Value, m.Err = decode.Payload(f.Path, slot.Name, info.Type, payload)
				}
			}
			e.AddSlot(f.Label, m)
		}
	}
	return e.Write(text)
}

// mayBeMetric says whether it is worth reading a slot for metrics: what is large is neither a number nor
// a histogram of one dimension.
func mayBeMetric(typeName string, length int64) bool {
	if hist.IsNamed(typeName) {
		return strings.HasSuffix(typeName, "H1D")
	}
	return length <= 1<<20
}
