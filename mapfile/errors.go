package mapfile

import (
	"errors"
	"strings"
)

// Error is what the functions of this package return: it wraps one of the sentinels below, or
// fs.ErrExist, fs.ErrNotExist, fs.ErrPermission, a context's error or errors.ErrUnsupported.
// Its text says what to do next.
type Error struct {
	Op   string // "add", "update" …
	Path string // of the map file
	Slot string // "" if the error concerns the file
	Err  error
}

// Error returns "mapfile: op path: slot: what is wrong".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("mapfile: ")
	b.WriteString(e.Op)
	if e.Path != "" {
		b.WriteString(" " + printable(e.Path))
	}
	if e.Slot != "" {
		b.WriteString(": slot " + quoted(e.Slot))
	}
	b.WriteString(": ")
	if e.Err != nil {
		b.WriteString(visible(e.Err.Error())) // the system's errors repeat paths as they are
	}
	return b.String()
}

// Unwrap returns the wrapped error.
func (e *Error) Unwrap() error { return e.Err }

// The sentinels: one for each case that a caller would treat differently.
var (
	ErrClosed   = errors.New("the handle is closed, or was never opened; open the path again")
	ErrReadOnly = errors.New("the file was opened for reading; use OpenOrCreate to produce")

	ErrNoSlot       = errors.New("no such slot; Slots lists those that there are")
	ErrNotPublished = errors.New("the slot has no value yet: its producer has not called Update; Watch tells when it has")
	ErrSlotExists   = errors.New("this handle has added a slot of that name already; Set binds it to another object")

	ErrOwned  = errors.New("owned by another producer")
	ErrLocked = errors.New("the file's structure is locked by somebody else")
	ErrBusy   = errors.New("the value kept changing while it was read; try again")

	ErrName = errors.New("bad name")

	ErrUnregistered = errors.New("the type is not registered")
	ErrType         = errors.New("the slot holds another type")
	ErrSchema       = errors.New("the stored layout of the type differs from this program's")
	ErrCodec        = errors.New("the codec is not linked into this program")

	ErrEncode = errors.New("the codec cannot encode the value")
	ErrDecode = errors.New("the payload is intact, but the codec refuses it")

	ErrFull     = errors.New("no room")
	ErrTooLarge = errors.New("too large")

	ErrSuperseded = errors.New("the file was replaced or removed; open its path again")

	ErrNotMapFile    = errors.New("not a map file")
	ErrFormatVersion = errors.New("the file has a format version that this program does not know")
	ErrCorrupt       = errors.New("damaged")
)

// fail makes the *Error of an operation; nil stays nil, and what is an *Error keeps its own names.
func fail(op, path, slot string, err error) error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return err
	}
	return &Error{Op: op, Path: path, Slot: slot, Err: err}
}

// quoted quotes a slot name for a message, so that a hostile one cannot control a terminal.
func quoted(s string) string { return quoteGraphic(s) }
