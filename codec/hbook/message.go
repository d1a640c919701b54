package hbookcodec

import (
	"errors"
	"fmt"
	"math"

	"go-hep.org/x/hep/hbook"
	"google.golang.org/protobuf/encoding/protowire"
)

// Fields of mapfile.v1.H1D, H2D and P1D. A number means the same in each that has it.
const (
	fieldName       = 1
	fieldTitle      = 2
	fieldX          = 3
	fieldY          = 4 // H2D
	fieldValueTitle = 5
	fieldValueUnit  = 6
	fieldTotal      = 7
	fieldUnderflow  = 8  // H1D, P1D
	fieldOverflow   = 9  // H1D, P1D
	fieldOutflows   = 10 // H2D
	fieldAnnotation = 11

	fieldSumW   = 16
	fieldSumW2  = 17
	fieldN      = 18
	fieldSumWX  = 19
	fieldSumWX2 = 20
	fieldSumWY  = 21 // H2D, P1D
	fieldSumWY2 = 22 // H2D, P1D
	fieldSumWXY = 23 // H2D, P1D

	firstColumn = fieldSumW
	numColumns  = fieldSumWXY - firstColumn + 1
)

// Labels are the texts that are annotations in hbook and fields of their own in messages.
const (
	labelName = iota
	labelTitle
	labelX
	labelXUnit
	labelY // H2D
	labelYUnit
	labelValue
	labelValueUnit
	numLabels
)

// kind is what differs between the three messages.
type kind struct {
	fields uint32            // bit n: it has field n
	keys   [numLabels]string // the annotation that is each label; "" if it has no such label
}

var (
	kindH1D = kind{
		fields: bits(fieldName, fieldTitle, fieldX, fieldValueTitle, fieldValueUnit,
			fieldTotal, fieldUnderflow, fieldOverflow, fieldAnnotation,
			fieldSumW, fieldSumW2, fieldN, fieldSumWX, fieldSumWX2),
		keys: [numLabels]string{"name", "title", "XLabel", "XUnit", "", "", "YLabel", "YUnit"},
	}
	kindP1D = kind{
		fields: kindH1D.fields | bits(fieldSumWY, fieldSumWY2, fieldSumWXY),
		keys:   kindH1D.keys,
	}
	kindH2D = kind{
		fields: kindP1D.fields&^bits(fieldUnderflow, fieldOverflow) | bits(fieldY, fieldOutflows),
		keys:   [numLabels]string{"name", "title", "XLabel", "XUnit", "YLabel", "YUnit", "ZLabel", "ZUnit"},
	}
)

func bits(nums ...int) (mask uint32) {
	for _, num := range nums {
		mask |= 1 << num
	}
	return mask
}

func (k *kind) has(num protowire.Number) bool { return num < 32 && k.fields>>uint(num)&1 != 0 }

// message is a decoded payload but for the annotations, which are read when the rest is known to be
// right. It aliases the payload.
type message struct {
	kind                  *kind
	name, title           []byte
	x, y                  axis
	valueTitle, valueUnit []byte
	total, under, over    sums
	annotated             bool // there are annotations beside the labels
	outflows              [8]sums
	numOutflows           int
	columns               [numColumns]pieces
}

func (m *message) parse(src []byte) error {
	for len(src) > 0 {
		f, rest, err := nextField(src)
		if err != nil {
			return err
		}
		src = rest
		if !m.kind.has(f.num) {
			continue
		}
		if f.num >= firstColumn {
			err = m.columns[f.num-firstColumn].addColumn(f)
		} else if f.typ == protowire.BytesType {
			err = m.set(f)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *message) set(f field) error {
	switch f.num {
	case fieldName:
		return setText(&m.name, f)
	case fieldTitle:
		return setText(&m.title, f)
	case fieldX:
		return m.x.parse(f.body)
	case fieldY:
		return m.y.parse(f.body)
	case fieldValueTitle:
		return setText(&m.valueTitle, f)
	case fieldValueUnit:
		return setText(&m.valueUnit, f)
	case fieldTotal:
		return m.total.parse(f.body)
	case fieldUnderflow:
		return m.under.parse(f.body)
	case fieldOverflow:
		return m.over.parse(f.body)
	case fieldOutflows:
		if m.numOutflows == len(m.outflows) {
			return fmt.Errorf("hbook: more than %d outflows", len(m.outflows))
		}
		m.numOutflows++
		return m.outflows[m.numOutflows-1].parse(f.body)
	case fieldAnnotation:
		m.annotated = true
	}
	return nil
}

func (m *message) labels() [numLabels][]byte {
	return [numLabels][]byte{m.name, m.title, m.x.title, m.x.unit, m.y.title, m.y.unit, m.valueTitle, m.valueUnit}
}

// column returns the raw column of that field, nil if it is absent.
func (m *message) column(num int) []byte { return m.columns[num-firstColumn].raw }

// sumsOfWeights returns the columns of sums of weights and of squared weights, which follow from the
// former if they are absent.
func (m *message) sumsOfWeights() (sumW, sumW2 []byte) {
	sumW, sumW2 = m.column(fieldSumW), m.column(fieldSumW2)
	if len(sumW2) == 0 {
		sumW2 = sumW
	}
	return sumW, sumW2
}

// checkColumns refuses columns that have not n elements each. Only sumW must be there: memory for n
// bins is never taken on the word of a payload that is shorter than that.
func (m *message) checkColumns(n uint64) error {
	for i := range m.columns {
		got := m.columns[i].len()
		if uint64(got) != n && (got != 0 || i == fieldSumW-firstColumn) {
			return fmt.Errorf("hbook: field %d: %d elements for %d bins", i+firstColumn, got, n)
		}
	}
	return nil
}

var errCounts = errors.New("hbook: a payload without numbers of entries, but with sums of weights that are no such numbers")

// maxCount is where float64 begins to miss numbers. Numbers of entries beyond have a column.
const maxCount = 1 << 53

// tally finds out whether columns follow from the sums of weights. Differences are gathered with "or".
type tally struct {
	squares uint64 // between sumW2 and sumW
	counts  uint64 // between entries and sumW
}

// with returns t with one more bin.
func (t tally) with(d *hbook.Dist0D) tally {
	w := math.Float64bits(d.SumW)
	t.squares |= w ^ math.Float64bits(d.SumW2)
	t.counts |= w ^ math.Float64bits(float64(d.N))
	t.counts |= uint64(d.N) / maxCount
	return t
}

// countOf returns the number of entries that a sum of weights stands for if there is no column of
// them, and whether it can be one.
func countOf(w float64) (n int64, ok bool) {
	n = int64(w)
	return n, float64(n) == w && uint64(n) < maxCount
}

// Fields of mapfile.v1.Sums.
const (
	sumsN   = 1
	sumsW   = 2
	sumsW2  = 3
	sumsWX  = 4
	sumsWX2 = 5
	sumsWY  = 6
	sumsWY2 = 7
	sumsWXY = 8
)

// sums is a mapfile.v1.Sums.
type sums struct {
	n                            int64
	w, w2, wx, wx2, wy, wy2, wxy float64
}

func sums1D(d *hbook.Dist1D) sums {
	return sums{n: d.Dist.N, w: d.Dist.SumW, w2: d.Dist.SumW2, wx: d.Stats.SumWX, wx2: d.Stats.SumWX2}
}

func sums2D(d *hbook.Dist2D) sums {
	s := sums1D(&d.X)
	s.wy, s.wy2, s.wxy = d.Y.Stats.SumWX, d.Y.Stats.SumWX2, d.Stats.SumWXY
	return s
}

func (s *sums) dist1D() (d hbook.Dist1D) {
	d.Dist = hbook.Dist0D{N: s.n, SumW: s.w, SumW2: s.w2}
	d.Stats.SumWX, d.Stats.SumWX2 = s.wx, s.wx2
	return d
}

func (s *sums) dist2D() (d hbook.Dist2D) {
	d.X = s.dist1D()
	d.Y.Dist = d.X.Dist
	d.Y.Stats.SumWX, d.Y.Stats.SumWX2, d.Stats.SumWXY = s.wy, s.wy2, s.wxy
	return d
}

func (s *sums) parse(src []byte) error {
	for len(src) > 0 {
		f, rest, err := nextField(src)
		if err != nil {
			return err
		}
		switch src = rest; f.num {
		case sumsN:
			if f.typ == protowire.VarintType {
				s.n = int64(f.bits)
			}
		case sumsW:
			setFloat(&s.w, f)
		case sumsW2:
			setFloat(&s.w2, f)
		case sumsWX:
			setFloat(&s.wx, f)
		case sumsWX2:
			setFloat(&s.wx2, f)
		case sumsWY:
			setFloat(&s.wy, f)
		case sumsWY2:
			setFloat(&s.wy2, f)
		case sumsWXY:
			setFloat(&s.wxy, f)
		}
	}
	return nil
}

func appendSums(dst []byte, num protowire.Number, s sums) []byte {
	dst, start := openMessage(dst, num)
	dst = appendInt(dst, sumsN, uint64(s.n))
	dst = appendFloat(dst, sumsW, s.w)
	dst = appendFloat(dst, sumsW2, s.w2)
	dst = appendFloat(dst, sumsWX, s.wx)
	dst = appendFloat(dst, sumsWX2, s.wx2)
	dst = appendFloat(dst, sumsWY, s.wy)
	dst = appendFloat(dst, sumsWY2, s.wy2)
	dst = appendFloat(dst, sumsWXY, s.wxy)
	return closeMessage(dst, start)
}
