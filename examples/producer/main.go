// Producer publishes histograms in a map file, for consumers in other processes to read while they
// are filled. Killed and started again, it goes on where it was.
//
// This file is the command line. What is published is in ../internal/gauss (random numbers) and in
// runtime.go (what the Go runtime measures).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/gomapfile/mapfile/examples/internal/gauss"
	"github.com/gomapfile/mapfile/mapfile"
)

const usage = `Usage: producer -file PATH [flags]

Producer publishes histograms in a map file. With -source gauss these are hpx, hpxpy and hprof of
random numbers, updated together every 10 events; with -source runtime they are what the Go runtime
measures about this very process. It ends with SIGINT or SIGTERM; started again, it goes on with the
histograms in the file. Look at it with the consumer, or with: mapfile-dump ls PATH

`

func main() {
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), usage)
		flag.PrintDefaults()
	}
	file := flag.String("file", "", "the map `PATH`; made if it is not there")
	source := flag.String("source", "gauss", "publish `WHAT`: gauss or runtime")
	var cfg gauss.Config
	flag.Int64Var(&cfg.Events, "events", 0, "end with `N` events (runtime: readings) in the histograms; 0: never")
	flag.Float64Var(&cfg.Rate, "rate", 0, "events a second, in `HZ`; 0: full speed (runtime: readings, 0: one)")
	flag.Uint64Var(&cfg.Seed, "seed", 1, "`START` of the random numbers; a restart goes on with others")
	flag.Parse()

	produce, known := map[string]produceFunc{"gauss": gauss.Produce, "runtime": produceRuntime}[*source]
	if *file == "" || !known || flag.NArg() > 0 || cfg.Events < 0 || !(cfg.Rate >= 0) {
		fmt.Fprintln(os.Stderr, "producer: it needs -file, a -source it knows, and numbers that are not negative")
		flag.Usage()
		os.Exit(2)
	}

	// An interrupt ends the loop, and what has been filled is published. A second one kills.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	if err := run(ctx, *file, produce, cfg); err != nil {
		fmt.Fprintln(os.Stderr, "producer:", err)
		os.Exit(1)
	}
}

type produceFunc func(context.Context, *mapfile.MapFile, gauss.Config) error

func run(ctx context.Context, path string, produce produceFunc, cfg gauss.Config) (err error) {
	mf, err := mapfile.OpenOrCreate(path, mapfile.WithTitle("example"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, mf.Close()) }() // the file stays, with the last commit
	return produce(ctx, mf, cfg)
}
