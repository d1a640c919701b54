package protobuf

import (
	"bytes"
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// Compatible returns nil if each field that both messages have, by number, reads what was written
// as the same value: the same kind, or a wider one, and not one value where there were many. The
// error names all fields that do not. Other names and fields that only one side has are no matter.
func (protobufCodec) Compatible(written, mine []byte) error {
	if bytes.Equal(written, mine) {
		return nil
	}
	w, err := schemaOf(written)
	if err != nil {
		return err
	}
	m, err := schemaOf(mine)
	if err != nil {
		return err
	}
	c := comparison{}
	c.messages(w.message, m.message)
	for len(c.todo) > 0 {
		pair := c.todo[len(c.todo)-1]
		c.todo = c.todo[:len(c.todo)-1]
		c.fields(pair[0], pair[1])
	}
	if len(c.faults) > 0 {
		return fmt.Errorf("protobuf: %s was written with other fields: %s", w.message.FullName(), strings.Join(c.faults, "; "))
	}
	return nil
}

// comparison works through pairs of messages, written and mine, each once.
type comparison struct {
	todo   [][2]protoreflect.MessageDescriptor
	seen   map[[2]protoreflect.FullName]bool
	faults []string
}

const (
	maxFaults = 10 // that the error names
	maxPairs  = 10_000
)

func (c *comparison) messages(w, m protoreflect.MessageDescriptor) {
	key := [2]protoreflect.FullName{w.FullName(), m.FullName()}
	if c.seen == nil {
		c.seen = map[[2]protoreflect.FullName]bool{}
	}
	if c.seen[key] {
		return
	}
	// Each message of one side meets one or few of the other; a hostile schema could make it meet all.
	if len(c.seen) == maxPairs {
		c.todo, c.faults = nil, append(c.faults, "too many pairs of messages to compare")
		return
	}
	c.seen[key] = true
	c.todo = append(c.todo, [2]protoreflect.MessageDescriptor{w, m})
}

func (c *comparison) fields(w, m protoreflect.MessageDescriptor) {
	for i := range w.Fields().Len() {
		wf := w.Fields().Get(i)
		mf := m.Fields().ByNumber(wf.Number())
		if mf == nil {
			continue
		}
		if !c.field(wf, mf) && len(c.faults) < maxFaults {
			c.faults = append(c.faults, fmt.Sprintf("%d of %.200s: %s %.200s was written, here it is %s %.200s",
				wf.Number(), m.FullName(), typeName(wf), wf.Name(), typeName(mf), mf.Name()))
		}
	}
}

func (c *comparison) field(w, m protoreflect.FieldDescriptor) bool {
	switch {
	case w.IsMap() != m.IsMap() && !(w.IsMap() && m.IsList()): // a map reads well as a list of its entries
		return false
	case w.Cardinality() == protoreflect.Repeated && m.Cardinality() != protoreflect.Repeated:
		return false
	case w.Kind() == protoreflect.MessageKind || w.Kind() == protoreflect.GroupKind:
		if w.Kind() != m.Kind() {
			return false
		}
		c.messages(w.Message(), m.Message())
		return true
	default:
		return w.Kind() == m.Kind() || widens[[2]protoreflect.Kind{w.Kind(), m.Kind()}]
	}
}

// widens has the kinds that are read as another one with every value kept.
var widens = map[[2]protoreflect.Kind]bool{
	{protoreflect.BoolKind, protoreflect.Int32Kind}:    true,
	{protoreflect.BoolKind, protoreflect.Int64Kind}:    true,
	{protoreflect.BoolKind, protoreflect.Uint32Kind}:   true,
	{protoreflect.BoolKind, protoreflect.Uint64Kind}:   true,
	{protoreflect.EnumKind, protoreflect.Int32Kind}:    true,
	{protoreflect.EnumKind, protoreflect.Int64Kind}:    true,
	{protoreflect.Int32Kind, protoreflect.EnumKind}:    true, // a number without a name stays a number
	{protoreflect.Int32Kind, protoreflect.Int64Kind}:   true,
	{protoreflect.Sint32Kind, protoreflect.Sint64Kind}: true,
	{protoreflect.Uint32Kind, protoreflect.Uint64Kind}: true,
	{protoreflect.Uint32Kind, protoreflect.Int64Kind}:  true,
	{protoreflect.StringKind, protoreflect.BytesKind}:  true,
	{protoreflect.BytesKind, protoreflect.StringKind}:  true, // checked when decoding
}

// typeName is a field's type as files and people write it.
func typeName(f protoreflect.FieldDescriptor) string {
	switch {
	case f.IsMap():
		return "map"
	case f.IsList():
		return repeated[f.Kind()]
	case f.Message() != nil:
		return string(f.Message().FullName())
	default:
		return f.Kind().String()
	}
}

// repeated has the names once, not for each field of a payload.
var repeated = func() map[protoreflect.Kind]string {
	names := map[protoreflect.Kind]string{}
	for k := protoreflect.DoubleKind; k <= protoreflect.Sint64Kind; k++ {
		names[k] = "repeated " + k.String()
	}
	return names
}()
