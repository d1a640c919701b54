//go:build !unix

package region

import "io/fs"

// OwnedByMe tells whether a file belongs to the user of this process; here that cannot be told.
func OwnedByMe(fs.FileInfo) bool { return true }
