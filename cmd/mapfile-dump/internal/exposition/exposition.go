// Package exposition writes what is in slots as Prometheus metrics, in the classic text format.
//
// A published io.prometheus.client.MetricFamily is passed through as it is. Numbers (basic types and
// mapfile.v1.Value) and one-dimensional histograms become metrics of their own, named after the slot,
// with the labels file and slot. Around them stand the state and age of every slot and the sessions of
// every file, all with names that begin with mapfile_. What cannot be sent is counted there, and told in
// comments.
package exposition

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/decode"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/codec"
	"github.com/gomapfile/mapfile/mapfile"
)

// ContentType is what an HTTP answer with an exposition says of itself.
var ContentType = string(expfmt.NewFormat(expfmt.TypeTextPlain))

// An Exposition is one scrape in the making: add files and slots in any order, then write it, once. It is for one
// goroutine. Its memory grows with what is sent, not with the payloads: it keeps no slot.
type Exposition struct {
	// LabelNative adds the label file to metrics that pass through, which otherwise have the labels that
	// their producer gave them. It is for several files, whose services may have metrics of the same
	// names. A label file of the producer's is then called exported_file.
	LabelNative bool

	own     []*dto.MetricFamily // what AddFamilies was given
	native  []*dto.MetricFamily // passed through, in the order of the slots
	numbers []number
	about   about
	remarks []string
	more    int // remarks beyond maxRemarks
}

// A Slot is a slot with its value. Nothing of it is kept.
type Slot struct {
	mapfile.SlotInfo            // Stamp and Length are those of the value
	Payload          []byte     // of a MetricFamily, as published; else it may be nil
	Value            codec.Node // decoded, if Err is nil and there is a value (Stamp.Version > 0)
	Err              error      // why there is no Value; a *decode.NotDecoded is no fault of the slot
}

// maxRemarks is the number of comments about slots that cannot be sent.
const maxRemarks = 100

// AddFamilies adds metrics of the program itself, such as those of a prometheus.Registry. Should slots
// hold the same metrics with the same labels, these win.
func (e *Exposition) AddFamilies(families []*dto.MetricFamily) { e.own = append(e.own, families...) }

// AddFile tells of a file: its sessions. The label is unique among the files.
func (e *Exposition) AddFile(label string, info mapfile.FileInfo) {
	label = valid(label)
	for _, p := range info.Producers {
		session := strconv.FormatUint(p.Session, 10)
		e.about.producerUp.add(truth(p.State == mapfile.StateLive), "file", label, "session", session, "state", p.State.String())
		if !p.Started.IsZero() {
			e.about.producerStart.add(unix(p.Started), "file", label, "session", session)
		}
	}
	e.about.decodeErrors.count(0, "file", label)
	e.about.skipped.count(0, "file", label, "reason", reasonType)
}

// AddSlot adds a slot of the file with that label. It never fails: what cannot be sent is counted.
func (e *Exposition) AddSlot(label string, s Slot) {
	label, name := valid(label), valid(s.Name)
	a := &e.about
	a.slotState.add(1, "file", label, "slot", name, "state", s.Producer.State.String())
	a.slotVersion.add(float64(s.Stamp.Version), "file", label, "slot", name)
	if s.Stamp.Version != 0 {
		a.slotAge.add(s.Age.Seconds(), "file", label, "slot", name)
		a.slotSession.add(float64(s.Stamp.Session), "file", label, "slot", name)
	}
	var notDecoded *decode.NotDecoded
	switch reason, err := e.addValue(label, name, s); {
	case errors.As(err, &notDecoded):
		a.skipped.count(1, "file", label, "reason", reasonCodec)
		e.remark(label, name, notDecoded.Reason)
	case err != nil:
		a.decodeErrors.count(1, "file", label)
		e.remark(label, name, err.Error())
	case reason != "":
		a.skipped.count(1, "file", label, "reason", reason)
		if reason != reasonType && reason != reasonNoValue { // these are no surprise
			e.remark(label, name, reason)
		}
	}
}

// Why a slot is not sent: values of the label reason.
const (
	reasonCodec    = "no codec"
	reasonNoValue  = "no value yet"
	reasonType     = "neither a number nor a one-dimensional histogram"
	reasonWeighted = "a histogram with weights or negative contents"
	reasonEdges    = "a histogram with gaps, or with edges that are not finite and ascending"
)

// addValue adds the metrics of a slot; else it says why not.
func (e *Exposition) addValue(label, name string, s Slot) (reason string, err error) {
	switch {
	case s.Err != nil:
		return "", s.Err
	case s.Stamp.Version == 0:
		return reasonNoValue, nil
	case s.Type.Name == familyType:
		return "", e.addNative(label, s)
	}
	n, reason := numberOf(s)
	if reason == "" {
		n.labels = pairs("file", label, "slot", name)
		e.numbers = append(e.numbers, n)
	}
	return reason, nil
}

// remark is a comment about a slot that cannot be sent.
func (e *Exposition) remark(label, name, text string) {
	if len(e.remarks) == maxRemarks {
		e.more++
		return
	}
	const long = 300
	e.remarks = append(e.remarks, show.Cut(show.Visible(fmt.Sprintf("not sent: %s: slot %s: %s", label, name, text)), long))
}

// Write writes the exposition: metrics by name, those about files and slots behind them, then comments.
// The error is that of w.
func (e *Exposition) Write(w io.Writer) error {
	families := e.gather()
	families = append(families, e.about.families()...)
	var text bytes.Buffer
	for _, f := range families {
		text.Reset()
		if _, err := expfmt.MetricFamilyToText(&text, f); err != nil { // checked before
			e.remarks = append(e.remarks, show.Visible(err.Error()))
			continue
		}
		if _, err := w.Write(text.Bytes()); err != nil {
			return err
		}
	}
	for _, remark := range e.remarks {
		if _, err := fmt.Fprintf(w, "# mapfile: %s\n", remark); err != nil {
			return err
		}
	}
	if e.more > 0 {
		if _, err := fmt.Fprintf(w, "# mapfile: %d more not sent\n", e.more); err != nil {
			return err
		}
	}
	return nil
}

// gather puts the metrics of the program and of all slots together: each name once, with one type and
// one HELP, and each combination of labels once. What contradicts what came before is left out and counted.
func (e *Exposition) gather() []*dto.MetricFamily {
	names := nameTable{}
	all := prometheus.Gatherers{gathered(e.own), gathered(e.native), nil}
	for _, f := range e.own {
		names.take(f.GetName(), f.GetType(), f.GetHelp())
	}
	for _, f := range e.native {
		if help := names.take(f.GetName(), f.GetType(), f.GetHelp()); help != "" {
			f.Help = &help
		} else {
			f.Help = nil
		}
	}
	all[2] = gathered(families(e.numbers, names))
	together, err := all.Gather()
	var several prometheus.MultiError
	if err != nil && !errors.As(err, &several) {
		several = prometheus.MultiError{err}
	}
	e.about.conflicts.count(float64(len(several)))
	for _, err := range several {
		if len(e.remarks) == maxRemarks {
			e.more++
			continue
		}
		e.remarks = append(e.remarks, show.Cut(show.Visible("left out: "+err.Error()), 300))
	}
	return together
}

func gathered(families []*dto.MetricFamily) prometheus.GathererFunc {
	return func() ([]*dto.MetricFamily, error) { return families, nil }
}

// valid makes a text fit for a label's value: names in damaged files may be no UTF-8.
func valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return show.Visible(s)
}

func pairs(labels ...string) []*dto.LabelPair {
	list := make([]*dto.LabelPair, 0, len(labels)/2)
	for i := 0; i < len(labels); i += 2 {
		list = append(list, &dto.LabelPair{Name: &labels[i], Value: &labels[i+1]})
	}
	return list
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func unix(at time.Time) float64 { return float64(at.UnixMilli()) / 1000 }
