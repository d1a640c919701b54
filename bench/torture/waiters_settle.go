package main

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// How waiters judges: what the board must show after a burst, and who has slept over it.

// rowLen is what a watcher has on the board: a sighting of each slot.
const rowLen = 4 * waiterSlots

const (
	// behindAfter is when somebody who is behind is looked at.
	behindAfter = 20 * time.Millisecond

	// asleepLooks, so long one after another, must find him asleep, and those who should have woken him. It
	// takes much longer than the Go runtime sleeps over a goroutine that could run (10 ms), or a producer
	// collects wakes (0.2 ms), and is over before a watcher looks by himself.
	asleepLooks = 15
	asleepEvery = 3 * time.Millisecond

	// lateAfter is as long as it may take until a watcher looks by himself, nearly.
	lateAfter = 200 * time.Millisecond
)

// settle waits until every watcher of the cast has seen what the producers have published last.
//
// A watcher behind whose process has no thread that runs or wants to, while no producer has one, is not slow
// but has lost a wake. How busy the machine is does not matter: who waits for a processor is not asleep.
func (w *waiters) settle(c *cast) {
	start, asleep := time.Now(), 0
	rows := make([]byte, c.processes*c.each*rowLen)
	wanted := make([]string, c.processes*c.each)
	for row := range wanted {
		wanted[row] = w.wanted(row)
	}
	for next := 0; w.ctx.Err() == nil; {
		if _, err := w.board.ReadAt(rows, 0); err != nil {
			w.Wrong("errors", "board: %v", err)
			return
		}
		before := next
		for next < len(wanted) && (c.members[next/c.each] == nil || rowOf(rows, next) == wanted[next]) {
			next++
		}
		took := time.Since(start)
		if next == len(wanted) {
			w.Most(c.name+": µs until the last one knows, at most", took.Microseconds())
			w.Add(c.name+": µs until the last one knows, in all", took.Microseconds())
			if took > lateAfter {
				w.Add(c.name+": bursts known to all only after 200 ms", 1)
			}
			return
		}
		if before != next {
			asleep = 0
		}
		if took < behindAfter {
			time.Sleep(50 * time.Microsecond)
			continue
		}
		if asleep++; !w.asleep(c.members[next/c.each]) {
			asleep = 0
		}
		if asleep == asleepLooks {
			w.Wrong("lost wakes", "%s: %s sleeps over news", c.name, w.behind(next, rows))
			return
		}
		if took > hangs {
			w.Wrong("never told", "%s: %s after %v", c.name, w.behind(next, rows), took)
			return
		}
		time.Sleep(asleepEvery)
	}
}

func rowOf(rows []byte, row int) string { return string(rows[row*rowLen : (row+1)*rowLen]) }

// wanted is what a row must show.
func (w *waiters) wanted(row int) string {
	var wanted [rowLen]byte
	prefix := strings.TrimRight(waiterPattern(row), "*")
	for i, s := range w.published {
		if strings.HasPrefix(waiterSlotName(i), prefix) {
			binary.LittleEndian.PutUint32(wanted[4*i:], uint32(s))
		}
	}
	return string(wanted[:])
}

// behind says what the watcher of a row has not seen.
func (w *waiters) behind(row int, rows []byte) string {
	text := fmt.Sprintf("watcher %d of %q", row, waiterPattern(row))
	shown, wanted := []byte(rowOf(rows, row)), []byte(w.wanted(row))
	for i := range waiterSlots {
		seen, want := binary.LittleEndian.Uint32(shown[4*i:]), binary.LittleEndian.Uint32(wanted[4*i:])
		if seen != want {
			text += fmt.Sprintf(", %s: version %d, not %d", waiterSlotName(i), seen>>10, want>>10)
		}
	}
	return text
}

// asleep tells whether nothing runs or wants to run in a watcher's process and in all producers.
func (w *waiters) asleep(watcher *child) bool {
	for _, c := range append(w.producers[:waiterProducers:waiterProducers], watcher) {
		if !sleeps(c.Pid()) {
			return false
		}
	}
	return true
}
