package rootfile

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/hist"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/record"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/codec"
	mapfilepb "github.com/gomapfile/mapfile/proto"
)

// FromNode makes of a decoded value what [Writer.Put] and [JSON] take: a histogram if package hist
// recognises one, whatever codec it came by, else the value for its JSON.
func FromNode(typeName string, n codec.Node) any {
	h, ok := hist.Of(typeName, n)
	if !ok {
		return (*record.Value)(&n)
	}
	var m proto.Message
	switch h.Kind {
	case hist.H1D:
		m = new(mapfilepb.H1D)
	case hist.H2D:
		m = new(mapfilepb.H2D)
	case hist.P1D:
		m = new(mapfilepb.P1D)
	}
	fill(m.ProtoReflect(), n)
	return m
}

// fill sets the fields of a message from the parts of a value that have their names. Further attributes
// are left out: ROOT has no place for them.
func fill(m protoreflect.Message, n codec.Node) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		part := show.Field(n, f.TextName())
		switch {
		case f.Message() != nil && f.IsList():
			if f.Message().Name() != "Sums" {
				continue
			}
			list := m.Mutable(f).List()
			for _, child := range part.Children {
				sums := list.NewElement()
				fill(sums.Message(), child)
				list.Append(sums)
			}
		case f.Message() != nil:
			if part.Children != nil {
				fill(m.Mutable(f).Message(), part)
			}
		case f.IsList():
			list := m.Mutable(f).List()
			for _, child := range part.Children {
				if v, ok := valueOf(f, child.Value); ok {
					list.Append(v)
				}
			}
		default:
			if v, ok := valueOf(f, part.Value); ok {
				m.Set(f, v)
			}
		}
	}
}

// valueOf is a number or text as the field has it, if it can be that.
func valueOf(f protoreflect.FieldDescriptor, v any) (protoreflect.Value, bool) {
	if s, ok := v.(string); ok && f.Kind() == protoreflect.StringKind {
		return protoreflect.ValueOfString(s), true
	}
	var x float64
	switch v := v.(type) {
	case float64:
		x = v
	case int64:
		x = float64(v)
	case uint64:
		x = float64(v)
	default:
		return protoreflect.Value{}, false
	}
	switch f.Kind() {
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(x), true
	case protoreflect.Uint32Kind: // a number of bins
		return protoreflect.ValueOfUint32(uint32(x)), x >= 0 && x < 1<<32
	case protoreflect.Int64Kind, protoreflect.Sfixed64Kind: // numbers of entries; they become float64 anyway
		return protoreflect.ValueOfInt64(int64(x)), x > -1<<63 && x < 1<<63
	}
	return protoreflect.Value{}, false
}
