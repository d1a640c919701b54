package main

import (
	"fmt"
	"math"

	"github.com/prometheus/client_golang/prometheus"
	"go-hep.org/x/hep/hbook"

	"github.com/gomapfile/mapfile/mapfile"
	mapfilepb "github.com/gomapfile/mapfile/proto"
)

func init() {
	scenarios["service"] = service
	scenarios["badslot"] = badSlot
	scenarios["formulas"] = formulas
	scenarios["manyhists"] = manyHists
}

// service is one that publishes its registry, a histogram and numbers.
func service(mf *mapfile.MapFile) (step func() error, err error) {
	orders := prometheus.NewCounter(prometheus.CounterOpts{Name: "checkout_orders_total", Help: "Orders accepted."})
	orders.Add(90412)
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(orders)
	families, err := metrics.Gather()
	for _, f := range families {
		err = put(mf, err, "metrics/"+f.GetName(), f)
	}
	latency := hbook.NewH1D(2, 0, 10)
	for _, x := range []float64{-1, 1, 2, 6, 12, 13} {
		latency.Fill(x, 1)
	}
	err = put(mf, err, "latency", latency, mapfile.WithTitle("Latency;ms"))
	err = put(mf, err, "level", &mapfilepb.Value{Kind: mapfilepb.Value_KIND_GAUGE, Number: &mapfilepb.Value_Real{Real: math.Inf(1)}})
	return nil, err
}

// badSlot has a payload that its codec refuses beside a good one, which changes.
func badSlot(mf *mapfile.MapFile) (step func() error, err error) {
	n := int64(7)
	err = put(mf, err, "good", &n)
	step = func() error { n++; return mf.Update("good") }
	return step, put(mf, err, "bad", &mapfile.Raw{Type: mapfile.TypeInfo{Name: "shop.Config", Codec: "json"}, Payload: []byte(`{"Limit":`)})
}

// formulas has names, titles and texts that a spreadsheet or terminal would take for something else.
func formulas(mf *mapfile.MapFile) (step func() error, err error) {
	text, n := "=cmd|' /C calc'!A0\x1b[31m", int64(-5)
	err = put(mf, err, "=HYPERLINK(1)", &text, mapfile.WithTitle("@SUM(1)"))
	return nil, put(mf, err, "-n", &n, mapfile.WithTitle("<script>\x1b]0;owned\x07"))
}

// manyHists has 1000 histograms with 500 bins: as text much more than as payloads.
func manyHists(mf *mapfile.MapFile) (step func() error, err error) {
	h := hbook.NewH1D(500, 0, 1)
	for i := range 5000 {
		h.Fill(float64(i%499)/499, 1+float64(i%3)/7)
	}
	for i := range 1000 {
		if _, err := mf.Add(fmt.Sprintf("h/%04d", i), h, mapfile.WithBuffers(2)); err != nil {
			return nil, err
		}
	}
	return nil, mf.Update()
}
