package main

import (
	"math"
	"slices"
)

// This chapter says what ours must be in comparison, and judges by the figures whether it is.

// A target compares figures round by round.
type target struct {
	What  string  `json:"what"`
	Check string  `json:"check"`           // whether the checksum is on or off in our figure
	At    string  `json:"at,omitempty"`    // size, or other situation
	Unit  string  `json:"unit"`            // what the number is: "× floor", "ns over floor"
	Limit float64 `json:"limit,omitempty"` // none: it is shown beside the others
	Least bool    `json:"least,omitempty"`

	of      []figureKey                // what it is made of
	combine func(of []float64) float64 // one number of the figures of one round; of those not measured it is NaN
	some    bool                       // of all but the first figure one is enough
}

// A verdict is what came out.
type verdict struct {
	target
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	Result string  `json:"result"`        // one of the following
	Why    string  `json:"why,omitempty"` // it was not measured

	lacks []figureKey
}

const (
	met         = "met"
	notMet      = "not met"
	justShown   = "shown"
	notMeasured = "not measured"
)

// judge computes the target in each round, and compares the median with the limit.
func (t target) judge(figures map[figureKey]*figure) verdict {
	v := verdict{target: t}
	if v.lacks = t.absent(figures); v.lacks != nil {
		v.Result = notMeasured
		return v
	}
	rounds := math.MaxInt
	for _, key := range t.of {
		if f := figures[key]; f != nil {
			rounds = min(rounds, len(f.Rounds))
		}
	}
	var values []float64
	for round := range rounds {
		of := make([]float64, len(t.of))
		for i, key := range t.of {
			of[i] = math.NaN()
			if f := figures[key]; f != nil {
				of[i] = f.Rounds[round]
			}
		}
		values = append(values, t.combine(of))
	}
	v.Median, v.Min, v.Max = spread(values)
	switch {
	case math.IsNaN(v.Min) || math.IsInf(v.Min, 0) || math.IsInf(v.Max, 0):
		return verdict{target: t, Result: notMeasured}
	case t.Limit == none:
		v.Result = justShown
	case t.Least && v.Median >= t.Limit, !t.Least && v.Median <= t.Limit:
		v.Result = met
	default:
		v.Result = notMet
	}
	return v
}

// absent are the figures for want of which it cannot be judged.
func (t target) absent(figures map[figureKey]*figure) (keys []figureKey) {
	for _, key := range t.of {
		if figures[key] == nil {
			keys = append(keys, key)
		}
	}
	if t.some && figures[t.of[0]] != nil && len(keys) < len(t.of)-1 {
		return nil
	}
	return keys
}

// spread is the median, the least and the greatest.
func spread(values []float64) (median, least, greatest float64) {
	if len(values) == 0 {
		return math.NaN(), math.NaN(), math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
	return middle, sorted[0], sorted[len(sorted)-1]
}

func ratio(of []float64) float64      { return of[0] / of[1] }
func difference(of []float64) float64 { return of[0] - of[1] }
func itself(of []float64) float64     { return of[0] }

// toBest is the ratio to the least of the others that are there.
func toBest(of []float64) float64 {
	best := math.NaN()
	for _, v := range of[1:] {
		if math.IsNaN(best) || v < best {
			best = v
		}
	}
	return of[0] / best
}

// A form is one of ours, with the checksum on or off.
type form struct{ check, peer string }

var (
	off   = form{"off", "mapfile-off"}
	on    = form{"on", "mapfile"}
	forms = []form{off, on}
)

// none is the limit of what is only shown.
const none = 0

// ifOff is a limit for the form without a checksum, which is what the peers do; the other is shown.
func ifOff(f form, limit float64) float64 {
	if f == off {
		return limit
	}
	return none
}

// others are the peers that ours must beat, by kind.
func others(experiment, situation, metric string, which func(*peer) bool) (keys []figureKey) {
	for i := range peers {
		p := &peers[i]
		if _, mine := p.store.(ours); mine || p.name == "floor" || p.only || !which(p) {
			continue
		}
		keys = append(keys, figureKey{experiment, situation, p.name, metric})
	}
	return keys
}

func everyPeer(*peer) bool      { return true }
func lockFreePeer(p *peer) bool { return p.kind == lockFree || p.name == "lmdb" }

// targets are all of them, in the order of the report.
func targets() (all []target) {
	return slices.Concat(publishTargets(), tailTargets(), calmTargets(), readTargets(), histogramTargets(),
		freshTargets(), manyTargets(), scaleTargets())
}

func publishTargets() (all []target) {
	const kib = 1 << 10
	for _, f := range forms {
		for _, size := range allSizes {
			limit := 1.1
			switch {
			case f == off && size <= 4*kib:
				limit = 0.5
			case f == off && size <= 64*kib:
				limit = 0.85
			case f == off:
				limit = 1.05
			case size <= 4*kib:
				limit = 0.65
			}
			situation := sizeName(size) + ", 1 reader"
			all = append(all, target{
				What: "publish, one reader flat out: time", Check: f.check, At: sizeName(size), Unit: "× floor", Limit: limit,
				of:      []figureKey{{"publish", situation, f.peer, "ns"}, {"publish", situation, "floor", "ns"}},
				combine: ratio,
			})
		}
	}
	for _, f := range forms {
		for _, size := range allSizes {
			situation := sizeName(size) + ", 1 reader"
			all = append(all, target{
				What: "the same: distinct versions that the reader sees", Check: f.check, At: sizeName(size), Unit: "× floor", Limit: 1, Least: true,
				of:      []figureKey{{"publish", situation, f.peer, "distinct/s"}, {"publish", situation, "floor", "distinct/s"}},
				combine: ratio,
			})
		}
	}
	for _, f := range forms {
		for _, size := range allSizes {
			situation := sizeName(size) + ", 1 reader"
			all = append(all, target{
				What: "the same: time", Check: f.check, At: sizeName(size), Unit: "× best lock-free peer or LMDB", Limit: ifOff(f, 1),
				of:      append([]figureKey{{"publish", situation, f.peer, "ns"}}, others("publish", situation, "ns", lockFreePeer)...),
				combine: toBest, some: true,
			})
		}
	}
	for _, f := range forms {
		at := "64 KiB"
		all = append(all, target{
			What: "publish, alone on its processor, three readers on the other", Check: f.check, At: at, Unit: "× nobody reading", Limit: 3,
			of:      []figureKey{{"publish", at + ", 3 readers", f.peer, "ns"}, {"publish", at + ", nobody", f.peer, "ns"}},
			combine: ratio,
		})
	}
	for _, size := range allSizes {
		situation := sizeName(size) + ", nobody"
		var limit float64 = none
		switch {
		case size <= 850:
			limit = 15
		case size <= 4*kib:
			limit = 30
		}
		all = append(all, target{
			What: "publish, nobody reading", Check: off.check, At: sizeName(size), Unit: "ns over floor", Limit: limit,
			of:      []figureKey{{"publish", situation, off.peer, "ns"}, {"publish", situation, "floor", "ns"}},
			combine: difference,
		})
	}
	for _, peer := range []string{"lmdb", "mmap-sync"} {
		for _, f := range forms {
			for _, size := range allSizes {
				situation := sizeName(size) + ", nobody"
				limit := 0.25
				if size > 4*kib {
					limit = 0.9
				}
				all = append(all, target{
					What: "the same", Check: f.check, At: sizeName(size), Unit: "× " + peer, Limit: ifOff(f, limit),
					of:      []figureKey{{"publish", situation, f.peer, "ns"}, {"publish", situation, peer, "ns"}},
					combine: ratio,
				})
			}
		}
	}
	for _, size := range allSizes {
		situation := sizeName(size) + ", nobody"
		all = append(all, target{
			What: "the same", Check: on.check, At: sizeName(size), Unit: "ns over check off and CRC", Limit: 3,
			of: []figureKey{{"publish", situation, on.peer, "ns"}, {"publish", situation, off.peer, "ns"},
				{"publish", situation, crcPeer, "ns"}},
			combine: func(of []float64) float64 { return of[0] - of[1] - of[2] },
		})
	}
	return all
}

func readTargets() (all []target) {
	for _, f := range forms {
		for _, size := range allSizes {
			at := sizeName(size)
			all = append(all, target{
				What: "read, writer idle", Check: f.check, At: at, Unit: "× best peer", Limit: ifOff(f, 1.1),
				of:      append([]figureKey{{"read", at, f.peer, "ns"}}, others("read", at, "ns", everyPeer)...),
				combine: toBest, some: true,
			})
		}
	}
	for _, size := range allSizes[:3] {
		at := sizeName(size)
		all = append(all, target{
			What: "the same", Check: off.check, At: at, Unit: "× lmdb", Limit: 0.6,
			of:      []figureKey{{"read", at, off.peer, "ns"}, {"read", at, "lmdb", "ns"}},
			combine: ratio,
		})
	}
	for _, size := range allSizes {
		at := sizeName(size)
		all = append(all, target{
			What: "the same", Check: on.check, At: at, Unit: "× CRC, over check off", Limit: 1.1,
			of:      []figureKey{{"read", at, on.peer, "ns"}, {"read", at, off.peer, "ns"}, {"read", at, crcPeer, "ns"}},
			combine: func(of []float64) float64 { return (of[0] - of[1]) / of[2] },
		})
	}
	for _, f := range forms {
		for _, size := range allSizes {
			situation := sizeName(size) + ", 1 reader"
			all = append(all, target{
				What: "read, writer flat out: time for a distinct version", Check: f.check, At: sizeName(size), Unit: "× floor",
				Limit:   ifOff(f, 0.95),
				of:      []figureKey{{"publish", situation, f.peer, "ns/distinct"}, {"publish", situation, "floor", "ns/distinct"}},
				combine: ratio,
			})
		}
	}
	for _, f := range forms {
		for _, size := range allSizes {
			situation := sizeName(size) + ", 1 reader"
			all = append(all, target{
				What: "the same", Check: f.check, At: sizeName(size), Unit: "× best peer",
				Limit:   ifOff(f, 1),
				of:      append([]figureKey{{"publish", situation, f.peer, "ns/distinct"}}, others("publish", situation, "ns/distinct", everyPeer)...),
				combine: toBest, some: true,
			})
		}
	}
	for _, f := range forms {
		for _, at := range []string{"64 B", "4 KiB"} {
			all = append(all, target{
				What: "two readers of one value on two processors: reads/s", Check: f.check, At: at, Unit: "× one reader", Limit: 1.9, Least: true,
				of:      []figureKey{{"two", at + ", two read", f.peer, "reads/s"}, {"two", at + ", one reads", f.peer, "reads/s"}},
				combine: ratio,
			})
		}
	}
	return all
}

func tailTargets() (all []target) {
	for _, f := range forms {
		for _, at := range []string{"64 B", "850 B", "4 KiB", "64 KiB"} {
			limit := 1000.0
			if at == "64 KiB" {
				limit = 10_000
			}
			all = append(all, target{
				What: "publish, four readers flat out: p99.9", Check: f.check, At: at, Unit: "ns over four spinners", Limit: limit,
				of:      []figureKey{{"tails", at + ", 4 readers", f.peer, "p99.9 ns"}, {"tails", at + ", spinners", f.peer, "p99.9 ns"}},
				combine: difference,
			})
		}
	}
	for _, f := range forms {
		for _, at := range []string{"64 B", "850 B", "4 KiB", "64 KiB"} {
			all = append(all, target{
				What: "the same: worst", Check: f.check, At: at, Unit: "× four spinners", Limit: 1.2,
				of:      []figureKey{{"tails", at + ", 4 readers", f.peer, "worst ns"}, {"tails", at + ", spinners", f.peer, "worst ns"}},
				combine: ratio,
			})
		}
	}
	return all
}

func calmTargets() (all []target) {
	for _, viewer := range []struct {
		name  string
		limit float64
	}{{"10 looks/s", 1.01}, {"Watch, 1 kHz", 1.03}} {
		for _, f := range forms {
			for _, at := range []string{"64 B", "4 KiB", "64 KiB"} {
				all = append(all, target{
					What: "publish, one viewer, " + viewer.name, Check: f.check, At: at, Unit: "× nobody reading", Limit: viewer.limit,
					of:      []figureKey{{"calm", at + ", " + viewer.name, f.peer, "ns"}, {"calm", at + ", nobody", f.peer, "ns"}},
					combine: ratio,
				})
			}
		}
	}
	return all
}

func histogramTargets() (all []target) {
	const root = "root"
	columns := []form{{"off", "ours-columns-off"}, {"on", "ours-columns"}}
	hbook := []form{{"off", "ours-hbook-off"}, {"on", "ours-hbook"}}
	watched := []string{"nobody", "1 viewer", "4 viewers"}
	for _, way := range []struct {
		name   string
		kind   string
		forms  []form
		limits [3]float64 // as watched
	}{
		{"update of the trio, from columns", "trio", columns, [3]float64{0.25, 0.2, 0.1}},
		{"the same with squares", "trio-squares", columns, [3]float64{0.25, 0.2, 0.1}},
		{"update of the trio, through hbook", "trio", hbook, [3]float64{0.8, 0.5, 0.2}},
	} {
		for _, f := range way.forms {
			for i, by := range watched {
				situation := way.kind + ", " + by
				all = append(all, target{
					What: way.name, Check: f.check, At: by, Unit: "× TMapFile", Limit: way.limits[i],
					of:      []figureKey{{"trio", situation, f.peer, "ns"}, {"trio", situation, root, "ns"}},
					combine: ratio,
				})
			}
		}
	}
	for _, f := range columns {
		alone, seen := figureKey{"fills", "trio, nobody", f.peer, "fills/s"}, figureKey{"fills", "trio, 1 viewer", f.peer, "fills/s"}
		all = append(all, target{
			What: "fills/s, the trio updated each 10 fills, one viewer", Check: f.check, Unit: "× TMapFile", Limit: 30, Least: true,
			of:      []figureKey{seen, {"fills", "trio, 1 viewer", root, "fills/s"}},
			combine: ratio,
		}, target{
			What: "the same", Check: f.check, Unit: "× nobody reading", Limit: 0.55, Least: true,
			of:      []figureKey{seen, alone},
			combine: ratio,
		})
	}
	for _, h := range []struct {
		kind, name string
		limit      float64
	}{{"h1", "Get of a histogram of 100 bins", 1200}, {"h2", "Get of one of 100×100 with squares", 15_000}} {
		for _, f := range slices.Concat(columns, hbook) {
			name := h.name + ", columns"
			if slices.Contains(hbook, f) {
				name = h.name + ", hbook"
			}
			all = append(all, target{
				What: name, Check: f.check, Unit: "ns", Limit: h.limit,
				of:      []figureKey{{"decode", h.kind, f.peer, "ns"}},
				combine: itself,
			})
		}
	}
	return append(all, target{
		What: "a viewer process, start to first decoded object", Check: "on", Unit: "ms", Limit: 10,
		of:      []figureKey{{"first", "start to first object", "ours-hbook", "ms"}},
		combine: itself,
	})
}

func scaleTargets() (all []target) {
	for _, what := range []string{"publish", "read"} {
		for _, f := range forms {
			few := figureKey{"scale", "one of 64, " + what, f.peer, "ns"}
			for _, c := range []struct {
				at    string
				limit float64
			}{{"one of 200,000", 1.3}, {"random of 3,000", 2}} {
				all = append(all, target{
					What: what + " 64 B in a file of many slots", Check: f.check, At: c.at, Unit: "× one of 64", Limit: c.limit,
					of:      []figureKey{{"scale", c.at + ", " + what, f.peer, "ns"}, few},
					combine: ratio,
				})
			}
			at := "random of 200,000"
			all = append(all, target{
				What: what + " 64 B in a file of many slots", Check: f.check, At: at, Unit: "ns", Limit: 300,
				of:      []figureKey{{"scale", at + ", " + what, f.peer, "ns"}},
				combine: itself,
			})
		}
	}
	return append(all, target{
		What: "Add of 200,000 slots: the last 10,000", Unit: "× the first 10,000", Limit: 1.5,
		of:      []figureKey{{"scale", "up to 200,000, Add", on.peer, "ns"}, {"scale", "up to 10,000, Add", on.peer, "ns"}},
		combine: ratio,
	}, target{
		What: "open and Slots of 200,000", Unit: "ms", Limit: 300,
		of:      []figureKey{{"scale", "200,000, list", on.peer, "ms"}},
		combine: itself,
	})
}
