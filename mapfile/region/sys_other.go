//go:build !linux && !darwin && !freebsd

package region

// Systems that have no implementation yet: nothing can be opened, and the error says so.

import (
	"errors"
	"io/fs"
	"unsafe"
)

// OwnerOf says in words to whom a file belongs, for error messages.
func OwnerOf(fs.FileInfo) string { return "owner unknown" }

func statPath(string) (Info, error)                      { return Info{}, errors.ErrUnsupported }
func statLink(string) (Info, error)                      { return Info{}, errors.ErrUnsupported }
func statFD(int) (Info, error)                           { return Info{}, errors.ErrUnsupported }
func openFile(string, bool) (int, error)                 { return -1, errors.ErrUnsupported }
func openNameless(string) (int, error)                   { return -1, errors.ErrUnsupported }
func openExclusive(string) (int, error)                  { return -1, errors.ErrUnsupported }
func openLeftover(string) (int, error)                   { return -1, errors.ErrUnsupported }
func closeFD(int) error                                  { return errors.ErrUnsupported }
func chmodFD(int, fs.FileMode) error                     { return errors.ErrUnsupported }
func chgrpFD(int, int) error                             { return errors.ErrUnsupported }
func allocate(int, int64, int64) error                   { return errors.ErrUnsupported }
func truncate(int, int64) error                          { return errors.ErrUnsupported }
func writeAt(int, []byte, int64) (int, error)            { return 0, errors.ErrUnsupported }
func lockWhole(int) error                                { return errors.ErrUnsupported }
func unlockWhole(int)                                    {}
func linkNameless(int, string) error                     { return errors.ErrUnsupported }
func renameNew(string, string) error                     { return errors.ErrUnsupported }
func mapFile(int, bool, uintptr) (unsafe.Pointer, error) { return nil, errors.ErrUnsupported }
func mapNothing(uintptr) (unsafe.Pointer, error)         { return nil, errors.ErrUnsupported }
func unmapFile(unsafe.Pointer, uintptr) error            { return errors.ErrUnsupported }
func syncMemory([]byte) error                            { return errors.ErrUnsupported }
func fileSystemOf(int) (FileSystem, error)               { return FileSystem{}, errors.ErrUnsupported }
func meansNoAddressSpace(error) bool                     { return false }
func meansNoSpace(error) bool                            { return false }
