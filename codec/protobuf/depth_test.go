package protobuf

import (
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/structpb"
)

// nested is a list in a list in a list …: 2*n messages inside the outermost.
func nested(n int) *structpb.ListValue {
	list := &structpb.ListValue{}
	for range n {
		list = &structpb.ListValue{Values: []*structpb.Value{structpb.NewListValue(list)}}
	}
	return list
}

// What holds itself would overflow the stack of the library, which nobody can recover.
func TestMessageThatHoldsItselfIsRefused(t *testing.T) {
	list := &structpb.ListValue{}
	list.Values = []*structpb.Value{structpb.NewStringValue("before"), structpb.NewListValue(list), structpb.NewListValue(list)}
	members := &structpb.Struct{Fields: map[string]*structpb.Value{}}
	members.Fields["self"] = structpb.NewStructValue(members)
	options := &descriptorpb.UninterpretedOption{}
	extendable := &descriptorpb.FileOptions{UninterpretedOption: []*descriptorpb.UninterpretedOption{options}}
	for name, c := range map[string]struct {
		m       proto.Message
		refused bool
	}{
		"list":                  {list, true},
		"map":                   {members, true},
		"one level too many":    {nested(protowire.DefaultRecursionLimit/2 + 1), true},
		"as deep as is decoded": {nested(protowire.DefaultRecursionLimit/2 - 1), false},
		"extendable":            {extendable, false},
	} {
		b, err := Codec.Append(nil, c.m)
		if refused := err != nil; refused != c.refused || refused && !strings.Contains(err.Error(), "holds itself") {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			if err := Codec.Decode(b, c.m.ProtoReflect().New().Interface()); err != nil {
				t.Errorf("%s: it can be encoded, but not decoded: %v", name, err)
			}
		}
	}
}

// Types that cannot hold themselves are not looked through.
func TestOnlyTypesThatCanHoldThemselvesAreLookedThrough(t *testing.T) {
	for _, c := range []struct {
		m          proto.Message
		fields     int
		extendable bool
	}{
		{&dto.MetricFamily{}, 0, false},
		{&structpb.Value{}, 2, false},
		{&structpb.ListValue{}, 1, false},
		{&descriptorpb.DescriptorProto{}, 7, false},
		{&descriptorpb.FileOptions{}, 1, true},
	} {
		if w := waysOf(c.m.ProtoReflect().Descriptor()); len(w.fields) != c.fields || w.extendable != c.extendable {
			t.Errorf("%T: %d fields, %v", c.m, len(w.fields), w.extendable)
		}
	}
}
