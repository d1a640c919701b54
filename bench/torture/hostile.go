package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomapfile/mapfile/mapfile"
)

// In this proof a process scribbles over the whole file, at random and with intent (hostile_lies.go), and mends it
// now and then, so that others get far before they meet a lie. Meanwhile processes read it in every way there is,
// mapfile-dump looks at it, and one produces. None may crash; no call of a reader may take longer than a second, no
// run of mapfile-dump longer than its --timeout and a second; no wrong value may be given out as right; and memory is bounded:
// a reader takes at most 64 MiB and 8 times the length of the file.
//
// The control reads without the library: it believes the offsets and lengths that are in the file.

func newHostile() *cobra.Command {
	h := &hostile{}
	return newProof("hostile", "Read a file over which somebody scribbles", true, func(cmd *cobra.Command) {
		cmd.Flags().DurationVar(&h.span, "for", time.Minute, "how long")
		cmd.Flags().IntVar(&h.readers, "readers", 2, "how many reading processes")
		cmd.Flags().DurationVar(&h.limit, "limit", time.Second, "how long a call may take")
		cmd.Flags().StringVar(&h.dump, "dump", "", `the program mapfile-dump (default: found, or built with "go build")`)
		cmd.Flags().IntVar(&h.slots, "slots", 200, "how many slots the file has")
	}, func(p *proof) error { h.proof = p; return h.run() })
}

type hostile struct {
	*proof
	span, limit    time.Duration
	readers, slots int
	dump           string
	path           string
	size           int64
}

func init() {
	roles["hostile.scribbler"] = scribble
	roles["hostile.reader"] = hostileReader
	roles["hostile.producer"] = hostileProducer
	roles["hostile.believer"] = believe
}

// hostileMemory is how much private memory a reader of a file of that length may take, in bytes.
func hostileMemory(length int64) int64 { return 64<<20 + 8*length }

func (h *hostile) run() error {
	h.path = filepath.Join(h.dir, "hostile.map")
	if err := makeHostileFile(h.path, h.slots); err != nil {
		return err
	}
	info, err := os.Stat(h.path)
	if err != nil {
		return err
	}
	h.size = info.Size()
	h.Count("file bytes", h.size)
	h.Count("memory bound KiB", hostileMemory(h.size)>>10)
	scribbler, err := start("hostile.scribbler", h.path, strconv.FormatUint(h.seed, 10))
	if err != nil {
		return err
	}
	defer scribbler.Kill()
	if _, err := scribbler.Expect("ready", 10*time.Second); err != nil {
		return err
	}
	over := time.Now().Add(h.span)
	var all sync.WaitGroup
	roleNames := []string{"hostile.producer"}
	for range h.readers {
		roleNames = append(roleNames, "hostile.reader")
	}
	if h.control {
		roleNames = []string{"hostile.believer"}
	}
	for i, role := range roleNames {
		all.Go(func() { h.victims(role, uint64(i), over) })
	}
	if !h.control {
		all.Go(func() { h.dumps(over) })
	}
	for time.Now().Before(over) && !h.done() {
		select {
		case <-time.After(time.Second):
		case line, ok := <-scribbler.lines:
			if !ok {
				return fmt.Errorf("the scribbler is gone: %w", scribbler.failed())
			}
			if n, err := strconv.ParseInt(line, 10, 64); err == nil {
				h.Count("scribbles", n)
			}
		}
		h.progress.set(int64(h.span-time.Until(over))/1e9, int64(h.span)/1e9, fmt.Sprintf("s; %d calls, %d of them in vain, %d wrong", h.Got("calls"), h.Got("errors"), h.Wrongs()))
	}
	all.Wait()
	return nil
}

// victims runs processes of a role, one after the other: each ends by itself after some seconds.
func (h *hostile) victims(role string, number uint64, over time.Time) {
	for round := uint64(0); time.Now().Before(over) && !h.done(); round++ {
		span := min(time.Until(over), 5*time.Second)
		seed := strconv.FormatUint(h.seed+1000*number+round, 10)
		c, err := start(role, h.path, seed, span.String(), h.limit.String(), strconv.FormatInt(hostileMemory(h.size), 10))
		if err != nil {
			h.Wrong("crashes", "cannot start: %v", err)
			return
		}
		h.listen(c, span)
		h.Add("processes", 1)
	}
}

// listen counts what a victim says until it ends.
func (h *hostile) listen(c *child, span time.Duration) {
	defer c.Kill()
	for {
		line, err := c.Line(span + 10*time.Second)
		if err != nil {
			if errors.Is(err, errSilent) {
				h.Wrong("hangs", "%v", err)
			} else if err.Error() != "EOF" {
				h.Wrong("crashes", "%v", err)
			}
			return
		}
		kind, rest, _ := strings.Cut(line, " ")
		n, _ := strconv.ParseInt(rest, 10, 64)
		switch kind {
		case "calls", "errors", "values", "others", "events":
			h.Add(kind, n)
		case "longest":
			h.Most("longest call us", n)
		case "memory":
			h.Most("memory KiB", n>>10)
		default: // "slow", "memory-bound", "wrong-values", "strange-errors"
			h.Wrong(strings.ReplaceAll(kind, "-", " "), "%s: %s", c.role, rest)
		}
	}
}

// dumps runs mapfile-dump on the file.
func (h *hostile) dumps(over time.Time) {
	tool, err := h.dumpTool()
	if err != nil {
		h.Logf("without mapfile-dump: %v", err)
		return
	}
	commands := [][]string{
		{"ls"}, {"info"}, {"verify"}, {"verify", "--deep"}, {"dump"}, {"get", "s/0"}, {"get", "s/1", "-o", "json"}, {"watch", "-n", "3"}, {"ls", "-o", "json"},
	}
	const timeout = 500 * time.Millisecond
	for n := 0; time.Now().Before(over) && !h.done(); n++ {
		args := commands[n%len(commands)]
		args = append([]string{args[0], h.path, "--timeout", timeout.String()}, args[1:]...)
		ctx, cancel := context.WithTimeout(h.ctx, 20*time.Second)
		var out tail
		cmd := exec.CommandContext(ctx, tool, args...)
		cmd.Stderr = &out
		start := time.Now()
		err := cmd.Run()
		took := time.Since(start)
		cancel()
		h.Add("dump runs", 1)
		h.Most("longest dump us", took.Microseconds())
		what := strings.Join(append([]string{args[0]}, args[2:]...), " ")
		if said := out.String(); strings.Contains(said, "goroutine ") || cmd.ProcessState == nil || cmd.ProcessState.ExitCode() < 0 {
			h.Wrong("crashes", "mapfile-dump %s: %v: %s", what, err, said)
		}
		if took > timeout+h.limit {
			h.Wrong("slow", "mapfile-dump %s took %v", what, took)
		}
	}
}

// dumpTool finds the program, or builds it.
func (h *hostile) dumpTool() (string, error) {
	if h.dump != "" {
		return h.dump, nil
	}
	if tool, err := exec.LookPath("mapfile-dump"); err == nil {
		return tool, nil
	}
	tool := filepath.Join(h.dir, "mapfile-dump")
	out, err := exec.CommandContext(h.ctx, "go", "build", "-buildvcs=false", "-o", tool, "github.com/gomapfile/mapfile/cmd/mapfile-dump").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
	}
	return tool, nil
}

// hostileSize is how long the value of slot i is.
func hostileSize(i int) int { return 8 << (i % 12) }

// makeHostileFile makes a file with slots of many sizes, as its producer left it.
func makeHostileFile(path string, slots int) error {
	mf, err := mapfile.Create(path)
	if err != nil {
		return err
	}
	defer mf.Close()
	for i := range slots {
		payload := makePayload(nil, hostileSize(i), stamp{1, 1, uint64(i)})
		if _, err := mf.Add(fmt.Sprintf("s/%d", i), rawOf(payload), mapfile.WithTitle("a slot")); err != nil {
			return err
		}
	}
	number := int64(1)
	if _, err := mf.Add("number", &number); err != nil {
		return err
	}
	for range 3 {
		if err := mf.Update(); err != nil {
			return err
		}
	}
	return mf.Close()
}
