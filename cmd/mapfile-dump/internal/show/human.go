package show

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// Sizes, ages and rates as people read them.

// Size gives 884 B, 8.1 KiB, 41 MiB.
func Size(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	v, units := float64(n), []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	i := 0
	for ; v >= 1023.5 && i < len(units)-1; i++ {
		v /= 1024
	}
	if v < 9.95 {
		return fmt.Sprintf("%.1f %s", v, units[i])
	}
	return fmt.Sprintf("%.0f %s", v, units[i])
}

// Age gives 0.4s, 13m, 5h, 12d.
func Age(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", max(0, d.Seconds()))
	case d < 90*time.Second:
		return fmt.Sprintf("%.0fs", d.Seconds())
	case d < 90*time.Minute:
		return fmt.Sprintf("%.0fm", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.0fh", d.Hours())
	}
	return fmt.Sprintf("%.0fd", d.Hours()/24)
}

// Rate gives publishes a second; "-" if unknown.
func Rate(rate float64) string {
	rate = Finite(rate)
	switch {
	case rate == 0:
		return "-"
	case rate < 0.1:
		return fmt.Sprintf("%.2g", rate)
	case rate < 100:
		return fmt.Sprintf("%.1f", rate)
	}
	return fmt.Sprintf("%.0f", rate)
}

// Finite makes of a rate that makes no sense "unknown".
func Finite(rate float64) float64 {
	if math.IsNaN(rate) || math.IsInf(rate, 0) || rate < 0 {
		return 0
	}
	return rate
}

// Number shows a floating-point number with at most six digits.
func Number(x float64) string { return fmt.Sprintf("%.6g", x) }

// ID is the short form of a file's ID.
func ID(id [16]byte) string { return fmt.Sprintf("%x…%x", id[:2], id[15:]) }

// Producer is "program[pid]", or "-" where there is none.
func Producer(p mapfile.Producer) string {
	if p.Session == 0 {
		return "-"
	}
	return Visible(fmt.Sprintf("%s[%d]", p.Program, p.PID))
}

// SlotAge is the age of a slot's value in words.
func SlotAge(s mapfile.SlotInfo) string {
	if s.Stamp.Version == 0 {
		return "-"
	}
	return Age(s.Age)
}

// Plural gives "1 file", "2 files".
func Plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, strings.TrimSuffix(what, "s"))
}

// Time is RFC 3339 in UTC.
func Time(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }
