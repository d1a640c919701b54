package protobuf

import (
	"fmt"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// A message can, by mistake, hold itself: the library would follow it until the stack overflows, which ends
// the process. So types in which that is possible are looked at before they are encoded, and only in the
// fields through which it is.

// tooDeep is the error for a message that holds itself, or is nested deeper than anybody would decode.
func tooDeep(m protoreflect.Message) error {
	if deeperThan(m, protowire.DefaultRecursionLimit) {
		return fmt.Errorf("it holds itself, or is nested deeper than %d messages", protowire.DefaultRecursionLimit)
	}
	return nil
}

// deeperThan says whether messages are nested in m more than limit times.
func deeperThan(m protoreflect.Message, limit int) bool {
	w := waysOf(m.Descriptor())
	if len(w.fields) == 0 && !w.extendable {
		return false
	}
	if limit == 0 {
		return true
	}
	if w.extendable {
		deep := false
		m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			deep = messageOf(fd) != nil && anyDeeper(fd, v, limit-1)
			return !deep
		})
		return deep
	}
	for _, fd := range w.fields {
		if m.Has(fd) && anyDeeper(fd, m.Get(fd), limit-1) {
			return true
		}
	}
	return false
}

// anyDeeper is deeperThan of the messages in a field.
func anyDeeper(fd protoreflect.FieldDescriptor, v protoreflect.Value, limit int) bool {
	switch {
	case fd.IsMap():
		deep := false
		v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
			deep = deeperThan(v.Message(), limit)
			return !deep
		})
		return deep
	case fd.IsList():
		for list, i := v.List(), 0; i < list.Len(); i++ {
			if deeperThan(list.Get(i).Message(), limit) {
				return true
			}
		}
		return false
	}
	return deeperThan(v.Message(), limit)
}

// ways are how a message can come to hold itself.
type ways struct {
	fields     []protoreflect.FieldDescriptor // those that lead to a type that can hold itself
	extendable bool                           // any field may: extensions are not known beforehand
}

var knownWays sync.Map // of *ways by protoreflect.MessageDescriptor

func waysOf(md protoreflect.MessageDescriptor) *ways {
	if w, ok := knownWays.Load(md); ok {
		return w.(*ways)
	}
	w := &ways{extendable: md.ExtensionRanges().Len() > 0}
	for i := range md.Fields().Len() {
		if fd := md.Fields().Get(i); messageOf(fd) != nil && leadsToLoop(messageOf(fd)) {
			w.fields = append(w.fields, fd)
		}
	}
	knownWays.Store(md, w)
	return w
}

// leadsToLoop says whether a type that can hold itself, or that can be extended, is md or in it.
func leadsToLoop(md protoreflect.MessageDescriptor) bool {
	for inner := range reachable(md) {
		if inner.ExtensionRanges().Len() > 0 || reachable(inner)[inner] {
			return true
		}
	}
	return md.ExtensionRanges().Len() > 0
}

// reachable are the types of all messages that can be in an md, at any depth.
func reachable(md protoreflect.MessageDescriptor) map[protoreflect.MessageDescriptor]bool {
	found := map[protoreflect.MessageDescriptor]bool{}
	var visit func(protoreflect.MessageDescriptor)
	visit = func(md protoreflect.MessageDescriptor) {
		for i := range md.Fields().Len() {
			if inner := messageOf(md.Fields().Get(i)); inner != nil && !found[inner] {
				found[inner] = true
				visit(inner)
			}
		}
	}
	visit(md)
	return found
}

// messageOf is the type of the messages in a field; nil if it has none.
func messageOf(fd protoreflect.FieldDescriptor) protoreflect.MessageDescriptor {
	if fd.IsMap() {
		fd = fd.MapValue()
	}
	return fd.Message()
}
