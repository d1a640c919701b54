package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A worker is a process that does one thing over and over. Those of peers in other languages are
// programs that are started in the same way and speak the same lines:
//
//	PROGRAM ROLE STORE DIR SIZES
//
// ROLE is publish or read, or one of those in roles. SIZES is the size of the one slot, or @FILE: one
// size a line, for many. The worker prints "ready". For each line "run MILLISECONDS HOW" of its input
// it works for so long and prints one line, a result in JSON; it ends when its input ends. HOW is
//
//	mean          call after call; looks at the clock now and then, not around each call
//	tails         call after call, with the time of each
//	one           as mean, but only the first of many slots
//	random        as mean, but a random slot of many in each call
//	every NANOS   a call each so many nanoseconds, sleeping between them, with the time of each
//	watch [NANOS] a reader: sleeps until there is news, reads it, and says how old it was; looks at most
//	              once in so many nanoseconds
//	poll          a reader: looks without sleeping, and says how old each new value was
//
// With many slots a call publishes or reads all of them. Values have numbers that increase; in "every"
// it is the monotonic clock, so that a reader on the same machine can tell the age.

// A result is what a worker did in one run.
type result struct {
	Calls    int64 `json:"calls"`
	Nanos    int64 `json:"nanos"`              // from the first call to the end of the last
	CPU      int64 `json:"cpu"`                // nanoseconds of processor time, of all its threads
	Distinct int64 `json:"distinct,omitempty"` // reader: values that it had not seen before
	Torn     int64 `json:"torn,omitempty"`     // reader: values with two numbers
	Back     int64 `json:"back,omitempty"`     // reader: values older than one before
	P50      int64 `json:"p50,omitempty"`      // nanoseconds of a call, or the age in watch and poll
	P99      int64 `json:"p99,omitempty"`
	P999     int64 `json:"p999,omitempty"`
	Worst    int64 `json:"worst,omitempty"`
	Memory   int64 `json:"memory,omitempty"` // bytes of this process alone: private and anonymous
}

// caller is what a worker does over and over.
type caller interface {
	call(r *result) error
	close() error
}

// A repeater can do many calls in a row, which costs less beside the calls themselves.
type repeater interface {
	calls(r *result, n int64) error
}

// A chooser is told how it will be called.
type chooser interface{ choose(how string) }

// A role makes what a worker calls.
type role func(s store, dir, sizes string) (caller, error)

// roles are known by the first word of a worker's command line.
var roles = map[string]role{
	"publish":      newPublishing,
	"read":         newReading,
	"spin":         newSpinning,
	"crc":          newSumming,
	"trio-publish": newTrioPublishing,
	"fill-publish": newFillPublishing,
	"trio-read":    newHistogramReading,
	"add":          newAdding,
	"list":         newListing,
}

// work is a worker's main: it does what its standard input says.
func work(args []string) error {
	if len(args) != 4 {
		return fmt.Errorf("a worker is told its role, store, directory and sizes, not %q", args)
	}
	role := roles[args[0]]
	if role == nil {
		return fmt.Errorf("no role %q", args[0])
	}
	var s store
	if p := peerNamed(args[1]); p != nil {
		s = p.store
	}
	c, err := role(s, args[2], args[3])
	if err != nil {
		return err
	}
	fmt.Println("ready")
	orders, pipe := io.Pipe()
	go func() {
		io.Copy(pipe, os.Stdin)
		pipe.Close()
		time.Sleep(patience) // one that sleeps for news when the harness has died would do so for ever
		os.Exit(1)
	}()
	w := worker{caller: c}
	return errors.Join(w.obey(orders, os.Stdout), c.close())
}

type worker struct {
	caller
	took []int64
}

// obey does what the lines of in say.
func (w *worker) obey(in io.Reader, out io.Writer) error {
	for lines := bufio.NewScanner(in); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) < 3 || words[0] != "run" {
			return fmt.Errorf("%q is no order", lines.Text())
		}
		millis, err := strconv.Atoi(words[1])
		if err != nil {
			return err
		}
		r, err := w.run(time.Duration(millis)*time.Millisecond, words[2], words[3:])
		if err != nil {
			return err
		}
		line, err := json.Marshal(r)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s\n", line)
	}
	return nil
}

// run works for so long.
func (w *worker) run(length time.Duration, how string, args []string) (r result, err error) {
	w.took = w.took[:0]
	if how == "tails" {
		w.makeRoom(length)
	}
	runtime.GC() // of the run before; with "mean" there is nothing to collect
	cpu, start := w.processorTime(), time.Now()
	if c, ok := w.caller.(chooser); ok {
		c.choose(how)
	}
	switch how {
	case "mean", "one", "random":
		err = w.untimed(&r, start, length)
	case "tails":
		err = w.timed(&r, start, length)
	case "every":
		if len(args) != 1 {
			return r, errors.New("every how many nanoseconds?")
		}
		var nanos int64
		if nanos, err = strconv.ParseInt(args[0], 10, 64); err == nil {
			err = w.paced(&r, start, length, time.Duration(nanos))
		}
	case "watch", "poll":
		c, ok := w.caller.(*reading)
		if !ok {
			return r, fmt.Errorf("only readers can %s", how)
		}
		var pause int64
		if len(args) > 0 {
			if pause, err = strconv.ParseInt(args[0], 10, 64); err != nil {
				return r, err
			}
		}
		err = c.ages(&r, start, length, how == "watch", time.Duration(pause), &w.took)
	default:
		err = fmt.Errorf("how is %q?", how)
	}
	r.Nanos, r.CPU = time.Since(start).Nanoseconds(), w.processorTime()-cpu
	if n := len(w.took); n > 0 {
		slices.Sort(w.took)
		r.P50, r.P99, r.P999, r.Worst = w.took[n/2], w.took[n*99/100], w.took[n*999/1000], w.took[n-1]
	}
	r.Memory = ownMemory()
	return r, err
}

// untimed looks at the clock about once in 20 microseconds.
func (w *worker) untimed(r *result, start time.Time, length time.Duration) error {
	many, ok := w.caller.(repeater)
	if !ok {
		many = repeated{w.caller}
	}
	batch := int64(1)
	for last := start; ; {
		if err := many.calls(r, batch); err != nil {
			return err
		}
		r.Calls += batch
		now := time.Now()
		if now.Sub(start) >= length {
			return nil
		}
		if now.Sub(last) < 20*time.Microsecond && batch < 1000 {
			batch++
		} else if batch > 1 {
			batch--
		}
		last = now
	}
}

type repeated struct{ caller }

func (c repeated) calls(r *result, n int64) error {
	for range n {
		if err := c.call(r); err != nil {
			return err
		}
	}
	return nil
}

// A call with a look at the clock takes longer than this.
const fastest = 20 * time.Nanosecond

// makeRoom has room for the times of all calls of a run, and touches it: growing it later, and its page
// faults, would be in the times.
func (w *worker) makeRoom(length time.Duration) {
	if room := int(length/fastest) + 1; cap(w.took) < room {
		w.took = make([]int64, room)
	}
	clear(w.took[:cap(w.took)])
	w.took = w.took[:0]
}

func (w *worker) timed(r *result, start time.Time, length time.Duration) error {
	for before := time.Now(); ; {
		if err := w.call(r); err != nil {
			return err
		}
		now := time.Now()
		r.Calls++
		w.took = append(w.took, int64(now.Sub(before)))
		if now.Sub(start) >= length {
			return nil
		}
		before = now
	}
}

// paced calls each so often; a call that was late is not made up for.
func (w *worker) paced(r *result, start time.Time, length, every time.Duration) error {
	if p, ok := w.caller.(*publishing); ok {
		p.byClock = true
		defer func() { p.byClock = false }()
	}
	for due := start; due.Sub(start) < length; due = later(due.Add(every), time.Now()) {
		time.Sleep(time.Until(due))
		before := time.Now()
		if err := w.call(r); err != nil {
			return err
		}
		r.Calls++
		w.took = append(w.took, int64(time.Since(before)))
	}
	time.Sleep(time.Until(start.Add(length))) // a server in this process works on
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// processorTime is what this process has used so far, and those that it says help it, in nanoseconds.
func (w *worker) processorTime() int64 {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t) != nil {
		return 0
	}
	if h, ok := w.caller.(helped); ok {
		return t.Nano() + h.helperTime()
	}
	return t.Nano()
}

// ownMemory is RssAnon: what this process has beside the files that it maps.
func ownMemory() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "RssAnon:" {
			kb, _ := strconv.ParseInt(f[1], 10, 64)
			return kb << 10
		}
	}
	return 0
}

// publishing publishes values.
type publishing struct {
	publisher
	values  [][]byte
	how     string
	number  uint64
	byClock bool
}

func newPublishing(s store, dir, word string) (caller, error) {
	sizes, err := sizesOf(s, word)
	if err != nil {
		return nil, err
	}
	p, err := s.create(dir, sizes)
	return &publishing{publisher: p, values: makeValues(sizes), number: monotonic()}, err
}

func sizesOf(s store, word string) ([]int, error) {
	if s == nil {
		return nil, errors.New("no store of this name is in this program")
	}
	return parseSizes(word)
}

func makeValues(sizes []int) (values [][]byte) {
	for _, n := range sizes {
		values = append(values, make([]byte, n))
	}
	return values
}

func (p *publishing) choose(how string) { p.how = how }

func (p *publishing) call(*result) error {
	p.number++
	if p.byClock {
		p.number = max(p.number, monotonic())
	}
	switch {
	case p.how == "random":
		i := rand.IntN(len(p.values))
		stampValue(p.values[i], p.number)
		return p.publish(i, p.values[i])
	case len(p.values) == 1 || p.how == "one":
		stampValue(p.values[0], p.number)
		return p.publish(0, p.values[0])
	}
	for _, v := range p.values {
		stampValue(v, p.number)
	}
	if all, ok := p.publisher.(allPublisher); ok {
		return all.publishAll(p.values)
	}
	for i, v := range p.values {
		if err := p.publish(i, v); err != nil {
			return err
		}
	}
	return nil
}

// calls is call, so many times, for one value with nothing in between.
func (p *publishing) calls(r *result, n int64) error {
	if p.how == "random" || p.how != "one" && len(p.values) > 1 {
		return repeated{p}.calls(r, n)
	}
	value := p.values[0]
	for range n {
		p.number++
		stampValue(value, p.number)
		if err := p.publish(0, value); err != nil {
			return err
		}
	}
	return nil
}

func (p *publishing) helperTime() int64 {
	if h, ok := p.publisher.(helped); ok {
		return h.helperTime()
	}
	return 0
}

// reading reads values, and looks whether they are whole and go forward.
type reading struct {
	reader
	values [][]byte
	how    string
	last   []uint64 // number of each slot's newest value
}

func newReading(s store, dir, word string) (caller, error) {
	sizes, err := sizesOf(s, word)
	if err != nil {
		return nil, err
	}
	r, err := s.open(dir, sizes)
	return &reading{reader: r, values: makeValues(sizes), last: make([]uint64, len(sizes))}, err
}

func (r *reading) choose(how string) { r.how = how }

func (r *reading) call(res *result) error {
	switch {
	case r.how == "random":
		return r.readOne(res, rand.IntN(len(r.values)))
	case len(r.values) == 1 || r.how == "one":
		return r.readOne(res, 0)
	}
	if all, ok := r.reader.(allReader); ok {
		if err := all.readAll(r.values); err != nil {
			return err
		}
		for i := range r.values {
			r.look(res, i)
		}
		return nil
	}
	for i := range r.values {
		if err := r.readOne(res, i); err != nil {
			return err
		}
	}
	return nil
}

// calls is call, so many times, for one value with nothing in between.
func (r *reading) calls(res *result, n int64) error {
	if r.how == "random" || r.how != "one" && len(r.values) > 1 {
		return repeated{r}.calls(res, n)
	}
	for range n {
		if err := r.readOne(res, 0); err != nil {
			return err
		}
	}
	return nil
}

func (r *reading) readOne(res *result, i int) error {
	if err := r.read(i, r.values[i]); err != nil {
		return err
	}
	r.look(res, i)
	return nil
}

func (r *reading) look(res *result, i int) {
	number, whole := numberOf(r.values[i])
	switch {
	case !whole:
		res.Torn++
	case number > r.last[i]:
		res.Distinct++
		r.last[i] = number
	case number < r.last[i]:
		res.Back++
	}
}

// ages notes how old each new value of the first slot is when this goroutine has it.
func (r *reading) ages(res *result, start time.Time, length time.Duration, sleep bool, pause time.Duration, took *[]int64) error {
	w, ok := r.reader.(waiter)
	if sleep && !ok {
		return errors.New("this reader cannot sleep")
	}
	if err := r.readOne(&result{}, 0); err != nil { // of before
		return err
	}
	for time.Since(start) < length {
		if sleep {
			if err := w.wait(); err != nil {
				return err
			}
		}
		seen := res.Distinct
		if err := r.readOne(res, 0); err != nil {
			return err
		}
		res.Calls++
		if res.Distinct > seen {
			*took = append(*took, int64(monotonic()-r.last[0]))
		}
		time.Sleep(pause)
	}
	return nil
}

func (r *reading) helperTime() int64 {
	if h, ok := r.reader.(helped); ok {
		return h.helperTime()
	}
	return 0
}

// spinning uses a processor and nothing else.
type spinning struct{}

var spun uint64

func newSpinning(store, string, string) (caller, error) { return spinning{}, nil }

func (spinning) call(*result) error {
	for range 100 {
		spun = spun*6364136223846793005 + 1442695040888963407
	}
	return nil
}

func (spinning) close() error { return nil }

// summing makes the checksum of a value, and nothing else: what the check of a value costs at least.
type summing struct {
	value []byte
	sum   uint32
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func newSumming(_ store, _, word string) (caller, error) {
	sizes, err := parseSizes(word)
	if err != nil {
		return nil, err
	}
	return &summing{value: make([]byte, sizes[0])}, nil
}

func (s *summing) call(*result) error {
	s.sum += crc32.Checksum(s.value, castagnoli)
	return nil
}

func (s *summing) calls(_ *result, n int64) error {
	for range n {
		s.sum += crc32.Checksum(s.value, castagnoli)
	}
	return nil
}

func (s *summing) close() error { return nil }

// monotonic is CLOCK_MONOTONIC in nanoseconds, the same in all processes of the machine.
func monotonic() uint64 {
	var t unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &t)
	return uint64(t.Nano())
}
