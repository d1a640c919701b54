package hbookcodec

// Profiles. hbook keeps their sums in unexported fields, and no method of P1D or BinP1D gives those of
// y. They can be read in two public ways: MarshalBinary, which takes 116 µs and 2,163 allocations for
// 100 bins, and package reflect, which may read unexported fields (not write them) and takes 2 µs and
// none: reflect it is. They can be written in one way, UnmarshalBinary, which is fast enough (4 µs).
//
// Both lean on hbook's layout, so it is tried once, on a profile that was filled: should another
// version of hbook differ, profiles are refused with an error and nothing else suffers.

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"sync"

	"go-hep.org/x/hep/hbook"
)

func appendP1D(dst []byte, p *hbook.P1D, moments bool) ([]byte, error) {
	if err := profileLayout(); err != nil {
		return nil, err
	}
	ann := p.Annotation()
	labels, err := labelsOf(ann, &kindP1D)
	if err != nil {
		return nil, err
	}
	bins, hidden := p.Binning().Bins(), hiddenSums(p)
	edges := binEdges{n: len(bins), inP: bins}
	dst = appendText(dst, fieldName, labels[labelName])
	dst = appendText(dst, fieldTitle, labels[labelTitle])
	dst, err = appendAxis(dst, fieldX, &edges, hbook.Range{Min: p.XMin(), Max: p.XMax()}, labels[labelX], labels[labelXUnit])
	if err != nil {
		return nil, err
	}
	dst = appendText(dst, fieldValueTitle, labels[labelValue])
	dst = appendText(dst, fieldValueUnit, labels[labelValueUnit])
	dst = appendSums(dst, fieldTotal, readDist(hidden.total))
	dst = appendSums(dst, fieldUnderflow, readDist(hidden.outflows.Index(0)))
	dst = appendSums(dst, fieldOverflow, readDist(hidden.outflows.Index(1)))
	if dst, err = appendAnnotations(dst, ann, &kindP1D, &labels); err != nil {
		return nil, err
	}

	dst, col := appendColumn(dst, fieldSumW, len(bins))
	var t tally
	for i := range bins {
		b := &bins[i]
		t = t.with(&hbook.Dist0D{N: b.Entries(), SumW: b.SumW(), SumW2: b.SumW2()})
		putFloat(col, i, b.SumW())
	}
	if t.squares != 0 {
		dst, col = appendColumn(dst, fieldSumW2, len(bins))
		for i := range bins {
			putFloat(col, i, bins[i].SumW2())
		}
	}
	if t.counts != 0 {
		dst, col = appendColumn(dst, fieldN, len(bins))
		for i := range bins {
			putWord(col, i, uint64(bins[i].Entries()))
		}
	}
	if moments {
		return appendMomentsP1D(dst, hidden, len(bins)), nil
	}
	return appendMomentsOfY(dst, hidden, len(bins)), nil
}

// appendMomentsOfY appends the sums of y and y² of n bins. Each step of package reflect counts here:
// they are most of what a profile takes.
func appendMomentsOfY(dst []byte, h hidden, n int) []byte {
	var wy, wy2 []byte
	dst = growColumns(dst, n, 2)
	dst, wy = appendColumn(dst, fieldSumWY, n)
	dst, wy2 = appendColumn(dst, fieldSumWY2, n)
	for i := range n {
		y := h.bin(i).Field(distY).Field(partStats)
		putFloat(wy, i, y.Field(0).Float())
		putFloat(wy2, i, y.Field(1).Float())
	}
	return dst
}

func appendMomentsP1D(dst []byte, h hidden, n int) []byte {
	var wx, wx2, wxy []byte
	dst = growColumns(dst, n, 5)
	dst, wx = appendColumn(dst, fieldSumWX, n)
	dst, wx2 = appendColumn(dst, fieldSumWX2, n)
	dst = appendMomentsOfY(dst, h, n)
	dst, wxy = appendColumn(dst, fieldSumWXY, n)
	for i := range n {
		d := h.bin(i)
		x := d.Field(distX).Field(partStats)
		putFloat(wx, i, x.Field(0).Float())
		putFloat(wx2, i, x.Field(1).Float())
		putFloat(wxy, i, d.Field(distStats).Field(0).Float())
	}
	return dst
}

// hidden has what methods of P1D do not show.
type hidden struct{ bins, total, outflows reflect.Value }

// Where the fields are; see profileLayout.
const (
	profileBinning                            = 0 // of P1D
	binningBins, binningDist, binningOutflows = 0, 1, 2
	binDist                                   = 1 // of BinP1D
	distX, distY, distStats                   = 0, 1, 2
	partDist, partStats                       = 0, 1
)

func hiddenSums(p *hbook.P1D) hidden {
	binning := reflect.ValueOf(p).Elem().Field(profileBinning)
	return hidden{binning.Field(binningBins), binning.Field(binningDist), binning.Field(binningOutflows)}
}

// bin returns the Dist2D of bin i.
func (h hidden) bin(i int) reflect.Value { return h.bins.Index(i).Field(binDist) }

// readMoment reads the sum with that field number from a Dist2D.
func readMoment(d reflect.Value, num int) float64 {
	switch num {
	case fieldSumWX, fieldSumWX2:
		return d.Field(distX).Field(partStats).Field(num - fieldSumWX).Float()
	case fieldSumWY, fieldSumWY2:
		return d.Field(distY).Field(partStats).Field(num - fieldSumWY).Float()
	}
	return d.Field(distStats).Field(0).Float()
}

func readDist(d reflect.Value) sums {
	x := d.Field(distX).Field(partDist)
	return sums{
		n: x.Field(0).Int(), w: x.Field(1).Float(), w2: x.Field(2).Float(),
		wx: readMoment(d, fieldSumWX), wx2: readMoment(d, fieldSumWX2),
		wy: readMoment(d, fieldSumWY), wy2: readMoment(d, fieldSumWY2),
		wxy: readMoment(d, fieldSumWXY),
	}
}

// scratch holds the bytes for UnmarshalBinary, which does not keep them.
var scratch = sync.Pool{New: func() any { return new([]byte) }}

const maxScratch = 1 << 20

// decodeP1D makes p, which may be used, what src says. Bins that p had stay what they were: hbook
// makes new ones.
func decodeP1D(src []byte, p *hbook.P1D) error {
	if err := profileLayout(); err != nil {
		return err
	}
	m := message{kind: &kindP1D}
	if err := m.parse(src); err != nil {
		return err
	}
	if err := m.x.check(); err != nil {
		return err
	}
	if err := m.checkColumns(uint64(m.x.bins)); err != nil {
		return err
	}
	if len(m.column(fieldSumWY)) == 0 || len(m.column(fieldSumWY2)) == 0 {
		return errors.New("hbook: a profile without the sums of y")
	}
	if p.Annotation() == nil {
		*p = *hbook.NewP1D(1, 0, 1)
	}
	if err := readAnnotations(src, &m, p.Annotation()); err != nil {
		return err
	}
	buf := scratch.Get().(*[]byte)
	binning, err := appendBinning((*buf)[:0], &m)
	if err == nil {
		err = p.Binning().UnmarshalBinary(binning)
	}
	if cap(binning) <= maxScratch {
		*buf = binning
		scratch.Put(buf)
	}
	return err
}

// Lengths of hbook's structs in MarshalBinary.
const (
	rangeLen = 16
	sumsLen  = 24                            // Dist0D
	partLen  = 8 + sumsLen + 16              // Dist1D
	distLen  = 8 + partLen + 8 + partLen + 8 // Dist2D
	binLen   = 8 + rangeLen + 8 + distLen
)

// appendBinning appends what hbook's UnmarshalBinary reads: parts in the order of the struct's fields,
// structs with their length in front, all numbers of 8 bytes.
func appendBinning(dst []byte, m *message) ([]byte, error) {
	le := binary.LittleEndian
	n := int(m.x.bins)
	dst = slices.Grow(dst, 8+n*len(binBytes{})+3*len(distBytes{})+8+rangeLen+8)
	dst = le.AppendUint64(dst, uint64(n))
	bins := dst[len(dst) : len(dst)+n*len(binBytes{})]
	dst = dst[:len(dst)+len(bins)]
	sumW, sumW2 := m.sumsOfWeights()
	counts, wx, wx2 := m.column(fieldN), m.column(fieldSumWX), m.column(fieldSumWX2)
	wy, wy2, wxy := m.column(fieldSumWY), m.column(fieldSumWY2), m.column(fieldSumWXY)
	for i := range n {
		s := sums{w: floatAt(sumW, i), w2: floatAt(sumW2, i), wy: floatAt(wy, i), wy2: floatAt(wy2, i)}
		if len(counts) > 0 {
			s.n = int64(wordAt(counts, i))
		} else if count, ok := countOf(s.w); ok {
			s.n = count
		} else {
			return dst, errCounts
		}
		if len(wx) > 0 {
			s.wx = floatAt(wx, i)
		}
		if len(wx2) > 0 {
			s.wx2 = floatAt(wx2, i)
		}
		if len(wxy) > 0 {
			s.wxy = floatAt(wxy, i)
		}
		b := (*binBytes)(bins[i*len(binBytes{}):])
		r := m.x.at(i)
		le.PutUint64(b[0:], binLen)
		le.PutUint64(b[8:], rangeLen)
		le.PutUint64(b[16:], math.Float64bits(r.Min))
		le.PutUint64(b[24:], math.Float64bits(r.Max))
		s.putDist((*distBytes)(b[32:]))
	}
	for _, s := range [...]*sums{&m.total, &m.under, &m.over} {
		dst = dst[:len(dst)+len(distBytes{})]
		s.putDist((*distBytes)(dst[len(dst)-len(distBytes{}):]))
	}
	dst = appendNumbers(le.AppendUint64(dst, rangeLen), m.x.min, m.x.max)
	return appendNumbers(dst, float64(n)/(m.x.max-m.x.min)), nil // bins per x, as NewP1D has it
}

// A bin and a Dist2D, with their lengths in front.
type (
	binBytes  [8 + binLen]byte
	distBytes [8 + distLen]byte
)

func (s *sums) putDist(b *distBytes) {
	le := binary.LittleEndian
	le.PutUint64(b[0:], distLen)
	le.PutUint64(b[8:], partLen) // the x part
	le.PutUint64(b[16:], sumsLen)
	le.PutUint64(b[24:], uint64(s.n))
	le.PutUint64(b[32:], math.Float64bits(s.w))
	le.PutUint64(b[40:], math.Float64bits(s.w2))
	le.PutUint64(b[48:], math.Float64bits(s.wx))
	le.PutUint64(b[56:], math.Float64bits(s.wx2))
	le.PutUint64(b[64:], partLen) // the y part
	le.PutUint64(b[72:], sumsLen)
	le.PutUint64(b[80:], uint64(s.n))
	le.PutUint64(b[88:], math.Float64bits(s.w))
	le.PutUint64(b[96:], math.Float64bits(s.w2))
	le.PutUint64(b[104:], math.Float64bits(s.wy))
	le.PutUint64(b[112:], math.Float64bits(s.wy2))
	le.PutUint64(b[120:], math.Float64bits(s.wxy))
}

func appendNumbers(dst []byte, xs ...float64) []byte {
	for _, x := range xs {
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(x))
	}
	return dst
}

// profileLayout says whether hbook's profiles look as this file takes them to: what is read by
// reflect, written as it is to UnmarshalBinary, must be what MarshalBinary gives.
var profileLayout = sync.OnceValue(func() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("hbook: profiles of this version of go-hep.org/x/hep are not supported: %v", r)
		}
	}()
	p := hbook.NewP1D(2, -1, 3)
	for i, x := range []float64{-2, 0.5, 0.75, 2, 5} {
		p.Fill(x, 10*x+1, float64(i+2))
	}
	want, err := p.Binning().MarshalBinary()
	if err != nil {
		return err
	}
	h, bins := hiddenSums(p), p.Binning().Bins()
	m := message{kind: &kindP1D, total: readDist(h.total), under: readDist(h.outflows.Index(0)), over: readDist(h.outflows.Index(1))}
	m.x = axis{bins: 2, min: p.XMin(), max: p.XMax(), width: bins[0].XWidth()}
	for i := range bins {
		s := readDist(h.bin(i))
		for num, x := range map[int]float64{fieldSumW: s.w, fieldSumW2: s.w2, fieldSumWX: s.wx, fieldSumWX2: s.wx2,
			fieldSumWY: s.wy, fieldSumWY2: s.wy2, fieldSumWXY: s.wxy} {
			m.columns[num-firstColumn].raw = appendNumbers(m.columns[num-firstColumn].raw, x)
		}
		counts := &m.columns[fieldN-firstColumn].raw
		*counts = binary.LittleEndian.AppendUint64(*counts, uint64(s.n))
	}
	if got, err := appendBinning(nil, &m); err != nil || !bytes.Equal(got, want) {
		panic("they are laid out differently")
	}
	return nil
})
