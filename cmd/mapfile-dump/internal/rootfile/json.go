package rootfile

import (
	"math"
	"strconv"

	"go-hep.org/x/hep/groot/rbase"
	"go-hep.org/x/hep/groot/rbytes"
	"go-hep.org/x/hep/groot/rjson"
	"go-hep.org/x/hep/groot/root"
)

// JSON is an object for JSROOT, as ROOT's own TBufferJSON writes it. Numbers that JSON has not are null for
// NaN and 2e308 or -2e308 for infinities. See [Writer.Put] for the arguments; the name is kept as it is.
// The error is an *UnfitError.
func JSON(name, title string, v any) ([]byte, error) {
	obj, err := Object(name, title, v)
	if err != nil {
		return nil, err
	}
	o := jsonObject{class: obj.Class()}
	switch obj := obj.(type) {
	case *rbase.ObjString:
		o.members = append(rbase.NewObject().RMembers(), rbytes.Member{Name: "fString", Value: obj.String()})
	case rbytes.RSlicer:
		o.members = obj.RMembers()
	}
	for i, m := range o.members {
		switch v := m.Value.(type) {
		case *float64:
			o.members[i].Value = number(*v)
		case *[]float64:
			o.members[i].Value = numbers{*v}
		}
	}
	return rjson.Marshal(&o)
}

// A jsonObject has the members of a ROOT object, with numbers that groot can write.
type jsonObject struct {
	class   string
	members []rbytes.Member
}

var _ root.Object = (*jsonObject)(nil)

func (o *jsonObject) Class() string             { return o.class }
func (o *jsonObject) RMembers() []rbytes.Member { return o.members }

// number is a number in JSON, also one that is none.
type number float64

func (x number) MarshalJSON() ([]byte, error) { return appendNumber(nil, float64(x)), nil }

// numbers are a list of them. It is a struct: lists groot takes apart, with an allocation for each number.
type numbers struct{ list []float64 }

func (n numbers) MarshalJSON() ([]byte, error) {
	text := []byte("[")
	for i, x := range n.list {
		if i > 0 {
			text = append(text, ',')
		}
		text = appendNumber(text, x)
	}
	return append(text, ']'), nil
}

func appendNumber(text []byte, x float64) []byte {
	switch {
	case math.IsNaN(x):
		return append(text, "null"...)
	case math.IsInf(x, 1):
		return append(text, "2e308"...)
	case math.IsInf(x, -1):
		return append(text, "-2e308"...)
	default:
		return strconv.AppendFloat(text, x, 'g', -1, 64)
	}
}
