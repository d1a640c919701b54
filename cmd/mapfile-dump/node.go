package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gomapfile/mapfile/codec"
)

// Decoded values. A codec gives a tree of nodes, by the schema in the file; here it becomes JSON (a
// struct or map an object, a list an array), an indented tree, or rows of a table.

type nodeShape int

const (
	leafNode nodeShape = iota
	listNode
	objectNode
)

// shapeOf tells leaf, list and object apart. An empty node without value is what its type says: no
// value, a list, or else a message or struct with nothing in it.
func shapeOf(n codec.Node) nodeShape {
	if n.Value != nil {
		return leafNode
	}
	if len(n.Children) == 0 {
		switch ty := n.Type; {
		case ty == "", ty == "nil", ty == "null", ty == "interface":
			return leafNode
		case strings.HasPrefix(ty, "repeated"), strings.HasPrefix(ty, "["), ty == "list", ty == "array":
			return listNode
		}
		return objectNode
	}
	for _, child := range n.Children {
		if child.Name != "" {
			return objectNode
		}
	}
	if strings.HasPrefix(n.Type, "map") { // whose only key is ""
		return objectNode
	}
	return listNode
}

// valueJSON is a node in JSON.
type valueJSON codec.Node

func (v *valueJSON) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	err := appendNode(&b, codec.Node(*v))
	return b.Bytes(), err
}

func appendNode(b *bytes.Buffer, n codec.Node) error {
	shape := shapeOf(n)
	if shape == leafNode {
		return appendJSON(b, leafJSON(n.Value))
	}
	open, end := byte('['), byte(']')
	if shape == objectNode {
		open, end = '{', '}'
	}
	b.WriteByte(open)
	for i, child := range n.Children {
		if i > 0 {
			b.WriteByte(',')
		}
		if shape == objectNode {
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
		return whole(v)
	case uint64:
		return natural(v)
	case float64:
		return real(v)
	case time.Time:
		return timeText(v)
	}
	return v // nil, bool, string; []byte becomes base64
}

// leafText shows a leaf to people.
func leafText(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return quote(v)
	case []byte:
		const most = 32
		if len(v) > most {
			return fmt.Sprintf("%x… (%d bytes)", v[:most], len(v))
		}
		return fmt.Sprintf("%x (%s)", v, plural(len(v), "byte"))
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case time.Time:
		return timeText(v)
	}
	return fmt.Sprint(v)
}

// tree shows a value indented. Lists of leaves are one line, long ones are cut and say so.
func (o *output) tree(n codec.Node, indent string) error {
	if shapeOf(n) == leafNode || inline(n) {
		return o.printf("%s%s\n", indent, inlineText(n))
	}
	for i, child := range n.Children {
		label := visible(child.Name)
		if shapeOf(n) == listNode {
			label = fmt.Sprintf("[%d]", i)
		}
		if shapeOf(child) == leafNode || inline(child) {
			if err := o.printf("%s%s: %s\n", indent, label, inlineText(child)); err != nil {
				return err
			}
			continue
		}
		if err := o.printf("%s%s:\n", indent, label); err != nil {
			return err
		}
		if err := o.tree(child, indent+"  "); err != nil {
			return err
		}
	}
	return nil
}

// inline says whether a node fits on one line: an empty one, or a list of leaves.
func inline(n codec.Node) bool {
	if shapeOf(n) == objectNode {
		return len(n.Children) == 0
	}
	for _, child := range n.Children {
		if shapeOf(child) != leafNode {
			return false
		}
	}
	return true
}

// longestLine is the number of list elements that the tree shows.
const longestLine = 64

func inlineText(n codec.Node) string {
	switch shapeOf(n) {
	case leafNode:
		return leafText(n.Value)
	case objectNode:
		return "{}"
	}
	var parts []string
	for i, child := range n.Children {
		if i == longestLine {
			parts = append(parts, fmt.Sprintf("… %d more", len(n.Children)-i))
			break
		}
		parts = append(parts, leafText(child.Value))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// rows adds a row for each leaf of a value to a table: its path, type and value.
func (tab *table) addNode(path string, n codec.Node) {
	shape := shapeOf(n)
	if shape == leafNode || len(n.Children) == 0 {
		text := inlineText(n)
		tab.add(path, n.Type, text)
		return
	}
	for i, child := range n.Children {
		switch {
		case shape == listNode:
			tab.addNode(fmt.Sprintf("%s[%d]", path, i), child)
		case path == "":
			tab.addNode(child.Name, child)
		default:
			tab.addNode(path+"."+child.Name, child)
		}
	}
}

// hexdump shows bytes: offset, hex, text; at most limit of them.
func (o *output) hexdump(payload []byte, limit int, indent string) error {
	shown := payload[:min(len(payload), limit)]
	for line := range strings.Lines(hex.Dump(shown)) {
		if err := o.printf("%s%s", indent, line); err != nil {
			return err
		}
	}
	if more := len(payload) - len(shown); more > 0 {
		return o.printf("%s… %d bytes more; -o raw gives all\n", indent, more)
	}
	return nil
}
