package compare

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/codec"
)

// A Change is a part of a decoded value that differs: a leaf, or a whole part that only one has.
type Change struct {
	Path     string      // as in "Limits[2].Name"; "" is the value itself
	Old, New *codec.Node // nil: it is not there
}

// Changes lists what differs between two decoded values, parts by their names and elements of lists by
// their places; the first most of them, and how many more there are.
func Changes(a, b codec.Node, most int) (list []Change, more int) {
	walk("", a, b, func(c Change) {
		if len(list) < most {
			list = append(list, c)
		} else {
			more++
		}
	})
	return list, more
}

func walk(path string, a, b codec.Node, found func(Change)) {
	shapeA, shapeB := show.ShapeOf(a), show.ShapeOf(b)
	if shapeA != shapeB || shapeA == show.Leaf {
		if shapeA != shapeB || !sameLeaf(a.Value, b.Value) {
			found(Change{path, &a, &b})
		}
		return
	}
	if shapeA == show.List {
		for i := range max(len(a.Children), len(b.Children)) {
			walkPart(fmt.Sprintf("%s[%d]", path, i), at(a.Children, i), at(b.Children, i), found)
		}
		return
	}
	if path != "" {
		path += "."
	}
	// Names are in the same order as a rule; where they are not, or twice, the n-th of a name belongs to
	// the n-th of that name.
	places := map[string][]int{}
	for i, child := range b.Children {
		places[child.Name] = append(places[child.Name], i)
	}
	taken := make([]bool, len(b.Children))
	for i := range a.Children {
		child := &a.Children[i]
		var other *codec.Node
		if free := places[child.Name]; len(free) > 0 {
			other, places[child.Name] = &b.Children[free[0]], free[1:]
			taken[free[0]] = true
		}
		walkPart(path+child.Name, child, other, found)
	}
	for i := range b.Children {
		if !taken[i] {
			walkPart(path+b.Children[i].Name, nil, &b.Children[i], found)
		}
	}
}

func walkPart(path string, a, b *codec.Node, found func(Change)) {
	if a == nil || b == nil {
		found(Change{path, a, b})
		return
	}
	walk(path, *a, *b, found)
}

func at(list []codec.Node, i int) *codec.Node {
	if i >= len(list) {
		return nil
	}
	return &list[i]
}

func sameLeaf(a, b any) bool {
	switch a := a.(type) {
	case float64:
		b, ok := b.(float64)
		return ok && sameFloat(a, b)
	case []byte:
		b, ok := b.([]byte)
		return ok && bytes.Equal(a, b)
	case time.Time:
		b, ok := b.(time.Time)
		return ok && a.Equal(b)
	}
	return a == b // nil, bool, int64, uint64, string
}

// Without is a value without some of its parts, by their names.
func Without(n codec.Node, names ...string) codec.Node {
	var kept []codec.Node
	for _, child := range n.Children {
		if !slices.Contains(names, child.Name) {
			kept = append(kept, child)
		}
	}
	n.Children = kept
	return n
}
