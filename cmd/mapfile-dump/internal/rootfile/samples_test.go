package rootfile

import (
	"math"
	"math/rand/v2"

	"go-hep.org/x/hep/hbook"
)

// A sample is a slot with what is in it.
type sample struct {
	slot, title string
	value       any
}

// samples are histograms of every kind that producers have, full and odd ones.
func samples() []sample {
	r := rand.New(rand.NewPCG(1, 2))
	plain := hbook.NewH1D(20, -3, 4)
	weighted := hbook.NewH1D(10, 0, 1)
	variable := hbook.NewH1DFromEdges([]float64{-1, -0.5, 0, 0.25, 3})
	gaps := hbook.NewH1DFromBins(hbook.Range{Min: 0, Max: 1}, hbook.Range{Min: 1, Max: 1.5}, hbook.Range{Min: 2, Max: 4})
	negative := hbook.NewH1D(5, 0, 5)
	grid := hbook.NewH2D(6, -2, 2, 4, 0, 8)
	uneven := hbook.NewH2DFromEdges([]float64{-2, -1, 0, 0.5, 3}, []float64{0, 1, 5, 9})
	profile := hbook.NewP1D(8, -2, 2)
	plainProfile := hbook.NewP1D(3, 0, 3)
	for range 2000 {
		x, y, w := r.NormFloat64(), 4+3*r.NormFloat64(), r.ExpFloat64()
		plain.Fill(x, 1)
		weighted.Fill(x, w)
		variable.Fill(x, w)
		gaps.Fill(x+1, 1)
		negative.Fill(y, w-1.5)
		grid.Fill(x, y, 1)
		uneven.Fill(x, y, w-0.2)
		profile.Fill(x, 2*x+y, w)
		plainProfile.Fill(y, x, 1)
	}
	labelled := hbook.NewH1D(2, 0, 2)
	labelled.Fill(1, 1)
	labelled.Ann = hbook.Annotation{"title": "own title", "XLabel": "p_{x}", "XUnit": "GeV", "YLabel": "entries"}
	cancelled := hbook.NewH1D(4, 0, 4)
	cancelled.Fill(1, 2)
	cancelled.Fill(3, -2)
	odd := hbook.NewH1D(4, 0, 4)
	odd.Fill(0.5, math.NaN())
	odd.Fill(1.5, math.Inf(1))
	odd.Fill(2.5, math.Inf(-1))
	odd.Fill(math.Inf(1), 1)
	odd.Fill(math.NaN(), 1)
	oddProfile := hbook.NewP1D(2, 0, 2)
	oddProfile.Fill(0.5, math.NaN(), 1)
	corners := hbook.NewH2D(3, 0, 3, 2, 0, 2)
	for i, p := range [][2]float64{{-1, 5}, {1.5, 5}, {7, 5}, {7, 1.5}, {7, -1}, {2.5, -1}, {-1, -1}, {-1, 0.5}} {
		corners.Fill(p[0], p[1], float64(i+1))
	}
	return []sample{
		{"run1", "a slot beside a directory;x;y", plain},
		{"run1/plain", "px;p_{x} [GeV];entries / 0.35 GeV", plain},
		{"run1/deep/er/weighted", "with weights;#;x", weighted},
		{"variable", "", variable},
		{"gaps", "", gaps},
		{"negative", "weights below zero", negative},
		{"empty", "", hbook.NewH1D(3, 0, 3)},
		{"empty2", "", hbook.NewH2D(3, 0, 3, 2, 0, 1)},
		{"emptyP", "", hbook.NewP1D(3, 0, 3)},
		{"one", "", hbook.NewH1D(1, 0, 1)},
		{"labelled", "title of the slot;not this;nor this", labelled},
		{"cancelled", "", cancelled},
		{"odd", "NaN and Inf", odd},
		{"oddP", "", oddProfile},
		{"grid", "2-D;x;y;z", grid},
		{"uneven", "", uneven},
		{"corners", "", corners},
		{"profile", "prof;x;<y>", profile},
		{"plainProfile", "", plainProfile},
	}
}
