// Package foreign guards the calls into code of others that codecs make: functions handed to
// codec.Func, MarshalX and UnmarshalX methods of user types, decoders of other modules.
//
// A codec promises errors instead of panics, and such code promises nothing. What no guard can turn
// into an error ends the process all the same: a stack that overflows, memory that runs out, a
// concurrent map write.
package foreign

import "fmt"

// Recover, deferred, turns a panic into *err: "codec NAME: WHAT TYPE: panic: REASON". A panic value
// that is an error can be found in it with errors.Is and errors.As.
//
// It must not stand around code that touches mapped memory: a fault there is the business of the one
// who mapped it.
func Recover(err *error, codec, what string, v any) {
	switch p := recover().(type) {
	case nil:
	case error:
		*err = fmt.Errorf("codec %q: %s %T: panic: %w", codec, what, v, p)
	default:
		*err = fmt.Errorf("codec %q: %s %T: panic: %v", codec, what, v, p)
	}
}
