package exporting

import (
	"encoding/base64"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/hist"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/codec"
)

// CSV: one table for all slots. Its first columns say which slot and which publish of it; row says what the rest
// of the row is, and so which of the other columns are used.

// Columns of the CSV.
var columns = []string{
	"slot", "type", "version", "commit", "session", "started", "time", // of the value, on each row
	"row",
	"bin", "x_low", "x_high", "y_low", "y_high", "content", "error", "entries", // rows of histograms
	"path", "value", // all other rows
}

// Values of the column row.
const (
	rowSlot      = "slot"  // the first of each slot: its title
	rowBin       = "bin"   // a bin; y_low and y_high only with two dimensions
	rowUnderflow = "under" // what fell below, above or around the bins: limits are infinite
	rowOverflow  = "over"
	rowOutside   = "outside"
	rowValue     = "value"   // one number or text of the value, with its path in it
	rowPayload   = "payload" // bytes, base64, where nothing here can decode them
	rowError     = "error"   // why there is no value
)

type csvWriter struct {
	w       *csv.Writer
	head    []string // the cells that are the same on all rows of a slot
	row     []string
	started bool
}

func newCSV(w io.Writer) *csvWriter { return &csvWriter{w: csv.NewWriter(w)} }

func (c *csvWriter) start() error {
	if c.started {
		return nil
	}
	c.started = true
	return c.w.Write(columns)
}

func (c *csvWriter) Put(s *Slot) error {
	if err := c.start(); err != nil {
		return err
	}
	c.head = append(c.head[:0], text(s.Name), text(s.Type.Name), natural(s.Stamp.Version), natural(s.Stamp.Commit), natural(s.Stamp.Session), "", "")
	if s.Producer.Session == s.Stamp.Session { // it may be another's slot by now
		c.head[5] = moment(s.Producer.Started)
	}
	c.head[6] = moment(s.Stamp.Time)
	err := c.put(rowSlot, "title", text(s.Title))
	switch {
	case err != nil || s.Err == nil && s.Stamp.Version == 0:
	case s.hasBytesOnly():
		err = c.put(rowPayload, "", base64.StdEncoding.EncodeToString(s.Payload))
	case s.Err != nil:
		err = c.put(rowError, "", text(s.fault()))
	default:
		err = c.putValue(s)
	}
	return err
}

// put writes a row that has no bin.
func (c *csvWriter) put(row, path, value string) error {
	return c.write(row, "", "", "", "", "", "", "", "", text(path), value)
}

func (c *csvWriter) write(row string, cells ...string) error {
	c.row = append(append(append(c.row[:0], c.head...), row), cells...)
	return c.w.Write(c.row)
}

func (c *csvWriter) putValue(s *Slot) error {
	if h, ok := hist.Of(s.Type.Name, s.Value); ok {
		if err := c.putBins(h, s.Value); err != nil {
			return err
		}
		return c.putRest(s.Value)
	}
	return c.putNode("", s.Value)
}

// putNode writes a row for each leaf of a value.
func (c *csvWriter) putNode(path string, n codec.Node) error {
	shape := show.ShapeOf(n)
	if shape == show.Leaf {
		return c.put(rowValue, path, leaf(n.Value))
	}
	for i, child := range n.Children {
		if err := c.putNode(below(path, child.Name, i, shape == show.List), child); err != nil {
			return err
		}
	}
	if len(n.Children) == 0 {
		return c.put(rowValue, path, "")
	}
	return nil
}

func below(path, name string, i int, list bool) string {
	switch {
	case list:
		return path + "[" + strconv.Itoa(i) + "]"
	case path == "":
		return name
	}
	return path + "." + name
}

// binned are the fields of a histogram that its rows of bins show: columns, and what is outside.
var binned = map[string]bool{"sum_w": true, "sum_w2": true, "entries": true, "outflows": true, "underflow": true, "overflow": true, "edges": true}

// putRest writes the fields that the bins do not show: titles, sums over all, moments, annotations.
func (c *csvWriter) putRest(n codec.Node) error {
	for _, field := range n.Children {
		if binned[field.Name] {
			continue
		}
		if err := c.putNode(field.Name, field); err != nil {
			return err
		}
	}
	return nil
}

// putBins writes a row for each bin, and for what is outside of them.
func (c *csvWriter) putBins(h *hist.Histogram, n codec.Node) error {
	for i := range h.Content {
		ix, iy := i%h.X.Bins, i/h.X.Bins
		bin := strconv.Itoa(ix)
		xLow, xHigh := edges(h.X, ix, show.Field(n, "x"))
		yLow, yHigh := "", ""
		if h.Kind == hist.H2D {
			bin = fmt.Sprintf("%d/%d", ix, iy)
			yLow, yHigh = edges(h.Y, iy, codec.Node{})
		}
		if err := c.write(rowBin, bin, xLow, xHigh, yLow, yHigh, real(h.Value(i)), real(h.Err(i)), real(h.Entries[i]), "", ""); err != nil {
			return err
		}
	}
	if h.Kind == hist.H2D {
		return c.putOutflows(h, show.Field(n, "outflows"))
	}
	min, max := real(h.X.Edge(0)), real(h.X.Edge(h.X.Bins))
	if err := c.putOutside(h.Kind, rowUnderflow, h.Under, "-inf", min, "", ""); err != nil {
		return err
	}
	return c.putOutside(h.Kind, rowOverflow, h.Over, max, "inf", "", "")
}

// edges are those of a bin. Where there are gaps the upper ones stand in upper_edges.
func edges(a hist.Axis, i int, n codec.Node) (low, high string) {
	if !a.Gaps {
		return real(a.Edge(i)), real(a.Edge(i + 1))
	}
	lower, upper := show.Field(n, "edges").Children, show.Field(n, "upper_edges").Children
	if i >= len(lower) || i >= len(upper) {
		return "", ""
	}
	return leaf(lower[i].Value), leaf(upper[i].Value)
}

// putOutside writes what is outside of the bins: of a profile the mean of y, too.
func (c *csvWriter) putOutside(kind hist.Kind, row string, s hist.Sums, xLow, xHigh, yLow, yHigh string) error {
	content, err := s.W, math.Sqrt(s.W2)
	if kind == hist.P1D {
		content, err = s.MeanY(), s.RMSY()/math.Sqrt(s.W*s.W/s.W2)
	}
	return c.write(row, "", xLow, xHigh, yLow, yHigh, real(content), real(err), strconv.FormatInt(s.Entries, 10), "", "")
}

// putOutflows writes the eight regions around a histogram of two dimensions, clockwise from the upper
// left corner, as the message has them.
func (c *csvWriter) putOutflows(h *hist.Histogram, outflows codec.Node) error {
	below, inside, above := 0, 1, 2
	limits := func(a hist.Axis, where int) (low, high string) {
		min, max := real(a.Edge(0)), real(a.Edge(a.Bins))
		switch where {
		case below:
			return "-inf", min
		case above:
			return max, "inf"
		}
		return min, max
	}
	for i, where := range [8][2]int{{below, above}, {inside, above}, {above, above}, {above, inside}, {above, below}, {inside, below}, {below, below}, {below, inside}} {
		var sums hist.Sums
		if i < len(outflows.Children) {
			sums = hist.SumsOf(outflows.Children[i])
		}
		xLow, xHigh := limits(h.X, where[0])
		yLow, yHigh := limits(h.Y, where[1])
		if err := c.putOutside(h.Kind, rowOutside, sums, xLow, xHigh, yLow, yHigh); err != nil {
			return err
		}
	}
	return nil
}

func (c *csvWriter) End() error {
	if err := c.start(); err != nil {
		return err
	}
	c.w.Flush()
	return c.w.Error()
}

func (c *csvWriter) Close() error { return nil }

// Cells. Numbers are as Go and pandas write them, with NaN, inf and -inf.

func real(x float64) string {
	switch {
	case math.IsInf(x, 1):
		return "inf"
	case math.IsInf(x, -1):
		return "-inf"
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}

func natural(n uint64) string { return strconv.FormatUint(n, 10) }

func moment(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return show.Time(at)
}

// leaf is a leaf of a decoded value.
func leaf(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case float64:
		return real(v)
	case string:
		return text(v)
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	case time.Time:
		return moment(v)
	}
	return fmt.Sprint(v) // bool, int64, uint64
}

// text makes text harmless for a spreadsheet, which would take it for a formula: what begins with one of
// = + - @ TAB CR LF gets a ' before it, and so that this can be undone, what begins with ' as well.
func text(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if s != "" && strings.ContainsRune("=+-@\t\r\n'", rune(s[0])) {
		return "'" + s
	}
	return s
}
