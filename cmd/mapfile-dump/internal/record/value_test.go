package record

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/codec"
)

// JSON is harmless on a terminal, too, and still exact.
func TestJSONEscapesWhatATerminalCouldObey(t *testing.T) {
	for _, text := range []string{"\u009b31m", "\u202e", "a\u200b", "\U000e0041", "<b>&", "日本", "\x1b", "\u2028"} {
		line, err := Line(struct {
			S string `json:"s"`
		}{text})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range string(line) {
			if !show.Harmless(r) {
				t.Errorf("%q: %s has %U", text, line, r)
			}
		}
		var back struct{ S string }
		if err := json.Unmarshal(line, &back); err != nil || back.S != text {
			t.Errorf("%q came back as %q, %v", text, back.S, err)
		}
		if strings.Count(string(line), "\n") != 0 {
			t.Errorf("%q: more than a line", text)
		}
	}
}

// I11: 64-bit numbers keep every digit, by one rule.
func TestNumbersKeepEveryDigitInJSON(t *testing.T) {
	for _, c := range []struct {
		v    any
		want string
	}{
		{int64(0), "0"},
		{int64(1<<53 - 1), "9007199254740991"},
		{int64(1 << 53), `"9007199254740992"`},
		{int64(-1<<53 + 1), "-9007199254740991"},
		{int64(math.MinInt64), `"-9223372036854775808"`},
		{uint64(1<<53 + 1), `"9007199254740993"`},
		{uint64(math.MaxUint64), `"18446744073709551615"`},
		{0.1, "0.1"},
		{1e300, "1e+300"},
		{math.NaN(), `"NaN"`},
		{math.Inf(1), `"Infinity"`},
		{math.Inf(-1), `"-Infinity"`},
		{[]byte{0, 255}, `"AP8="`},
		{nil, "null"},
		{true, "true"},
		{"x\x00", `"x\u0000"`},
		{time.Date(2026, 11, 21, 9, 31, 7, 120_000_000, time.FixedZone("", 3600)), `"2026-11-21T08:31:07.12Z"`},
	} {
		node := Value(codec.Node{Value: c.v})
		got, err := json.Marshal(&node)
		if err != nil || string(got) != c.want {
			t.Errorf("%v: %s, %v; want %s", c.v, got, err, c.want)
		}
	}
}
