package hbookcodec

import (
	"errors"
	"fmt"

	"go-hep.org/x/hep/hbook"
	"google.golang.org/protobuf/encoding/protowire"
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
	xAt := func(i int) hbook.Range { return bins[i].XRange }
	yAt := func(i int) hbook.Range { return bins[i*nx].YRange }
	if hasGaps(nx, xAt) || hasGaps(ny, yAt) {
		return nil, errGaps
	}
	if dst, err = appendAxis(dst, fieldX, nx, b.XRange, xAt, labels[labelX], labels[labelXUnit]); err != nil {
		return nil, err
	}
	if dst, err = appendAxis(dst, fieldY, ny, b.YRange, yAt, labels[labelY], labels[labelYUnit]); err != nil {
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

	dst, col := appendColumn(dst, fieldSumW, len(bins))
	t := gatherSumW2D(col, bins)
	if t.squares != 0 {
		dst = appendColumn2D(dst, fieldSumW2, bins)
	}
	if t.counts != 0 {
		dst = appendColumn2D(dst, fieldN, bins)
	}
	if moments {
		for num := fieldSumWX; num <= fieldSumWXY; num++ {
			dst = appendColumn2D(dst, num, bins)
		}
	}
	return dst, nil
}

func gatherSumW2D(col []byte, bins []hbook.Bin2D) tally {
	for i := range bins {
		d := &bins[i].Dist.X.Dist
		if !plain(d) {
			return gatherTally2D(col[8*i:], bins[i:])
		}
		putFloat(col, i, d.SumW)
	}
	return tally{}
}

func gatherTally2D(col []byte, bins []hbook.Bin2D) (t tally) {
	for i := range bins {
		d := &bins[i].Dist.X.Dist
		t = t.with(d)
		putFloat(col, i, d.SumW)
	}
	return t
}

func appendColumn2D(dst []byte, num int, bins []hbook.Bin2D) []byte {
	dst, col := appendColumn(dst, protowire.Number(num), len(bins))
	switch num {
	case fieldSumW2:
		for i := range bins {
			putFloat(col, i, bins[i].Dist.X.Dist.SumW2)
		}
	case fieldN:
		for i := range bins {
			putWord(col, i, uint64(bins[i].Dist.X.Dist.N))
		}
	case fieldSumWX:
		for i := range bins {
			putFloat(col, i, bins[i].Dist.X.Stats.SumWX)
		}
	case fieldSumWX2:
		for i := range bins {
			putFloat(col, i, bins[i].Dist.X.Stats.SumWX2)
		}
	case fieldSumWY:
		for i := range bins {
			putFloat(col, i, bins[i].Dist.Y.Stats.SumWX)
		}
	case fieldSumWY2:
		for i := range bins {
			putFloat(col, i, bins[i].Dist.Y.Stats.SumWX2)
		}
	case fieldSumWXY:
		for i := range bins {
			putFloat(col, i, bins[i].Dist.Stats.SumWXY)
		}
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
	for i := range edges {
		edges[i] = hbook.Bin1D{Range: a.at(i)}
	}
	return edges
}

// setBins2D goes row by row, so that further columns find the bins in the first-level cache.
func setBins2D(b *hbook.Binning2D, m *message) error {
	counted := true
	for iy := range b.Ny {
		from, to := iy*b.Nx, (iy+1)*b.Nx
		row := b.Bins[from:to]
		if !setSumW2D(row, b.XEdges, b.YEdges[iy].Range, m.column(fieldSumW)[8*from:8*to]) {
			counted = false
		}
		for num := fieldSumW2; num <= fieldSumWXY; num++ {
			if col := m.column(num); len(col) > 0 {
				setColumn2D(row, num, col[8*from:8*to])
			}
		}
	}
	if len(m.column(fieldN)) == 0 && !counted {
		return errCounts
	}
	return nil
}

// setSumW2D sets a row of bins as if all columns but col were absent. It says whether the numbers of
// entries can be right. Field by field: a composite literal would be made on the stack and copied,
// which takes four times as long.
func setSumW2D(row []hbook.Bin2D, xs []hbook.Bin1D, y hbook.Range, col []byte) (counted bool) {
	counted = true
	xs = xs[:len(row)]
	for i := range row {
		b, w := &row[i], floatAt(col, i)
		n, ok := countOf(w)
		if !ok {
			counted = false
		}
		b.XRange, b.YRange = xs[i].Range, y
		d := &b.Dist
		d.X.Dist.N, d.X.Dist.SumW, d.X.Dist.SumW2 = n, w, w
		d.X.Stats = moments1D{}
		d.Y.Dist.N, d.Y.Dist.SumW, d.Y.Dist.SumW2 = n, w, w
		d.Y.Stats = moments1D{}
		d.Stats.SumWXY = 0
	}
	return counted
}

func setColumn2D(row []hbook.Bin2D, num int, col []byte) {
	switch num {
	case fieldSumW2:
		for i := range row {
			d, w2 := &row[i].Dist, floatAt(col, i)
			d.X.Dist.SumW2, d.Y.Dist.SumW2 = w2, w2
		}
	case fieldN:
		for i := range row {
			d, n := &row[i].Dist, int64(wordAt(col, i))
			d.X.Dist.N, d.Y.Dist.N = n, n
		}
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
