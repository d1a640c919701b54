package mapfile_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	_ "github.com/gomapfile/mapfile/codec/protobuf"
	"github.com/gomapfile/mapfile/mapfile"
	mapfilepb "github.com/gomapfile/mapfile/proto"
)

// C01: what ROOT's TMapFileTest promises, with two processes, in both directions. The producer fills
// three histograms without sleeping; the viewer opens the file as soon as the path exists and polls.
// Entries are non-zero, grow between polls, never exceed the maximum, and reach it in all three.

const updateEvery = 10 // fills; ROOT's hprod example has the same

func init() {
	roles["fill"] = func(args []string) { // path, fills
		must(fill(args[0], must1(strconv.Atoi(args[1]))))
	}
	roles["view"] = func(args []string) { // path, fills
		polls, err := view(args[0], must1(strconv.Atoi(args[1])))
		must(err)
		fmt.Println(polls)
	}
}

func fill(path string, n int) error {
	mf, err := mapfile.Recreate(path, mapfile.WithTitle("demo"))
	if err != nil {
		return err
	}
	defer mf.Close()
	px := &mapfilepb.H1D{X: axis(100), Total: &mapfilepb.Sums{}, SumW: make([]float64, 100)}
	pxpy := &mapfilepb.H2D{X: axis(40), Y: axis(40), Total: &mapfilepb.Sums{}, SumW: make([]float64, 40*40)}
	prof := &mapfilepb.P1D{X: axis(100), Total: &mapfilepb.Sums{}, SumW: make([]float64, 100)}
	for name, h := range map[string]any{"hpx": px, "hpxpy": pxpy, "hprof": prof} {
		if _, err := mf.Add(name, h); err != nil {
			return err
		}
	}
	for i := 1; i <= n; i++ {
		x, y := rand.NormFloat64(), rand.NormFloat64()
		fillBin(px.Total, px.SumW, bin(x, 100), 0)
		fillBin(pxpy.Total, pxpy.SumW, bin(x, 40)*40+bin(y, 40), 0)
		fillBin(prof.Total, prof.SumW, bin(x, 100), x*x+y*y)
		if i == 1 || i == n || i%updateEvery == 0 {
			if err := mf.Update(); err != nil {
				return err
			}
		}
	}
	return nil
}

func axis(bins uint32) *mapfilepb.Axis { return &mapfilepb.Axis{Bins: bins, Min: -4, Max: 4} }

func bin(x float64, bins int) int { return max(0, min(bins-1, int((x+4)/8*float64(bins)))) }

func fillBin(total *mapfilepb.Sums, sums []float64, i int, y float64) {
	total.Entries++
	total.SumWy += y
	sums[i]++
}

// entries checks that a histogram is all of one time.
func entries(total *mapfilepb.Sums, sums []float64) (int64, error) {
	sum := 0.0
	for _, n := range sums {
		sum += n
	}
	if sum != float64(total.GetEntries()) {
		return 0, fmt.Errorf("bins have %v entries, the sums say %d", sum, total.GetEntries())
	}
	return total.GetEntries(), nil
}

// view polls until all has been seen.
func view(path string, n int) (polls int, err error) {
	var mf *mapfile.MapFile
	for begin := time.Now(); ; time.Sleep(100 * time.Microsecond) {
		if mf, err = mapfile.Open(path); err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) || time.Since(begin) > 20*time.Second {
			return 0, err
		}
	}
	defer mf.Close()
	every := min(100*time.Millisecond, time.Duration(n)*time.Microsecond/4) // ROOT's 100 ms for 10⁶ fills
	for last := int64(0); last < int64(n); {
		snap, err := mf.Snapshot()
		if err != nil {
			return polls, err
		}
		px, err := mapfile.Get[*mapfilepb.H1D](snap, "hpx")
		if errors.Is(err, mapfile.ErrNoSlot) || errors.Is(err, mapfile.ErrNotPublished) {
			continue // opened before the first Update
		}
		pxpy, err1 := mapfile.Get[*mapfilepb.H2D](snap, "hpxpy")
		prof, err2 := mapfile.Get[*mapfilepb.P1D](snap, "hprof")
		now, err3 := entries(px.GetTotal(), px.GetSumW())
		now2, err4 := entries(pxpy.GetTotal(), pxpy.GetSumW())
		now3, err5 := entries(prof.GetTotal(), prof.GetSumW())
		if err := errors.Join(err, err1, err2, err3, err4, err5); err != nil {
			return polls, err
		}
		if now == 0 || now < last || now > int64(n) || now2 != now || now3 != now {
			return polls, fmt.Errorf("entries %d, %d, %d after %d of %d", now, now2, now3, last, n)
		}
		if now == last { // of a producer that never sleeps: nothing new is a sign of death
			info, err := mf.Stat()
			if err != nil || info.Producers[0].State != mapfile.StateLive && now < int64(n) {
				return polls, fmt.Errorf("no more entries than %d of %d: %+v, %v", now, n, info.Producers, err)
			}
		}
		last = now
		polls++
		time.Sleep(every)
	}
	return polls, nil
}

func TestViewerSeesAProducerFill(t *testing.T) {
	for _, c := range []struct {
		name   string
		report func(path string, n int) (polls int, err error)
	}{
		{"the producer is the child", func(path string, n int) (int, error) {
			c := start(t, "fill", path, fmt.Sprint(n))
			polls, err := view(path, n)
			c.MustEnd()
			return polls, err
		}},
		{"the viewer is the child", func(path string, n int) (int, error) {
			c := start(t, "view", path, fmt.Sprint(n))
			err := fill(path, n)
			polls, _ := strconv.Atoi(c.Line())
			c.MustEnd()
			return polls, err
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			polls := 0
			for n := times(50_000, 1_000_000); polls < 2 && n <= 5_000_000 && !t.Failed(); n *= 3 { // longer, where the viewer hardly gets to run
				var err error
				if polls, err = c.report(filepath.Join(testDir(t), "hprod.map"), n); err != nil {
					t.Error(err)
				}
				t.Log(n, "fills,", polls, "polls")
			}
			if polls < 2 {
				t.Errorf("only %d polls: the viewer saw nothing of the filling", polls)
			}
		})
	}
}
