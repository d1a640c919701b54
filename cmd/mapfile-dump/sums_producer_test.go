package main

import (
	"math/rand/v2"
	"os"
	"strconv"
	"time"

	"go-hep.org/x/hep/hbook"

	binarycodec "github.com/gomapfile/mapfile/codec/binary"
	jsoncodec "github.com/gomapfile/mapfile/codec/json"
	_ "github.com/gomapfile/mapfile/codec/protobuf"
	"github.com/gomapfile/mapfile/mapfile"
	mapfilepb "github.com/gomapfile/mapfile/proto"
	"github.com/gomapfile/mapfile/registry"
)

// Scenarios of producers for diff and merge.

func init() {
	scenarios["monday"] = func(mf *mapfile.MapFile) (func() error, error) { return nil, days(mf, 1, 5000) }
	scenarios["tuesday"] = func(mf *mapfile.MapFile) (func() error, error) {
		err := days(mf, 2, 6000)
		shorter, text := hbook.NewH1D(50, -4, 4), "once a number"
		err = put(mf, err, "run1/old", shorter)
		err = put(mf, err, "run1/changed", &text)
		return nil, put(mf, err, "new\nslot", &text)
	}
	scenarios["shifted"] = func(mf *mapfile.MapFile) (func() error, error) {
		return nil, put(mf, nil, "run1/hpx", gauss(hbook.NewH1D(100, -4, 4), 3, 5000, 0.5))
	}
	scenarios["labels"] = func(mf *mapfile.MapFile) (func() error, error) {
		h := gauss(hbook.NewH1D(100, -4, 4), 1, 5000, 0)
		h.Ann["XLabel"] = "p_{x}"
		return nil, put(mf, nil, "run1/hpx", h, mapfile.WithTitle("px;p_{x} [GeV]"))
	}
	for i := range 3 {
		scenarios["shard"+strconv.Itoa(i+1)] = func(mf *mapfile.MapFile) (func() error, error) { return nil, shard(mf, uint64(i), 100) }
	}
	scenarios["shardold"] = func(mf *mapfile.MapFile) (func() error, error) { return nil, shard(mf, 9, 200) }
	scenarios["steady"] = steady
	scenarios["filling"] = filling
}

// days publishes a bit of everything; run1/old and run1/changed on Monday only.
func days(mf *mapfile.MapFile, seed uint64, n int) error {
	registry.Register[shopConfig]("shop.Config", jsoncodec.Codec)
	registry.Register[ownBytes]("own.Bytes", binarycodec.Codec)
	h2, p := hbook.NewH2D(10, -4, 4, 10, -4, 4), hbook.NewP1D(10, -4, 4)
	r := rand.New(rand.NewPCG(seed, 77))
	for range n {
		x, y := r.NormFloat64(), r.NormFloat64()
		h2.Fill(x, y, 1)
		p.Fill(x, y, 1)
	}
	empty, same := hbook.NewH1D(10, 0, 1), int64(7)
	config := shopConfig{Limit: int(seed), Names: []string{"a", "b"}}
	if seed == 2 {
		config.Names = append(config.Names, "c\x1b[31m")
		empty.Fill(0.5, 1)
	}
	err := put(mf, nil, "run1/hpx", gauss(hbook.NewH1D(100, -4, 4), seed, n, 0), mapfile.WithTitle("px"))
	err = put(mf, err, "run1/hpxpy", h2)
	err = put(mf, err, "run1/prof", p)
	err = put(mf, err, "run1/empty", empty)
	err = put(mf, err, "config", &config)
	err = put(mf, err, "same", &same)
	err = put(mf, err, "own", &ownBytes{[]byte{byte(seed)}})
	if seed == 1 {
		err = put(mf, err, "run1/old", hbook.NewH1D(100, -4, 4))
		err = put(mf, err, "run1/changed", &same)
	}
	never := int64(0)
	if err == nil {
		_, err = mf.Add("never", &never)
	}
	return err
}

func gauss(h *hbook.H1D, seed uint64, n int, mean float64) *hbook.H1D {
	r := rand.New(rand.NewPCG(seed, 0))
	for range n {
		h.Fill(r.NormFloat64()+mean, 1)
	}
	return h
}

// shard publishes one share of histograms and counters; a slot that only shard 2 has; what cannot be added.
func shard(mf *mapfile.MapFile, i uint64, bins int) error {
	h2, p := hbook.NewH2D(4, 0, 4, 2, 0, 2), hbook.NewP1D(4, 0, 4)
	h2.Fill(1, 1, 0.5)
	p.Fill(1, float64(i), 1)
	err := put(mf, nil, "run1/hpx", gauss(hbook.NewH1D(bins, -4, 4), i, 1000, 0), mapfile.WithTitle("px;p_{x} [GeV]"))
	err = put(mf, err, "run1/hpxpy", h2)
	err = put(mf, err, "run1/prof", p)
	err = put(mf, err, "orders", counter(1<<53+i))
	err = put(mf, err, "temperature", &mapfilepb.Value{Kind: mapfilepb.Value_KIND_GAUGE})
	text := "\x1b[31mshard"
	err = put(mf, err, "te\nxt", &text)
	if i == 1 {
		err = put(mf, err, "only", gauss(hbook.NewH1D(10, -4, 4), i, 10, 0))
	}
	return err
}

func counter(n uint64) *mapfilepb.Value {
	return &mapfilepb.Value{Kind: mapfilepb.Value_KIND_COUNTER, Unit: "orders", Number: &mapfilepb.Value_Unsigned{Unsigned: n}}
}

// steady publishes one histogram of $BINS bins, and goes on publishing it.
func steady(mf *mapfile.MapFile) (func() error, error) {
	bins, _ := strconv.Atoi(os.Getenv("BINS"))
	err := put(mf, nil, "run1/hpx", gauss(hbook.NewH1D(bins, -4, 4), 1, 100, 0))
	return func() error { return mf.Update() }, err
}

// filling fills and publishes, from zero on, $FILLS times; then it is quiet.
func filling(mf *mapfile.MapFile) (func() error, error) {
	left, _ := strconv.Atoi(os.Getenv("FILLS"))
	h, p, n := hbook.NewH1D(100, -4, 4), hbook.NewP1D(20, -4, 4), counter(0)
	err := put(mf, nil, "run1/hpx", h)
	err = put(mf, err, "run1/prof", p)
	err = put(mf, err, "orders", n)
	r := rand.New(rand.NewPCG(uint64(os.Getpid()), uint64(time.Now().UnixNano())))
	return func() error {
		if left == 0 {
			return nil
		}
		for range min(left, 50) {
			x := r.NormFloat64()
			h.Fill(x, r.ExpFloat64())
			p.Fill(x, x*x, 1)
			left--
			n.Number.(*mapfilepb.Value_Unsigned).Unsigned++
		}
		return mf.Update()
	}, err
}
