package hbookcodec

import (
	"errors"
	"fmt"

	"go-hep.org/x/hep/hbook"
)

func appendH2D(dst []byte, h *hbook.H2D, moments bool) ([]byte, error) {
	b := &h.Binning
	bins, nx, ny := b.Bins, b.Nx, b.Ny
	if nx < 1 || ny < 1 || nx > maxBins || ny > maxBins/nx || len(bins) != nx*ny {
		return nil, fmt.Errorf("hbook: cannot encode a 2-D histogram of %d times %d bins that has %d", nx, ny, len(bins))
	}
	labels, err := labelsOf(h.Ann, &kindH2D)
	if err != nil {
		return nil, err
	}
	dst = appendText(dst, fieldName, labels[labelName])
	dst = appendText(dst, fieldTitle, labels[labelTitle])
	x, y := binEdges{n: nx, in2D: bins}, binEdges{n: ny, in2D: bins, nx: nx}
	if dst, err = appendAxis(dst, fieldX, &x, b.XRange, labels[labelX], labels[labelXUnit]); err != nil {
		return nil, err
	}
	if dst, err = appendAxis(dst, fieldY, &y, b.YRange, labels[labelY], labels[labelYUnit]); err != nil {
		return nil, err
	}
	dst = appendText(dst, fieldValueTitle, labels[labelValue])
	dst = appendText(dst, fieldValueUnit, labels[labelValueUnit])
	dst = appendSums(dst, fieldTotal, sums2D(&b.Dist))
	for i := range b.Outflows {
		dst = appendSums(dst, fieldOutflows, sums2D(&b.Outflows[i]))
	}
	if dst, err = appendAnnotations(dst, h.Ann, &kindH2D, &labels); err != nil {
		return nil, err
	}

	n := len(bins)
	dst, sumW := appendColumn(dst, fieldSumW, n)
	switch t := gatherSumW2D(sumW, bins); {
	case t.squares != 0 && t.counts != 0:
		at := len(dst) - len(sumW)
		var sumW2, counts []byte
		dst = growColumns(dst, n, 2)
		sumW = dst[at:]
		dst, sumW2 = appendColumn(dst, fieldSumW2, n)
		dst, counts = appendColumn(dst, fieldN, n)
		gatherSums2D(sumW, sumW2, counts, bins)
	case t.squares != 0:
		var sumW2 []byte
		dst, sumW2 = appendColumn(dst, fieldSumW2, n)
		for i := range bins {
			putFloat(sumW2, i, bins[i].Dist.X.Dist.SumW2)
		}
	case t.counts != 0:
		var counts []byte
		dst, counts = appendColumn(dst, fieldN, n)
		for i := range bins {
			putWord(counts, i, uint64(bins[i].Dist.X.Dist.N))
		}
	}
	if moments {
		dst = appendMoments2D(dst, bins)
	}
	return dst, nil
}

// gatherSumW2D fills col with the sums of weights, unless it finds that both other columns are needed:
// then it stops, as gatherSums2D is to fill all three.
func gatherSumW2D(col []byte, bins []hbook.Bin2D) (t tally) {
	var sumW2, counts blockOfColumn
	for len(bins) >= block {
		b, sumW := (*[block]hbook.Bin2D)(bins), (*blockOfColumn)(col)
		var large uint64
		for i := range b {
			d := &b[i].Dist.X.Dist
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
		d := &bins[i].Dist.X.Dist
		t = t.with(d)
		if t.squares != 0 && t.counts != 0 {
			break
		}
		putFloat(col, i, d.SumW)
	}
	return t
}

// gatherSums2D fills three columns in one pass: bins are large, and to fetch them is what takes time.
func gatherSums2D(sumW, sumW2, counts []byte, bins []hbook.Bin2D) {
	n := 8 * len(bins)
	sumW, sumW2, counts = sumW[:n], sumW2[:n], counts[:n]
	for i := range bins {
		d := &bins[i].Dist.X.Dist
		putFloat(sumW, i, d.SumW)
		putFloat(sumW2, i, d.SumW2)
		putWord(counts, i, uint64(d.N))
	}
}

func appendMoments2D(dst []byte, bins []hbook.Bin2D) []byte {
	n := len(bins)
	var wx, wx2, wy, wy2, wxy []byte
	dst = growColumns(dst, n, 5)
	dst, wx = appendColumn(dst, fieldSumWX, n)
	dst, wx2 = appendColumn(dst, fieldSumWX2, n)
	dst, wy = appendColumn(dst, fieldSumWY, n)
	dst, wy2 = appendColumn(dst, fieldSumWY2, n)
	dst, wxy = appendColumn(dst, fieldSumWXY, n)
	for i := range bins {
		d := &bins[i].Dist
		putFloat(wx, i, d.X.Stats.SumWX)
		putFloat(wx2, i, d.X.Stats.SumWX2)
		putFloat(wy, i, d.Y.Stats.SumWX)
		putFloat(wy2, i, d.Y.Stats.SumWX2)
		putFloat(wxy, i, d.Stats.SumWXY)
	}
	return dst
}

// decodeH2D makes h, which may be used, what src says. h keeps its bins if they are as many.
func decodeH2D(src []byte, h *hbook.H2D) error {
	m := message{kind: &kindH2D}
	if err := m.parse(src); err != nil {
		return err
	}
	if err := errors.Join(m.x.check(), m.y.check()); err != nil {
		return err
	}
	if m.x.upper.len() > 0 || m.y.upper.len() > 0 {
		return errGaps // hbook could not fill such a grid
	}
	if err := m.checkColumns(uint64(m.x.bins) * uint64(m.y.bins)); err != nil {
		return err
	}
	if h.Ann == nil {
		h.Ann = hbook.Annotation{}
	}
	if err := readAnnotations(src, &m, h.Ann); err != nil {
		return err
	}
	b, nx, ny := &h.Binning, int(m.x.bins), int(m.y.bins)
	b.Nx, b.Ny = nx, ny
	b.XRange = hbook.Range{Min: m.x.min, Max: m.x.max}
	b.YRange = hbook.Range{Min: m.y.min, Max: m.y.max}
	b.Dist = m.total.dist2D()
	for i := range b.Outflows {
		b.Outflows[i] = m.outflows[i].dist2D()
	}
	if len(b.XEdges) > 0 && len(b.YEdges) > 0 && &b.XEdges[0] == &b.YEdges[0] {
		b.YEdges = nil // somebody let a square histogram have them once
	}
	b.XEdges = setEdges(b.XEdges, &m.x)
	b.YEdges = setEdges(b.YEdges, &m.y)
	b.Bins = resize(b.Bins, nx*ny)
	return setBins2D(b, &m)
}

func setEdges(edges []hbook.Bin1D, a *axis) []hbook.Bin1D {
	edges = resize(edges, int(a.bins))
	clear(edges)
	a.setEdges(edges)
	return edges
}

// setBins2D goes row by row, so that moments find the bins in the first-level cache.
func setBins2D(b *hbook.Binning2D, m *message) error {
	sumW, sumW2 := m.sumsOfWeights()
	counts, counted := m.column(fieldN), true
	for iy := range b.Ny {
		from, to := iy*b.Nx, (iy+1)*b.Nx
		row, w, w2, y := b.Bins[from:to], sumW[8*from:8*to], sumW2[8*from:8*to], b.YEdges[iy].Range
		if len(counts) > 0 {
			setCounted2D(row, b.XEdges, y, w, w2, counts[8*from:8*to])
		} else if !setUncounted2D(row, b.XEdges, y, w, w2) {
			counted = false
		}
		for num := fieldSumWX; num <= fieldSumWXY; num++ {
			if col := m.column(num); len(col) > 0 {
				setMoment2D(row, num, col[8*from:8*to])
			}
		}
	}
	if !counted {
		return errCounts
	}
	return nil
}

// setCounted2D sets a row of bins, but for their moments, which become zero. Field by field: a
// composite literal would be made on the stack and copied, which takes four times as long. To compare
// before storing takes longer too.
func setCounted2D(row []hbook.Bin2D, xs []hbook.Bin1D, y hbook.Range, sumW, sumW2, counts []byte) {
	xs = xs[:len(row)]
	for i := range row {
		b, n, w, w2 := &row[i], int64(wordAt(counts, i)), floatAt(sumW, i), floatAt(sumW2, i)
		b.XRange, b.YRange = xs[i].Range, y
		d := &b.Dist
		d.X.Dist.N, d.X.Dist.SumW, d.X.Dist.SumW2 = n, w, w2
		d.X.Stats = moments1D{}
		d.Y.Dist.N, d.Y.Dist.SumW, d.Y.Dist.SumW2 = n, w, w2
		d.Y.Stats = moments1D{}
		d.Stats.SumWXY = 0
	}
}

// setUncounted2D does it where the numbers of entries are the sums of weights. It says whether these
// can be such numbers.
func setUncounted2D(row []hbook.Bin2D, xs []hbook.Bin1D, y hbook.Range, sumW, sumW2 []byte) (counted bool) {
	counted = true
	xs = xs[:len(row)]
	for i := range row {
		b, w, w2 := &row[i], floatAt(sumW, i), floatAt(sumW2, i)
		n, ok := countOf(w)
		if !ok {
			counted = false
		}
		b.XRange, b.YRange = xs[i].Range, y
		d := &b.Dist
		d.X.Dist.N, d.X.Dist.SumW, d.X.Dist.SumW2 = n, w, w2
		d.X.Stats = moments1D{}
		d.Y.Dist.N, d.Y.Dist.SumW, d.Y.Dist.SumW2 = n, w, w2
		d.Y.Stats = moments1D{}
		d.Stats.SumWXY = 0
	}
	return counted
}

func setMoment2D(row []hbook.Bin2D, num int, col []byte) {
	switch num {
	case fieldSumWX:
		for i := range row {
			row[i].Dist.X.Stats.SumWX = floatAt(col, i)
		}
	case fieldSumWX2:
		for i := range row {
			row[i].Dist.X.Stats.SumWX2 = floatAt(col, i)
		}
	case fieldSumWY:
		for i := range row {
			row[i].Dist.Y.Stats.SumWX = floatAt(col, i)
		}
	case fieldSumWY2:
		for i := range row {
			row[i].Dist.Y.Stats.SumWX2 = floatAt(col, i)
		}
	case fieldSumWXY:
		for i := range row {
			row[i].Dist.Stats.SumWXY = floatAt(col, i)
		}
	}
}
