// Command peers measures this library beside others by which processes of one machine share values: all
// of them in one run, on the same work, across real processes.
//
//	go run .                                            everything; writes ../RESULTS.md and its charts
//	go run . -peer mapfile,mapfile-off,floor,lmdb       some peers, in comparison
//	go run . -experiment publish -size 64,4096 -readers 0,1
//	go run . -o json > figures.json                     all figures, round by round
//
// setup.sh installs and builds what the registries have; a peer that is not there is skipped, by name and
// reason. Without it the peers in Go run.
//
// # How it measures
//
// Each publisher and each reader is a process of its own (a worker, see worker.go), which stays for all
// rounds of one size. In each round every peer is measured once in each case, one after the other, and the
// next round begins with another peer: A B C, B C A, … What is compared is compared within a round; of the
// ratios of the rounds the median is given, with the least and the greatest. Publishers are pinned to one
// processor, readers to another. Each value carries its number at both ends, so torn values and values
// that go backwards are seen. A lock-free worker that had less than 97 % of its processor was disturbed by
// something else, and is measured again.
//
// # Where things are
//
//	experiment.go   rounds, workers and figures, for all experiments
//	values.go       experiments with a single value; trio.go (with histograms.go), first.go, fresh.go, many.go
//	                and scale.go: others
//	store.go        what a peer is for a worker in Go; ours.go, floor.go and others: peers
//	worker.go       the processes that do the work, and the lines by which they are told
//	targets.go      what ours must be, and whether it is
//	report.go       RESULTS.md; remarks.md is the part of it that is written by hand
//	cpp, rust …     workers in other languages
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "worker" {
		if err := work(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if err := measure(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "peers:", err)
		}
		os.Exit(2)
	}
}

// A plan is what the command line asks for.
type plan struct {
	peers       []*peer
	experiments []experiment
	sizes       []int
	readers     []int
	length      time.Duration
	rounds      int
	output      string // table or json
	dir         string // of RESULTS.md; "": it is not written
}

const fewestRounds = 5 // of a run that is believed

func readPlan(args []string, messages io.Writer) (p plan, err error) {
	flags := flag.NewFlagSet("peers", flag.ContinueOnError)
	flags.SetOutput(messages)
	peerNames := flags.String("peer", "", "`LIST` of peers, by commas; default: all. "+strings.Join(allPeerNames(), " "))
	sizeWords := flags.String("size", "", "`LIST` of sizes of a single value in bytes; default: 64 850 4096 16384 65536 1048576")
	readerWords := flags.String("readers", "", "`LIST` of how many readers there are in the experiment publish; default: 0 1 3")
	experimentNames := flags.String("experiment", "", "`LIST` of experiments; default: all. "+strings.Join(allExperimentNames(), " "))
	flags.DurationVar(&p.length, "for", 80*time.Millisecond, "length of one measurement")
	flags.IntVar(&p.rounds, "rounds", fewestRounds, "rounds; fewer than the default prove nothing")
	flags.StringVar(&p.output, "o", "table", "what is printed: table or json")
	flags.StringVar(&p.dir, "out", "", "`DIRECTORY` for RESULTS.md and the charts; default: the one above, if all is measured, else none")
	if err := flags.Parse(args); err != nil {
		return p, err
	}
	if flags.NArg() > 0 {
		return p, fmt.Errorf("what is %q? Lists are written with commas", flags.Arg(0))
	}
	if p.output != "table" && p.output != "json" {
		return p, fmt.Errorf("-o %s: give table or json", p.output)
	}
	if p.rounds < 1 || p.length < time.Millisecond {
		return p, errors.New("give at least one round (-rounds) and a millisecond (-for)")
	}
	if p.sizes, err = numbers(*sizeWords, 16, allSizes); err != nil {
		return p, fmt.Errorf("-size: %w", err)
	}
	if p.readers, err = numbers(*readerWords, 0, []int{0, 1, 3}); err != nil {
		return p, fmt.Errorf("-readers: %w", err)
	}
	for _, name := range words(*peerNames, allPeerNames()) {
		one := peerNamed(name)
		if one == nil {
			return p, fmt.Errorf("-peer: there is no %q; there are %s", name, strings.Join(allPeerNames(), " "))
		}
		p.peers = append(p.peers, one)
	}
	for _, name := range words(*experimentNames, allExperimentNames()) {
		i := slices.Index(allExperimentNames(), name)
		if i < 0 {
			return p, fmt.Errorf("-experiment: there is no %q; there are %s", name, strings.Join(allExperimentNames(), " "))
		}
		p.experiments = append(p.experiments, experiments[i])
	}
	full := *peerNames == "" && *sizeWords == "" && *readerWords == "" && *experimentNames == "" && p.rounds >= fewestRounds
	if p.dir == "" && full {
		p.dir = ".."
	}
	return p, nil
}

func allPeerNames() (names []string) {
	for _, p := range peers {
		names = append(names, p.name)
	}
	return names
}

func allExperimentNames() (names []string) {
	for _, e := range experiments {
		names = append(names, e.name)
	}
	return names
}

func words(list string, otherwise []string) []string {
	if list == "" {
		return otherwise
	}
	return strings.Split(list, ",")
}

func numbers(list string, least int, otherwise []int) (ns []int, err error) {
	if list == "" {
		return otherwise, nil
	}
	for _, word := range strings.Split(list, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < least {
			return nil, fmt.Errorf("%q is not a number of %d or more", word, least)
		}
		ns = append(ns, n)
	}
	return ns, nil
}

// measure does what the command line says. Its progress goes to messages, the outcome to out.
func measure(args []string, out, messages io.Writer) error {
	p, err := readPlan(args, messages)
	if err != nil {
		return err
	}
	h := &harness{rounds: p.rounds, length: p.length, sizes: p.sizes, readers: p.readers}
	start := time.Now()
	h.shown = func(line string) {
		fmt.Fprintf(messages, "%5.0f s  %s\n", time.Since(start).Seconds(), line)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	go func() {
		<-signals
		h.interrupt()
		fmt.Fprintln(messages, "peers: interrupted")
		os.Exit(130)
	}()

	for _, one := range p.peers {
		if one.missing != nil {
			if reason := one.missing(); reason != "" {
				h.skip(one.name, "", reason)
				continue
			}
		}
		h.peers = append(h.peers, one)
	}
	for _, e := range p.experiments {
		err := e.run(h)
		h.clear()
		if err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
	}

	r := newReport(h, p, args, start)
	if p.dir != "" {
		if err := r.write(p.dir); err != nil {
			return err
		}
	}
	if p.output == "json" {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", " ")
		return encoder.Encode(r)
	}
	_, err = io.WriteString(out, r.text())
	return err
}
