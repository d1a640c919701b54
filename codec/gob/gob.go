// Package gobcodec is the codec "gob": values as encoding/gob writes them.
//
// # Gob trusts its input
//
// Use it only for files whose producers you trust. encoding/gob was not made for hostile bytes: it
// allocates what a payload claims (golang/go#24446: 217 bytes make the runtime ask for hundreds of
// gigabytes and end the process, which no recover prevents), and where a field is an interface the
// payload chooses among all types that the program gave to gob.Register. That is why a reader has to
// opt in: nothing imports this package for you, and a file's gob payloads are errors to a program that
// does not. For the same reason the codec is no codec.Inspector: a tool that looks into files of others
// must not decode gob in its own process.
//
// This codec reads each payload before encoding/gob does and refuses what makes it dangerous in the
// ways that are known: lengths of messages, strings, slices and maps that exceed the bytes that are
// there, values nested more than 10,000 deep, messages after the value. What is left unbounded:
//
//   - GobDecode and UnmarshalBinary methods of the types read, which get their bytes unseen;
//   - the factor between a payload and its memory, which is the size of the reader's types: a slice of
//     n elements of 1 kB each takes n bytes in the payload and n kB in memory;
//   - what is wrong in encoding/gob and not known yet.
//
// # Limits of gob
//
//   - A pointer to a zero value becomes nil, and a nil and an empty slice or map are the same: gob
//     leaves out fields that are zero, also behind a pointer (golang/go#11119). A field that must tell
//     0 from absent needs a flag beside it. Nil elements in slices and maps of pointers are errors.
//   - Maps are written in random order, so equal values may give different bytes. So they may in two
//     processes, because gob numbers types as they come up.
//   - Each payload carries its types: a hundred bytes and more, and as slow as an encoder's first value.
//   - Channels and functions, which gob leaves out without a word, are refused here, as are structs
//     without exported fields.
//   - A value in a field of interface type needs gob.Register in both programs; else encoding and
//     decoding are errors that name it.
//   - Fields are matched by name; fields missing on one side are left out. Numbers that do not fit
//     the reader's field are an error. Shared pointers are not shared afterwards; cycles are errors.
package gobcodec

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"reflect"

	"github.com/gomapfile/mapfile/codec"
	"github.com/gomapfile/mapfile/codec/internal/foreign"
)

// Codec is the codec "gob". Naming it in a registration or in AddCodec is what makes a program read
// gob payloads.
var Codec codec.Codec = gobCodec{}

type gobCodec struct{}

var (
	_ codec.Reuser  = gobCodec{}
	_ codec.Checker = gobCodec{}
)

func (gobCodec) Name() string { return "gob" }

func (gobCodec) Append(dst []byte, v any) (out []byte, err error) {
	p, err := pointer("encode", v)
	if err == nil {
		err = check(p.Type().Elem()) // gob would leave out channels without a word
	}
	if err == nil {
		err = checkCycles(p.Elem()) // and would follow a cycle until the stack is full
	}
	if err != nil {
		return nil, fmt.Errorf("codec \"gob\": encode %T: %w", v, err)
	}
	defer foreign.Recover(&err, "gob", "encode", v)
	// A buffer of our own: dst itself would do, but an encoder that panicked may still hold it.
	var buf bytes.Buffer
	if err := gob.NewEncoder(&buf).EncodeValue(p); err != nil {
		return nil, fmt.Errorf("codec \"gob\": encode %T: %w", v, err)
	}
	return append(dst, buf.Bytes()...), nil
}

// Decode and DecodeReuse differ in the zeroing only: encoding/gob copies what it reads before it
// hands it to anybody, so src is neither kept nor written.
func (gobCodec) Decode(src []byte, v any) (err error) {
	if _, err := pointer("decode", v); err != nil {
		return fmt.Errorf("codec \"gob\": decode %T: %w", v, err)
	}
	if err := validate(src); err != nil {
		return fmt.Errorf("codec \"gob\": decode %T: %w", v, err)
	}
	defer foreign.Recover(&err, "gob", "decode", v)
	if err := gob.NewDecoder(bytes.NewReader(src)).Decode(v); err != nil {
		return fmt.Errorf("codec \"gob\": decode %T: %w", v, err)
	}
	return nil
}

// DecodeReuse sets *v to zero first: gob leaves zero fields out, so that old values would stay, and
// adds to old maps and slices, which earlier results may share.
func (gobCodec) DecodeReuse(src []byte, v any) error {
	p, err := pointer("decode", v)
	if err != nil {
		return fmt.Errorf("codec \"gob\": decode %T: %w", v, err)
	}
	p.Elem().SetZero()
	return gobCodec{}.Decode(src, v)
}

func (gobCodec) Check(t reflect.Type) error { return check(t) }

func pointer(what string, v any) (reflect.Value, error) {
	p := reflect.ValueOf(v)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		return p, errors.New("not a pointer, or nil")
	}
	return p, nil
}
