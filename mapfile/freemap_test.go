package mapfile

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/mapfile/internal/shm"
)

// How space is found: against a naive look at the free map, unit by unit, and counted, not timed.

const firstUnit = layout.ArenaOff / layout.UnitLen

// freeMapOf reads the free map: true is free. Units before the arena and behind the end are not.
func freeMapOf(m shm.Mem) []bool {
	end := m.Load(layout.SizeOff) / layout.UnitLen
	free := make([]bool, end)
	for c := layout.FreeChunkOf(0); c.First < end; c = c.Next() {
		bitmap := m.Bytes(m.Load(c.WordOff()), c.Len())
		for unit := max(c.First, firstUnit); unit < min(c.First+c.Units, end); unit++ {
			bit := unit - c.First
			free[unit] = bitmap[bit/8]>>(bit%8)&1 == 0
		}
	}
	return free
}

// freeMapOnly is the memory of a file so far as a free map needs it, for that many units; all are in use.
func freeMapOnly(units uint64) shm.Mem {
	m := shm.Writable(shm.Heap(int(units * layout.UnitLen)))
	m.Store(layout.SizeOff, units*layout.UnitLen)
	place := uint64(layout.ArenaOff)
	for c := layout.FreeChunkOf(0); c.First < units; c = c.Next() {
		m.Store(c.WordOff(), place)
		place += c.Len()
	}
	mark(m, 0, units, true)
	return m
}

func TestFreeAroundIsTheFreeRun(t *testing.T) {
	for _, end := range []uint64{1000, 8192, 8192 + 512, 40_010} { // part of a chunk, one, a bit of the next, four
		m := freeMapOnly(end)
		var borders []uint64
		for c := layout.FreeChunkOf(0); c.First < end; c = c.Next() {
			borders = append(borders, max(c.First, firstUnit), min(c.First+c.Units, end)-1)
		}
		r := rand.New(rand.NewPCG(end, 0))
		free := make([]bool, end)
		for round := range 100 {
			fillRandomly(r, m, free, round)
			if round == 0 && !slices.Equal(free, freeMapOf(m)) {
				t.Fatal("mark does not mark what it is told to")
			}
			for range 60 {
				from := firstUnit + r.Uint64N(end-firstUnit)
				switch r.IntN(3) {
				case 0:
					from = borders[r.IntN(len(borders))]
				case 1: // at the border of a word
					from = max(from&^63, firstUnit)
				}
				to := min(from+1+r.Uint64N(1<<r.IntN(12)), end)
				wantFrom, wantTo := from, to
				for wantFrom > firstUnit && free[wantFrom-1] {
					wantFrom--
				}
				for wantTo < end && free[wantTo] {
					wantTo++
				}
				gotFrom, gotTo := freeAround(m, from, to)
				// Beyond aroundMost it need not look, but what it returns is free.
				if gotFrom != wantFrom && (gotFrom < wantFrom || from-gotFrom < aroundMost) ||
					gotTo != wantTo && (gotTo > wantTo || gotTo-to < aroundMost) {
					t.Fatalf("%d units, round %d: around [%d, %d) it finds [%d, %d), there is [%d, %d)", end, round, from, to, gotFrom, gotTo, wantFrom, wantTo)
				}
			}
		}
	}
}

// fillRandomly makes a free map of runs, of all lengths or, in some rounds, mostly long ones.
func fillRandomly(r *rand.Rand, m shm.Mem, free []bool, round int) {
	end := uint64(len(free))
	longest := 1 << (1 + round%14)
	for unit := uint64(firstUnit); unit < end; {
		n := min(1+r.Uint64N(uint64(longest)), end-unit)
		used := r.IntN(2) == 0
		if round%10 == 0 {
			used = false // all free
		}
		for i := range n {
			free[unit+i] = !used
		}
		mark(m, unit, n, used)
		unit += n
	}
}

// A hint says that no run of a size begins below a unit. A wrong one would make the file grow although
// there is room, or make every search that finds nothing look at all of the file.
func TestHintsAreNeverWrong(t *testing.T) {
	for seed := range uint64(3) {
		mf, err := Create(filepath.Join(fastDir(t), "a.map"))
		if err != nil {
			t.Fatal(err)
		}
		s := mf.s
		r := rand.New(rand.NewPCG(seed, 0))
		type piece struct{ off, n uint64 }
		var pieces []piece
		size := func() uint64 { // of many slots that are small, of some that are not, and of huge ones
			return 1 + r.Uint64N(uint64(layout.UnitLen)<<r.IntN([]int{4, 8, 14}[r.IntN(3)]))
		}
		for step := range 1200 {
			err := s.change(func(m shm.Mem) error {
				if free := step/300%2 == 1; len(pieces) > 0 && (free && r.IntN(4) > 0 || r.IntN(4) == 0) {
					i := r.IntN(len(pieces))
					s.free(m, pieces[i].off, pieces[i].n)
					pieces = slices.Delete(pieces, i, i+1)
				} else {
					n := size()
					off, err := s.alloc(m, n)
					if err != nil {
						return err
					}
					pieces = append(pieces, piece{off, n})
				}
				if step%5 > 0 { // looking at all of it takes long, and a wrong hint is not soon mended
					return nil
				}
				return wrongHint(s.mem())
			})
			if err != nil {
				t.Fatalf("seed %d, step %d: %v", seed, step, err)
			}
		}
		mf.Close()
	}
}

// wrongHint looks for a run that a hint says is not there.
func wrongHint(m shm.Mem) error {
	free, hints := freeMapOf(m), hintsOf(m)
	run := uint64(0)
	for unit := uint64(firstUnit); unit <= uint64(len(free)); unit++ {
		if unit < uint64(len(free)) && free[unit] {
			run++
			continue
		}
		for i, h := range hints {
			if h.size > 0 && run >= h.size && unit-run < h.from {
				return fmt.Errorf("hint %d says that no %d units begin below %d; %d do at %d", i, h.size, h.from, run, unit-run)
			}
		}
		run = 0
	}
	return nil
}

// hint says that no run of size units begins below from.
type hint struct{ size, from uint64 }

func hintsOf(m shm.Mem) (hints [layout.NumHints]hint) {
	for i := range hints {
		hints[i] = hint{m.Load(layout.HintOff(i)), m.Load(layout.HintOff(i) + 8)}
	}
	return hints
}

// searched is how many units findRun has looked at for the extent that lies at unit now, by the hints and
// the size of the file that there were before.
func searched(hints [layout.NumHints]hint, end, unit, units uint64, grew bool) uint64 {
	from := uint64(firstUnit)
	for _, h := range hints {
		if h.size <= units {
			from = max(from, h.from)
		}
	}
	if grew { // to the end, from the start to the end to be sure, and again
		return end - from + end - firstUnit + max(unit, from) - from
	}
	if unit < from {
		return end - from + unit - firstUnit
	}
	return unit - from
}

// Slots that all outgrow their first extents leave a small hole each, in which no other has room. The search
// for room must not begin there each time.
func TestManySlotsThatOutgrowTheirExtentsSearchLinearly(t *testing.T) {
	perSlot := func(n int) (units float64, density float64) {
		mf, err := Create(filepath.Join(fastDir(t), "a.map"))
		if err != nil {
			t.Fatal(err)
		}
		defer mf.Close()
		r := rand.New(rand.NewPCG(1, 1))
		handles, values := make([]*Slot, n), make([][]byte, n)
		payloads := uint64(0)
		for i := range n {
			if handles[i], err = mf.Add(fmt.Sprint(i), &values[i], WithBuffers(2)); err != nil {
				t.Fatal(err)
			}
			values[i] = bytes.Repeat([]byte{'x'}, int(min(700*math.Exp(1.2*r.NormFloat64()), 50_000)))
			payloads += uint64(len(values[i]))
		}
		sum, moved := uint64(0), 0
		for _, h := range handles {
			m := mf.s.mem()
			hints, end, old := hintsOf(m), m.Load(layout.SizeOff)/layout.UnitLen, h.sl.extent
			if err := h.Update(); err != nil {
				t.Fatal(err)
			}
			if now := h.sl.extent; now.Off != old.Off {
				moved++
				sum += searched(hints, end, now.Off/layout.UnitLen, layout.Units(now.Len()), mf.s.size()/layout.UnitLen != end)
			}
		}
		if moved < n/2 {
			t.Errorf("of %d slots only %d have moved: this shows nothing", n, moved)
		}
		if err := CheckInvariants(mf); err != nil {
			t.Error(err)
		}
		return float64(sum) / float64(n), float64(mf.s.size()) / float64(payloads)
	}
	few, fewDensity := perSlot(2000)
	many, manyDensity := perSlot(20_000)
	t.Logf("units searched for each of 2,000 slots: %.0f, of 20,000: %.0f; bytes of the file for each of payload: %.2f, %.2f", few, many, fewDensity, manyDensity)
	if many > 3*few+1000 { // 1 is linear, 10 is quadratic
		t.Errorf("of 20,000 slots each searched %.0f units, of 2,000 %.0f", many, few)
	}
}
