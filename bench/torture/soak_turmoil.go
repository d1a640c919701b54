package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// What happens around those that live long.

// turmoil has the file that producers are killed in, one after the other, as the proof kill does, with a
// reader in this process that is attached all along.
type turmoil struct {
	*soak
	killer   *killer
	follower *follower
}

func (s *soak) newTurmoil() (*turmoil, error) {
	t := &turmoil{soak: s, killer: &killer{proof: s.proof, path: turnsPath(s.dir), words: map[string]word{}}}
	var err error
	if t.follower, err = t.killer.follow(); err != nil {
		return nil, err
	}
	return t, nil
}

// kill has producers take over from one another until quit. Between two of them the file is looked at,
// replaced, or copied and damaged.
func (t *turmoil) kill(quit <-chan struct{}) error {
	rng := t.rand(2)
	for round := uint64(1); ; round++ {
		select {
		case <-quit:
			return nil
		case <-time.After(time.Duration(rng.IntN(40)) * time.Millisecond):
		}
		early := rng.IntN(10) < 3
		if err := t.killer.round(round, early, time.Duration(rng.IntN(12_000))*time.Microsecond); err != nil {
			return err
		}
		t.Add("kills", 1)
		if round%8 == 0 { // in order, and nothing is lost
			if err := t.killer.last(); err != nil {
				return err
			}
		}
		t.killer.check(t.follower)
		if round%5 == 0 {
			if err := t.damage(rng); err != nil {
				return err
			}
		}
		if round%10 == 0 {
			if err := t.replace(); err != nil {
				return err
			}
		}
	}
}

// end detaches the reader of this process.
func (t *turmoil) end() { t.follower.close() }

// replace puts an empty file in the place of the one that is there.
func (t *turmoil) replace() error {
	clear(t.killer.words)
	mf, err := mapfile.Recreate(t.killer.path)
	if err != nil {
		return err
	}
	t.Add("replaced", 1)
	return mf.Close()
}

// damage looks into a copy in which bytes are wrong, or missing: an error, or a value that is right.
func (t *turmoil) damage(rng *rand.Rand) error {
	bytes, err := os.ReadFile(t.killer.path)
	if err != nil {
		return err
	}
	for range 1 + rng.IntN(30) {
		bytes[rng.IntN(len(bytes))] ^= 1 << rng.IntN(8)
	}
	if rng.IntN(4) == 0 {
		bytes = bytes[:rng.IntN(len(bytes))]
	}
	dir := filepath.Join(t.dir, "damaged")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "copy.map")
	if err := os.WriteFile(path, bytes, 0o600); err != nil {
		return err
	}
	t.Add("damaged copies", 1)
	if err := caught(func() { t.lookInto(path) }); err != nil {
		t.Wrong("errors", "a damaged copy: %v", err)
	}
	return nil
}

// lookInto reads a damaged file, and then tries to write into it.
func (t *turmoil) lookInto(path string) {
	judge := func(what string, err error) {
		if err != nil && !isTyped(err) {
			t.Wrong("errors", "a damaged copy: %s: an error of no kind: %v", what, err)
		}
	}
	mf, err := mapfile.Open(path)
	judge("Open", err)
	if err == nil {
		for info, err := range mf.Slots() {
			judge("Slots", err)
			var raw mapfile.Raw
			if err := mf.GetInto(info.Name, &raw); err != nil {
				judge("Get", err)
			} else if _, err := checkPayload(raw.Payload, slotNumber(info.Name)); err != nil {
				t.Wrong("torn", "a damaged copy: %s: %v", info.Name, err)
			}
		}
		_, err = mf.Snapshot()
		judge("Snapshot", err)
		for _, err := range mf.Verify() {
			judge("Verify", err)
		}
		judge("Close", mf.Close())
	}
	mf, err = mapfile.OpenOrCreate(path)
	judge("OpenOrCreate", err)
	if err == nil {
		_, err = mf.Add("new", rawOf(nil))
		judge("Add", err)
		judge("Close of a producer", mf.Close())
	}
}

// join has producers join the file of the one that lives long, and take over from one another.
func (t *turmoil) join(quit <-chan struct{}) error {
	rng := t.rand(3)
	for round := uint64(1); ; round++ {
		select {
		case <-quit:
			return nil
		case <-time.After(time.Duration(rng.IntN(100)) * time.Millisecond):
		}
		c, err := start("soak.joiner", t.dir, strconv.FormatUint(t.seed+round, 10), strconv.FormatUint(round*1_000_000, 10))
		if err != nil {
			return err
		}
		_, err = c.Expect("ready", 2*hangs+t.pause)
		if errors.Is(err, errSilent) {
			t.Wrong("stuck", "joining: %v", err)
		}
		if err != nil {
			c.Kill()
			return err
		}
		time.Sleep(time.Duration(rng.IntN(20_000)) * time.Microsecond)
		if rng.IntN(4) == 0 {
			err = c.Wait(2*hangs + t.pause)
		} else {
			c.Kill()
		}
		if err != nil {
			return err
		}
		t.Add("joined", 1)
	}
}

// freeze stops one of those that live long, for a while.
func (s *soak) freeze(quit <-chan struct{}) error {
	rng := s.rand(4)
	for {
		m := s.members[rng.IntN(len(s.members))]
		select {
		case <-quit:
			return nil
		case <-time.After(s.pause/2 + time.Duration(rng.Int64N(int64(s.pause)))):
		}
		if err := m.Stop(); err != nil {
			return err
		}
		time.Sleep(time.Duration(rng.Int64N(int64(s.pause))))
		if m.name == "producer" {
			s.tryToTake()
		}
		if err := m.Cont(); err != nil {
			return err
		}
		s.Add("freezes", 1)
	}
}

// tryToTake: a frozen producer's slots stay its own.
func (s *soak) tryToTake() {
	mf, err := mapfile.OpenOrCreate(mainPath(s.dir), mapfile.WithLockTimeout(stopLockTimeout))
	if err == nil {
		_, err = mf.Add(soakSingle(0), rawOf(nil))
		mf.Close()
	}
	if !errors.Is(err, mapfile.ErrOwned) && !errors.Is(err, mapfile.ErrLocked) {
		s.Wrong("errors", "the frozen producer's slot: %v", err)
	}
}

func init() {
	roles["soak.joiner"] = func(args []string) error {
		v, err := newMortal(mainPath(args[0]), args[1], args[2], 8)
		if err != nil {
			return err
		}
		v.quiet = true
		return joinForAWhile(v)
	}
}

// joinNames are the slots of those that join: the first groupSize are always published by one commit.
func joinNames() (names []string) {
	for i := range groupSize {
		names = append(names, fmt.Sprintf("join/group/%d", i))
	}
	for i := range 4 {
		names = append(names, fmt.Sprintf("join/play/%d", i))
	}
	return names
}

// joinForAWhile takes the slots over, and uses them until it is killed or told to end.
func joinForAWhile(v *mortal) (err error) {
	// The one that lives long may be frozen with the structure lock.
	if v.mf, err = mapfile.OpenOrCreate(v.path, mapfile.WithLockTimeout(hangs)); err != nil {
		return err
	}
	names := joinNames()
	for _, name := range names {
		if err := v.add(name); err != nil {
			return err
		}
	}
	for n := 0; ; n++ {
		if err := v.publish(names[:groupSize]...); err != nil {
			return err
		}
		name := names[groupSize+n%(len(names)-groupSize)]
		if n%10 == 9 {
			if err := errors.Join(v.mf.Remove(name), v.add(name)); err != nil {
				return err
			}
		}
		if err := v.publish(name); err != nil {
			return err
		}
		if n == 0 {
			say("ready")
		}
		select {
		case <-parentClosed:
			return v.mf.Close()
		default:
		}
	}
}
