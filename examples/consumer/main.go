// Consumer reads the histograms of the producer while they are filled, and prints a line for each
// change. Any number of consumers may run; none disturbs the producer or another one.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go-hep.org/x/hep/hbook"

	_ "github.com/gomapfile/mapfile/codec/hbook" // teaches the registry hbook's histograms
	"github.com/gomapfile/mapfile/mapfile"
)

const usage = `Usage: consumer -file PATH [flags]

Consumer prints a line whenever the histograms hpx, hpxpy and hprof in a map file have changed: how
many entries each of them has, and mean and RMS of hpx. It may be started before the producer. It fails
if the three counts ever differ within one snapshot, or if one goes down.

`

func main() {
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), usage)
		flag.PrintDefaults()
	}
	file := flag.String("file", "", "the map `PATH`; it is waited for")
	until := flag.Int64("until", 0, "end when hpx has `N` entries; 0: never")
	timeout := flag.Duration("timeout", 0, "give up after `D`, for example 30s; 0: never")
	asJSON := flag.Bool("json", false, "print JSON objects")
	flag.Parse()
	if *file == "" || flag.NArg() > 0 || *until < 0 || *timeout < 0 {
		fmt.Fprintln(os.Stderr, "consumer: it needs -file, and numbers that are not negative")
		flag.Usage()
		os.Exit(2)
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if *timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, *timeout)
		defer cancel()
	}
	print := printText
	if *asJSON {
		print = printJSON
	}
	err := consume(ctx, *file, *until, print)
	if *until == 0 && errors.Is(err, context.Canceled) {
		err = nil // an interrupt is the usual end
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "consumer:", err)
		os.Exit(1)
	}
}

var slots = []string{"hpx", "hpxpy", "hprof"}

// consume prints what is new until hpx has enough entries or ctx ends.
func consume(ctx context.Context, path string, until int64, print func(line) error) error {
	if err := mapfile.Wait(ctx, path, slots...); err != nil { // for the file, and for a value in each slot
		return err
	}
	mf, err := mapfile.Open(path)
	if err != nil {
		return err
	}
	defer mf.Close()

	var last line
	for ev, err := range mf.Watch(ctx, slots...) { // sleeps until something is published
		if err != nil {
			return err
		}
		if ev.Kind == mapfile.EventState { // it may be started again, so this is not the end
			fmt.Fprintf(os.Stderr, "consumer: producer %s[%d] is %v\n", ev.Producer.Program, ev.Producer.PID, ev.Producer.State)
		}
		if ev.More {
			continue // the other slots of the same commit
		}
		now, err := look(ctx, mf)
		if err != nil {
			return err
		}
		if now == last {
			continue
		}
		if err := check(last, now); err != nil {
			return err
		}
		if err := print(now); err != nil {
			return err
		}
		if until > 0 && now.Entries[0] >= until {
			return nil
		}
		last = now
	}
	return nil
}

// line is what is printed of one commit.
type line struct {
	Entries [3]int64 `json:"entries"` // in the order of slots
	Mean    float64  `json:"mean"`    // of hpx, as RMS
	RMS     float64  `json:"rms"`
	Commit  uint64   `json:"commit"`
}

// look takes a snapshot: all three histograms as of one commit, whatever the producer does meanwhile.
func look(ctx context.Context, mf *mapfile.MapFile) (line, error) {
	snap, err := mf.Snapshot(slots...)
	for errors.Is(err, mapfile.ErrBusy) && ctx.Err() == nil { // rare: overtaken again and again
		time.Sleep(time.Millisecond)
		snap, err = mf.Snapshot(slots...)
	}
	if err != nil {
		return line{}, err
	}
	hpx, err1 := mapfile.Get[*hbook.H1D](snap, "hpx")
	hpxpy, err2 := mapfile.Get[*hbook.H2D](snap, "hpxpy")
	hprof, err3 := mapfile.Get[*hbook.P1D](snap, "hprof")
	if err := errors.Join(err1, err2, err3); err != nil {
		return line{}, err
	}
	l := line{Entries: [3]int64{hpx.Entries(), hpxpy.Entries(), hprof.Entries()}, Commit: snap.Commit()}
	if l.Entries[0] > 0 { // else they are no numbers
		l.Mean, l.RMS = hpx.XMean(), hpx.XRMS()
	}
	return l, nil
}

// check tells whether something has been seen that must never be.
func check(last, now line) error {
	for i, n := range now.Entries {
		if n != now.Entries[0] {
			return fmt.Errorf("commit %d mixes updates: %v have %d entries", now.Commit, slots, now.Entries)
		}
		if n < last.Entries[i] {
			return fmt.Errorf("commit %d: %s went back from %d to %d entries", now.Commit, slots[i], last.Entries[i], n)
		}
	}
	return nil
}

func printText(l line) error {
	_, err := fmt.Printf("commit %d  entries %d %d %d  mean %.4f  rms %.4f\n",
		l.Commit, l.Entries[0], l.Entries[1], l.Entries[2], l.Mean, l.RMS)
	return err
}

func printJSON(l line) error { return json.NewEncoder(os.Stdout).Encode(l) }
