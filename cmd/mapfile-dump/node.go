package main

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/codec"
)

// Decoded values, and bytes without a codec, on stdout.

// tree shows a value indented.
func (o *output) tree(n codec.Node, indent string) error {
	for line := range show.Tree(n, indent) {
		if err := o.printf("%s\n", line); err != nil {
			return err
		}
	}
	return nil
}

// addNode adds a row for each leaf of a value to a table: its path, type and value.
func (tab *table) addNode(path string, n codec.Node) {
	shape := show.ShapeOf(n)
	if shape == show.Leaf || len(n.Children) == 0 {
		tab.add(path, n.Type, show.Inline(n))
		return
	}
	for i, child := range n.Children {
		switch {
		case shape == show.List:
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
