package jsoncodec

// Inspect: JSON describes itself, so the schema is not looked at.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/gomapfile/mapfile/codec"
)

// Inspect shows objects with their keys in the payload's order, duplicates included. A number is an
// int64, else a uint64, else a float64, else, if that would lose digits, its decimal text.
func (jsonCodec) Inspect(_, payload []byte) (codec.Node, error) {
	// Valid sees to syntax, depth and left-over bytes, and allocates nothing for it.
	if !json.Valid(payload) {
		var none any
		err := json.Unmarshal(payload, &none) // to say what is wrong, and where
		return codec.Node{}, fmt.Errorf("codec \"json\": inspect: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(payload))
	dec.UseNumber()
	n, err := node(dec)
	if err != nil {
		return codec.Node{}, fmt.Errorf("codec \"json\": inspect: %w", err)
	}
	return n, nil
}

// node reads one value. It calls itself for each level: Valid has seen that there are at most 10,000.
func node(dec *json.Decoder) (codec.Node, error) {
	token, err := dec.Token()
	if err != nil {
		return codec.Node{}, err
	}
	switch token := token.(type) {
	case nil:
		return codec.Node{Type: "null"}, nil
	case bool:
		return codec.Node{Type: "bool", Value: token}, nil
	case string:
		return codec.Node{Type: "string", Value: token}, nil
	case json.Number:
		return codec.Node{Type: "number", Value: number(string(token))}, nil
	case json.Delim:
		if token == '{' {
			return children(dec, codec.Node{Type: "object"})
		}
		return children(dec, codec.Node{Type: "array"})
	}
	return codec.Node{}, fmt.Errorf("unknown token %v", token)
}

// children reads up to the closing bracket.
func children(dec *json.Decoder, parent codec.Node) (codec.Node, error) {
	for dec.More() {
		name := ""
		if parent.Type == "object" {
			key, err := dec.Token()
			if err != nil {
				return parent, err
			}
			name = key.(string) // the syntax has been checked
		}
		child, err := node(dec)
		if err != nil {
			return parent, err
		}
		child.Name = name
		parent.Children = append(parent.Children, child)
	}
	_, err := dec.Token()
	return parent, err
}

func number(text string) any {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil && text != "-0" {
		return i
	}
	if u, err := strconv.ParseUint(text, 10, 64); err == nil {
		return u
	}
	f, err := strconv.ParseFloat(text, 64)
	if errors.Is(err, strconv.ErrRange) || !sameDigits(text, strconv.FormatFloat(f, 'e', -1, 64)) {
		return text
	}
	return f
}

// sameDigits compares two decimal texts as numbers, without rounding: digits and place of the point.
func sameDigits(a, b string) bool {
	digitsA, pointA := decimal(a)
	digitsB, pointB := decimal(b)
	return digitsA == digitsB && (pointA == pointB || digitsA == "")
}

// decimal splits ±0.00120e5 into the digits "12" and the place of the point before them.
func decimal(text string) (digits string, point int) {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(strings.TrimPrefix(text, "-")), "e")
	point, _ = strconv.Atoi(exponent) // beyond int only where ParseFloat gives 0 or ErrRange
	whole, fraction, _ := strings.Cut(mantissa, ".")
	point += len(whole)
	digits = whole + fraction
	leading := len(digits) - len(strings.TrimLeft(digits, "0"))
	return strings.Trim(digits, "0"), point - leading
}
