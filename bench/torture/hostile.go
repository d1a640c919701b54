package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
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

// hostileVictim is what the roles of this proof count.
type hostileVictim struct {
	limit                 time.Duration
	calls, errs, values   atomic.Int64
	others                atomic.Int64
	events, longest, slow atomic.Int64
}

// did notes a call that has ended, and begins the next.
func (v *hostileVictim) did(what string, start *time.Time, err error) {
	took := time.Since(*start)
	v.calls.Add(1)
	for old := v.longest.Load(); took.Microseconds() > old && !v.longest.CompareAndSwap(old, took.Microseconds()); old = v.longest.Load() {
	}
	if took > v.limit && v.slow.Add(1) < 5 {
		say("slow %s took %v (%v)", what, took, err)
	}
	if err != nil {
		v.errs.Add(1)
		if !isTyped(err) && !errors.Is(err, context.DeadlineExceeded) {
			say("strange-errors %s: %v", what, err)
		}
	}
	*start = time.Now()
}

// report tells the parent what was counted.
func (v *hostileVictim) report() {
	say("calls %d\nerrors %d\nvalues %d\nothers %d\nevents %d\nlongest %d", v.calls.Load(), v.errs.Load(), v.values.Load(), v.others.Load(), v.events.Load(), v.longest.Load())
}

// check says so if a value is not what was published. What the producer publishes is not counted: its checksums
// are right, and as the scribbler puts the directory back to what it was before, the producer gets an entry in the same
// generation as another slot. Who may write can lie about values.
func (v *hostileVictim) check(how, name string, raw *mapfile.Raw) {
	slot, err := strconv.ParseUint(strings.TrimPrefix(name, "s/"), 10, 64)
	if err != nil {
		return
	}
	if raw.Stamp.Session != 1 {
		v.others.Add(1)
		return
	}
	v.values.Add(1)
	if _, err := checkPayload(raw.Payload, slot); err != nil {
		say("wrong-values %s of %s: %v (version %d, commit %d, session %d, type %q)", how, name, err, raw.Stamp.Version, raw.Stamp.Commit, raw.Stamp.Session, raw.Type.Name)
	}
}

// hostileReader reads in every way, for a while.
func hostileReader(args []string) error {
	path := args[0]
	seed, _ := strconv.ParseUint(args[1], 10, 64)
	span, _ := time.ParseDuration(args[2])
	limit, _ := time.ParseDuration(args[3])
	bound, _ := strconv.ParseInt(args[4], 10, 64)
	v := &hostileVictim{limit: limit}
	ctx, cancel := context.WithTimeout(context.Background(), span)
	defer cancel()
	var most atomic.Int64
	go watchMemory(ctx, bound, &most)
	var all sync.WaitGroup
	for i := range 4 {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		all.Go(func() {
			for ctx.Err() == nil {
				v.useFile(ctx, path, r, i)
			}
		})
	}
	all.Wait()
	v.report()
	say("memory %d", most.Load())
	return nil
}

// useFile opens the file and reads it for a while: until it has become unreadable, or long enough.
func (v *hostileVictim) useFile(ctx context.Context, path string, r *rand.Rand, kind int) {
	start := time.Now()
	var opts []mapfile.Option
	if r.IntN(3) == 0 {
		opts = append(opts, mapfile.WithFollow())
	}
	mf, err := mapfile.Open(path, opts...)
	v.did("Open", &start, err)
	if err != nil {
		time.Sleep(time.Millisecond)
		return
	}
	defer mf.Close()
	readers := map[string]*mapfile.SlotReader{}
	for range 20 {
		name := fmt.Sprintf("s/%d", r.IntN(200))
		readers[name] = mf.Reader(name)
	}
	snap := &mapfile.Snapshot{}
	until := start.Add(time.Duration(r.IntN(1000)) * time.Millisecond)
	for ctx.Err() == nil && time.Now().Before(until) {
		if kind == 0 {
			v.watch(ctx, mf, until)
			continue
		}
		v.useOnce(mf, r, readers, snap)
	}
}

// useOnce makes one call, or walks one list.
func (v *hostileVictim) useOnce(mf *mapfile.MapFile, r *rand.Rand, readers map[string]*mapfile.SlotReader, snap *mapfile.Snapshot) {
	var raw mapfile.Raw
	start := time.Now()
	name := fmt.Sprintf("s/%d", r.IntN(200))
	switch r.IntN(12) {
	case 0:
		err := mf.SnapshotInto(snap, [][]string{nil, {"s/*"}, {"s/1", "s/2"}, {"**/1?"}}[r.IntN(4)]...)
		v.did("Snapshot", &start, err)
		for info := range snap.Slots() {
			if snap.GetInto(info.Name, &raw) == nil {
				v.check("Snapshot", info.Name, &raw)
			}
		}
	case 1:
		for _, err := range mf.Slots() {
			v.did("Slots", &start, err)
		}
	case 2:
		for _, err := range mf.Verify() {
			v.did("Verify", &start, err)
		}
	case 3:
		for _, err := range mf.Layout() {
			v.did("Layout", &start, err)
		}
	case 4:
		_, err := mf.Stat()
		v.did("Stat", &start, err)
	case 5:
		_, err := mf.Get("number")
		v.did("Get", &start, err)
	case 6:
		err := mf.GetInto("absent/"+name, &raw)
		v.did("GetInto of no slot", &start, err)
	case 7:
		err := mf.GetInto(name, &raw)
		v.did("GetInto", &start, err)
		if err == nil {
			v.check("GetInto", name, &raw)
		}
	case 8:
		_, err := mf.Reader(name).Stat()
		v.did("SlotReader.Stat", &start, err)
	default:
		for name, reader := range readers {
			_, err := reader.GetInto(&raw)
			v.did("SlotReader.GetInto", &start, err)
			if err == nil {
				v.check("SlotReader", name, &raw)
			}
			reader.Version()
			v.did("SlotReader.Version", &start, nil)
		}
	}
}

// watch watches until then; a second without an end of the loop after that is a hang.
func (v *hostileVictim) watch(ctx context.Context, mf *mapfile.MapFile, until time.Time) {
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	for _, err := range mf.Watch(ctx) {
		v.events.Add(1)
		if err != nil && !isTyped(err) && !errors.Is(err, context.DeadlineExceeded) {
			say("strange-errors Watch: %v", err)
		}
	}
	deadline, _ := ctx.Deadline()
	if ctx.Err() == nil { // it ended by itself
		deadline = time.Now()
		time.Sleep(time.Millisecond)
	}
	v.did("Watch, to end", &deadline, nil)
}

// hostileProducer produces. What it does may fail, and wait for locks, but not crash.
func hostileProducer(args []string) error {
	path := args[0]
	span, _ := time.ParseDuration(args[2])
	v := &hostileVictim{limit: 5 * time.Second}
	for over := time.Now().Add(span); time.Now().Before(over); {
		start := time.Now()
		// The limit keeps a lie about sizes from filling the disk of whoever runs this.
		mf, err := mapfile.OpenOrCreate(path, mapfile.WithLockTimeout(time.Second), mapfile.WithMaxSize(256<<20))
		v.did("OpenOrCreate", &start, err)
		if err != nil {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		n := int64(1)
		for i := range 20 {
			slot, err := mf.Add(fmt.Sprintf("p/%d", i), &n)
			v.did("Add", &start, err)
			if err == nil {
				v.did("Update", &start, slot.Update())
			}
		}
		grows, err := mf.Add("p/grows", rawOf(makePayload(nil, 100, stamp{})))
		v.did("Add", &start, err)
		for i := range 30 {
			if err == nil {
				err = grows.Set(rawOf(makePayload(nil, 100<<(i%10), stamp{})))
				v.did("Update", &start, grows.Update())
			}
			v.did("Update", &start, mf.Update())
			time.Sleep(5 * time.Millisecond)
			start = time.Now()
		}
		v.did("RemoveAll", &start, mf.RemoveAll())
		mf.Close()
		v.did("Close", &start, nil)
	}
	v.report()
	return nil
}
