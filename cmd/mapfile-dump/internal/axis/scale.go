package axis

import (
	"math"
	"strconv"
	"strings"
)

// A Scale places values between the ends of an axis.
type Scale struct {
	Range
	Log bool
}

// At is the place of a value: 0 at Min, 1 at Max. What is far outside comes as -1 or 2, so that one can
// calculate with it; NaN stays NaN.
func (s Scale) At(v float64) float64 {
	lo, hi := s.Min, s.Max
	switch logLo, logHi := math.Log(lo), math.Log(hi); {
	case s.Log && v <= 0:
		return -1
	case s.Log && logLo < logHi: // else the range is so narrow that there is no difference
		lo, hi, v = logLo, logHi, math.Log(v)
	}
	width, way := hi-lo, v-lo
	if math.IsInf(width, 0) || math.IsInf(way, 0) {
		width, way = hi/2-lo/2, v/2-lo/2
	}
	return max(-1, min(2, way/width))
}

// sees says whether anything between two values is in the range.
func (s Scale) sees(from, to float64) bool { return to > s.Min && from < s.Max }

// A Tick is a mark on an axis. Minor ones have no label.
type Tick struct {
	Value float64
	Label string
}

// Ticks are marks for an axis, about so many with a label, ascending. The labels of large and small
// numbers leave out a power of ten, which is returned, and is 0 otherwise; PowerText shows it.
func (s Scale) Ticks(most int) (ticks []Tick, power int) {
	decades := s.Log && math.Log10(s.Max)-math.Log10(s.Min) >= 1
	for most = max(most, 1); ; most++ { // two labels say how long a unit is
		if decades {
			ticks, power = s.logTicks(most), 0
		} else {
			ticks, power = s.linearTicks(most)
		}
		if labels(ticks) > 1 || most > 8 {
			return ticks, power
		}
	}
}

func labels(ticks []Tick) int {
	n := 0
	for _, t := range ticks {
		if t.Label != "" {
			n++
		}
	}
	return n
}

// linearTicks are at multiples of 1, 2 or 5 times a power of ten.
func (s Scale) linearTicks(most int) (ticks []Tick, power int) {
	raw := (s.Max/2 - s.Min/2) / (float64(most) / 2)
	exponent := int(math.Floor(math.Log10(raw)))
	unit := math.Pow10(exponent)
	if unit == 0 || math.IsInf(unit, 0) {
		return nil, 0
	}
	factor, parts := 10.0, 5
	for _, f := range []float64{1, 2, 5} {
		if f*unit >= raw*(1-1e-9) {
			factor = f
			break
		}
	}
	if factor == 2 {
		parts = 4
	}
	step := factor * unit
	if largest := max(math.Abs(s.Min), math.Abs(s.Max)); largest < 1e-3 || largest >= 1e5 {
		power = max(3*int(math.Floor(math.Log10(largest)/3)), -306)
	}
	if factor == 10 {
		exponent++
	}
	decimals := max(0, min(power-exponent, 15))
	first := math.Floor(s.Min / step)
	for i := range 4 * (most + 3) {
		at := (first + float64(i)) * step
		if at > s.Max && at-s.Max > step*1e-9 {
			break
		}
		if n := len(ticks); n > 0 && at <= ticks[n-1].Value {
			break // the numbers are not dense enough
		}
		if (at >= s.Min || s.Min-at <= step*1e-9) && (at > 0 || !s.Log) {
			ticks = append(ticks, Tick{at, decimal(at, power, decimals)})
		}
		for part := 1; part < parts; part++ {
			minor := at + step/float64(parts)*float64(part)
			if minor > max(at, s.Min) && minor < s.Max {
				ticks = append(ticks, Tick{Value: minor})
			}
		}
	}
	return ticks, power
}

// decimal writes a number without its power of ten.
func decimal(v float64, power, decimals int) string {
	label := strconv.FormatFloat(v/math.Pow10(power), 'f', decimals, 64)
	if strings.Trim(label, "-0.") == "" {
		return "0"
	}
	return label
}

// logTicks are at powers of ten, each or every so many.
func (s Scale) logTicks(most int) []Tick {
	from, to := int(math.Floor(math.Log10(s.Min))), int(math.Ceil(math.Log10(s.Max)))
	every := (to - from + most - 1) / most
	ticks := []Tick{}
	add := func(v float64, label string) {
		if v > 0 && v >= s.Min*(1-1e-9) && v <= s.Max*(1+1e-9) && !math.IsInf(v, 0) {
			ticks = append(ticks, Tick{v, label})
		}
	}
	few := to-from <= 2 && most >= 4 // then 2 and 5 have labels, too
	for e := from; e <= to; e++ {
		label := ""
		if e%every == 0 {
			label = powerOfTen(e)
		}
		decade := math.Pow10(e)
		if label != "" || every <= 10 {
			add(decade, label)
		}
		if every > 1 {
			continue
		}
		for f := 2.0; f < 10; f++ {
			label := ""
			if few && (f == 2 || f == 5) && e >= -3 && e <= 4 {
				label = strconv.FormatFloat(f*decade, 'g', 3, 64)
			}
			add(f*decade, label)
		}
	}
	return ticks
}

// powerOfTen is the label of a decade.
func powerOfTen(e int) string {
	if e >= -2 && e <= 3 {
		return strconv.FormatFloat(math.Pow10(e), 'f', -1, 64)
	}
	return "10" + superscript(e)
}

// PowerText is the power of ten that labels leave out: "×10⁶", or nothing for 0.
func PowerText(power int) string {
	if power == 0 {
		return ""
	}
	return "×10" + superscript(power)
}

var superscripts = strings.NewReplacer("-", "⁻", "0", "⁰", "1", "¹", "2", "²", "3", "³", "4", "⁴", "5", "⁵",
	"6", "⁶", "7", "⁷", "8", "⁸", "9", "⁹")

func superscript(n int) string { return superscripts.Replace(strconv.Itoa(n)) }
