package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// waiters: who waits is woken. Producers publish in bursts, in all ways, with pauses in which the watchers
// fall asleep; after each burst every watcher must have seen the last version of each slot that it watches.
// What watchers have seen they write on a board, a file of its own: nobody is disturbed to be asked.
//
// Watchers of the library also look every 250 ms without being woken, which would hide a lost wake. So whoever
// is behind is looked at from outside, see waiters_settle.go: asleep over news, he has lost a wake, whatever
// saves him later. Where the system does not tell who sleeps, only a watcher that is never told is found.
//
// Meanwhile loops are cancelled and begun anew by the thousand, and processes killed in their sleep; and a
// thousand watchers may cost one thread.
//
// The control's watchers look first and listen then: what is published in between does not wake them.

// Slots are named p/h/s: of a producer, of one of the goroutines that publish there (its hands), and the slot.
// The last slot of each hand comes and goes.
const (
	waiterProducers = 2
	waiterHands     = 2
	handSlots       = 4
	waiterSlots     = waiterProducers * waiterHands * handSlots
)

func waiterSlotName(i int) string {
	hand := i / handSlots
	return fmt.Sprintf("%d/%d/%d", hand/waiterHands, hand%waiterHands, i%handSlots)
}

// waiterPattern is what the watcher of a row watches: everything, a producer's slots, a hand's, or one slot.
func waiterPattern(row int) string {
	name := waiterSlotName((5*row + row/waiterSlots) % waiterSlots)
	switch row % 4 {
	case 0:
		return "**"
	case 1:
		return name[:2] + "**"
	case 2:
		return name[:4] + "*"
	default:
		return name
	}
}

// A sighting is what a watcher has seen of a slot, 0: nothing, or that it is gone. The length tells a slot that
// comes and goes from an earlier one whose versions began elsewhere.
type sighting uint32

func sightingOf(version uint64, length int64) sighting {
	return sighting(version<<10) | sighting(length&1023)
}

func newWaiters() *cobra.Command {
	w := &waiters{}
	return newProof("waiters", "No wake is lost, whoever waits, is cancelled or killed", true,
		func(cmd *cobra.Command) {
			cmd.Flags().IntVar(&w.publishes, "publishes", 1_000_000, "publishes")
			cmd.Flags().IntVar(&w.crowd, "watchers", 1000, "watchers in one process")
			cmd.Flags().IntVar(&w.processes, "processes", 200, "processes with one watcher each")
		},
		func(p *proof) error { w.proof = p; return w.run() })
}

// waiters is the run, in the process that orders the bursts.
type waiters struct {
	*proof
	publishes, crowd, processes int

	rng       *rand.Rand
	path      string
	board     *os.File
	producers []*child
	published [waiterSlots]sighting // as the producers say
	done      int                   // publishes
}

// A cast is who watches while a part of the publishes is done.
type cast struct {
	name      string
	processes int
	each      int // watchers in each of them
	share     int // of a hundred publishes
	burst     int // a hand publishes up to 1<<burst times in a row
	storms    int // in so many of a hundred bursts loops are cancelled
	deaths    int // in so many of a hundred bursts a process is killed

	members []*child // nil: killed
}

// casts: most publishes are for a few watchers. They are up to date soonest, so that bursts are many, and meet
// them at all stages of falling asleep.
func (w *waiters) casts() []*cast {
	if w.control {
		return []*cast{{name: "control", processes: 2, each: 2, share: 100, burst: 5}}
	}
	return []*cast{
		{name: "few", processes: 2, each: 2, share: 90, burst: 5, storms: 30, deaths: 1},
		{name: "crowd", processes: 1, each: w.crowd, share: 5, burst: 8, storms: 60},
		{name: "processes", processes: w.processes, each: 1, share: 5, burst: 8, deaths: 25},
	}
}

const (
	enoughLost  = 3  // when the control ends
	leastBursts = 10 // of a cast, for what does not happen in each burst to happen
)

func (w *waiters) run() (err error) {
	for _, name := range []string{"lost wakes", "never told", "errors", "threads too many", "goroutines left"} {
		w.Add(name, 0)
	}
	w.rng = w.rand(1)
	w.path = filepath.Join(w.dir, "waiters.map")
	if w.board, err = os.Create(filepath.Join(w.dir, "board")); err != nil {
		return err
	}
	defer w.board.Close()
	defer func() {
		for _, c := range w.producers {
			c.Kill()
		}
	}()
	for i := range waiterProducers {
		c, err := start("waiters.producer", w.path, strconv.Itoa(i), strconv.FormatUint(w.seed, 10))
		if err != nil {
			return err
		}
		w.producers = append(w.producers, c)
		if err := w.hearPublished(i); err != nil {
			return err
		}
	}
	for _, c := range w.casts() {
		if err := w.play(c); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}

// play does a cast's share of the publishes.
func (w *waiters) play(c *cast) error {
	defer func() {
		for _, m := range c.members {
			if m != nil {
				m.Kill()
			}
		}
	}()
	if err := w.assemble(c); err != nil {
		return err
	}
	count, err := w.newCount(c)
	if err != nil {
		return err
	}
	for _, m := range c.members {
		if _, err := w.ask(m, "start"); err != nil {
			return err
		}
	}
	w.settle(c)
	if err := count.asleep(); err != nil {
		return err
	}
	end, bursts := w.done+w.publishes*c.share/100, 0
	for ; (w.done < end || bursts < leastBursts) && w.ctx.Err() == nil; bursts++ {
		if w.control && w.Got("lost wakes")+w.Got("never told") >= enoughLost {
			break
		}
		if err := w.round(c); err != nil {
			return err
		}
		w.progress.set(int64(w.done), int64(w.publishes), fmt.Sprintf("%s, %d wrong", c.name, w.Wrongs()))
	}
	if err := count.asleep(); err != nil {
		return err
	}
	for _, m := range c.members {
		if _, err := w.ask(m, "stop"); err != nil {
			return err
		}
	}
	return count.stopped()
}

// assemble clears the board and starts the cast.
func (w *waiters) assemble(c *cast) error {
	if err := w.board.Truncate(0); err != nil {
		return err
	}
	if err := w.board.Truncate(int64(c.processes * c.each * rowLen)); err != nil {
		return err
	}
	for i := range c.processes {
		c.members = append(c.members, nil)
		if err := w.startMember(c, i); err != nil {
			return err
		}
	}
	for _, m := range c.members {
		if _, err := w.answer(m); err != nil {
			return err
		}
	}
	return nil
}

func (w *waiters) startMember(c *cast, i int) (err error) {
	c.members[i], err = start("waiters.watchers", w.path, w.board.Name(),
		strconv.Itoa(i*c.each), strconv.Itoa(c.each), strconv.FormatBool(w.control))
	return err
}

// round is a burst, what comes in its way, and the look whether everybody has heard of it.
func (w *waiters) round(c *cast) error {
	busy, err := w.burst(c)
	if err != nil {
		return err
	}
	stormed, err := w.storm(c)
	if err != nil {
		return err
	}
	victim := w.kill(c)
	for _, i := range busy {
		if err := w.hearPublished(i); err != nil {
			return err
		}
	}
	for _, m := range stormed {
		if m.isGone() { // killed
			continue
		}
		n, err := w.answer(m)
		if err != nil {
			return err
		}
		cancelled, _ := strconv.Atoi(n)
		w.Add(c.name+": loops cancelled", int64(cancelled))
	}
	w.settle(c)
	w.Add(c.name+": bursts", 1)
	if victim >= 0 { // by another one
		if err := w.replace(c, victim); err != nil {
			return err
		}
	}
	if w.rng.IntN(2) == 0 { // else the next burst meets those who are about to fall asleep
		time.Sleep(time.Duration(w.rng.IntN(2000)) * time.Microsecond)
	}
	return nil
}

// burst orders publishes of some hands, and returns which producers will answer. Often it is one hand only, whose
// last wake no other one's makes up for.
func (w *waiters) burst(c *cast) (busy []int, err error) {
	var orders [waiterProducers][waiterHands]int
	before := w.done
	for range 1 + w.rng.IntN(waiterProducers*waiterHands) {
		n := 1 + w.rng.IntN(1<<w.rng.IntN(c.burst))
		orders[w.rng.IntN(waiterProducers)][w.rng.IntN(waiterHands)] += n
		w.done += n
	}
	w.Add(c.name+": publishes", int64(w.done-before))
	for i, order := range orders {
		if order == [waiterHands]int{} {
			continue
		}
		if err := w.producers[i].Send("%s", strings.Trim(fmt.Sprint(order), "[]")); err != nil {
			return nil, err
		}
		busy = append(busy, i)
	}
	return busy, nil
}

// hearPublished waits for a producer's word on what is published in its slots.
func (w *waiters) hearPublished(i int) error {
	line, err := w.answer(w.producers[i])
	if err != nil {
		return err
	}
	fields := strings.Fields(line)
	if len(fields) != waiterHands*handSlots {
		return fmt.Errorf("producer %d says %q", i, line)
	}
	for j, text := range fields {
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return err
		}
		w.published[i*waiterHands*handSlots+j] = sighting(n)
	}
	return nil
}

// storm has loops cancelled, a few or all at once, and returns who will answer.
func (w *waiters) storm(c *cast) (stormed []*child, err error) {
	for _, m := range c.members {
		if w.rng.IntN(100) >= c.storms {
			continue
		}
		n := 1 + w.rng.IntN(max(1, c.each/20))
		if w.rng.IntN(4) == 0 {
			n = c.each
		}
		if err := m.Send("storm %d", n); err != nil {
			return nil, err
		}
		stormed = append(stormed, m)
	}
	return stormed, nil
}

// kill kills somebody now and then, mostly asleep.
func (w *waiters) kill(c *cast) (victim int) {
	if w.rng.IntN(100) >= c.deaths {
		return -1
	}
	time.Sleep(time.Duration(w.rng.IntN(500)) * time.Microsecond)
	victim = w.rng.IntN(c.processes)
	c.members[victim].Kill()
	c.members[victim] = nil
	w.Add(c.name+": processes killed", 1)
	return victim
}

// replace starts another process in the place of one that was killed.
func (w *waiters) replace(c *cast, i int) error {
	if _, err := w.board.WriteAt(make([]byte, c.each*rowLen), int64(i*c.each*rowLen)); err != nil {
		return err
	}
	if err := w.startMember(c, i); err != nil {
		return err
	}
	if _, err := w.answer(c.members[i]); err != nil { // that it is ready
		return err
	}
	if _, err := w.ask(c.members[i], "start"); err != nil {
		return err
	}
	w.settle(c)
	return nil
}

func (w *waiters) ask(c *child, line string) (string, error) {
	if err := c.Send("%s", line); err != nil {
		return "", err
	}
	return w.answer(c)
}

// answer returns the next line of a child that is not about something wrong.
func (w *waiters) answer(c *child) (string, error) {
	for {
		line, err := c.Line(6 * hangs)
		if err != nil {
			return "", err
		}
		text, wrong := strings.CutPrefix(line, "wrong ")
		if !wrong {
			return line, nil
		}
		w.Wrong("errors", "%s[%d]: %s", c.role, c.Pid(), text)
	}
}
