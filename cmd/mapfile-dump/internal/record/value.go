package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/codec"
)

// Value is a decoded value in JSON: a struct or map is an object, a list an array.
type Value codec.Node

// MarshalJSON never fails.
func (v *Value) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	err := appendNode(&b, codec.Node(*v))
	return b.Bytes(), err
}

func appendNode(b *bytes.Buffer, n codec.Node) error {
	shape := show.ShapeOf(n)
	if shape == show.Leaf {
		return appendJSON(b, leafJSON(n.Value))
	}
	open, end := byte('['), byte(']')
	if shape == show.Object {
		open, end = '{', '}'
	}
	b.WriteByte(open)
	for i, child := range n.Children {
		if i > 0 {
			b.WriteByte(',')
		}
		if shape == show.Object {
			if err := appendJSON(b, child.Name); err != nil {
				return err
			}
			b.WriteByte(':')
		}
		if err := appendNode(b, child); err != nil {
			return err
		}
	}
	b.WriteByte(end)
	return nil
}

func appendJSON(b *bytes.Buffer, v any) error {
	text, err := json.Marshal(v)
	b.Write(text)
	return err
}

// leafJSON gives a leaf the JSON that number.go promises.
func leafJSON(v any) any {
	switch v := v.(type) {
	case int64:
		return Whole(v)
	case uint64:
		return Natural(v)
	case float64:
		return Real(v)
	case time.Time:
		return show.Time(v)
	}
	return v // nil, bool, string; []byte becomes base64
}

// Line is the JSON of a value on one line. What show.Visible would escape is \u-escaped, so that JSON
// is harmless on a terminal and still exact.
func Line(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	if show.Plain(string(text)) {
		return text, nil
	}
	line := make([]byte, 0, len(text)+16)
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		switch { // outside of strings everything is ASCII
		case show.Harmless(r):
			line = append(line, text[i:i+size]...)
		case r < 0x10000:
			line = fmt.Appendf(line, `\u%04x`, r)
		default:
			r -= 0x10000
			line = fmt.Appendf(line, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		}
		i += size
	}
	return line, nil
}
