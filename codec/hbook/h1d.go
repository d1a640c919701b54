package hbookcodec

import (
	"go-hep.org/x/hep/hbook"
	"google.golang.org/protobuf/encoding/protowire"
)

func appendH1D(dst []byte, h *hbook.H1D, moments bool) ([]byte, error) {
	labels, err := labelsOf(h.Ann, &kindH1D)
	if err != nil {
		return nil, err
	}
	bins := h.Binning.Bins
	dst = appendText(dst, fieldName, labels[labelName])
	dst = appendText(dst, fieldTitle, labels[labelTitle])
	dst, err = appendAxis(dst, fieldX, len(bins), h.Binning.XRange,
		func(i int) hbook.Range { return bins[i].Range }, labels[labelX], labels[labelXUnit])
	if err != nil {
		return nil, err
	}
	dst = appendText(dst, fieldValueTitle, labels[labelValue])
	dst = appendText(dst, fieldValueUnit, labels[labelValueUnit])
	dst = appendSums(dst, fieldTotal, sums1D(&h.Binning.Dist))
	dst = appendSums(dst, fieldUnderflow, sums1D(&h.Binning.Outflows[0]))
	dst = appendSums(dst, fieldOverflow, sums1D(&h.Binning.Outflows[1]))
	if dst, err = appendAnnotations(dst, h.Ann, &kindH1D, &labels); err != nil {
		return nil, err
	}

	dst, col := appendColumn(dst, fieldSumW, len(bins))
	t := gatherSumW1D(col, bins)
	if t.squares != 0 {
		dst = appendColumn1D(dst, fieldSumW2, bins)
	}
	if t.counts != 0 {
		dst = appendColumn1D(dst, fieldN, bins)
	}
	if moments {
		dst = appendColumn1D(dst, fieldSumWX, bins)
		dst = appendColumn1D(dst, fieldSumWX2, bins)
	}
	return dst, nil
}

func gatherSumW1D(col []byte, bins []hbook.Bin1D) tally {
	for i := range bins {
		d := &bins[i].Dist.Dist
		if !plain(d) {
			return gatherTally1D(col[8*i:], bins[i:])
		}
		putFloat(col, i, d.SumW)
	}
	return tally{}
}

func gatherTally1D(col []byte, bins []hbook.Bin1D) (t tally) {
	for i := range bins {
		d := &bins[i].Dist.Dist
		t = t.with(d)
		putFloat(col, i, d.SumW)
	}
	return t
}

func appendColumn1D(dst []byte, num int, bins []hbook.Bin1D) []byte {
	dst, col := appendColumn(dst, protowire.Number(num), len(bins))
	switch num {
	case fieldSumW2:
		for i := range bins {
			putFloat(col, i, bins[i].Dist.Dist.SumW2)
		}
	case fieldN:
		for i := range bins {
			putWord(col, i, uint64(bins[i].Dist.Dist.N))
		}
	case fieldSumWX:
		for i := range bins {
			putFloat(col, i, bins[i].Dist.Stats.SumWX)
		}
	case fieldSumWX2:
		for i := range bins {
			putFloat(col, i, bins[i].Dist.Stats.SumWX2)
		}
	}
	return dst
}

// decodeH1D makes h, which may be used, what src says. h keeps its bins if they are as many.
func decodeH1D(src []byte, h *hbook.H1D) error {
	m := message{kind: &kindH1D}
	if err := m.parse(src); err != nil {
		return err
	}
	if err := m.x.check(); err != nil {
		return err
	}
	n := int(m.x.bins)
	if err := m.checkColumns(uint64(n)); err != nil {
		return err
	}
	if h.Ann == nil {
		h.Ann = hbook.Annotation{}
	}
	if err := readAnnotations(src, &m, h.Ann); err != nil {
		return err
	}
	h.Binning.XRange = hbook.Range{Min: m.x.min, Max: m.x.max}
	h.Binning.Dist = m.total.dist1D()
	h.Binning.Outflows = [2]hbook.Dist1D{m.under.dist1D(), m.over.dist1D()}
	bins := resize(h.Binning.Bins, n)
	h.Binning.Bins = bins
	for i := range bins {
		bins[i].Range = m.x.at(i)
	}
	counted := setSumW1D(bins, m.column(fieldSumW))
	for num := fieldSumW2; num <= fieldSumWX2; num++ {
		if col := m.column(num); len(col) > 0 {
			setColumn1D(bins, num, col)
		} else if num == fieldN && !counted {
			return errCounts
		}
	}
	return nil
}

// setSumW1D sets everything but the edges, as if all other columns were absent. It says whether the
// numbers of entries can be right.
func setSumW1D(bins []hbook.Bin1D, col []byte) (counted bool) {
	counted = true
	for i := range bins {
		d, w := &bins[i].Dist, floatAt(col, i)
		n, ok := countOf(w)
		if !ok {
			counted = false
		}
		d.Dist.N, d.Dist.SumW, d.Dist.SumW2 = n, w, w
		d.Stats = moments1D{}
	}
	return counted
}

type moments1D = struct{ SumWX, SumWX2 float64 }

func setColumn1D(bins []hbook.Bin1D, num int, col []byte) {
	switch num {
	case fieldSumW2:
		for i := range bins {
			bins[i].Dist.Dist.SumW2 = floatAt(col, i)
		}
	case fieldN:
		for i := range bins {
			bins[i].Dist.Dist.N = int64(wordAt(col, i))
		}
	case fieldSumWX:
		for i := range bins {
			bins[i].Dist.Stats.SumWX = floatAt(col, i)
		}
	case fieldSumWX2:
		for i := range bins {
			bins[i].Dist.Stats.SumWX2 = floatAt(col, i)
		}
	}
}

// resize returns a slice of n elements, s itself if it has as many. What lies behind s may be another
// object's.
func resize[T any](s []T, n int) []T {
	if len(s) != n {
		return make([]T, n)
	}
	return s
}
