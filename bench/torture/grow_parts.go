package main

import "fmt"

// The parts of grow: what changes in which order.

// growFile adds slots, and lets a few of them grow far, until the file is so long.
func (g *growing) growFile(bytes uint64) error {
	huge := g.live[0]
	for next := uint64(2 << 20); !g.done(); {
		var err error
		switch what := g.rng.IntN(100); {
		case what < 50:
			err = g.add(g.size(8, 64<<10))
		case what < 75:
			err = g.publish(g.size(8, 256<<10), g.some(2)...)
		case what < 95:
			err = g.publish(g.size(8, 64<<10), g.group...)
		case what < 99:
			if s := g.any(); s != huge {
				err = g.remove(s)
			}
		case 2*huge.largest < int(bytes/16):
			err = g.publish(2*huge.largest, huge)
		}
		if err != nil {
			return err
		}
		length, err := g.length()
		if err != nil {
			return err
		}
		g.progress.set(int64(length), int64(bytes), fmt.Sprintf("bytes, %d wrong", g.Wrongs()))
		if length >= min(next, bytes) {
			if err := g.look(); err != nil || length >= bytes {
				return err
			}
			next = 2 * length
		}
	}
	return nil
}

// growSlots adds small slots until there are so many, and exchanges half of them.
func (g *growing) growSlots(n int) error {
	for next := n / 8; len(g.live) < n && !g.done(); {
		if err := g.add(g.size(8, 200)); err != nil {
			return err
		}
		if len(g.live) >= next {
			next *= 2
			if err := g.look(); err != nil {
				return err
			}
		}
		g.progress.set(int64(len(g.live)), int64(n), fmt.Sprintf("slots, %d wrong", g.Wrongs()))
	}
	for range n / 2 {
		if err := g.remove(g.any()); err != nil {
			return err
		}
	}
	for range n / 2 {
		if err := g.add(g.size(8, 200)); err != nil || g.done() {
			return err
		}
	}
	return g.look()
}

// growPhases are what the slots of fragments are like, one phase of filling and emptying each.
var growPhases = []struct{ least, most int }{{8, 256 << 10}, {8, 2 << 10}, {16 << 10, 256 << 10}}

// fragment changes slots at random: they fill a certain room, and most of them go again, in turns.
func (g *growing) fragment(changes int, room uint64) error {
	phase, filling := 0, true
	for n := 1; n <= changes && !g.done(); n++ {
		sizes := growPhases[phase%len(growPhases)]
		if err := g.change(filling, sizes.least, sizes.most); err != nil {
			return err
		}
		switch {
		case filling && g.held.bytes >= room:
			filling = false
		case !filling && (g.held.bytes <= room/10 || len(g.live) <= 20):
			filling = true
			phase++
		}
		if n%max(changes/10, 1) == 0 {
			if err := g.look(); err != nil {
				return err
			}
		}
		g.progress.set(int64(n), int64(changes), fmt.Sprintf("changes, %d wrong", g.Wrongs()))
	}
	g.Add("phases", int64(phase))
	for g.held.bytes < room && !g.done() { // what finish exchanges
		if err := g.add(g.size(8, 256<<10)); err != nil {
			return err
		}
	}
	if g.control && g.held.given > g.held.bound() {
		g.Wrong("too long", "%s: if nothing were used again: %d bytes, the bound is %d", g.part, g.held.given, g.held.bound())
	}
	return nil
}

// change adds, grows, shrinks or removes a slot, or publishes several.
func (g *growing) change(filling bool, least, most int) error {
	add, remove, grow := 45, 15, 20 // of a hundred
	if !filling {
		add, remove, grow = 15, 60, 5
	}
	switch what := g.rng.IntN(100); {
	case len(g.live) < 10 || what < add:
		g.Add("added", 1)
		return g.add(g.size(least, most))
	case what < add+remove:
		g.Add("removed", 1)
		return g.remove(g.any())
	case what < add+remove+grow:
		s := g.any()
		g.Add("grown", 1)
		return g.publish(min(s.largest+g.size(8, max(s.largest, 16)), most), s)
	case what < 92:
		s := g.any()
		g.Add("shrunk", 1)
		return g.publish(g.size(8, s.largest), s)
	case filling && what < 97:
		g.Add("commits", 1)
		return g.publish(g.size(least, most), g.some(3)...)
	default:
		g.Add("commits", 1)
		return g.publish(g.size(8, 64<<10), g.group...)
	}
}
