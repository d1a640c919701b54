package main

import (
	"math/rand/v2"
	"strconv"

	"github.com/gomapfile/mapfile/mapfile"
)

// The writer of readers: every slot at full speed, one process.

// writtenSlot is a slot and how far its numbers are: they go on when it is removed and added again.
type writtenSlot struct {
	name   string
	raw    *mapfile.Raw
	slot   *mapfile.Slot // nil: it is not there
	number uint64
}

func (w *writtenSlot) add(mf *mapfile.MapFile) (err error) {
	w.raw = rawOf(nil)
	w.slot, err = mf.Add(w.name, w.raw)
	return err
}

func (w *writtenSlot) update(size int) error {
	w.number++
	w.raw.Payload = makePayload(w.raw.Payload, size, stamp{Number: w.number, Slot: slotNumber(w.name)})
	return w.slot.Update()
}

func (w *writtenSlot) remove(mf *mapfile.MapFile) error {
	w.slot = nil
	return mf.Remove(w.name)
}

func writeForReaders(args []string) error {
	seed, err := strconv.ParseUint(args[1], 10, 64)
	if err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(seed, 1))
	mf, err := mapfile.Create(args[0])
	if err != nil {
		return err
	}
	defer mf.Close()
	bySize := map[string]int{}
	slots := map[string]*writtenSlot{}
	var names []string
	for _, size := range readSizes {
		w := &writtenSlot{name: sizeName(size)}
		if err := w.add(mf); err != nil {
			return err
		}
		if err := w.update(size); err != nil {
			return err
		}
		slots[w.name], bySize[w.name] = w, size
		names = append(names, w.name)
	}
	mixture := weighted(names, readSizes)
	growing, coming := &writtenSlot{name: growingName}, &writtenSlot{name: comingName}
	say("ready")
	for n := 1; ; n++ {
		w := slots[mixture[rng.IntN(len(mixture))]]
		size := bySize[w.name]
		if err := w.update(size - rng.IntN(size/2+1)); err != nil {
			return err
		}
		if n%50 == 0 {
			if err := comeAndGo(mf, coming, n/50, 5, func(int) int { return 100 }); err != nil {
				return err
			}
		}
		if n%200 == 0 {
			if err := comeAndGo(mf, growing, n/200, 19, func(i int) int { return 8 << (i - 1) }); err != nil {
				return err
			}
		}
		select {
		case <-parentLines:
			say("updates %d", n)
			return nil
		default:
		}
	}
}

// comeAndGo does the n-th step of a slot that is added, updated so many times, and removed.
func comeAndGo(mf *mapfile.MapFile, w *writtenSlot, n, updates int, size func(i int) int) error {
	switch i := n % (updates + 2); {
	case i == 0 || w.slot == nil:
		if w.slot != nil {
			return nil
		}
		return w.add(mf)
	case i <= updates:
		return w.update(size(i))
	default:
		return w.remove(mf)
	}
}
