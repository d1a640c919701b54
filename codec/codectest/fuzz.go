package codectest

// Promises about bytes that nobody wrote, found by Go's fuzzer instead of by fixed mutations.

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/codec"
)

// Larger inputs find nothing that smaller ones do not, and longest is a hang on any machine.
const (
	maxFuzzLen = 1 << 16
	longest    = 30 * time.Second
)

// Fuzz is the body of a fuzz target: Go's fuzzer makes up schemas and payloads, beginning with those
// of the cases, and c must keep its promises about hostile ones. What Decode takes must be worth taking:
// it can be encoded and decoded again, is the same in a used object, and Inspect shows it.
//
//	func FuzzCodec(f *testing.F) { codectest.Fuzz(f, thecodec.Codec, trackCase) }
//
// Of a codec that is no Inspector and no Describer the schema is ignored.
func Fuzz(f *testing.F, c codec.Codec, cases ...Case) {
	f.Helper()
	var targets []*fuzzTarget
	for i, k := range cases {
		target, err := newFuzzTarget(c, k)
		if err != nil {
			f.Fatal(err)
		}
		targets = append(targets, target)
		for _, payload := range slices.Concat(target.payloads, k.Hostile) {
			if len(target.schema)+len(payload) <= maxFuzzLen/4 {
				f.Add(uint8(i), target.schema, payload)
			}
		}
	}
	f.Fuzz(func(t *testing.T, i uint8, schema, payload []byte) {
		if len(schema)+len(payload) > maxFuzzLen {
			return
		}
		hang := time.AfterFunc(longest, func() { panic("the codec hangs") })
		defer hang.Stop()
		if err := targets[int(i)%len(targets)].check(schema, payload); err != nil {
			t.Fatal(err)
		}
	})
}

// A fuzzTarget is a case with what its own values are encoded as.
type fuzzTarget struct {
	Case
	codec    codec.Codec
	schema   []byte
	payloads [][]byte
}

func newFuzzTarget(c codec.Codec, k Case) (target *fuzzTarget, err error) {
	target = &fuzzTarget{Case: k, codec: c}
	if target.schema, err = k.schema(c); err == nil {
		target.payloads, err = k.encodings(c)
	}
	return target, err
}

func (k *fuzzTarget) check(schema, payload []byte) error {
	return cmp.Or(k.decode(payload), k.inspect(schema, payload), k.compatible(schema))
}

func (k *fuzzTarget) decode(payload []byte) error {
	var v any
	var err error
	took := allocated(func() { v, err = k.decodeNew(k.codec, payload) })
	switch {
	case errors.Is(err, errPanic):
		return fmt.Errorf("in Decode: %w", err)
	case took > k.maxMemory(len(payload)):
		return fmt.Errorf("in Decode: %d bytes allocated, %d allowed", took, k.maxMemory(len(payload)))
	}
	refused := err
	var first []byte
	if refused == nil {
		if first, err = k.sameAgain(v); err != nil {
			return err
		}
		if in, ok := k.codec.(codec.Inspector); ok {
			// Not payload itself: others may write what no encoder of c does, and what has no name to show.
			if _, err := inspect(in, k.schema, bytes.Clone(first)); err != nil {
				return fmt.Errorf("decoded, and encoded as %s, but not shown: %w", short(first), err)
			}
		}
	}
	return k.reuse(payload, refused, first)
}

// sameAgain: what was decoded can be encoded, and from then on stays what it is. It returns the encoding.
func (k *fuzzTarget) sameAgain(v any) ([]byte, error) {
	first, err := encode(k.codec, nil, v)
	if err != nil {
		return nil, fmt.Errorf("decoded, but not encoded: %w", err)
	}
	again, err := k.decodeNew(k.codec, first)
	if err != nil {
		return nil, fmt.Errorf("encoded as %s, but not decoded: %w", short(first), err)
	}
	second, err := encode(k.codec, nil, again)
	if err != nil || !k.Nondeterministic && !bytes.Equal(first, second) {
		return nil, fmt.Errorf("encoded as %s, then as %s: %v", short(first), short(second), err)
	}
	return first, nil
}

// reuse: a used object becomes what a new one becomes, or is refused as that is, and src is lent.
func (k *fuzzTarget) reuse(payload []byte, refused error, first []byte) error {
	r, ok := k.codec.(codec.Reuser)
	if !ok {
		return nil
	}
	v := k.New()
	used := slices.MaxFunc(k.payloads, func(a, b []byte) int { return cmp.Compare(len(a), len(b)) }) // leaves most behind
	if err := reuse(r, bytes.Clone(used), v); err != nil {
		return err
	}
	lent := bytes.Clone(payload)
	err := reuse(r, lent, v)
	switch {
	case errors.Is(err, errPanic):
		return fmt.Errorf("in DecodeReuse: %w", err)
	case (err == nil) != (refused == nil):
		return fmt.Errorf("in Decode: %v; in DecodeReuse: %v", refused, err)
	case !bytes.Equal(lent, payload):
		return errors.New("in DecodeReuse: it wrote into src")
	case err != nil:
		return nil
	}
	got, err := encode(k.codec, nil, v)
	if err != nil || !k.Nondeterministic && !bytes.Equal(got, first) {
		return fmt.Errorf("a used object became %s, a new one %s: %v", short(got), short(first), err)
	}
	return nil
}

func (k *fuzzTarget) inspect(schema, payload []byte) error {
	in, ok := k.codec.(codec.Inspector)
	if !ok {
		return nil
	}
	var n codec.Node
	var err error
	took := allocated(func() { n, err = inspect(in, schema, payload) })
	if errors.Is(err, errPanic) {
		return fmt.Errorf("in Inspect: %w", err)
	}
	if max := 4 * k.maxMemory(len(schema)+len(payload)); took > max {
		return fmt.Errorf("in Inspect: %d bytes allocated, %d allowed", took, max)
	}
	if err != nil {
		return nil
	}
	return wellFormed(n)
}

func (k *fuzzTarget) compatible(schema []byte) (err error) {
	d, ok := k.codec.(codec.Describer)
	if !ok {
		return nil
	}
	defer guard(&err)
	took := allocated(func() { _, _ = d.Compatible(schema, k.schema), d.Compatible(k.schema, schema) })
	if max := 4 * k.maxMemory(len(schema)+len(k.schema)); took > max {
		return fmt.Errorf("in Compatible: %d bytes allocated, %d allowed", took, max)
	}
	return nil
}
