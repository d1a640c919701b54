//go:build !linux

package filelock

// Other systems lock whole files or whole processes, which would exclude less than promised; until
// they have an implementation of their own they say so.

func try(uintptr, int64) error          { return ErrUnsupported }
func unlock(uintptr, int64) error       { return ErrUnsupported }
func held(uintptr, int64) (bool, error) { return false, ErrUnsupported }
