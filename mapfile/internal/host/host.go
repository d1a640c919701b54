// Package host answers three questions about the machine that a map file records: which boot is
// this, how long has it been up, and what is this process called. Answers are for liveness and for
// people, never for exclusion.
package host

import (
	"os"
	"path/filepath"
	"sync"
	"time"
)

// BootID identifies this boot of the machine; zero where the system does not tell.
func BootID() [16]byte { return bootID() }

var bootID = sync.OnceValue(readBootID)

// Uptime is the clock that counts from the machine's boot, through suspends, and that nobody can
// set. It is the same for all processes of one boot; in a time namespace only if /proc is there.
func Uptime() time.Duration { return uptime() }

// Program is the name of this process for people.
func Program() string {
	if len(os.Args) == 0 {
		return ""
	}
	return filepath.Base(os.Args[0])
}
