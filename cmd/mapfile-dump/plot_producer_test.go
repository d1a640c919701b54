package main

import (
	"math"

	"go-hep.org/x/hep/hbook"

	_ "github.com/gomapfile/mapfile/codec/protobuf"
	"github.com/gomapfile/mapfile/mapfile"
	mapfilepb "github.com/gomapfile/mapfile/proto"
)

// The scenario plots has histograms that are worth a picture, and the odd ones of J10.

func init() { scenarios["plots"] = plots }

func plots(mf *mapfile.MapFile) (step func() error, err error) {
	px, py, weighted := hbook.NewH1D(50, -4, 4), hbook.NewH1D(80, -4, 4), hbook.NewH1D(20, -4, 4)
	pxpy, prof := hbook.NewH2D(40, -4, 4, 30, -4, 4), hbook.NewP1D(25, -4, 4)
	unequal := hbook.NewH1DFromEdges([]float64{1, 2, 5, 10, 50, 100})
	for i := range 20000 {
		u, v := (float64(i)+0.5)/20000, math.Mod(float64(i)*0.6180339887, 1)
		r := math.Sqrt(-2 * math.Log(u))
		round := func(x float64) float64 { return math.Round(x*1000) / 1000 } // the same on all processors
		x, y := round(r*math.Cos(2*math.Pi*v)), round(r*math.Sin(2*math.Pi*v))
		px.Fill(x, 1)
		py.Fill(0.7*y+1, 1)
		weighted.Fill(x, 1+y*y)
		pxpy.Fill(x, 0.5*x+0.8*y, 1)
		prof.Fill(x, x*x+y, 1)
		unequal.Fill(math.Exp(r), 1)
	}
	err = put(mf, err, "run1/hpx", px, mapfile.WithTitle("px;p_{x} [GeV];entries / 160 MeV"))
	err = put(mf, err, "run1/hpy", py, mapfile.WithTitle("py;p_{y} [GeV]"))
	err = put(mf, err, "run1/weighted", weighted)
	err = put(mf, err, "run1/hpxpy", pxpy, mapfile.WithTitle("p_{x} and p_{y};p_{x} [GeV];p_{y} [GeV]"))
	err = put(mf, err, "run1/prof", prof, mapfile.WithTitle("p^{2};p_{x} [GeV];p^{2} [GeV^{2}]"))
	err = put(mf, err, "run1/unequal", unequal)
	n := int64(7)
	err = put(mf, err, "run1/n", &n)

	one, nan, huge, negative := hbook.NewH1D(1, 0, 1), hbook.NewH1D(2, 0, 1), hbook.NewH1D(2, 0, 1), hbook.NewH1D(3, 0, 1)
	one.Fill(0.5, 3)
	nan.Fill(0.2, math.NaN())
	nan.Fill(0.7, math.NaN())
	huge.Fill(0.2, 1e308)
	huge.Fill(0.7, -1e308)
	negative.Fill(0.5, -2)
	err = put(mf, err, "odd/empty", hbook.NewH1D(4, 0, 1))
	err = put(mf, err, "odd/emptymap", hbook.NewH2D(2, 0, 1, 2, 0, 1))
	err = put(mf, err, "odd/emptyprof", hbook.NewP1D(2, 0, 1))
	err = put(mf, err, "odd/one", one)
	err = put(mf, err, "odd/nan", nan)
	err = put(mf, err, "odd/huge", huge)
	err = put(mf, err, "odd/negative", negative)
	inf := math.Inf(1)
	infinite := mapfilepb.H1D{X: &mapfilepb.Axis{Bins: 2, Min: -inf, Max: inf, Edges: []float64{-inf, 0, inf}}, SumW: []float64{1, 2}}
	return nil, put(mf, err, "odd/infinite", &infinite)
}
