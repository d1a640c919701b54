package hbookcodec_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/gomapfile/mapfile/codec"
	hbookcodec "github.com/gomapfile/mapfile/codec/hbook"
	mapfilepb "github.com/gomapfile/mapfile/proto"
	"go-hep.org/x/hep/hbook"
	"google.golang.org/protobuf/proto"
)

// sample is a histogram of each sort that hbook can make.
type sample struct {
	name string
	v    any
}

func samples() []sample {
	unit := func(*rand.Rand) float64 { return 1 }
	weighted := func(r *rand.Rand) float64 { return r.ExpFloat64() }
	negative := func(r *rand.Rand) float64 { return r.NormFloat64() }
	twos := func(*rand.Rand) float64 { return 2 }
	edges := []float64{-3, -1.5, -0.25, math.Copysign(0, -1), 1e-300, 0.125, 2, 2.0000001}
	gaps := hbook.NewH1DFromBins(hbook.Range{Min: -3, Max: -1}, hbook.Range{Min: -1, Max: 0}, hbook.Range{Min: 0.5, Max: 2})
	annotated1, annotated2, annotated3 := hbook.NewH1D(7, 0, 1), hbook.NewH2D(2, 0, 1, 3, 0, 1), hbook.NewP1D(4, 0, 1)
	annotate(annotated1.Ann)
	annotate(annotated2.Ann)
	annotate(annotated3.Annotation())
	huge := hbook.NewH1D(2, 0, 1)
	huge.Binning.Bins[1].Dist.Dist = hbook.Dist0D{N: 1<<53 + 1, SumW: 1 << 53, SumW2: 1 << 53}
	odd := hbook.NewH1D(3, 0, 1)
	odd.Binning.Bins[0].Dist.Dist.SumW = math.Copysign(0, -1)
	odd.Binning.Bins[1].Dist.Dist = hbook.Dist0D{N: -5, SumW: math.Inf(1), SumW2: math.SmallestNonzeroFloat64}
	odd.Binning.Dist.Dist.N = math.MinInt64
	return []sample{
		{"H1D empty", hbook.NewH1D(100, -4, 4)},
		{"H1D one bin", fill1(hbook.NewH1D(1, 0, 1e-300), unit)},
		{"H1D unit weights", fill1(hbook.NewH1D(100, -4, 4), unit)},
		{"H1D other bins", fill1(hbook.NewH1D(33, -4, 4.5), unit)},
		{"H1D weighted", fill1(hbook.NewH1D(100, -4, 4), weighted)},
		{"H1D negative weights", fill1(hbook.NewH1D(64, -1, 1), negative)},
		{"H1D weight 2", fill1(hbook.NewH1D(64, -1, 1), twos)},
		{"H1D edges", fill1(hbook.NewH1DFromEdges(edges), unit)},
		{"H1D gaps", fill1(gaps, weighted)},
		{"H1D annotated", fill1(annotated1, unit)},
		{"H1D more entries than a float64 can count", huge},
		{"H1D odd sums", odd},
		{"H1D bins thinner than numbers", hbook.NewH1D(100, 1e16, 1e16+4)},
		{"H2D empty", hbook.NewH2D(3, 0, 1, 2, 0, 1)},
		{"H2D unit weights", fill2(hbook.NewH2D(20, -2, 2, 30, -1, 1), unit)},
		{"H2D weighted", fill2(hbook.NewH2D(20, -2, 2, 30, -1, 1), weighted)},
		{"H2D as many bins otherwise", fill2(hbook.NewH2D(30, -1, 1, 20, -2, 2), negative)},
		{"H2D square", fill2(hbook.NewH2D(4, -2, 2, 4, -1, 1), unit)},
		{"H2D edges", fill2(hbook.NewH2DFromEdges(edges, edges[:3]), weighted)},
		{"H2D annotated", fill2(annotated2, unit)},
		{"P1D empty", hbook.NewP1D(10, -4, 4)},
		{"P1D unit weights", fillP(hbook.NewP1D(100, -2, 2), unit)},
		{"P1D weighted", fillP(hbook.NewP1D(50, -2, 2), weighted)},
		{"P1D negative weights", fillP(hbook.NewP1D(3, -2, 2), negative)},
		{"P1D annotated", fillP(annotated3, twos)},
	}
}

func annotate(ann hbook.Annotation) {
	for k, v := range map[string]any{
		"name": "hpx", "title": "momentum \u2192", "XLabel": "p_{x}", "XUnit": "GeV", "YLabel": "",
		"YUnit": 3, "": "no key", "nil": nil, "true": true, "false": false, "raw": []byte{0, 255}, "text": "",
		"int": -1, "int8": int8(-128), "int16": int16(300), "int32": int32(math.MinInt32), "int64": int64(math.MinInt64),
		"uint": uint(7), "uint8": uint8(255), "uint16": uint16(65535), "uint32": uint32(1 << 31), "uint64": uint64(math.MaxUint64),
		"float32": float32(0.1), "float64": math.Copysign(0, -1), "inf": math.Inf(-1),
		"list": []any{1, "two", nil, []any{}}, "map": map[string]any{"b": 1.5, "a": map[string]any{}},
		"texts": []string{"x", ""}, "reals": []float64{1, -0.5}, "no reals": []float64{}, "no texts": []string{},
	} {
		ann[k] = v
	}
}

func fill1(h *hbook.H1D, weight func(*rand.Rand) float64) *hbook.H1D {
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		h.Fill(2*r.NormFloat64(), weight(r))
	}
	return h
}

func fill2(h *hbook.H2D, weight func(*rand.Rand) float64) *hbook.H2D {
	r := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		h.Fill(1.5*r.NormFloat64(), r.NormFloat64(), weight(r))
	}
	return h
}

func fillP(p *hbook.P1D, weight func(*rand.Rand) float64) *hbook.P1D {
	r := rand.New(rand.NewPCG(5, 6))
	for range 500 {
		x := 2 * r.NormFloat64()
		p.Fill(x, x*x+r.NormFloat64(), weight(r))
	}
	return p
}

// zero returns a zero object of v's type, message the message that v is encoded as.
func zero(v any) any { return reflect.New(reflect.TypeOf(v).Elem()).Interface() }

func message(v any) proto.Message {
	switch v.(type) {
	case *hbook.H1D:
		return &mapfilepb.H1D{}
	case *hbook.H2D:
		return &mapfilepb.H2D{}
	}
	return &mapfilepb.P1D{}
}

// short is for messages: the full text of a histogram fills many screens.
func short(v any) string { return fmt.Sprintf("%.300s", fmt.Sprintf("%+v", v)) }

func encode(t testing.TB, c codec.Codec, v any) []byte {
	t.Helper()
	payload, err := c.Append(nil, v)
	if err != nil {
		t.Fatalf("Append: %v", err)
	}
	return payload
}

func decode(t testing.TB, payload []byte, v any) {
	t.Helper()
	if err := reuser.DecodeReuse(payload, v); err != nil {
		t.Fatalf("DecodeReuse: %v", err)
	}
}

var reuser = hbookcodec.Codec.(codec.Reuser)

// withoutMoments returns what of h comes back from the default codec. Profiles cannot be changed so.
func withoutMoments(v any) any {
	switch h := v.(type) {
	case *hbook.H1D:
		c := *h
		c.Binning.Bins = append([]hbook.Bin1D{}, h.Binning.Bins...)
		for i := range c.Binning.Bins {
			d := &c.Binning.Bins[i].Dist
			*d = hbook.Dist1D{Dist: d.Dist}
		}
		return &c
	case *hbook.H2D:
		c := *h
		c.Binning.Bins = append([]hbook.Bin2D{}, h.Binning.Bins...)
		for i := range c.Binning.Bins {
			d := &c.Binning.Bins[i].Dist
			*d = hbook.Dist2D{X: hbook.Dist1D{Dist: d.X.Dist}, Y: hbook.Dist1D{Dist: d.Y.Dist}}
		}
		return &c
	}
	return v
}
