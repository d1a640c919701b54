package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The test's program is the workers' program, too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "worker" {
		main()
		return
	}
	os.Exit(m.Run())
}

// smoke is the smallest run of the experiments with single values.
var smoke = []string{
	"-peer", "mapfile,mapfile-off,floor,file", "-experiment", "publish,read,two,tails,calm",
	"-size", "64,4096", "-readers", "0,1", "-for", "5ms", "-rounds", "1",
}

func TestSmoke(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	dir := t.TempDir()
	var out, messages bytes.Buffer
	if err := measure(append(smoke, "-o", "json", "-out", dir), &out, &messages); err != nil {
		t.Fatalf("%v\n%s", err, messages.String())
	}
	var r report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Skipped {
		t.Errorf("%s, %s was skipped: %s", s.Peer, s.Experiment, s.Reason)
	}
	figures := map[figureKey]*figure{}
	for _, f := range r.Figures {
		figures[figureKey{f.Experiment, f.Case, f.Peer, f.Metric}] = f
		for _, n := range f.Rounds {
			if (f.Metric == "torn" || f.Metric == "back") && n != 0 {
				t.Errorf("%s, %s: %v of %s read %s", f.Experiment, f.Case, n, f.Peer, f.Metric)
			}
		}
	}
	for _, peer := range []string{"mapfile", "mapfile-off", "floor"} {
		for _, size := range []string{"64 B", "4 KiB"} {
			for _, key := range []figureKey{
				{"publish", size + ", nobody", peer, "ns"},
				{"publish", size + ", 1 reader", peer, "ns"},
				{"publish", size + ", 1 reader elsewhere", peer, "ns"},
				{"publish", size + ", 1 reader", peer, "distinct/s"},
				{"publish", size + ", 1 reader", peer, "ns/distinct"},
				{"read", size, peer, "ns"},
				{"two", size + ", one reads", peer, "reads/s"},
				{"two", size + ", two read", peer, "reads/s"},
				{"tails", size + ", spinners", peer, "p99.9 ns"},
				{"tails", size + ", 4 readers", peer, "worst ns"},
			} {
				if f := figures[key]; f == nil || len(f.Rounds) != 1 || !(f.Rounds[0] > 0) {
					t.Errorf("%v is %v", key, f)
				}
			}
		}
	}
	for _, key := range []figureKey{
		{"publish", "64 B, nobody", crcPeer, "ns"}, {"read", "4 KiB", crcPeer, "ns"},
		{"publish", "4 KiB, 1 reader", "file", "ns/distinct"}, {"read", "64 B", "file", "ns"},
		{"calm", "64 B, 10 looks/s", "mapfile", "ns"}, {"calm", "4 KiB, Watch, 1 kHz", "mapfile-off", "ns"},
	} {
		if figures[key] == nil {
			t.Errorf("%v is not there", key)
		}
	}
	judged := 0
	for _, v := range r.Targets {
		if v.Result == met || v.Result == notMet {
			judged++
		}
	}
	if judged < 30 {
		t.Errorf("%d targets were judged", judged)
	}
	text, err := os.ReadFile(filepath.Join(dir, "RESULTS.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"## Targets", "## publish", "**1 reader: ns**", "| mapfile-off |", "× floor", "publish.svg", "Nobody was skipped"} {
		if !bytes.Contains(text, []byte(part)) {
			t.Errorf("RESULTS.md has no %q", part)
		}
	}
	for _, file := range []string{"publish.svg", "tails.svg"} {
		if svg, err := os.ReadFile(filepath.Join(dir, file)); err != nil || !bytes.Contains(svg, []byte("mapfile-off")) {
			t.Errorf("%s: %v, or our name is not in it", file, err)
		}
	}
}

func TestChartsAreTheSameEachTime(t *testing.T) {
	r := &report{figures: map[figureKey]*figure{}}
	for i, size := range allSizes {
		for j, peer := range []string{"mapfile", "floor"} {
			r.figures[figureKey{"publish", sizeName(size) + ", 1 reader", peer, "ns"}] = &figure{Rounds: []float64{float64(100 * (i + 1) * (j + 1))}}
		}
	}
	var pictures [2][]byte
	for i := range pictures {
		path := filepath.Join(t.TempDir(), "chart.svg")
		if err := charts[0].write(r, path); err != nil {
			t.Fatal(err)
		}
		pictures[i], _ = os.ReadFile(path)
	}
	if len(pictures[0]) == 0 || !bytes.Equal(pictures[0], pictures[1]) {
		t.Error("two pictures of the same figures differ")
	}
	if err := charts[1].write(r, filepath.Join(t.TempDir(), "chart.svg")); err == nil {
		t.Error("a chart of nothing is drawn")
	}
}

func TestPeerThatFailsIsLeftOut(t *testing.T) {
	broken := &peer{name: "broken", program: func() []string { return []string{"/bin/false"} }}
	h := &harness{rounds: 2, length: 2 * time.Millisecond, sizes: []int{64}, readers: []int{0}, peers: []*peer{broken, peerNamed("floor")}}
	err := experimentPublish(h)
	h.clear()
	if err != nil {
		t.Fatal(err)
	}
	if len(h.skipped) != 1 || h.skipped[0].Peer != "broken" || !strings.Contains(h.skipped[0].Reason, "broken, publish") {
		t.Errorf("skipped are %v", h.skipped)
	}
	if f := h.byKey[figureKey{"publish", "64 B, nobody", "floor", "ns"}]; f == nil || len(f.Rounds) != 2 {
		t.Errorf("the other peer has %v", f)
	}
}

func TestPlanRefusesWhatIsNotThere(t *testing.T) {
	for _, args := range [][]string{
		{"-peer", "nobody"}, {"-experiment", "nothing"}, {"-size", "8"}, {"-size", "x"}, {"-readers", "-1"},
		{"-o", "xml"}, {"-rounds", "0"}, {"-for", "0"}, {"64"},
	} {
		if _, err := readPlan(args, new(bytes.Buffer)); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}

func TestOnlyFullRunsAreWritten(t *testing.T) {
	for args, dir := range map[string]string{
		"": "..", "-for 20ms": "..", "-rounds 4": "", "-peer floor": "", "-experiment read": "", "-size 64": "", "-peer floor -out x": "x",
	} {
		p, err := readPlan(strings.Fields(args), new(bytes.Buffer))
		if err != nil || p.dir != dir {
			t.Errorf("%q: written to %q, %v; want %q", args, p.dir, err, dir)
		}
	}
}

func TestTargetsAreJudgedRoundByRound(t *testing.T) {
	left, right := figureKey{"e", "c", "ours", "ns"}, figureKey{"e", "c", "theirs", "ns"}
	third := figureKey{"e", "c", "others", "ns"}
	figures := map[figureKey]*figure{
		left:  {Rounds: []float64{10, 40, 30}},
		right: {Rounds: []float64{20, 20, 100, 7}}, // ratios 0.5, 2, 0.3: median 0.5; of the medians it would be 1.5
	}
	for _, c := range []struct {
		name   string
		target target
		result string
		median float64
	}{
		{"ratio, met", target{of: []figureKey{left, right}, combine: ratio, Limit: 0.5}, met, 0.5},
		{"ratio, not met", target{of: []figureKey{left, right}, combine: ratio, Limit: 0.49}, notMet, 0.5},
		{"at least, met", target{of: []figureKey{left, right}, combine: ratio, Limit: 0.5, Least: true}, met, 0.5},
		{"at least, not met", target{of: []figureKey{left, right}, combine: ratio, Limit: 0.51, Least: true}, notMet, 0.5},
		{"difference", target{of: []figureKey{left, right}, combine: difference, Limit: -10}, met, -10},
		{"shown", target{of: []figureKey{left, right}, combine: ratio}, justShown, 0.5},
		{"itself", target{of: []figureKey{left}, combine: itself, Limit: 30}, met, 30},
		{"peer missing", target{of: []figureKey{left, third}, combine: ratio, Limit: 1}, notMeasured, 0},
		{"best of those there", target{of: []figureKey{left, third, right}, combine: toBest, some: true, Limit: 1}, met, 0.5},
		{"none of the others", target{of: []figureKey{left, third}, combine: toBest, some: true, Limit: 1}, notMeasured, 0},
		{"we are missing", target{of: []figureKey{third, left, right}, combine: toBest, some: true, Limit: 1}, notMeasured, 0},
	} {
		if v := c.target.judge(figures); v.Result != c.result || v.Median != c.median {
			t.Errorf("%s: %s, %v; want %s, %v", c.name, v.Result, v.Median, c.result, c.median)
		}
	}
	v := target{of: []figureKey{left, right}, combine: ratio, Limit: 0.25, Unit: "× floor", At: "64 B"}.judge(figures)
	if v.Min != 0.3 || v.Max != 2 || v.by() != "100 %" {
		t.Errorf("%v..%v, by %s", v.Min, v.Max, v.by())
	}
	row := strings.Join(targetRow([]verdict{v, {target: target{At: "4 KiB"}, Result: notMeasured, Why: "theirs: not built"}}), "|")
	for _, part := range []string{"≤ 0.25 × floor", "64 B: **0.5**", "**not met** by 64 B: 100 %", "4 KiB not measured: theirs: not built"} {
		if !strings.Contains(row, part) {
			t.Errorf("%q is not in %s", part, row)
		}
	}
}

func TestTargetsAreMadeOfFiguresOfPeers(t *testing.T) {
	seen := map[string]bool{}
	for _, target := range targets() {
		for _, key := range target.of {
			if peerNamed(key.peer) == nil && key.peer != crcPeer {
				seen[key.peer] = true
			}
		}
		if name := target.of[0].experiment; !strings.Contains(" "+strings.Join(allExperimentNames(), " ")+" ", " "+name+" ") {
			t.Errorf("%s: there is no experiment %s", target.What, name)
		}
	}
	for peer := range seen {
		t.Errorf("there is no peer %q", peer)
	}
}

func TestSpread(t *testing.T) {
	if median, least, greatest := spread([]float64{5, 1, 9, 3}); median != 4 || least != 1 || greatest != 9 {
		t.Error(median, least, greatest)
	}
	if median, _, _ := spread(nil); !math.IsNaN(median) {
		t.Error(median)
	}
}

func TestShort(t *testing.T) {
	for x, want := range map[float64]string{0: "0", 0.0211: "0.0211", 7.444: "7.44", 43.21: "43.2", 999: "999", 1419.4: "1,419", -1234: "-1,234",
		5_630_000: "5.63 M", 0.00002: "0.000020"} {
		if got := short(x); got != want {
			t.Errorf("%v is written %q, want %q", x, got, want)
		}
	}
}

func TestReasonsNameNoDirectories(t *testing.T) {
	got := tidy("open\n/some/where/secret/file.map: no | such file")
	if want := `open …/file.map: no \| such file`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// A fake is a publisher or reader in memory: values come as they are listed.
type fake struct {
	values []uint64
	torn   bool
	at     int
}

func (f *fake) read(_ int, buf []byte) error {
	stampValue(buf, f.values[f.at%len(f.values)])
	if f.torn {
		buf[0]++
	}
	f.at++
	return nil
}

func (f *fake) publish(_ int, value []byte) error {
	number, whole := numberOf(value)
	if !whole {
		return errors.New("torn")
	}
	f.values = append(f.values, number)
	return nil
}

func (f *fake) close() error { return nil }

func TestReadersSeeTornAndOldValues(t *testing.T) {
	read := func(f *fake, n int64) (res result) {
		r := &reading{reader: f, values: makeValues([]int{64}), last: make([]uint64, 1)}
		if err := r.calls(&res, n); err != nil {
			t.Fatal(err)
		}
		return res
	}
	if res := read(&fake{values: []uint64{3, 3, 5, 4, 6}}, 5); res.Distinct != 3 || res.Back != 1 || res.Torn != 0 {
		t.Errorf("%+v", res)
	}
	if res := read(&fake{values: []uint64{3}, torn: true}, 4); res.Torn != 4 || res.Distinct != 0 {
		t.Errorf("%+v", res)
	}
}

func TestWorkerObeys(t *testing.T) {
	f := &fake{}
	w := worker{caller: &publishing{publisher: f, values: makeValues([]int{64})}}
	var out bytes.Buffer
	if err := w.obey(strings.NewReader("run 2 mean\nrun 2 tails\nrun 4 every 1000000\n"), &out); err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(&out)
	for _, how := range []string{"mean", "tails", "every"} {
		var r result
		if err := decoder.Decode(&r); err != nil {
			t.Fatal(err)
		}
		if r.Calls < 1 || r.Nanos < 2e6 || (how != "mean") != (r.Worst > 0) || r.P50 > r.P999 {
			t.Errorf("%s: %+v", how, r)
		}
	}
	for i, number := range f.values[1:] {
		if number <= f.values[i] {
			t.Fatalf("%d comes after %d", number, f.values[i])
		}
	}
	for _, order := range []string{"walk 2 mean", "run", "run 2", "run x mean", "run 2 slowly", "run 2 every", "run 2 every x", "run 2 watch"} {
		if err := w.obey(strings.NewReader(order), new(bytes.Buffer)); err == nil {
			t.Errorf("%q is obeyed", order)
		}
	}
}

func TestSizesOfWorkers(t *testing.T) {
	list := filepath.Join(t.TempDir(), "sizes")
	if err := os.WriteFile(list, []byte("16\n4096\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if sizes, err := parseSizes("@" + list); err != nil || len(sizes) != 2 || sizes[1] != 4096 {
		t.Error(sizes, err)
	}
	for _, word := range []string{"", "8", "x", "64 64", "@", "@" + os.DevNull} {
		if sizes, err := parseSizes(word); err == nil {
			t.Errorf("%q is %v", word, sizes)
		}
	}
	if err := work([]string{"publish", "nobody", t.TempDir(), "64"}); err == nil {
		t.Error("a worker of nobody's store works")
	}
}
