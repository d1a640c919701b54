package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// The producers of waiters.

func init() {
	roles["waiters.producer"] = func(args []string) error {
		number, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		seed, err := strconv.ParseUint(args[2], 10, 64)
		if err != nil {
			return err
		}
		mf, err := mapfile.OpenOrCreate(args[0])
		if err != nil {
			return err
		}
		defer mf.Close()
		var hands []*hand
		for i := range waiterHands {
			index := number*waiterHands + i
			h := &hand{mf: mf, index: index, rng: rand.New(rand.NewPCG(seed, 100+uint64(index)))}
			if err := h.begin(); err != nil {
				return err
			}
			hands = append(hands, h)
		}
		return workHands(hands)
	}
}

// workHands does the bursts that the parent orders, a number of publishes for each hand, and says what is
// published after each.
func workHands(hands []*hand) error {
	for {
		var seen []string
		for _, h := range hands {
			seen = append(seen, h.sights()...)
		}
		say("%s", strings.Join(seen, " "))
		line, ok := <-parentLines
		if !ok {
			return nil
		}
		errs := make([]error, len(hands))
		var working sync.WaitGroup
		for i, text := range strings.Fields(line) {
			n, err := strconv.Atoi(text)
			if err != nil {
				return err
			}
			working.Go(func() { errs[i] = hands[i].burst(n) })
		}
		working.Wait()
		if err := errors.Join(errs...); err != nil {
			return err
		}
	}
}

// hand is a goroutine that publishes, with slots of its own.
type hand struct {
	mf    *mapfile.MapFile
	index int
	rng   *rand.Rand
	names []string
	slots []*mapfile.Slot
	sizes []int

	coming *mapfile.Slot // the slot that comes and goes; nil: it is gone
	comes  int           // how often it came
}

func (h *hand) begin() error {
	for i := range handSlots - 1 {
		name := waiterSlotName(h.index*handSlots + i)
		size := []int{8, 100, 1000}[i]
		slot, err := h.mf.Add(name, numbered(name, size, 1))
		if err != nil {
			return err
		}
		h.names, h.slots, h.sizes = append(h.names, name), append(h.slots, slot), append(h.sizes, size)
	}
	return h.mf.UpdateSlots(h.slots...)
}

// sights is what a watcher must have seen of this hand's slots.
func (h *hand) sights() (all []string) {
	for i, slot := range h.slots {
		all = append(all, fmt.Sprint(sightingOf(slot.Version(), int64(h.sizes[i]))))
	}
	if h.coming == nil {
		return append(all, "0")
	}
	return append(all, fmt.Sprint(sightingOf(h.coming.Version(), int64(h.comingSize()))))
}

// comingSize is another one each time that the slot comes, for long.
func (h *hand) comingSize() int { return 8 + h.comes%1000 }

// burst publishes n times, with pauses or without.
func (h *hand) burst(n int) error {
	paused := h.rng.IntN(2) == 0
	for i := range n {
		if i > 0 && paused {
			h.pause()
		}
		if err := h.publish(); err != nil {
			return err
		}
	}
	return nil
}

func (h *hand) publish() error {
	switch what := h.rng.IntN(10); {
	case what < 5:
		return h.slots[h.rng.IntN(len(h.slots))].Update()
	case what < 7:
		return h.mf.UpdateSlots(h.slots...)
	case what < 9:
		return h.mf.Update(h.names...)
	default:
		return h.comeOrGo()
	}
}

// comeOrGo adds the slot that comes and goes and publishes it, or removes it.
func (h *hand) comeOrGo() (err error) {
	name := waiterSlotName(h.index*handSlots + handSlots - 1)
	if h.coming != nil {
		h.coming = nil
		return h.mf.Remove(name)
	}
	h.comes++
	if h.coming, err = h.mf.Add(name, numbered(name, h.comingSize(), 1)); err != nil {
		return err
	}
	return h.coming.Update()
}

// pause waits not at all, about as long as a producer collects wakes, or so long that everybody falls asleep.
func (h *hand) pause() {
	switch what := h.rng.IntN(10); {
	case what < 5:
	case what < 8:
		end := time.Now().Add(time.Duration(h.rng.IntN(300)) * time.Microsecond)
		for time.Now().Before(end) { // a sleep is not exact enough
		}
	default:
		time.Sleep(time.Duration(h.rng.IntN(1000)) * time.Microsecond)
	}
}
