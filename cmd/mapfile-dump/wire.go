package main

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/codec"
)

// Nodes between child and parent (see gob.go): exact, with the kind of each value beside it.

func toWire(n codec.Node) wireNode {
	w := wireNode{Name: n.Name, Type: n.Type}
	switch v := n.Value.(type) {
	case bool:
		w.Kind, w.Value = "bool", strconv.AppendBool(nil, v)
	case int64:
		w.Kind, w.Value = "int", strconv.AppendInt(nil, v, 10)
	case uint64:
		w.Kind, w.Value = "uint", strconv.AppendUint(nil, v, 10)
	case float64:
		w.Kind, w.Value = "float", strconv.AppendUint(nil, math.Float64bits(v), 10)
	case string:
		w.Kind, w.Value = "string", []byte(v)
	case []byte:
		w.Kind, w.Value = "bytes", v
	case time.Time:
		w.Kind, w.Value = "time", []byte(show.Time(v))
	}
	for _, child := range n.Children {
		w.Children = append(w.Children, toWire(child))
	}
	return w
}

func fromWire(w wireNode) (codec.Node, error) {
	n := codec.Node{Name: w.Name, Type: w.Type}
	text := string(w.Value)
	var err error
	switch w.Kind {
	case "":
	case "bool":
		n.Value, err = strconv.ParseBool(text)
	case "int":
		n.Value, err = strconv.ParseInt(text, 10, 64)
	case "uint":
		n.Value, err = strconv.ParseUint(text, 10, 64)
	case "float":
		var bits uint64
		bits, err = strconv.ParseUint(text, 10, 64)
		n.Value = math.Float64frombits(bits)
	case "string":
		n.Value = text
	case "bytes":
		n.Value = w.Value
	case "time":
		n.Value, err = time.Parse(time.RFC3339Nano, text)
	default:
		err = fmt.Errorf("unknown kind %q", w.Kind)
	}
	for _, child := range w.Children {
		c, childErr := fromWire(child)
		if childErr != nil {
			return n, childErr
		}
		n.Children = append(n.Children, c)
	}
	return n, err
}
