package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomapfile/mapfile/mapfile"
)

// kill: a producer is killed at a random instant, while it updates, commits, adds, removes, grows and
// recreates, or while it takes over what the one before has left; then the next one begins. Numbers
// only ever rise, so "lost" can be told: what the producer has said to be published, or what any
// reader has seen, must be there, or newer.
//
// The control is a producer that writes its values in place, into one buffer each.

// hangs: nothing takes so long unless it hangs.
const hangs = 10 * time.Second

// groupSize slots are always published by one commit, with one number.
const groupSize = 4

func groupName(i int) string { return fmt.Sprintf("group/%d", i) }

func newKill() *cobra.Command {
	var n int
	return newProof("kill", "Kill the producer at random instants, again and again", true,
		func(cmd *cobra.Command) { cmd.Flags().IntVarP(&n, "n", "n", 10000, "kills") },
		func(p *proof) error {
			for _, name := range []string{"torn", "lost", "mixed", "stuck", "space lost"} {
				p.Add(name, 0)
			}
			if p.control {
				return p.killTwins(n)
			}
			k := &killer{proof: p, path: filepath.Join(p.dir, "kill.map"), words: map[string]word{}}
			return k.run(n)
		})
}

// killer is the run, in the process that kills.
type killer struct {
	*proof
	path  string
	next  uint64          // the next producer counts from here
	words map[string]word // what the producers have said, by slot
}

// word is a producer's last word on a slot.
type word struct {
	number  uint64 // published
	unclear bool   // about to be removed, or not there
}

func (k *killer) run(n int) error {
	rng := k.rand(1)
	follower, err := k.follow()
	if err != nil {
		return err
	}
	for round := 1; round <= n && !k.done(); round++ {
		// Three of ten die while they begin, the others some time after that.
		early := rng.IntN(10) < 3
		delay := time.Duration(rng.IntN(12_000)) * time.Microsecond
		if err := k.round(uint64(round), early, delay); err != nil {
			follower.close()
			return err
		}
		k.check(follower)
		k.Add("kills", 1)
		if round%20 == 0 {
			if err := k.last(); err != nil {
				follower.close()
				return err
			}
			k.check(follower)
		}
		k.progress.set(int64(round), int64(n), fmt.Sprintf("%d wrong", k.Wrongs()))
	}
	err = k.last()
	k.check(follower)
	k.Count("looks of the attached reader", follower.close())
	return err
}

// follow attaches a reader, once there is a file.
func (k *killer) follow() (*follower, error) {
	if err := k.round(0, false, time.Millisecond); err != nil {
		return nil, err
	}
	mf, err := mapfile.Open(k.path, mapfile.WithFollow())
	if err != nil {
		return nil, err
	}
	f := &follower{proof: k.proof, mf: mf, seen: map[string]uint64{}, quit: make(chan struct{})}
	f.ended.Go(f.run)
	return f, nil
}

// round starts a producer and kills it.
func (k *killer) round(round uint64, early bool, delay time.Duration) error {
	c, err := start("kill.producer", k.path, strconv.FormatUint(k.seed+round, 10), k.numbers())
	if err != nil {
		return err
	}
	begun := make(chan struct{})
	var listening sync.WaitGroup
	listening.Go(func() {
		for line := range c.lines {
			if line == "ready" {
				close(begun)
				continue
			}
			k.heard(line)
		}
	})
	if !early {
		select {
		case <-begun:
			k.Add("began", 1)
		case <-c.ended:
			listening.Wait()
			return c.failed()
		case <-time.After(hangs):
			k.Wrong("stuck", "round %d: the next producer does not begin", round)
		}
	}
	select {
	case <-time.After(delay):
	case <-c.ended: // on its own
		listening.Wait()
		return fmt.Errorf("round %d: %w", round, c.failed())
	}
	c.cmd.Process.Kill()
	listening.Wait()
	<-c.ended
	return nil
}

// numbers is from where the next producer counts: one may have published many numbers that nobody saw.
func (k *killer) numbers() string {
	k.next += 1_000_000
	return strconv.FormatUint(k.next, 10)
}

// heard keeps what a producer says, in lines of a word and names:
//
//	n NUMBER SLOT…   published, by one commit
//	u SLOT           about to be removed or added
//	r                about to replace the file: nothing is sure any more
func (k *killer) heard(line string) {
	fields := strings.Fields(line)
	switch fields[0] {
	case "n":
		number, _ := strconv.ParseUint(fields[1], 10, 64)
		for _, name := range fields[2:] {
			k.words[name] = word{number: number}
		}
		k.next = max(k.next, number)
		k.Add("said", 1)
	case "u":
		k.words[fields[1]] = word{unclear: true}
	case "r":
		clear(k.words)
		k.Add("recreates", 1)
	}
}

// check compares with what was said and seen, by a fresh reader.
func (k *killer) check(f *follower) {
	was := f.last() // before the look: what was seen by then must be there
	mf, err := mapfile.Open(k.path)
	if err != nil {
		k.Wrong("lost", "fresh reader: %v", err)
		return
	}
	defer mf.Close()
	seen, err := observe(mf)
	if err != nil {
		k.Wrong("torn", "%v", err)
		return
	}
	for name, number := range seen {
		k.next = max(k.next, number)
		if number != 0 && number < was[name] {
			k.Wrong("lost", "%s: number %d, the attached reader has seen %d", name, number, was[name])
		}
	}
	for name, said := range k.words {
		if number := seen[name]; !said.unclear && number < said.number {
			k.Wrong("lost", "%s: number %d, published was %d", name, number, said.number)
		}
	}
	for i := 1; i < groupSize; i++ {
		if seen[groupName(i)] != seen[groupName(0)] {
			k.Wrong("mixed", "one commit, but %v", seen)
			break
		}
	}
	f.expect(seen, k.path)
	if info, err := os.Stat(k.path); err == nil {
		k.Most("file bytes at most", info.Size())
	}
	lost, err := lostSpace(k.path)
	if err != nil {
		k.Wrong("torn", "layout: %v", err)
	}
	k.Most("bytes lost until the next producer, at most", lost)
}

// last has one more producer begin and end in order: everything must work, and no space be lost.
func (k *killer) last() error {
	c, err := start("kill.producer", k.path, "0", k.numbers(), "end")
	if err != nil {
		return err
	}
	for {
		line, err := c.Line(hangs)
		if err != nil {
			return err
		}
		if line == "ready" {
			break
		}
		k.heard(line)
	}
	if err := c.Wait(hangs); err != nil {
		return err
	}
	lost, err := lostSpace(k.path)
	if lost != 0 {
		k.Wrong("space lost", "%d bytes for good", lost)
	}
	return err
}

// names of single slots that a killed producer plays with.
var playNames = []string{"play/0", "play/1", "play/2", "play/3", "play/4", "play/5"}

func allNames() []string {
	names := slices.Clone(playNames)
	for i := range groupSize {
		names = append(names, groupName(i))
	}
	return names
}
