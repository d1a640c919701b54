package host_test

import (
	"testing"
	"time"

	"github.com/gomapfile/mapfile/mapfile/internal/host"
)

func TestUptimeRunsLikeAClock(t *testing.T) {
	a, start := host.Uptime(), time.Now()
	time.Sleep(20 * time.Millisecond)
	passed, elapsed := host.Uptime()-a, time.Since(start)
	if passed < 20*time.Millisecond || passed > elapsed+10*time.Millisecond {
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
