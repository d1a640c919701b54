package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomapfile/mapfile/mapfile"
)

// This proof sets each byte of a file to each other value, and damages many bytes at random, and reads.
// Nothing may panic or hang, and no wrong value be given out as right. The header's bytes meet a fresh Open, as
// all do with a few values; the rest a reader that is open, which knows where the slots are, and one that looks
// each up anew.
//
// What no reader notices is listed by the names of the fields: "unnoticed sequence": so many bytes of buffers'
// sequences can be damaged without anybody saying so, and without any value being wrong.
//
// A value that was true before, under its own version, is right in two places only: in a Snapshot, whose limits
// are the commit words of sessions, which no checksum covers; and in a file of an earlier boot, where the newest
// whole value counts.
//
// The control reads without checksum, and must be given wrong values.

func newFlip() *cobra.Command {
	f := &flip{}
	return newProof("flip", "Set each byte of a file to each other value, and read", true, func(cmd *cobra.Command) {
		cmd.Flags().StringVar(&f.path, "file", "", "the file to damage a copy of (default: one that is made)")
		cmd.Flags().IntVar(&f.stride, "stride", 1, "damage each n-th byte only")
		cmd.Flags().IntVar(&f.values, "values", 255, "how many other values each byte is set to")
		cmd.Flags().IntVar(&f.random, "random", 20_000, "times that many bytes are damaged at random")
	}, func(p *proof) error { f.proof = p; return f.run() })
}

type flip struct {
	*proof
	path           string
	stride, values int
	random         int

	s       *sample
	copy    *os.File
	name    string // of the copy
	open    *mapfile.MapFile
	readers []*mapfile.SlotReader // of open, one for each value
	raw     mapfile.Raw
	older   bool // a file of an earlier boot: an older value instead of a damaged one is right

	all              [256][]byte // the other values of each value, in random order
	right, errs, old int64
}

// freshBytes is up to where every flip is met by an Open: the header.
const freshBytes = 4096

func (f *flip) run() error {
	if err := f.prepare(); err != nil {
		return err
	}
	defer f.copy.Close()
	defer f.open.Close()
	names := f.s.fieldNames()
	flips := int64(0)
	for at := 0; at < len(f.s.whole) && !f.done(); at += max(f.stride, 1) {
		before := f.s.whole[at]
		noticed := false
		values := f.others(before)
		for i, value := range values {
			f.set(at, value)
			flips++
			seen := f.read(at, value)
			if at < freshBytes || i < 2 {
				seen = f.readFresh(at, value, i < 2) || seen
			}
			noticed = noticed || seen
		}
		f.set(at, before)
		if !noticed && names[at] != "free" {
			f.Add("unnoticed "+names[at], 1)
		}
		if at%512 < f.stride {
			f.progress.set(int64(at), int64(len(f.s.whole)), fmt.Sprintf("%d flips, %d wrong", flips, f.Wrongs()))
		}
	}
	f.Count("bytes", int64(len(f.s.whole)))
	f.Count("flips", flips)
	f.many()
	f.Count("read right", f.right)
	f.Count("read as error", f.errs)
	f.Count("read older", f.old)
	return nil
}

// prepare makes the copy and a reader of it.
func (f *flip) prepare() (err error) {
	if f.s, err = newSample(f.proof, f.path); err != nil {
		return err
	}
	f.name = filepath.Join(f.dir, "damaged.map")
	if err := f.s.copyTo(f.name); err != nil {
		return err
	}
	if f.copy, err = os.OpenFile(f.name, os.O_WRONLY, 0); err != nil {
		return err
	}
	if f.open, err = f.openCopy(); err != nil {
		return err
	}
	for i := range f.s.values {
		f.readers = append(f.readers, f.open.Reader(f.s.values[i].name))
	}
	info, err := f.open.Stat()
	f.older = slices.Contains(info.Warnings, "left by an earlier boot of the machine: values were recovered by their checksums")
	r := f.rand(0)
	for b := range f.all {
		for v := range 256 {
			if v != b {
				f.all[b] = append(f.all[b], byte(v))
			}
		}
		r.Shuffle(255, func(i, j int) { f.all[b][i], f.all[b][j] = f.all[b][j], f.all[b][i] })
	}
	return err
}

func (f *flip) openCopy() (*mapfile.MapFile, error) {
	if f.control {
		return mapfile.Open(f.name, mapfile.WithoutCheck())
	}
	return mapfile.Open(f.name)
}

// others returns the values that a byte is set to.
func (f *flip) others(b byte) []byte { return f.all[b][:min(max(f.values, 1), 255)] }

func (f *flip) set(at int, value byte) { f.copy.WriteAt([]byte{value}, int64(at)) }

// read reads every slot by the reader that knows it, and by one that looks it up. It tells whether anything
// was noticed.
func (f *flip) read(at int, value byte) (noticed bool) {
	what := func() string { return fmt.Sprintf("byte %d set to %#x", at, value) }
	start := time.Now()
	if err := caught(func() {
		for i := range f.s.values {
			v := &f.s.values[i]
			_, err := f.readers[i].GetInto(&f.raw)
			noticed = f.judge(v, err, what) || noticed
			noticed = f.judge(v, f.open.GetInto(v.name, &f.raw), what) || noticed
		}
	}); err != nil {
		f.Wrong("panics", "%s: %v", what(), err)
	}
	if took := time.Since(start); took > hangs {
		f.Wrong("slow", "%s: reading took %v", what(), took)
	}
	return noticed
}

// judge tells whether damage was noticed.
func (f *flip) judge(v *sampleValue, err error, what func() string) bool {
	switch kind := v.judge(&f.raw, err); {
	case kind == readRight:
		f.right++
		return false
	case kind == readError:
		f.errs++
	case kind == readOlder && f.older:
		f.old++
	case kind == readStrange:
		f.Wrong("strange errors", "%s: %s: %v", what(), v.name, err)
	default:
		f.Wrong("wrong values", "%s: %s: version %d instead of %d, %d bytes", what(), v.name, f.raw.Stamp.Version, v.value.Stamp.Version, len(f.raw.Payload))
	}
	return true
}

// readFresh opens the copy anew and reads everything; deep also looks at all that is not a value.
func (f *flip) readFresh(at int, value byte, deep bool) (noticed bool) {
	what := func() string { return fmt.Sprintf("byte %d set to %#x, fresh", at, value) }
	return f.fresh(what, deep)
}

func (f *flip) fresh(what func() string, deep bool) (noticed bool) {
	start := time.Now()
	if err := caught(func() {
		mf, err := f.openCopy()
		if err != nil {
			noticed = true
			if !isTyped(err) {
				f.Wrong("strange errors", "%s: %v", what(), err)
			}
			return
		}
		defer mf.Close()
		for i := range f.s.values {
			v := &f.s.values[i]
			noticed = f.judge(v, mf.GetInto(v.name, &f.raw), what) || noticed
		}
		if deep {
			noticed = f.lookAtAll(mf, what) || noticed
		}
	}); err != nil {
		f.Wrong("panics", "%s: %v", what(), err)
	}
	if took := time.Since(start); took > hangs {
		f.Wrong("slow", "%s: took %v", what(), took)
	}
	return noticed
}

// lookAtAll calls all that reads, and tells whether any of it saw something wrong.
func (f *flip) lookAtAll(mf *mapfile.MapFile, what func() string) (noticed bool) {
	saw := func(err error) {
		if err != nil {
			noticed = true
			if !isTyped(err) {
				f.Wrong("strange errors", "%s: %v", what(), err)
			}
		}
	}
	slots := 0
	for _, err := range mf.Slots() {
		saw(err)
		slots++
	}
	for _, err := range mf.Verify() {
		saw(err)
	}
	_, err := mf.Stat()
	saw(err)
	for _, err := range mf.Layout() {
		saw(err)
	}
	snap, err := mf.Snapshot()
	saw(err)
	for i := range f.s.values {
		v := &f.s.values[i]
		if err == nil && !f.control {
			// By a commit word that is too low a Snapshot shows what was committed by then: older, and true.
			older := f.older
			f.older = true
			noticed = f.judge(v, snap.GetInto(v.name, &f.raw), what) || noticed
			f.older = older
		}
	}
	return noticed || slots < len(f.s.values)
}

// many damages many bytes at once: scattered, runs of one value, of random bytes, of another place.
func (f *flip) many() {
	r := f.rand(1)
	for n := range f.random {
		if f.done() {
			return
		}
		damaged := slices.Clone(f.s.whole)
		for range 1 + r.IntN(6) {
			at := r.IntN(len(damaged))
			if r.IntN(2) == 0 { // mostly where something is
				field := f.s.fields[r.IntN(len(f.s.fields))]
				at = int(field.Offset + r.Int64N(max(field.Length, 1)))
			}
			end := min(at+1<<r.IntN(12), len(damaged))
			switch r.IntN(4) {
			case 0:
				for i := at; i < end; i++ {
					damaged[i] = byte(r.Uint32())
				}
			case 1:
				clear(damaged[at:end])
			case 2:
				copy(damaged[at:end], f.s.whole[r.IntN(len(f.s.whole)):])
			default:
				for range 8 {
					damaged[at+r.IntN(end-at)] ^= 1 << r.IntN(8)
				}
			}
		}
		f.copy.WriteAt(damaged, 0)
		what := func() string { return fmt.Sprintf("random damage %d", n) }
		f.fresh(what, true)
		f.progress.set(int64(n), int64(f.random), "random damage")
	}
	f.copy.WriteAt(f.s.whole, 0)
	f.Count("random damages", int64(f.random))
	for i := range f.s.values { // the reader that was there all the time goes on
		if _, err := f.readers[i].GetInto(&f.raw); f.s.values[i].judge(&f.raw, err) != readRight {
			f.Wrong("wrong values", "%s is not read any more when the damage is mended: %v", f.s.values[i].name, err)
		}
	}
}
