// Demo shows a histogram that one process fills and another one draws.
//
// It runs as three processes, all of this program: one produces, one views, and this one starts both,
// waits and cleans up. The producer's part is in ../internal/gauss; the viewer, which only reads the
// map file, is in view.go; how a histogram becomes text is in draw.go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/gomapfile/mapfile/examples/internal/gauss"
	"github.com/gomapfile/mapfile/mapfile"
)

const usage = `Usage: demo [flags]

Demo fills histograms in one process and draws one of them, live, in another one; they share a
temporary map file, and nothing else. On a terminal it draws, elsewhere it prints a line a second.
Ctrl-C ends it.

`

func main() {
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), usage)
		flag.PrintDefaults()
	}
	duration := flag.Duration("for", 0, "end after `D`, for example 5s; 0: never")
	plain := flag.Bool("plain", false, "print a line a second, also on a terminal")
	rate := flag.Float64("rate", 5000, "events a second, in `HZ`; 0: full speed")
	flag.Parse()
	if *duration < 0 || !(*rate >= 0) {
		fmt.Fprintln(os.Stderr, "demo: numbers must not be negative")
		flag.Usage()
		os.Exit(2)
	}

	var err error
	switch role := flag.Arg(0); {
	case flag.NArg() == 0:
		*plain = *plain || !term.IsTerminal(int(os.Stdout.Fd())) || os.Getenv("TERM") == "dumb"
		err = run(*duration, *plain, *rate)
	case role == "produce" && flag.NArg() == 2: // these two are what run starts
		err = produce(asChild(), flag.Arg(1), *rate)
	case role == "view" && flag.NArg() == 2:
		err = view(asChild(), flag.Arg(1), *plain)
	default:
		fmt.Fprintln(os.Stderr, "demo: it takes no operands")
		flag.Usage()
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// run starts the two children on a temporary file, and returns when both have ended and the file is
// gone: after the duration, with a signal, or when one of them fails.
func run(duration time.Duration, plain bool, rate float64) (err error) {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}
	viewing, endViewer := signal.NotifyContext(context.Background(), signals...)
	defer endViewer()
	if duration > 0 {
		var cancel context.CancelFunc
		viewing, cancel = context.WithTimeout(viewing, duration)
		defer cancel()
	}
	producing, endProducer := context.WithCancel(context.Background())
	defer endProducer()

	dir, err := os.MkdirTemp("", "mapfile-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "demo.map")

	producer, err := start(producing, "-rate="+strconv.FormatFloat(rate, 'g', -1, 64), "produce", path)
	if err != nil {
		return err
	}
	produced := make(chan error, 1)
	go func() {
		produced <- wait(producing, producer)
		endViewer() // if it was not the viewer that ended first
	}()
	viewer, err := start(viewing, "-plain="+strconv.FormatBool(plain), "view", path)
	if err == nil {
		err = wait(viewing, viewer)
	} else if viewing.Err() != nil {
		err = nil // ended before it began
	}
	if err != nil && !plain {
		fmt.Print(leaveScreen) // which the viewer could not do if it was killed
	}
	endProducer()
	return errors.Join(err, <-produced)
}

// start starts this program once more, with arguments that make it a child. When ctx ends, the child's
// standard input is closed, which asks it to end; if it does not, it is killed.
func start(ctx context.Context, args ...string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	child := exec.CommandContext(ctx, self, args...)
	child.Stdout, child.Stderr = os.Stdout, os.Stderr
	stdin, err := child.StdinPipe()
	if err != nil {
		return nil, err
	}
	child.Cancel = stdin.Close
	child.WaitDelay = 2 * time.Second
	return child, child.Start()
}

// wait waits for the child's end, which is an error if nobody asked for it.
func wait(ctx context.Context, child *exec.Cmd) error {
	err := child.Wait()
	status, _ := child.ProcessState.Sys().(syscall.WaitStatus)
	switch role := child.Args[2]; {
	case ctx.Err() != nil && child.ProcessState.Success():
		return nil
	case status.Signaled() && status.Signal() == syscall.SIGINT:
		return nil // Ctrl-C, before it could ignore that; it has reached us, too
	case err != nil:
		return fmt.Errorf("%s: %w", role, err)
	default:
		return fmt.Errorf("%s: it ended by itself", role)
	}
}

// asChild returns a context that ends with the standard input. That is a pipe: it ends when the parent
// closes it, and also when the parent is killed.
func asChild() context.Context {
	signal.Ignore(os.Interrupt, syscall.SIGHUP, syscall.SIGQUIT) // a terminal sends them to all; the parent decides
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	return ctx
}

// produce is the producer. It removes the file itself, in case that the parent was killed.
func produce(ctx context.Context, path string, rate float64) error {
	mf, err := mapfile.Create(path, mapfile.WithTitle("demo"))
	if err != nil {
		return err
	}
	err = gauss.Produce(ctx, mf, gauss.Config{Rate: rate, Seed: uint64(os.Getpid())})
	err = errors.Join(err, mf.Close(), os.Remove(path))
	os.Remove(filepath.Dir(path)) // only if nothing else is in it
	return err
}
