package browsertest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"time"

	"go-hep.org/x/hep/hbook"

	_ "github.com/gomapfile/mapfile/codec/hbook"
	jsoncodec "github.com/gomapfile/mapfile/codec/json"
	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/registry"
)

// The producer: a process that fills and publishes until it is killed. It says "ready" after its first
// commit.

type config struct {
	Name   string
	Limit  int
	Gains  []float64
	Nested map[string]int
}

// A scenario adds slots and returns what changes the objects; they are published after each step.
type scenario struct {
	begin   func(mf *mapfile.MapFile) (step func() error, err error)
	pause   time.Duration // between steps
	publish []string      // these slots; empty: all
}

var scenarios = map[string]scenario{
	"run":     {begin: run, pause: 50 * time.Millisecond},
	"hostile": {begin: hostile, pause: 100 * time.Millisecond},
	"many":    {begin: many, pause: time.Second},
	"odd":     {begin: odd, pause: 100 * time.Millisecond, publish: []string{"empty", "empty2d", "emptyprofile", "one", "negative", "nan", "edges", "dense", "large2d"}},
	"heavy":   {begin: heavy, pause: 20 * time.Millisecond},
}

func produce(args []string) int {
	if err := play(args[0], args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "producer:", err)
		return 1
	}
	return 0
}

func play(name, path string) error {
	mf, err := mapfile.OpenOrCreate(path, mapfile.WithTitle("browser test"))
	if err != nil {
		return err
	}
	s := scenarios[name]
	step, err := s.begin(mf)
	if err != nil {
		return err
	}
	if err := mf.Update(s.publish...); err != nil {
		return err
	}
	fmt.Println("ready")
	for {
		time.Sleep(s.pause)
		if err := step(); err != nil {
			return err
		}
		if err := mf.Update(s.publish...); err != nil {
			return err
		}
	}
}

type adder struct {
	mf  *mapfile.MapFile
	err error
}

func (a *adder) add(name string, v any, opts ...mapfile.SlotOption) {
	if a.err == nil {
		_, a.err = a.mf.Add(name, v, opts...)
	}
}

func axisTitles(ann hbook.Annotation, title, x, xUnit, y, yUnit string) {
	ann["title"], ann["XLabel"], ann["XUnit"], ann["YLabel"], ann["YUnit"] = title, x, xUnit, y, yUnit
}

// run is what an experiment shows: histograms of all kinds, settings, a counter, bytes.
func run(mf *mapfile.MapFile) (func() error, error) {
	registry.Register[config]("lab.Config", jsoncodec.Codec)
	px, mass := hbook.NewH1D(100, -4, 4), hbook.NewH1D(120, 0, 120)
	plane := hbook.NewH2D(40, -4, 4, 40, -4, 4)
	prof := hbook.NewP1D(50, -4, 4)
	axisTitles(px.Ann, "Momentum p_{x}", "p_{x}", "GeV", "entries / 80 MeV", "")
	axisTitles(mass.Ann, "Invariant mass m_{#mu#mu}", "m_{#mu#mu}", "GeV/c^{2}", "candidates", "")
	axisTitles(plane.Ann, "p_{y} against p_{x}", "p_{x}", "GeV", "p_{y}", "GeV")
	axisTitles(prof.Annotation(), "Mean energy over p_{x}", "p_{x}", "GeV", "E", "MeV")
	cfg := config{Name: "cosmics", Limit: 5, Gains: []float64{1, 1.02, 0.98}, Nested: map[string]int{"a": 1, "b": 2}}
	n := int64(0)
	raw := mapfile.Raw{Type: mapfile.TypeInfo{Name: "lab.Packet", Codec: "lab"}, Payload: []byte("\x00\x01packet \xff\xfe of bytes that nobody knows")}
	a := &adder{mf: mf}
	a.add("run1/hpx", px)
	a.add("run1/mass", mass)
	a.add("run1/hpxpy", plane)
	a.add("run1/hprof", prof)
	a.add("config", &cfg, mapfile.WithTitle("settings of the run"))
	a.add("events", &n, mapfile.WithTitle("events seen"))
	a.add("packet", &raw)
	fill := func() error {
		for range 200 {
			x, y := rand.NormFloat64(), rand.NormFloat64()
			px.Fill(x, 1)
			plane.Fill(x, y*0.8+x*0.4, 1)
			prof.Fill(x, 20+x*x*8+rand.NormFloat64()*6, 1)
			m := 91.2 + rand.NormFloat64()*2.8
			if rand.Float64() < 0.55 {
				m = -math.Log(rand.Float64()) * 28
			}
			mass.Fill(m, 1)
			n++
		}
		cfg.Limit = int(n) / 1000
		return nil
	}
	for range 20 {
		fill()
	}
	return fill, a.err
}

// markup is a title or name that a careless page would run.
const markup = `<img src=x onerror="window.owned=1"><script>window.owned=1</script><svg onload="window.owned=1">`

// hostile says the worst where texts are free.
func hostile(mf *mapfile.MapFile) (func() error, error) {
	h := hbook.NewH1D(10, 0, 1)
	h.Fill(0.35, 7)
	h.Ann["title"] = `"'>` + markup
	h.Ann["XLabel"] = markup + "_{" + markup + "}"
	text := markup + "\x1b[31m\u202eevil"
	registry.Register[map[string]any]("lab.Map", jsoncodec.Codec)
	a := &adder{mf: mf}
	a.add("a"+markup[:20]+"\n\u202e/'\"`&amp;${1+1}", h, mapfile.WithTitle(`javascript:window.owned=1;`+markup+`;`+markup))
	a.add("text", &text, mapfile.WithTitle("</title>"+markup))
	a.add("map", &map[string]any{markup: markup, "__proto__": "x", "constructor": 1})
	a.add("nul\x01 ?#%/..;,=&+", h)
	return func() error { return nil }, a.err
}

// many is 3,000 histograms in 30 crates.
func many(mf *mapfile.MapFile) (func() error, error) {
	h := hbook.NewH1D(64, 0, 4096)
	a := &adder{mf: mf}
	for crate := range 30 {
		for channel := range 100 {
			a.add(fmt.Sprintf("crate%02d/ch%03d/adc", crate, channel), h)
		}
	}
	return func() error { h.Fill(rand.Float64()*4096, 1); return nil }, a.err
}

// odd is what plots stumble over.
func odd(mf *mapfile.MapFile) (func() error, error) {
	a := &adder{mf: mf}
	one := hbook.NewH1D(1, 0, 1)
	one.Fill(0.5, 3)
	negative, nan := hbook.NewH1D(5, 0, 5), hbook.NewH1D(5, 0, 5)
	for i := range 5 {
		negative.Fill(float64(i)+0.5, float64(i)-2.5)
		nan.Fill(float64(i)+0.5, math.NaN())
	}
	edges := hbook.NewH1DFromEdges([]float64{1, 2, 5, 10, 100, 1000})
	for i := range 50 {
		edges.Fill(math.Pow(10, float64(i)/17), 1)
	}
	dense := hbook.NewH1D(100000, 0, 1)
	for range 200000 {
		dense.Fill(math.Abs(rand.NormFloat64()/3), 1)
	}
	large := hbook.NewH2D(300, 0, 1, 200, 0, 1)
	for range 200000 {
		large.Fill(rand.Float64(), math.Abs(rand.NormFloat64()/3), 1)
	}
	a.add("empty", hbook.NewH1D(10, 0, 1))
	a.add("empty2d", hbook.NewH2D(4, 0, 1, 4, 0, 1))
	a.add("emptyprofile", hbook.NewP1D(4, 0, 1))
	a.add("one", one)
	a.add("negative", negative)
	a.add("nan", nan)
	a.add("edges", edges)
	a.add("dense", dense)
	a.add("large2d", large)
	never := int64(0)
	a.add("never", &never)
	return func() error { return nil }, a.err
}

// heavy is a 2-D histogram that costs much to draw, as fast as it goes.
func heavy(mf *mapfile.MapFile) (func() error, error) {
	h := hbook.NewH2D(400, -4, 4, 400, -4, 4)
	_, err := mf.Add("large", h)
	return func() error {
		for range 5000 {
			h.Fill(rand.NormFloat64(), rand.NormFloat64(), 1)
		}
		return nil
	}, err
}
