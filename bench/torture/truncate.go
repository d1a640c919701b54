package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomapfile/mapfile/mapfile"
)

// This proof cuts files at every length, before they are opened and while they are mapped, makes them longer by
// zeros, and replaces, deletes and makes anew what is at their path under attached readers. All of it ends in
// errors of the library or in the true values, and who was attached goes on when the bytes are back.
//
// The control reads the cut file without looking at checksums, as if the zeros were values.

func newTruncate() *cobra.Command {
	t := &truncate{}
	return newProof("truncate", "Cut, lengthen, replace and delete files, before and while they are open", true, func(cmd *cobra.Command) {
		cmd.Flags().IntVar(&t.stride, "stride", 1, "open the file cut to each n-th length only")
		cmd.Flags().IntVar(&t.mapped, "mapped-stride", 64, "cut it while it is mapped to each n-th length only")
		cmd.Flags().IntVar(&t.rounds, "rounds", 200, "how often the path is replaced, deleted and made anew")
	}, func(p *proof) error { t.proof = p; return t.run() })
}

type truncate struct {
	*proof
	stride, mapped, rounds int

	s    *sample
	path string
}

func (t *truncate) run() (err error) {
	if t.s, err = newSample(t.proof, ""); err != nil {
		return err
	}
	t.path = filepath.Join(t.dir, "cut.map")
	if err := t.atOpen(); err != nil {
		return err
	}
	if err := t.whileMapped(); err != nil {
		return err
	}
	return t.atThePath()
}

// atOpen opens the file cut to every length. Longer by zeros is whole.
func (t *truncate) atOpen() error {
	for n := 0; n <= len(t.s.whole) && !t.done(); n += max(t.stride, 1) {
		if err := os.WriteFile(t.path, t.s.whole[:n], 0o600); err != nil {
			return err
		}
		t.openCut(n)
		t.Add("opens", 1)
		if n%256 == 0 {
			t.progress.set(int64(n), int64(len(t.s.whole)), "opened")
		}
	}
	for _, more := range []int64{1, 127, 4096, 1 << 20} {
		if err := errors.Join(t.s.copyTo(t.path), os.Truncate(t.path, int64(len(t.s.whole))+more)); err != nil {
			return err
		}
		mf, err := mapfile.Open(t.path)
		if err != nil {
			t.Wrong("refused", "longer by %d zeros: %v", more, err)
			continue
		}
		t.read(mf, fmt.Sprintf("longer by %d zeros", more), true)
		mf.Close()
	}
	return nil
}

func (t *truncate) openCut(n int) {
	start := time.Now()
	if err := caught(func() {
		mf, err := mapfile.Open(t.path)
		switch {
		case err == nil && n < len(t.s.whole):
			t.Wrong("opened", "cut to %d of %d bytes", n, len(t.s.whole))
			mf.Close()
		case err == nil:
			t.read(mf, "whole", true)
			mf.Close()
		case n == len(t.s.whole), !isTyped(err), n >= 8 != errors.Is(err, mapfile.ErrCorrupt), n < 8 != errors.Is(err, mapfile.ErrNotMapFile):
			t.Wrong("strange errors", "cut to %d: %v", n, err)
		}
	}); err != nil {
		t.Wrong("panics", "cut to %d: %v", n, err)
	}
	if took := time.Since(start); took > hangs {
		t.Wrong("slow", "open of a file cut to %d took %v", n, took)
	}
}

// whileMapped cuts under a reader, lets it read, lengthens by zeros, lets it read, mends, and lets it read.
func (t *truncate) whileMapped() error {
	if err := t.s.copyTo(t.path); err != nil {
		return err
	}
	var opts []mapfile.Option
	if t.control {
		opts = append(opts, mapfile.WithoutCheck())
	}
	mf, err := mapfile.Open(t.path, opts...)
	if err != nil {
		return err
	}
	defer mf.Close()
	file, err := os.OpenFile(t.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	for n := 0; n <= len(t.s.whole) && !t.done(); n += max(t.mapped, 1) {
		if err := file.Truncate(int64(n)); err != nil {
			return err
		}
		t.read(mf, fmt.Sprintf("cut to %d while mapped", n), n == len(t.s.whole))
		if err := file.Truncate(int64(len(t.s.whole))); err != nil {
			return err
		}
		t.read(mf, fmt.Sprintf("zeros from %d on while mapped", n), n == len(t.s.whole))
		if t.control { // zeros in the middle of a payload
			t.zeroPayload(mf, file)
		}
		if _, err := file.WriteAt(t.s.whole[n:], int64(n)); err != nil {
			return err
		}
		t.read(mf, fmt.Sprintf("mended from %d on", n), true)
		t.Add("cuts", 1)
		t.progress.set(int64(n), int64(len(t.s.whole)), "cut while mapped")
	}
	return nil
}

// zeroPayload clears what a reader that checks nothing takes for a value.
func (t *truncate) zeroPayload(mf *mapfile.MapFile, file *os.File) {
	file.WriteAt(t.s.whole, 0)
	for _, f := range t.s.fields {
		if f.Name == "payload" && f.Length > 0 {
			file.WriteAt(make([]byte, f.Length), f.Offset)
		}
	}
	t.read(mf, "payloads cleared", false)
}

// read reads everything; if it must be right, errors are wrong, too.
func (t *truncate) read(mf *mapfile.MapFile, what string, mustBeRight bool) {
	start := time.Now()
	if err := caught(func() {
		for i := range t.s.values {
			v := &t.s.values[i]
			var raw mapfile.Raw
			t.judge(v, &raw, mf.GetInto(v.name, &raw), what, mustBeRight)
		}
		snap, err := mf.Snapshot()
		if err != nil && (mustBeRight || !isTyped(err)) {
			t.Wrong("strange errors", "%s: Snapshot: %v", what, err)
		}
		for i := range t.s.values {
			v := &t.s.values[i]
			var raw mapfile.Raw
			if err == nil && !t.control {
				t.judge(v, &raw, snap.GetInto(v.name, &raw), what+": Snapshot", mustBeRight)
			}
		}
		for _, err := range mf.Slots() {
			t.expect(err, what+": Slots", mustBeRight)
		}
		for _, err := range mf.Verify() {
			t.expect(err, what+": Verify", mustBeRight)
		}
		for _, err := range mf.Layout() {
			t.expect(err, what+": Layout", mustBeRight)
		}
	}); err != nil {
		t.Wrong("panics", "%s: %v", what, err)
	}
	if took := time.Since(start); took > hangs {
		t.Wrong("slow", "%s: took %v", what, took)
	}
}

func (t *truncate) judge(v *sampleValue, raw *mapfile.Raw, err error, what string, mustBeRight bool) {
	switch kind := v.judge(raw, err); {
	case kind == readRight:
		t.Add("read right", 1)
	case kind == readError && !mustBeRight:
		t.Add("read as error", 1)
	case kind == readError, kind == readStrange:
		t.Wrong("strange errors", "%s: %s: %v", what, v.name, err)
	default:
		t.Wrong("wrong values", "%s: %s: version %d, %d bytes", what, v.name, raw.Stamp.Version, len(raw.Payload))
	}
}

func (t *truncate) expect(err error, what string, mustBeRight bool) {
	if err != nil && (mustBeRight || !isTyped(err)) {
		t.Wrong("strange errors", "%s: %v", what, err)
	}
}

// atThePath changes what the path names under two attached readers: one stays with the file that it opened, the
// other follows.
func (t *truncate) atThePath() error {
	if err := os.Remove(t.path); err != nil {
		return err
	}
	for round := range t.rounds {
		if t.done() {
			return nil
		}
		if err := t.pathRound(round); err != nil {
			return fmt.Errorf("round %d: %w", round, err)
		}
		t.progress.set(int64(round), int64(t.rounds), "replaced, deleted, made anew")
		t.Add("replacements", 1)
	}
	return nil
}

func (t *truncate) pathRound(round int) error {
	if err := t.s.copyTo(t.path); err != nil {
		return err
	}
	stays, err := mapfile.Open(t.path)
	if err != nil {
		return err
	}
	defer stays.Close()
	follows, err := mapfile.Open(t.path, mapfile.WithFollow())
	if err != nil {
		return err
	}
	defer follows.Close()
	t.read(stays, "before", true)
	t.read(follows, "before", true)
	other := rawOf(makePayload(nil, 500, stamp{uint64(round), 1, 7}))
	switch round % 4 {
	case 0: // another file is moved over it, by somebody who knows nothing of map files
		aside := t.path + ".new"
		if err := publishOther(aside, mapfile.Create, other); err != nil {
			return err
		}
		err = os.Rename(aside, t.path)
	case 1:
		if err = os.Remove(t.path); err == nil {
			err = publishOther(t.path, mapfile.Create, other)
		}
	case 2:
		if err = os.Remove(t.path); err == nil {
			err = publishOther(t.path, mapfile.OpenOrCreate, other)
		}
	default:
		err = publishOther(t.path, mapfile.Recreate, other)
	}
	if err != nil {
		return err
	}
	if round%4 == 3 { // its mark tells everybody
		var raw mapfile.Raw
		if err := stays.GetInto(t.s.values[0].name, &raw); !errors.Is(err, mapfile.ErrSuperseded) {
			t.Wrong("strange errors", "a reader of a file that was recreated: %v", err)
		}
	} else {
		t.read(stays, "not at the path any more", true)
	}
	t.mustFollow(follows, other)
	return os.Remove(t.path)
}

// publishOther makes a file with one slot.
func publishOther(path string, open func(string, ...mapfile.Option) (*mapfile.MapFile, error), value *mapfile.Raw) error {
	mf, err := open(path)
	if err != nil {
		return err
	}
	slot, err := mf.Add("other", value)
	if err == nil {
		err = slot.Update()
	}
	return errors.Join(err, mf.Close())
}

// mustFollow waits for the reader to have the new file's value, for two seconds.
func (t *truncate) mustFollow(mf *mapfile.MapFile, value *mapfile.Raw) {
	var raw mapfile.Raw
	var err error
	for start := time.Now(); time.Since(start) < 2*time.Second; time.Sleep(5 * time.Millisecond) {
		if err = mf.GetInto("other", &raw); err == nil {
			if string(raw.Payload) != string(value.Payload) {
				t.Wrong("wrong values", "the reader that follows has %d bytes", len(raw.Payload))
			}
			return
		}
		if !isTyped(err) {
			break
		}
	}
	t.Wrong("lost", "a reader that follows does not get the new file's value: %v", err)
}
