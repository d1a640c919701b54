package host_test

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/mapfile/internal/host"
)

// uptimeVar makes the test binary a process that says the time.
const uptimeVar = "HOST_TEST_UPTIME"

func TestMain(m *testing.M) {
	if os.Getenv(uptimeVar) != "" {
		fmt.Println(int64(host.Uptime()))
		return
	}
	os.Exit(m.Run())
}

// D07
func TestUptimeIsTheMachinesInATimeNamespace(t *testing.T) {
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		t.Skip("SKIPPED: there is no unshare")
	}
	for _, args := range [][]string{{}, {"-U", "-r", "-T", "--boottime", "1000000"}, {"-U", "-r", "-T", "--boottime", "-60"}} {
		cmd := exec.Command(unshare, append(args, os.Args[0])...)
		cmd.Env = append(os.Environ(), uptimeVar+"=1")
		before := host.Uptime()
		out, err := cmd.Output()
		after := host.Uptime()
		if err != nil {
			t.Skipf("SKIPPED: no time namespaces here: %v", err)
		}
		var its time.Duration
		if _, err := fmt.Sscan(string(out), (*int64)(&its)); err != nil || its < before || its > after {
			t.Errorf("unshare %v: %v, and before and after it was %v and %v: %v", args, its, before, after, err)
		}
	}
}
