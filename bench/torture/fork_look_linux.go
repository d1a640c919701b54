package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// How a reader sees a producer, for fork and namespaces.

// lookAt returns the producer of a slot and its states by all ways of asking: Stat of the slot, Slots,
// and Stat of the file. The error is of the library, or an age that cannot be.
func lookAt(mf *mapfile.MapFile, name string, oldest time.Duration) (p mapfile.Producer, states []mapfile.State, err error) {
	info, err := mf.Reader(name).Stat()
	if err != nil {
		return p, nil, err
	}
	p, states = info.Producer, []mapfile.State{info.Producer.State}
	infos := []mapfile.SlotInfo{info}
	for info, err := range mf.Slots() {
		if err != nil {
			return p, nil, err
		}
		if info.Name == name && info.Producer.Session == p.Session {
			states = append(states, info.Producer.State)
		}
		infos = append(infos, info)
	}
	file, err := mf.Stat()
	if err != nil {
		return p, nil, err
	}
	for _, of := range file.Producers {
		if of.Session == p.Session {
			states = append(states, of.State)
		}
		infos = append(infos, mapfile.SlotInfo{Name: fmt.Sprint("session ", of.Session), Producer: of})
	}
	for _, info := range infos {
		if age, beat := info.Age, info.Producer.Heartbeat; age < 0 || beat < 0 || age > oldest || beat > oldest {
			return p, states, fmt.Errorf("%w: %s: age %v, heartbeat %v ago, all began %v ago", errAge, info.Name, age, beat, oldest)
		}
	}
	return p, states, nil
}

// errAge: an age that is negative, or more than it can be.
var errAge = fmt.Errorf("wrong age")

// becomes waits until the slot's producer is seen in that state by all ways of asking, and returns how
// long that took; session 0 is any. In the time before it must be in no other state than those of
// meanwhile.
func becomes(mf *mapfile.MapFile, name string, session uint64, want mapfile.State, began time.Time, meanwhile ...mapfile.State) (time.Duration, error) {
	for start := time.Now(); ; time.Sleep(200 * time.Microsecond) {
		p, states, err := lookAt(mf, name, time.Since(began)+time.Second)
		took := time.Since(start)
		if err != nil {
			return took, err
		}
		if session != 0 && p.Session != session {
			return took, fmt.Errorf("%s is of session %d, not %d", name, p.Session, session)
		}
		if !slices.ContainsFunc(states, func(s mapfile.State) bool { return s != want }) {
			return took, nil
		}
		for _, s := range states {
			if s != want && !slices.Contains(meanwhile, s) {
				return took, fmt.Errorf("the producer of %s is %v, which is neither %v nor any of %v", name, states, want, meanwhile)
			}
		}
		if took > hangs {
			return took, fmt.Errorf("the producer of %s is %v, not %v, for %v", name, states, want, took)
		}
	}
}
