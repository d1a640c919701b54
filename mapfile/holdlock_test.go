package mapfile_test

import (
	"fmt"
	"os"

	"github.com/gomapfile/mapfile/mapfile/internal/filelock"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
)

// holdStructureLock takes the structure lock of a file as a stopped producer would have it.
func holdStructureLock(path string) {
	f := must1(os.OpenFile(path, os.O_RDWR, 0))
	must(filelock.Try(f.Fd(), layout.StructureLockOff))
	fmt.Println("held")
	waitForParent()
}
