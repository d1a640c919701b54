package gobcodec

// A payload is read here first, following the format that the documentation of encoding/gob gives:
//
//	payload    = message … message            type definitions, then the value as the last message
//	message    = length, content             of a value with interfaces inside, several messages
//	content    = −id, wireType                a type definition
//	           | id, value                    for struct types
//	           | id, 0, value                 for all others
//
// An unsigned number below 128 is one byte; else a byte with the negated count of the big-endian bytes
// that follow. A signed one has its sign in the lowest bit. Everything is at least one byte long, so
// a count above the number of bytes left is a lie; that is the bound which encoding/gob lacks for maps.
//
// Anything refused here is either damaged or was written by something other than encoding/gob.

import (
	"errors"
	"fmt"
)

// maxDepth of values. encoding/gob decodes level by level on the stack, without a bound of its own.
const maxDepth = 10000

// The type numbers that gob fixes for ever.
const (
	boolID = iota + 1
	intID
	uintID
	floatID
	bytesID
	stringID
	complexID
	interfaceID
	firstUserID = 64
)

// A wireType is a type defined in the payload.
type wireType struct {
	kind      wireKind
	key, elem int64   // of map, slice, array
	length    uint64  // of array
	fields    []int64 // types, in order
}

type wireKind int

// The kinds are the numbers of the fields of gob's own wireType.
const (
	arrayKind wireKind = iota
	sliceKind
	structKind
	mapKind
	gobEncoderKind
	binaryMarshalerKind
	textMarshalerKind
	numKinds
)

// validate returns nil if payload is a sequence of type definitions and one value that the
// definitions cover, every length within bounds.
func validate(payload []byte) error {
	s := stream{later: payload, types: map[int64]wireType{}}
	s.catch(func() {
		s.nextMessage()
		id := s.int()
		for id < 0 {
			s.define(-id)
			s.end()
			s.nextMessage()
			id = s.int()
		}
		s.topValue(id, 0)
		s.end()
		if len(s.later) > 0 {
			s.fail("%d bytes behind the value", len(s.later))
		}
	})
	return s.err
}

// stream reads a payload. The first error ends the reading by a panic that catch, and nobody else,
// sees.
type stream struct {
	rest  []byte // of the message at hand
	later []byte // the messages after it
	types map[int64]wireType
	err   error
}

var errStop = errors.New("gob payload refused")

func (s *stream) catch(read func()) {
	defer func() {
		if p := recover(); p != nil && p != errStop {
			panic(p)
		}
	}()
	read()
}

func (s *stream) fail(format string, args ...any) {
	s.err = fmt.Errorf("not a sound gob payload: "+format, args...)
	panic(errStop)
}

func (s *stream) end() {
	if len(s.rest) > 0 {
		s.fail("%d bytes left over in a message", len(s.rest))
	}
}

func (s *stream) uint() uint64 {
	if len(s.rest) == 0 {
		s.fail("it is cut off")
	}
	first := s.rest[0]
	s.rest = s.rest[1:]
	if first < 0x80 {
		return uint64(first)
	}
	n := -int(int8(first))
	if n > 8 || n > len(s.rest) {
		s.fail("a number of %d bytes", n)
	}
	var x uint64
	for _, b := range s.rest[:n] {
		x = x<<8 | uint64(b)
	}
	s.rest = s.rest[n:]
	return x
}

func (s *stream) int() int64 {
	x := s.uint()
	if x&1 == 1 {
		return ^int64(x >> 1)
	}
	return int64(x >> 1)
}

// count reads the number of things that follow, each at least size bytes long. A value with an
// interface inside may go on in the next message, so all that is left counts.
func (s *stream) count(size int) int {
	n, left := s.uint(), len(s.rest)+len(s.later)
	if n > uint64(left/size) {
		s.fail("a count of %d where %d bytes are left", n, left)
	}
	return int(n)
}

// length reads the number of bytes that follow, which are in the same message.
func (s *stream) length() int {
	n := s.uint()
	if n > uint64(len(s.rest)) {
		s.fail("a length of %d where %d bytes are left", n, len(s.rest))
	}
	return int(n)
}

func (s *stream) skip() { n := s.length(); s.rest = s.rest[n:] }

func (s *stream) nextMessage() {
	s.rest, s.later = s.later, nil
	n := s.length()
	s.rest, s.later = s.rest[:n], s.rest[n:]
}

// fields reads a struct: the distance to the next field's number, then the field, until 0.
func (s *stream) fields(read func(number int)) {
	number := -1
	for {
		delta := s.uint()
		if delta == 0 {
			return
		}
		if delta > 1<<16 {
			s.fail("a field number %d further", delta)
		}
		number += int(delta)
		read(number)
	}
}
