package serve

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/decode"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/hist"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/record"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/codec"
	"github.com/gomapfile/mapfile/mapfile"
)

// A Drawing is what the page needs to draw an item, in JSON: numbers of a histogram, a value, bytes, or
// why there is nothing.

// Bounds of what is drawn. Larger things are for get and export.
const (
	maxPayload = 16 << 20 // bytes that are decoded
	maxBins    = 1 << 20  // of a histogram
	maxNodes   = 2000     // of a value
	maxText    = 4 << 10  // bytes of a text or a byte string in a value
	headBytes  = 512      // of a payload that nobody can decode
)

var errTooLarge = errors.New("too large to show here; mapfile-dump get and export have no such limit")

// drawing is everything of a Drawing that stays as long as the version. The state and the age follow in
// the frame, so that a late client gets them right from the same bytes.
type drawing struct {
	Item    string         `json:"item"`
	Title   string         `json:"title"`
	Type    string         `json:"type"`
	Version record.Natural `json:"version"`
	Commit  record.Natural `json:"commit"`
	Session record.Natural `json:"session"`
	Time    record.Moment  `json:"time"`
	Kind    string         `json:"kind"`
	X       *axis          `json:"x,omitempty"`
	Y       *axis          `json:"y,omitempty"`
	Content numbers        `json:"content,omitempty"`
	Errors  numbers        `json:"errors,omitempty"`
	Stats   [][2]string    `json:"stats,omitempty"`
	Value   *record.Value  `json:"value,omitempty"`
	Cut     bool           `json:"cut,omitempty"`
	Payload []byte         `json:"payload_head,omitempty"`
	Message string         `json:"message,omitempty"`
}

type axis struct {
	Bins  int     `json:"bins,omitempty"`
	Min   *number `json:"min,omitempty"`
	Max   *number `json:"max,omitempty"`
	Edges numbers `json:"edges,omitempty"`
	Title string  `json:"title"`
}

// newDrawing draws a payload.
func newDrawing(it item, path string, info mapfile.SlotInfo, payload []byte) *drawing {
	d := &drawing{
		Item: it.String(), Type: info.Type.Name, Version: record.Natural(info.Stamp.Version),
		Commit: record.Natural(info.Stamp.Commit), Session: record.Natural(info.Stamp.Session), Time: record.Moment(info.Stamp.Time),
	}
	d.Title, _, _ = strings.Cut(info.Title, ";") // the axes follow
	node, err := decode.Payload(path, info.Name, info.Type, payload)
	var undecoded *decode.NotDecoded
	switch {
	case errors.As(err, &undecoded):
		d.Kind, d.Payload, d.Message = "bytes", payload[:min(len(payload), headBytes)], undecoded.Reason
		return d
	case err != nil:
		d.Kind, d.Message = "error", reason(err)
		return d
	}
	h, ok := hist.Of(info.Type.Name, node)
	switch {
	case !ok:
		value := record.Value(cut(node, &d.Cut))
		d.Kind, d.Value = "value", &value
	case len(h.Content) > maxBins:
		d.Kind, d.Message = "error", errTooLarge.Error()
	default:
		h.TitledBy(info.Title)
		d.histogram(h)
	}
	return d
}

func (d *drawing) histogram(h *hist.Histogram) {
	d.Title, d.Stats = h.Title, statistics(h)
	d.X, d.Y = newAxis(h.X), newAxis(h.Y)
	d.Content, d.Errors = h.Content, make(numbers, len(h.Content))
	for i := range d.Errors {
		d.Errors[i] = h.Err(i)
	}
	switch h.Kind {
	case hist.H1D:
		d.Kind = "h1d"
	case hist.H2D:
		d.Kind = "h2d"
	case hist.P1D:
		d.Kind, d.Content = "p1d", h.Mean
		return
	}
	if slices.Equal(h.SumW2, h.Content) {
		d.Errors = nil // the roots of the contents
	}
}

func newAxis(a hist.Axis) *axis {
	x := &axis{Bins: a.Bins, Edges: a.Edges, Title: a.Title}
	if a.Bins > 0 {
		lo, hi := number(a.Min), number(a.Max)
		x.Min, x.Max = &lo, &hi
	}
	return x
}

// reason is an error's text without what the page shows already: operation, file and slot.
func reason(err error) string {
	var e *mapfile.Error
	if errors.As(err, &e) && e.Err != nil {
		err = e.Err
	}
	return err.Error()
}

// statistics are ready texts, in the order in which they are shown.
func statistics(h *hist.Histogram) [][2]string {
	list := [][2]string{{"entries", strconv.FormatInt(h.Total.Entries, 10)}}
	add := func(label string, x float64) { list = append(list, [2]string{label, show.Number(x)}) }
	add("mean", h.Total.MeanX())
	add("rms", h.Total.RMSX())
	if h.Kind != hist.H1D {
		add("mean y", h.Total.MeanY())
		add("rms y", h.Total.RMSY())
	}
	if h.Kind == hist.H2D {
		add("outside", h.Outside.W)
		return list
	}
	add("under", h.Under.W)
	add("over", h.Over.W)
	return list
}

// cut leaves of a value what a page can show, and tells whether that is not all.
func cut(n codec.Node, isCut *bool) codec.Node {
	left := maxNodes
	var copyOf func(n codec.Node) codec.Node
	copyOf = func(n codec.Node) codec.Node {
		left--
		switch v := n.Value.(type) {
		case string:
			if len(v) > maxText {
				n.Value, *isCut = strings.ToValidUTF8(v[:maxText], "")+"…", true
			}
		case []byte:
			if len(v) > maxText {
				n.Value, *isCut = v[:maxText], true
			}
		}
		children := n.Children
		n.Children = nil
		for _, child := range children {
			if left <= 0 {
				*isCut = true
				break
			}
			n.Children = append(n.Children, copyOf(child))
		}
		return n
	}
	return copyOf(n)
}

// numbers are numbers in JSON, with null for those that JSON has not.
type numbers []float64

// MarshalJSON never fails.
func (list numbers) MarshalJSON() ([]byte, error) {
	b := make([]byte, 0, 2+8*len(list))
	b = append(b, '[')
	for i, x := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendNumber(b, x)
	}
	return append(b, ']'), nil
}

type number float64

// MarshalJSON never fails.
func (x number) MarshalJSON() ([]byte, error) { return appendNumber(nil, float64(x)), nil }

func appendNumber(b []byte, x float64) []byte {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return append(b, "null"...)
	}
	format := byte('f')
	if a := math.Abs(x); a != 0 && (a < 1e-6 || a >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(b, x, format, -1, 64)
}

// A frame is a Drawing as bytes, shared by all clients.
type frame struct {
	id    identity
	kind  string
	body  []byte // a JSON object without its closing brace
	state string
	known bool          // it has an age
	age   time.Duration // of the value, at
	at    time.Time
}

// identity is what a value is recognised by, also after its file was replaced by one that counts anew.
type identity struct {
	version, session uint64
	published        int64
}

func identityOf(s mapfile.Stamp) identity {
	return identity{s.Version, s.Session, s.Time.UnixNano()}
}

// etag is the version as HTTP has it.
func (id identity) etag(state string) string {
	return `W/"` + strconv.FormatUint(id.version, 10) + "-" + strconv.FormatUint(id.session, 10) + "-" +
		strconv.FormatInt(id.published, 36) + "-" + state + `"`
}

// encode makes the frame's body.
func (d *drawing) encode() (body []byte, err error) {
	body, err = record.Line(d)
	if err != nil {
		return nil, err
	}
	return body[:len(body)-1], nil
}

// end is what follows the body: what is different each time that the frame is sent.
func (f *frame) end(now time.Time) []byte {
	b := append([]byte(`,"state":"`), f.state...)
	b = append(b, `","age_seconds":`...)
	if f.known {
		b = appendNumber(b, (f.age + now.Sub(f.at)).Seconds())
	} else {
		b = append(b, "null"...)
	}
	return append(b, '}')
}

// message is a frame without a value: kind "none" or "error".
func message(it item, kind, text string) *frame {
	d := &drawing{Item: it.String(), Kind: kind, Message: text}
	body, err := d.encode()
	if err != nil { // cannot be: texts only
		body = []byte(`{"kind":"error"`)
	}
	return &frame{kind: kind, body: body, state: mapfile.StateUnknown.String(), at: time.Now()}
}

// full is the whole Drawing now.
func (f *frame) full() []byte {
	return append(append(make([]byte, 0, len(f.body)+64), f.body...), f.end(time.Now())...)
}
