package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomapfile/mapfile/mapfile"
)

// readers: processes that read at full speed and validate every byte, against a writer at full speed,
// while slots grow, go and come back. Half of the readers let the library skip its checksum: the
// sequences alone must exclude torn values.
//
// The control reads as the format says where a value is, and copies it without looking again.

// readSizes are the payloads of the slots that stay; each update is of that size or up to a half less.
var readSizes = []int{8, 16, 40, 100, 500, 2000, 4096, 16 << 10, 64 << 10, 256 << 10, 1 << 20}

func sizeName(size int) string { return fmt.Sprintf("size/%07d", size) }

const (
	growingName = "growing" // from 8 bytes to 1 MiB, then removed and added again
	comingName  = "coming"  // added, updated a few times and removed
)

func newReaders() *cobra.Command {
	var reads int64
	var groups []int
	return newProof("readers", "Validate every byte at full speed against a writer at full speed", true,
		func(cmd *cobra.Command) {
			cmd.Flags().Int64Var(&reads, "reads", 1_000_000, "reads in all")
			cmd.Flags().IntSliceVar(&groups, "readers", []int{1, 2, 4, 8}, "numbers of readers, one phase for each")
		},
		func(p *proof) error {
			for _, name := range []string{"torn", "gone back", "errors", "busy"} {
				p.Add(name, 0)
			}
			for _, n := range groups {
				if p.done() {
					break
				}
				if err := p.readPhase(n, reads/int64(len(groups)), reads); err != nil {
					return err
				}
			}
			return nil
		})
}

// readPhase has n readers do so many reads together.
func (p *proof) readPhase(n int, reads, total int64) error {
	path := filepath.Join(p.dir, fmt.Sprintf("readers%d.map", n))
	writer, err := start("readers.writer", path, strconv.FormatUint(p.seed, 10))
	if err != nil {
		return err
	}
	defer writer.Kill()
	if _, err := writer.Expect("ready", 10*time.Second); err != nil {
		return err
	}
	var readers []*child
	defer func() {
		for _, c := range readers {
			c.Kill()
		}
	}()
	for i := range n {
		how := "validating"
		switch {
		case p.control:
			how = "careless"
		case i%2 == 1:
			how = "unchecked" // by the library
		}
		c, err := start("readers.reader", path, strconv.FormatInt(reads/int64(n), 10), fmt.Sprint(p.seed+uint64(i)), how)
		if err != nil {
			return err
		}
		readers = append(readers, c)
	}
	for _, c := range readers {
		if err := p.followReader(c, total); err != nil {
			return err
		}
	}
	updates, err := writer.Ask(10*time.Second, "stop")
	if err != nil {
		return err
	}
	count, err := strconv.ParseInt(strings.TrimPrefix(updates, "updates "), 10, 64)
	p.Add("updates", count)
	return errors.Join(err, writer.Wait(10*time.Second))
}

// followReader reads what a reader says until it ends.
func (p *proof) followReader(c *child, total int64) error {
	for {
		line, err := c.Line(60 * time.Second)
		if err != nil {
			return err
		}
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "reads":
			n, _ := strconv.ParseInt(rest, 10, 64)
			p.Add("reads", n)
			p.progress.set(p.Got("reads"), total, fmt.Sprintf("%d torn", p.Got("torn")))
		case "wrong":
			name, text, _ := strings.Cut(rest, ": ")
			p.Wrong(name, "%s", text)
		case "done":
			var counts map[string]int64
			if err := json.Unmarshal([]byte(rest), &counts); err != nil {
				return err
			}
			for name, n := range counts {
				p.Add(name, n)
			}
			return c.Wait(10 * time.Second)
		}
	}
}

func init() {
	roles["readers.writer"] = writeForReaders
	roles["readers.reader"] = func(args []string) error {
		reads, err := strconv.ParseInt(args[1], 10, 64)
		if err != nil {
			return err
		}
		seed, err := strconv.ParseUint(args[2], 10, 64)
		if err != nil {
			return err
		}
		r := &fullSpeedReader{rng: rand.New(rand.NewPCG(seed, 7)), last: map[string]uint64{}, counts: map[string]int64{}}
		var opts []mapfile.Option
		switch args[3] {
		case "careless":
			return r.readCarelessly(args[0], reads)
		case "unchecked":
			opts = append(opts, mapfile.WithoutCheck())
		}
		return r.read(args[0], reads, opts...)
	}
}

// weighted returns names of slots in such a mixture that small ones are read oftener than large ones.
func weighted(names []string, sizes []int) []string {
	var mixture []string
	for i, name := range names {
		for range 1 + 40_000/(1000+sizes[i]) {
			mixture = append(mixture, name)
		}
	}
	return mixture
}

// fullSpeedReader is a reader process.
type fullSpeedReader struct {
	rng    *rand.Rand
	last   map[string]uint64 // number of each slot's last value
	counts map[string]int64
	told   int64
	spoke  time.Time
}

func (r *fullSpeedReader) read(path string, reads int64, opts ...mapfile.Option) error {
	mf, err := mapfile.Open(path, opts...)
	if err != nil {
		return err
	}
	defer mf.Close()
	names, sizes := []string{growingName, comingName}, []int{64 << 10, 100}
	for _, size := range readSizes {
		names, sizes = append(names, sizeName(size)), append(sizes, size)
	}
	mixture := weighted(names, sizes)
	handles := map[string]*mapfile.SlotReader{}
	for _, name := range names {
		handles[name] = mf.Reader(name)
	}
	var raw mapfile.Raw
	for n := int64(1); n <= reads; n++ {
		name := mixture[r.rng.IntN(len(mixture))]
		switch _, err := handles[name].GetInto(&raw); {
		case err == nil:
			r.check(name, raw.Payload)
			r.counts["bytes"] += int64(len(raw.Payload))
		case (name == growingName || name == comingName) && (errors.Is(err, mapfile.ErrNoSlot) || errors.Is(err, mapfile.ErrNotPublished)):
			r.counts["not there"]++
		case errors.Is(err, mapfile.ErrBusy):
			r.counts["busy"]++
		default:
			say("wrong errors: %v", err)
		}
		r.tell(n, n == reads)
	}
	return r.done()
}

// check validates a payload: whole, of this slot, and not older than the last one.
func (r *fullSpeedReader) check(name string, payload []byte) {
	s, err := checkPayload(payload, slotNumber(name))
	switch {
	case err != nil:
		say("wrong torn: %s: %v", name, err)
	case s.Number < r.last[name]:
		say("wrong gone back: %s: number %d after %d", name, s.Number, r.last[name])
	default:
		r.last[name] = s.Number
	}
}

// tell tells the parent from time to time how many reads are done.
func (r *fullSpeedReader) tell(n int64, last bool) {
	if !last && (n%1000 != 0 || time.Since(r.spoke) < 200*time.Millisecond) {
		return
	}
	say("reads %d", n-r.told)
	r.told, r.spoke = n, time.Now()
}

func (r *fullSpeedReader) done() error {
	counts, err := json.Marshal(r.counts)
	say("done %s", counts)
	return err
}
