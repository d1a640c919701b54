package main

import (
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// JSON numbers keep every digit: a whole number that a double cannot hold for certain (beyond
// ±(2⁵³−1)) is a string of its digits, so that readers whose numbers are doubles (jq, JavaScript)
// lose none. All others are numbers. It is one rule for counters, versions and decoded values alike.
// Floating-point numbers that JSON has no number for are the strings "NaN", "Infinity", "-Infinity".

const maxExact = 1<<53 - 1

type (
	whole   int64
	natural uint64
	real    float64
	moment  time.Time
)

func (n whole) MarshalJSON() ([]byte, error) {
	return digits(strconv.FormatInt(int64(n), 10), n >= -maxExact && n <= maxExact), nil
}

func (n natural) MarshalJSON() ([]byte, error) {
	return digits(strconv.FormatUint(uint64(n), 10), n <= maxExact), nil
}

func digits(text string, exact bool) []byte {
	if exact {
		return []byte(text)
	}
	return []byte(`"` + text + `"`)
}

func (x real) MarshalJSON() ([]byte, error) {
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
func (m moment) MarshalJSON() ([]byte, error) {
	if time.Time(m).IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(timeText(time.Time(m)))
}

func timeText(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }

// seconds is a duration in JSON.
func seconds(d time.Duration) real { return real(d.Seconds()) }
