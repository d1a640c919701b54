package hbookcodec

import "go-hep.org/x/hep/hbook"

func appendH1D(dst []byte, h *hbook.H1D, moments bool) ([]byte, error) {
	labels, err := labelsOf(h.Ann, &kindH1D)
	if err != nil {
		return nil, err
	}
	bins := h.Binning.Bins
	edges := binEdges{n: len(bins), in1D: bins}
	dst = appendText(dst, fieldName, labels[labelName])
	dst = appendText(dst, fieldTitle, labels[labelTitle])
	dst, err = appendAxis(dst, fieldX, &edges, h.Binning.XRange, labels[labelX], labels[labelXUnit])
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

	dst, sumW := appendColumn(dst, fieldSumW, len(bins))
	t := gatherSumW1D(sumW, bins)
	if t.squares != 0 {
		var col []byte
		dst, col = appendColumn(dst, fieldSumW2, len(bins))
		for i := range bins {
			putFloat(col, i, bins[i].Dist.Dist.SumW2)
		}
	}
	if t.counts != 0 {
		var col []byte
		dst, col = appendColumn(dst, fieldN, len(bins))
		for i := range bins {
			putWord(col, i, uint64(bins[i].Dist.Dist.N))
		}
	}
	if moments {
		var col []byte
		dst, col = appendColumn(dst, fieldSumWX, len(bins))
		for i := range bins {
			putFloat(col, i, bins[i].Dist.Stats.SumWX)
		}
		dst, col = appendColumn(dst, fieldSumWX2, len(bins))
		for i := range bins {
			putFloat(col, i, bins[i].Dist.Stats.SumWX2)
		}
	}
	return dst, nil
}

// gatherSumW1D fills col with the sums of weights.
func gatherSumW1D(col []byte, bins []hbook.Bin1D) (t tally) {
	var sumW2, counts blockOfColumn
	for len(bins) >= block {
		b, sumW := (*[block]hbook.Bin1D)(bins), (*blockOfColumn)(col)
		var large uint64
		for i := range b {
			d := &b[i].Dist.Dist
			sumW.put(i, d.SumW)
			sumW2.put(i, d.SumW2)
			counts.put(i, float64(d.N))
			large |= uint64(d.N)
		}
		if *sumW != sumW2 || *sumW != counts || large >= maxCount {
			break
		}
		bins, col = bins[block:], col[8*block:]
	}
	for i := range bins {
		d := &bins[i].Dist.Dist
		t = t.with(d)
		putFloat(col, i, d.SumW)
	}
	return t
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
	m.x.setEdges(bins)
	sumW, sumW2 := m.sumsOfWeights()
	if counts := m.column(fieldN); len(counts) > 0 {
		setCounted1D(bins, sumW, sumW2, counts)
	} else if !setUncounted1D(bins, sumW, sumW2) {
		return errCounts
	}
	if col := m.column(fieldSumWX); len(col) > 0 {
		for i := range bins {
			bins[i].Dist.Stats.SumWX = floatAt(col, i)
		}
	}
	if col := m.column(fieldSumWX2); len(col) > 0 {
		for i := range bins {
			bins[i].Dist.Stats.SumWX2 = floatAt(col, i)
		}
	}
	return nil
}

type moments1D = struct{ SumWX, SumWX2 float64 }

// setCounted1D sets the sums of bins, all but their moments, which become zero.
func setCounted1D(bins []hbook.Bin1D, sumW, sumW2, counts []byte) {
	for i := range bins {
		d := &bins[i].Dist
		d.Dist.N, d.Dist.SumW, d.Dist.SumW2 = int64(wordAt(counts, i)), floatAt(sumW, i), floatAt(sumW2, i)
		d.Stats = moments1D{}
	}
}

// setUncounted1D does it where the numbers of entries are the sums of weights. It says whether these
// can be such numbers.
func setUncounted1D(bins []hbook.Bin1D, sumW, sumW2 []byte) (counted bool) {
	counted = true
	for i := range bins {
		d, w := &bins[i].Dist, floatAt(sumW, i)
		n, ok := countOf(w)
		if !ok {
			counted = false
		}
		d.Dist.N, d.Dist.SumW, d.Dist.SumW2 = n, w, floatAt(sumW2, i)
		d.Stats = moments1D{}
	}
	return counted
}

// resize returns a slice of n elements, s itself if it has as many. What lies behind s may be another
// object's.
func resize[T any](s []T, n int) []T {
	if len(s) != n {
		return make([]T, n)
	}
	return s
}
