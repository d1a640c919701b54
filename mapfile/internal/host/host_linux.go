package host

import (
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

func readBootID() (id [16]byte) {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return id
	}
	raw, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(string(text)), "-", ""))
	if err != nil || len(raw) != len(id) {
		return id
	}
	return [16]byte(raw)
}

func uptime() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano()) - timeNamespace()
}

// timeNamespace is how far the boot clock of this process is from the machine's: a container may have
// been given another one.
var timeNamespace = sync.OnceValue(func() time.Duration {
	mine, _ := os.Readlink("/proc/self/ns/time")
	if children, _ := os.Readlink("/proc/self/ns/time_for_children"); mine != children {
		return 0 // the offsets are those of the children to come
	}
	text, _ := os.ReadFile("/proc/self/timens_offsets")
	for line := range strings.Lines(string(text)) {
		var s, ns int64
		if n, _ := fmt.Sscanf(line, "boottime %d %d", &s, &ns); n == 2 {
			return time.Duration(s)*time.Second + time.Duration(ns)
		}
	}
	return 0
})
