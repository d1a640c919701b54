package record

import (
	"encoding/json"
	"math"
	"strconv"
	"time"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
)

// JSON numbers keep every digit: a whole number that a double cannot hold for certain (beyond
// ±(2⁵³−1)) is a string of its digits, so that readers whose numbers are doubles (jq, JavaScript)
// lose none. All others are numbers. It is one rule for counters, versions and decoded values alike.
// Floating-point numbers that JSON has no number for are the strings "NaN", "Infinity", "-Infinity".

const maxExact = 1<<53 - 1

// The numbers, and a time, in JSON.
type (
	Whole   int64
	Natural uint64
	Real    float64
	Moment  time.Time
)

// MarshalJSON keeps every digit.
func (n Whole) MarshalJSON() ([]byte, error) {
	return digits(strconv.FormatInt(int64(n), 10), n >= -maxExact && n <= maxExact), nil
}

// MarshalJSON keeps every digit.
func (n Natural) MarshalJSON() ([]byte, error) {
	return digits(strconv.FormatUint(uint64(n), 10), n <= maxExact), nil
}

func digits(text string, exact bool) []byte {
	if exact {
		return []byte(text)
	}
	return []byte(`"` + text + `"`)
}

// MarshalJSON knows NaN and the infinities.
func (x Real) MarshalJSON() ([]byte, error) {
	switch v := float64(x); {
	case math.IsNaN(v):
		return []byte(`"NaN"`), nil
	case math.IsInf(v, 1):
		return []byte(`"Infinity"`), nil
	case math.IsInf(v, -1):
		return []byte(`"-Infinity"`), nil
	default:
		return json.Marshal(v)
	}
}

// MarshalJSON gives RFC 3339 in UTC, or null for the zero time.
func (m Moment) MarshalJSON() ([]byte, error) {
	if time.Time(m).IsZero() {
		return []byte("null"), nil
	}
	return []byte(`"` + show.Time(time.Time(m)) + `"`), nil
}

// Seconds is a duration in JSON.
func Seconds(d time.Duration) Real { return Real(d.Seconds()) }
