package shm

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
)

// ErrFault is a fault in mapped memory: the file is shorter than it says, or the disk failed.
var ErrFault = errors.New("mapped memory cannot be reached: the file was cut, or its disk fails")

// Fault is the error of a fault: it wraps ErrFault. Whether the memory was that of a mapping is for
// those to tell who know their windows.
type Fault struct {
	Addr  uintptr // 0: the system does not say
	Panic any     // what recover gave
}

func (f *Fault) Error() string { return fmt.Sprintf("%v (%v)", ErrFault, f.Panic) }

// Unwrap returns ErrFault.
func (f *Fault) Unwrap() error { return ErrFault }

// Bounds is the panic of an access beyond the window.
type Bounds struct{ Off, Len uint64 }

func (b Bounds) Error() string {
	return fmt.Sprintf("offset %d, length %d is outside of the mapping", b.Off, b.Len)
}

// ErrBounds is what a Bounds panic becomes.
var ErrBounds = errors.New("an offset in the file points outside of it")

// Refused is the panic of an access for which the system gave no larger window: nothing is wrong with
// the file.
type Refused struct{ Err error }

func (r Refused) Error() string { return r.Err.Error() }

// Guard calls f, in which faults in mapped memory and accesses beyond the window end the call with an
// error. All other panics of f go on. The goroutine's panic-on-fault setting is restored.
func Guard(f func() error) (err error) {
	old := debug.SetPanicOnFault(true)
	ok := false
	defer func() {
		if !ok {
			err = Recovered(old, recover())
		}
	}()
	err = f()
	ok = true
	debug.SetPanicOnFault(old)
	return err
}

// Recovered is for hot paths that write Guard out: it belongs in a deferred function that found the
// call unfinished. It restores the panic-on-fault setting and returns the error for what recover
// gave, or panics with it again if it was no access to mapped memory.
func Recovered(old bool, r any) error {
	debug.SetPanicOnFault(old)
	switch r := r.(type) {
	case Bounds:
		return fmt.Errorf("%w (%v)", ErrBounds, r)
	case Refused:
		return r.Err
	case runtime.Error:
		// A memory fault knows its address; index and nil map errors do not.
		if fault, isFault := r.(interface{ Addr() uintptr }); isFault {
			return &Fault{fault.Addr(), r}
		}
	}
	panic(r)
}
