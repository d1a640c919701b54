package show

import (
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/gomapfile/mapfile/codec"
)

// Decoded values. A codec gives a tree of nodes, by the schema in the file; here it becomes lines of an
// indented tree.

// A Shape is what a node looks like: a leaf, a list, or an object of named parts.
type Shape int

// The shapes.
const (
	Leaf Shape = iota
	List
	Object
)

// ShapeOf tells leaf, list and object apart. An empty node without value is what its type says: no
// value, a list, or else a message or struct with nothing in it.
func ShapeOf(n codec.Node) Shape {
	if n.Value != nil {
		return Leaf
	}
	if len(n.Children) == 0 {
		switch ty := n.Type; {
		case ty == "", ty == "nil", ty == "null", ty == "interface":
			return Leaf
		case strings.HasPrefix(ty, "repeated"), strings.HasPrefix(ty, "["), ty == "list", ty == "array":
			return List
		}
		return Object
	}
	for _, child := range n.Children {
		if child.Name != "" {
			return Object
		}
	}
	if strings.HasPrefix(n.Type, "map") { // whose only key is ""
		return Object
	}
	return List
}

// Tree yields a value as indented lines. Lists of leaves are one line, long ones are cut and say so.
func Tree(n codec.Node, indent string) iter.Seq[string] {
	return func(yield func(string) bool) { tree(n, indent, yield) }
}

func tree(n codec.Node, indent string, yield func(string) bool) bool {
	if isInline(n) {
		return yield(indent + Inline(n))
	}
	for i, child := range n.Children {
		label := Visible(child.Name)
		if ShapeOf(n) == List {
			label = fmt.Sprintf("[%d]", i)
		}
		if isInline(child) {
			if !yield(indent + label + ": " + Inline(child)) {
				return false
			}
			continue
		}
		if !yield(indent+label+":") || !tree(child, indent+"  ", yield) {
			return false
		}
	}
	return true
}

// isInline says whether a node fits on one line: a leaf, an empty one, or a list of leaves.
func isInline(n codec.Node) bool {
	if ShapeOf(n) == Object {
		return len(n.Children) == 0
	}
	for _, child := range n.Children {
		if ShapeOf(child) != Leaf {
			return false
		}
	}
	return true
}

// longestList is the number of list elements that Inline shows.
const longestList = 64

// Inline shows a leaf, a list of leaves or something empty on one line.
func Inline(n codec.Node) string {
	switch ShapeOf(n) {
	case Leaf:
		return leafText(n.Value)
	case Object:
		return "{}"
	}
	var parts []string
	for i, child := range n.Children {
		if i == longestList {
			parts = append(parts, fmt.Sprintf("… %d more", len(n.Children)-i))
			break
		}
		parts = append(parts, leafText(child.Value))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// leafText shows a leaf to people.
func leafText(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return Quote(v)
	case []byte:
		const most = 32
		if len(v) > most {
			return fmt.Sprintf("%x… (%d bytes)", v[:most], len(v))
		}
		return fmt.Sprintf("%x (%s)", v, Plural(len(v), "byte"))
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case time.Time:
		return Time(v)
	}
	return fmt.Sprint(v)
}

// Field is a part of a struct, or an empty node.
func Field(n codec.Node, name string) codec.Node {
	for _, child := range n.Children {
		if child.Name == name {
			return child
		}
	}
	return codec.Node{}
}

// TextOf is a field that is a text; "" if it is absent.
func TextOf(n codec.Node, name string) string {
	s, _ := Field(n, name).Value.(string)
	return s
}
