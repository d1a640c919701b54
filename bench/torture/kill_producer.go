package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/gomapfile/mapfile/mapfile"
)

// The producer that is killed.

func init() {
	roles["kill.producer"] = func(args []string) error {
		v, err := newMortal(args[0], args[1], args[2], 5)
		if err != nil {
			return err
		}
		if err := v.begin(mapfile.OpenOrCreate); err != nil {
			return err
		}
		say("ready")
		v.quiet = v.rng.IntN(2) == 0
		if len(args) > 3 {
			return v.mf.Close()
		}
		for {
			if err := v.play(); err != nil {
				return err
			}
		}
	}
}

// mortal is that producer.
type mortal struct {
	path   string
	rng    *rand.Rand
	mf     *mapfile.MapFile
	quiet  bool   // says little, and so dies more often in the middle of something
	number uint64 // rises with every publish
	slots  map[string]*mapfile.Slot
	raws   map[string]*mapfile.Raw
}

// newMortal makes one of what a role is told: the seed, of which stream is a part of its own, and the
// number to count from.
func newMortal(path, seedText, numberText string, stream uint64) (*mortal, error) {
	seed, err := strconv.ParseUint(seedText, 10, 64)
	if err != nil {
		return nil, err
	}
	number, err := strconv.ParseUint(numberText, 10, 64)
	if err != nil {
		return nil, err
	}
	return &mortal{path: path, rng: rand.New(rand.NewPCG(seed, stream)), number: number,
		slots: map[string]*mapfile.Slot{}, raws: map[string]*mapfile.Raw{}}, nil
}

// begin becomes the producer of every slot there is or should be, and publishes each: none is stuck.
func (v *mortal) begin(open func(string, ...mapfile.Option) (*mapfile.MapFile, error)) (err error) {
	if v.mf, err = open(v.path); err != nil {
		return err
	}
	v.slots, v.raws = map[string]*mapfile.Slot{}, map[string]*mapfile.Raw{}
	for _, name := range allNames() {
		if err := v.add(name); err != nil {
			return err
		}
	}
	for _, name := range playNames {
		if err := v.publish(name); err != nil {
			return err
		}
	}
	return v.publish(v.group()...)
}

func (v *mortal) add(name string) (err error) {
	v.raws[name] = rawOf(nil)
	v.slots[name], err = v.mf.Add(name, v.raws[name])
	return err
}

func (v *mortal) group() []string {
	var names []string
	for i := range groupSize {
		names = append(names, groupName(i))
	}
	return names
}

// publish publishes the next number in these slots, as one commit, and says so afterwards.
func (v *mortal) publish(names ...string) error {
	v.number++
	size := 8 << v.rng.IntN(8)
	if v.rng.IntN(20) == 0 {
		size = 8 << v.rng.IntN(14) // now and then a slot grows
	}
	var slots []*mapfile.Slot
	for _, name := range names {
		v.raws[name].Payload = makePayload(v.raws[name].Payload, max(size, stampLen), stamp{Number: v.number, Slot: slotNumber(name)})
		slots = append(slots, v.slots[name])
	}
	var err error
	if len(slots) == 1 {
		err = slots[0].Update()
	} else {
		err = v.mf.UpdateSlots(slots...)
	}
	if err == nil && !v.quiet {
		say("n %d %s", v.number, strings.Join(names, " "))
	}
	return err
}

// play does something.
func (v *mortal) play() error {
	name := playNames[v.rng.IntN(len(playNames))]
	switch what := v.rng.IntN(1000); {
	case what < 500 && !v.quiet:
		return v.publish(name)
	case what < 800:
		return v.publish(v.group()...)
	case what < 990: // another slot of that name
		say("u %s", name)
		if err := v.mf.Remove(name); err != nil {
			return err
		}
		if err := v.add(name); err != nil {
			return err
		}
		return v.publish(name)
	case what == 999 && v.rng.IntN(20) == 0:
		say("r")
		old := v.mf
		if err := v.begin(mapfile.Recreate); err != nil {
			return err
		}
		return old.Close()
	default:
		return v.failToAdd()
	}
}

// failToAdd adds what is there already.
func (v *mortal) failToAdd() error {
	if _, err := v.mf.Add(groupName(0), rawOf(nil)); !errors.Is(err, mapfile.ErrSlotExists) {
		return fmt.Errorf("a second Add: %v", err)
	}
	return nil
}
