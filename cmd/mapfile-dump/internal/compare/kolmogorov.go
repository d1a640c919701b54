package compare

import (
	"math"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/hist"
)

// Kolmogorov is a Kolmogorov test: of the same hypothesis as Chi2, by the largest distance between the
// two cumulative distributions. It sees shifts that a chi-square of many bins does not.
type Kolmogorov struct {
	Distance float64 // from 0 to 1 where no content is negative
	P        float64 // probability of a distance at least as large; from 0 to 1, never NaN
}

// kolmogorov is the test as ROOT's TH1::KolmogorovTest does it: over the bins, with effective numbers
// of entries (sum of w)^2 / (sum of w^2). It is meant for bins that are narrow against what is in them;
// wide ones make P too large. Two-dimensional histograms are cumulated in both orders of the bins, along
// x first and along y first, and the distance is the mean of the two, as in TH2::KolmogorovTest.
func kolmogorov(a, b *hist.Histogram, ta, tb totals) Kolmogorov {
	nx, ny := a.X.Bins, 1
	if a.Kind == hist.H2D {
		ny = a.Y.Bins
	}
	distance := largest(a, b, ta, tb, func(yield func(int)) {
		for i := range a.Content {
			yield(i)
		}
	})
	if ny > 1 {
		distance += largest(a, b, ta, tb, func(yield func(int)) {
			for ix := range nx {
				for iy := range ny {
					yield(iy*nx + ix)
				}
			}
		})
		distance /= 2
	}
	na, nb := ta.effective(), tb.effective()
	z := distance / math.Sqrt(1/na+1/nb)
	switch {
	case distance == 0:
		z = 0
	case !finite(distance): // shares of totals that nearly cancel
		distance, z = 1, math.Inf(1)
	case !finite(z) || !(na > 0 && nb > 0): // no errors: any distance is significant
		z = math.Inf(1)
	}
	return Kolmogorov{distance, kolmogorovTail(z)}
}

// largest is the largest distance of the cumulative distributions, with the bins in that order.
func largest(a, b *hist.Histogram, ta, tb totals, order func(yield func(int))) (d float64) {
	sumA, sumB := 0.0, 0.0
	order(func(i int) {
		sumA += a.Content[i] / ta.w
		sumB += b.Content[i] / tb.w
		d = max(d, math.Abs(sumA-sumB))
	})
	return d
}

// kolmogorovTail is the probability that Kolmogorov's statistic exceeds z: the theta function by
// whichever of its two series converges fast. ROOT's TMath::KolmogorovProb takes the same.
func kolmogorovTail(z float64) float64 {
	switch {
	case z < 0.2: // 1 - 4e-13
		return 1
	case z < 0.755:
		sum := 0.0
		for k := 1.0; k <= 5; k += 2 {
			sum += math.Exp(-k * k * math.Pi * math.Pi / (8 * z * z))
		}
		return 1 - math.Sqrt(2*math.Pi)/z*sum
	}
	sum := 0.0
	for k, sign := 1.0, 2.0; k <= 5; k, sign = k+1, -sign {
		sum += sign * math.Exp(-2*k*k*z*z)
	}
	return max(0, sum)
}
