package host_test

import (
	"testing"
	"time"

	"github.com/gomapfile/mapfile/mapfile/internal/host"
)

func TestUptimeRunsLikeAClock(t *testing.T) {
	start := time.Now()
	a := host.Uptime()
	time.Sleep(20 * time.Millisecond)
	passed := host.Uptime() - a
	if elapsed := time.Since(start); passed < 20*time.Millisecond || passed > elapsed+10*time.Millisecond {
		t.Errorf("%v of boot clock in %v", passed, elapsed)
	}
}

func TestBootIDStaysTheSame(t *testing.T) {
	if first := host.BootID(); first != host.BootID() {
		t.Error("two boots at once")
	}
	if host.Program() == "" {
		t.Error("this program has no name")
	}
}
