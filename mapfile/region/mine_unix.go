//go:build unix

package region

import (
	"io/fs"
	"os"
	"syscall"
)

// OwnedByMe tells whether a file belongs to the user of this process.
func OwnedByMe(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Getuid()
}
