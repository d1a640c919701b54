package codectest

// Promises about Decode: wrong bytes are refused, memory is bounded, results stay as they are.

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"

	"github.com/gomapfile/mapfile/codec"
)

// refusedOrExact: wrong is a payload that nobody wrote. It is refused, or it is the very encoding of
// some other value: a shorter string's, a list's with one element more.
func refusedOrExact(c codec.Codec, k *Case, wrong []byte) error {
	v, err := k.decodeNew(c, wrong)
	if errors.Is(err, errPanic) {
		return err
	}
	if err != nil {
		return nil
	}
	again, err := encode(c, nil, v)
	if err != nil {
		return fmt.Errorf("accepted, and what came out cannot be encoded: %w", err)
	}
	if !bytes.Equal(again, wrong) {
		return fmt.Errorf("accepted, though it is not the encoding of what came out, %s", short(again))
	}
	return nil
}

func refusesTrailingBytes(c codec.Codec, k *Case) error {
	all, err := k.encodings(c)
	if err != nil {
		return err
	}
	for i, e := range all {
		tails := [][]byte{{0x00}, {0xFF}, {'x'}, {0, 0, 0, 0, 0, 0, 0, 0}}
		if !k.Concatenates && len(e) > 0 {
			tails = append(tails, e)
		}
		for _, tail := range tails {
			wrong := append(bytes.Clone(e), tail...)
			if err := refusedOrExact(c, k, wrong); err != nil {
				return fmt.Errorf("value %d followed by %s: %w", i, short(tail), err)
			}
		}
	}
	return nil
}

func refusesTruncation(c codec.Codec, k *Case) error {
	all, err := k.encodings(c)
	if err != nil {
		return err
	}
	for i, e := range all {
		step := 1 + len(e)/4000 // each byte of small payloads, a sample of large ones
		for n := 0; n < len(e); n += step {
			if err := refusedOrExact(c, k, e[:n]); err != nil {
				return fmt.Errorf("value %d, the first %d of %d bytes: %w", i, n, len(e), err)
			}
		}
	}
	return nil
}

func refusesHostile(c codec.Codec, k *Case) error {
	if len(k.Hostile) == 0 {
		return errNotPromised
	}
	for i, h := range k.Hostile {
		var v any
		var err error
		used := allocated(func() { v, err = k.decodeNew(c, h) })
		switch {
		case errors.Is(err, errPanic):
			return fmt.Errorf("hostile payload %d %s: %w", i, short(h), err)
		case err == nil:
			return fmt.Errorf("hostile payload %d %s: accepted as %+v", i, short(h), v)
		case used > k.maxMemory(len(h)):
			return fmt.Errorf("hostile payload %d %s: %d bytes allocated, %d allowed", i, short(h), used, k.maxMemory(len(h)))
		}
	}
	return roundTrip(c, k) // what failed must leave nothing behind
}

func survivesMutations(c codec.Codec, k *Case) error {
	all, err := k.encodings(c)
	if err != nil {
		return err
	}
	return eachMutation(all, func(wrong []byte) error {
		var v any
		var err error
		used := allocated(func() { v, err = k.decodeNew(c, wrong) })
		if errors.Is(err, errPanic) {
			return fmt.Errorf("in Decode: %w", err)
		}
		if used > k.maxMemory(len(wrong)) {
			return fmt.Errorf("in Decode: %d bytes allocated, %d allowed", used, k.maxMemory(len(wrong)))
		}
		if err != nil {
			return nil
		}
		if _, err := encode(c, nil, v); errors.Is(err, errPanic) {
			return fmt.Errorf("in Append of what Decode made: %w", err)
		}
		return nil
	})
}

// mutations of each payload. They are the same in each run, so that a failure can be repeated.
const mutations = 500

func eachMutation(all [][]byte, check func(wrong []byte) error) error {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, e := range all {
		for range mutations {
			wrong := mutate(rnd, e)
			if err := check(wrong); err != nil {
				return fmt.Errorf("bytes %s: %w", short(wrong), err)
			}
		}
	}
	return nil
}

// mutate damages a copy of e as memory, disks and attackers do: bits, bytes, lengths that lie.
func mutate(rnd *rand.Rand, e []byte) []byte {
	wrong := bytes.Clone(e)
	for range 1 + rnd.IntN(3) {
		at := rnd.IntN(len(wrong) + 1)
		switch kind := rnd.IntN(7); {
		case kind == 0: // a large number where a count may be, big- or little-endian
			wrong = append(wrong[:at:at], append([]byte{0x7F, 0xFF, 0xFF, 0xFF}, wrong[min(at+4, len(wrong)):]...)...)
		case kind == 1:
			wrong = append(wrong[:at:at], append([]byte{0xFF, 0xFF, 0xFF, 0x7F}, wrong[min(at+4, len(wrong)):]...)...)
		case kind == 2: // a piece twice
			wrong = append(wrong[:at:at], wrong[at/2:]...)
		case kind == 3: // random bytes put in
			junk := make([]byte, 1+rnd.IntN(8))
			for i := range junk {
				junk[i] = byte(rnd.Uint32())
			}
			wrong = append(wrong[:at:at], append(junk, wrong[at:]...)...)
		case at == len(wrong):
			wrong = wrong[:len(wrong)/2]
		case kind == 4:
			wrong[at] ^= 1 << rnd.IntN(8)
		case kind == 5:
			wrong[at] = byte(rnd.Uint32())
		default:
			wrong[at] = 0xFF
		}
	}
	return wrong
}

// allocated returns the bytes that f allocates, also those that are garbage already. Other goroutines
// count too, so a test that runs beside others may see too much.
func allocated(f func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}

// resultsStay: an object that was decoded is not changed by what is decoded later, with or without
// reuse of other objects.
func resultsStay(c codec.Codec, k *Case) error {
	all, err := k.encodings(c)
	if err != nil {
		return err
	}
	r, canReuse := c.(codec.Reuser)
	kept := make([]any, 100)
	for i := range kept {
		e := all[i/2%len(all)]
		if canReuse && i%2 == 1 {
			kept[i] = k.New()
			err = reuse(r, bytes.Clone(e), kept[i])
		} else {
			kept[i], err = k.decodeNew(c, e)
		}
		if err != nil {
			return err
		}
	}
	other := k.New()
	for i := range 1000 {
		e := all[(i*7+i/3)%len(all)]
		if _, err := k.decodeNew(c, e); err != nil {
			return err
		}
		if canReuse {
			if err := reuse(r, bytes.Clone(e), other); err != nil {
				return err
			}
		}
	}
	for i, got := range kept {
		if want := k.Values[i/2%len(k.Values)]; !k.equal(got, want) {
			return fmt.Errorf("result %d was changed by later calls: %+v, want %+v", i, got, want)
		}
	}
	return nil
}
