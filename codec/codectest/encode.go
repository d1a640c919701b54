package codectest

// Promises about names, types and Append.

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"sync"

	"github.com/gomapfile/mapfile/codec"
)

const goroutines = 100

// concurrent does the first use of everything from many goroutines at once; the race detector sees
// what the comparison does not.
func concurrent(c codec.Codec, k *Case) error {
	start := make(chan struct{})
	errs := make([]error, goroutines)
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			<-start
			errs[g] = useOnce(c, k, g)
		})
	}
	close(start)
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err // the others are much the same
		}
	}
	return nil
}

func useOnce(c codec.Codec, k *Case, g int) (err error) {
	defer guard(&err)
	want := k.Values[g%len(k.Values)]
	if ch, ok := c.(codec.Checker); ok {
		if err := ch.Check(k.goType()); err != nil {
			return err
		}
	}
	var schema []byte
	if d, ok := c.(codec.Describer); ok {
		if schema, err = d.Describe(k.goType()); err != nil {
			return err
		}
	}
	e, err := c.Append(nil, want)
	if err != nil {
		return err
	}
	if i, ok := c.(codec.Inspector); ok {
		if _, err := i.Inspect(schema, bytes.Clone(e)); err != nil {
			return fmt.Errorf("in Inspect: %w", err)
		}
	}
	got := k.New()
	if err := c.Decode(bytes.Clone(e), got); err != nil {
		return err
	}
	if r, ok := c.(codec.Reuser); ok {
		if err := r.DecodeReuse(e, got); err != nil {
			return err
		}
	}
	if !k.equal(got, want) {
		return fmt.Errorf("goroutine %d got another value than was encoded: %+v, want %+v", g, got, want)
	}
	return nil
}

func named(c codec.Codec, _ *Case) error {
	name := c.Name()
	if name == "" || len(name) > 64 {
		return fmt.Errorf("the name %q is empty or long", name)
	}
	if again := c.Name(); again != name {
		return fmt.Errorf("the name was %q and is %q", name, again)
	}
	return nil
}

func acceptsTypes(c codec.Codec, k *Case) (err error) {
	defer guard(&err)
	ch, ok := c.(codec.Checker)
	if !ok {
		return errNotPromised
	}
	return ch.Check(k.goType())
}

func refusesTypes(c codec.Codec, k *Case) (err error) {
	defer guard(&err)
	ch, ok := c.(codec.Checker)
	if !ok || len(k.BadTypes) == 0 {
		return errNotPromised
	}
	for _, t := range k.BadTypes {
		if ch.Check(t) == nil {
			return fmt.Errorf("a type that cannot be held, %v, passes Check", t)
		}
	}
	return nil
}

func roundTrip(c codec.Codec, k *Case) error {
	for i, want := range k.Values {
		e, err := encode(c, nil, want)
		if err != nil {
			return fmt.Errorf("value %d: Append: %w", i, err)
		}
		got, err := k.decodeNew(c, e)
		if err != nil {
			return fmt.Errorf("value %d: Decode: %w", i, err)
		}
		if !k.equal(got, want) {
			return fmt.Errorf("value %d: got %+v, want %+v", i, got, want)
		}
	}
	return nil
}

func deterministic(c codec.Codec, k *Case) error {
	if k.Nondeterministic {
		return errNotPromised
	}
	first, err := k.encodings(c)
	if err != nil {
		return err
	}
	for range 50 { // a map of two keys in random order passes once in 2^50
		again, err := k.encodings(c)
		if err != nil {
			return err
		}
		for i := range first {
			if !bytes.Equal(first[i], again[i]) {
				return fmt.Errorf("value %d: first %s, then %s", i, short(first[i]), short(again[i]))
			}
		}
	}
	return nil
}

// appendAppends: the same bytes follow any prefix, whatever lies behind it and however much room
// there is; nothing before len(dst) and nothing behind cap(dst) changes.
func appendAppends(c codec.Codec, k *Case) error {
	all, err := k.encodings(c)
	if err != nil {
		return err
	}
	prefix := []byte("before")
	for i, v := range k.Values {
		for _, room := range []int{0, 1, len(all[i]), len(all[i]) + 1000} {
			for _, fill := range []byte{0x00, 0xA5, 0xFF} {
				buf := bytes.Repeat([]byte{fill}, len(prefix)+room+64)
				end := len(prefix) + room
				out, err := encode(c, append(buf[:0:end], prefix...), v)
				if err != nil {
					return fmt.Errorf("value %d: Append with %d bytes of room: %w", i, room, err)
				}
				if !bytes.HasPrefix(out, prefix) || !bytes.HasPrefix(buf, prefix) {
					return fmt.Errorf("value %d: Append changed what was before it", i)
				}
				if bytes.Count(buf[end:], []byte{fill}) != 64 {
					return fmt.Errorf("value %d: Append wrote behind the capacity of dst", i)
				}
				if tail := out[len(prefix):]; !k.Nondeterministic && !bytes.Equal(tail, all[i]) {
					return fmt.Errorf("value %d: Append gives %s to an empty dst but %s behind a prefix", i, short(all[i]), short(tail))
				}
			}
		}
	}
	return nil
}

// appendKeepsNothing: the result and dst belong to the caller, who may write into them.
func appendKeepsNothing(c codec.Codec, k *Case) error {
	all, err := k.encodings(c)
	if err != nil {
		return err
	}
	for i, v := range k.Values {
		first, err := encode(c, make([]byte, 0, len(all[i])+64), v)
		if err != nil {
			return err
		}
		mine := first[:cap(first)]
		for j := range mine {
			mine[j] = 0x5A
		}
		if _, err := k.encodings(c); err != nil {
			return fmt.Errorf("after the caller wrote into an earlier result: %w", err)
		}
		if bytes.Count(mine, []byte{0x5A}) != len(mine) {
			return fmt.Errorf("value %d: a later Append wrote into an earlier dst", i)
		}
		got, err := encode(c, nil, v)
		if err == nil && !k.Nondeterministic && !bytes.Equal(got, all[i]) {
			err = fmt.Errorf("gave %s, now gives %s", short(all[i]), short(got))
		}
		if err != nil {
			return fmt.Errorf("value %d: after the caller wrote into an earlier result, Append: %w", i, err)
		}
	}
	return nil
}

func refusesValues(c codec.Codec, k *Case) error {
	if len(k.Unencodable) == 0 {
		return errNotPromised
	}
	for i, v := range k.Unencodable {
		e, err := encode(c, nil, v)
		if errors.Is(err, errPanic) {
			return fmt.Errorf("unencodable value %d: %w", i, err)
		}
		if err == nil {
			return fmt.Errorf("unencodable value %d: Append made %s of %+v", i, short(e), v)
		}
	}
	return nil
}

// refusesWrongPointers: nil, nil pointers, pointers to something else entirely, and, where it would
// be decoded to nowhere, a value that is no pointer.
func refusesWrongPointers(c codec.Codec, k *Case) error {
	all, err := k.encodings(c)
	if err != nil {
		return err
	}
	ptr := reflect.TypeOf(k.New())
	wrong := []any{nil, reflect.Zero(ptr).Interface(), new(chan int)}
	for _, v := range wrong {
		if err := mustFail(func() error { _, err := encode(c, nil, v); return err }); err != nil {
			return fmt.Errorf("in Append of (%T)(%v): %w", v, v, err)
		}
	}
	for _, v := range append(wrong, reflect.Zero(ptr.Elem()).Interface()) {
		for _, e := range all {
			if err := mustFail(func() error { return decode(c, e, v) }); err != nil {
				return fmt.Errorf("in Decode into (%T)(%v): %w", v, v, err)
			}
			if r, ok := c.(codec.Reuser); ok {
				if err := mustFail(func() error { return reuse(r, e, v) }); err != nil {
					return fmt.Errorf("in DecodeReuse into (%T)(%v): %w", v, v, err)
				}
			}
		}
	}
	return nil
}

// mustFail wants an error that is not a panic.
func mustFail(f func() error) error {
	switch err := f(); {
	case err == nil:
		return errors.New("no error")
	case errors.Is(err, errPanic):
		return err
	}
	return nil
}
