package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"go-hep.org/x/hep/hbook"

	_ "github.com/gomapfile/mapfile/codec/hbook" // teaches the registry hbook's histograms
	"github.com/gomapfile/mapfile/mapfile"
)

// What there is to look at: files of histograms with 100 bins, and their producers.

// every is how often the producers of slots and files publish all they have.
const every = time.Second

// manySlots is the file with many slots and a live producer; made once for all parts.
func (b *bench) manySlots() (path string, err error) {
	path = filepath.Join(b.dir, "many.map")
	if b.many == nil {
		b.many, err = b.startRole("slots", path, b.slots)
	}
	return path, err
}

func (b *bench) endScene() { b.many.end() }

// roleSlots is the producer of one file: PATH N.
func roleSlots(args []string, ask *bufio.Scanner) error {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	f, err := newHistograms(args[0], n)
	if err != nil {
		return err
	}
	return publishAll(ask, f)
}

// roleFiles is the producer of many files: DIR FILES SLOTS, so many slots in each file.
func roleFiles(args []string, ask *bufio.Scanner) error {
	n, err1 := strconv.Atoi(args[1])
	slots, err2 := strconv.Atoi(args[2])
	if err1 != nil || err2 != nil {
		return fmt.Errorf("%w, %w", err1, err2)
	}
	var all []*histograms
	for i := range n {
		f, err := newHistograms(filepath.Join(args[0], fmt.Sprintf("crate%03d.map", i)), slots)
		if err != nil {
			return err
		}
		all = append(all, f)
	}
	return publishAll(ask, all...)
}

// publishAll publishes all slots of the files again and again until the parent closes the input.
func publishAll(ask *bufio.Scanner, files ...*histograms) error {
	failed := make(chan error)
	go func() {
		for tick := time.Tick(every); ; <-tick {
			for _, f := range files {
				if err := f.publish(); err != nil {
					failed <- err
				}
			}
		}
	}()
	// Two publishes first: all values are there, and have a rate.
	select {
	case err := <-failed:
		return err
	case <-time.After(every + every/2):
		say("ready")
	}
	ended := make(chan bool)
	go func() {
		for ask.Scan() {
		}
		close(ended)
	}()
	select {
	case err := <-failed:
		return err
	case <-ended:
	}
	for _, f := range files {
		if err := f.mf.Close(); err != nil {
			return err
		}
	}
	return nil
}

// histograms are the slots of a file.
type histograms struct {
	mf    *mapfile.MapFile
	hists []*hbook.H1D
	n     int
}

func newHistograms(path string, n int) (*histograms, error) {
	mf, err := mapfile.Create(path, mapfile.WithTitle("made to be looked at"))
	if err != nil {
		return nil, err
	}
	f := &histograms{mf: mf}
	for i := range n {
		h := hbook.NewH1D(100, 0, 100)
		name := fmt.Sprintf("crate%02d/ch%03d/adc", i/100, i%100)
		if _, err := mf.Add(name, h, mapfile.WithTitle(fmt.Sprintf("ADC of channel %d;ADC counts;events", i))); err != nil {
			return nil, err
		}
		f.hists = append(f.hists, h)
	}
	return f, nil
}

// publish fills all histograms and publishes them in one commit.
func (f *histograms) publish() error {
	for i, h := range f.hists {
		for j := range 10 {
			h.Fill(float64((f.n*f.n+7*i+j*j)%103), 1)
		}
	}
	f.n++
	return f.mf.Update()
}

// A publishing is what the producer of the fan-out answers: how it got on for a while.
type publishing struct {
	Publishes  int     `json:"publishes"`
	Seconds    float64 `json:"seconds"`
	MedianNs   int64   `json:"median_ns"` // of an Update, where they are timed
	Percent99  int64   `json:"p99_ns"`
	PerSecond  float64 `json:"per_second"`
	TimedCalls int     `json:"timed"`
}

// roleFanout is the producer of one histogram: PATH. Asked "PERIOD PAUSE" it publishes for PERIOD, each
// PAUSE, or flat out if that is 0. In between it publishes ten times a second.
func roleFanout(args []string, ask *bufio.Scanner) error {
	f, err := newHistograms(args[0], 1)
	if err != nil {
		return err
	}
	if err := f.publish(); err != nil {
		return err
	}
	asked := make(chan string)
	go func() {
		for ask.Scan() {
			asked <- ask.Text()
		}
		close(asked)
	}()
	say("ready")
	for {
		select {
		case line, ok := <-asked:
			if !ok {
				return f.mf.Close()
			}
			period, pause, err := twoDurations(line)
			if err != nil {
				return err
			}
			p, err := f.publishFor(period, pause)
			if err != nil {
				return err
			}
			answer, err := json.Marshal(p)
			if err != nil {
				return err
			}
			say("%s", answer)
		case <-time.After(100 * time.Millisecond):
			if err := f.publish(); err != nil {
				return err
			}
		}
	}
}

func twoDurations(line string) (a, b time.Duration, err error) {
	first, second, _ := strings.Cut(line, " ")
	if a, err = time.ParseDuration(first); err == nil {
		b, err = time.ParseDuration(second)
	}
	return a, b, err
}

// publishFor publishes for a while. With a pause each Update is timed; flat out they are only counted.
func (f *histograms) publishFor(period, pause time.Duration) (p publishing, err error) {
	var calls []int64
	start := time.Now()
	for next := start; time.Since(start) < period; p.Publishes++ {
		f.hists[0].Fill(float64(p.Publishes%103), 1)
		if pause == 0 {
			for range 15 { // the clock is asked each 16th time only
				if err := f.mf.Update(); err != nil {
					return p, err
				}
				p.Publishes++
			}
			err = f.mf.Update()
		} else {
			next = next.Add(pause)
			time.Sleep(time.Until(next))
			before := time.Now()
			err = f.mf.Update()
			calls = append(calls, time.Since(before).Nanoseconds())
		}
		if err != nil {
			return p, err
		}
	}
	p.Seconds = time.Since(start).Seconds()
	p.PerSecond = float64(p.Publishes) / p.Seconds
	if p.TimedCalls = len(calls); len(calls) > 0 {
		slices.Sort(calls)
		p.MedianNs, p.Percent99 = calls[len(calls)/2], calls[len(calls)*99/100]
	}
	return p, nil
}
