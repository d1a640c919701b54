package mapfile

import "reflect"

// BaseAddress is where the handle's file begins in the memory of this process.
func BaseAddress(mf *MapFile) uintptr {
	base, _ := mf.file.Load().region.View()
	return reflect.ValueOf(base).Pointer()
}
