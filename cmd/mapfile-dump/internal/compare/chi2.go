package compare

import (
	"slices"

	"gonum.org/v1/gonum/mathext"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/hist"
)

// Chi2 is a chi-square test: of the hypothesis that both were filled from the same distribution, however
// many fills each had.
type Chi2 struct {
	Sum float64 // chi-square; 0 where NDF is 0
	NDF int     // degrees of freedom; 0: there was nothing to test with, and P is 0 or 1
	P   float64 // probability of a chi-square at least as large; from 0 to 1, never NaN
}

// chi2OfContents is the test of two histograms, as ROOT's TH1::Chi2Test does it with "UU" where every
// weight was 1, and else with "WW", which takes weights of 1 as well:
//
//	UU  chi2 = sum (N2 n1 - N1 n2)^2 / (n1 + n2) / (N1 N2)
//	WW  chi2 = sum (W2 w1 - W1 w2)^2 / (W1^2 v2 + W2^2 v1)
//
// over bins with contents n or w, variances v (sums of squared weights) and totals N or W over the bins.
// See N. D. Gagunashvili, "Comparison of weighted and unweighted histograms", arXiv:physics/0605123. A bin
// without content in both takes no part; the degrees of freedom are the others less one. Both are
// computed here from shares of the totals, so that no product overflows.
func chi2OfContents(a, b *hist.Histogram, ta, tb totals) Chi2 {
	unit := unitWeights(a) && unitWeights(b)
	var c Chi2
	for i, wa := range a.Content {
		wb := b.Content[i]
		if wa == 0 && wb == 0 {
			continue
		}
		variance := a.SumW2[i]/ta.w/ta.w + b.SumW2[i]/tb.w/tb.w
		if unit {
			variance = (wa + wb) / ta.w / tb.w
		}
		if !c.add(wa/ta.w-wb/tb.w, variance) {
			return Chi2{P: 0} // a difference where there is no error at all
		}
	}
	c.NDF--
	return c.done()
}

// unitWeights says whether every fill had a weight of 1.
func unitWeights(h *hist.Histogram) bool { return slices.Equal(h.Content, h.SumW2) }

// chi2OfMeans is the test of two profiles: of the hypothesis that the mean is the same in every bin,
//
//	chi2 = sum (mean1 - mean2)^2 / (error1^2 + error2^2)
//
// over bins in which both have a mean with an error. These are the degrees of freedom.
func chi2OfMeans(a, b *hist.Histogram) Chi2 {
	var c Chi2
	for i := range a.Mean {
		delta := a.Mean[i] - b.Mean[i]
		variance := a.MeanErr[i]*a.MeanErr[i] + b.MeanErr[i]*b.MeanErr[i]
		if finite(delta) && finite(variance) && variance > 0 {
			c.add(delta, variance)
		}
	}
	return c.done()
}

// add adds a bin. It is false for a difference without variance. Without both the bin says nothing.
func (c *Chi2) add(delta, variance float64) bool {
	if !(variance > 0) {
		return delta == 0
	}
	c.Sum += delta / variance * delta
	c.NDF++
	return true
}

func (c *Chi2) done() Chi2 {
	switch {
	case c.NDF <= 0:
		return Chi2{P: 1}
	case !finite(c.Sum):
		return Chi2{P: 0}
	default:
		c.P = mathext.GammaIncRegComp(float64(c.NDF)/2, c.Sum/2)
	}
	return *c
}
