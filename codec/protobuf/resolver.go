package protobuf

import (
	"reflect"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/gomapfile/mapfile/registry"
)

func init() {
	for _, err := range []error{registry.Default.AddCodec(Codec), registry.Default.AddResolver(Resolver{})} {
		if err != nil {
			panic(err) // another codec took the name "protobuf"
		}
	}
}

// Resolver knows every message in protoregistry.GlobalTypes by its full name. It is in
// registry.Default; add it to other registries with AddResolver.
type Resolver struct{}

// ByName returns the type of the message with that full name.
func (Resolver) ByName(name string) (registry.Type, bool) {
	mt, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(name))
	if err != nil {
		return registry.Type{}, false
	}
	ptr := reflect.TypeOf(mt.Zero().Interface())
	if ptr.Kind() != reflect.Pointer || Codec.(protobufCodec).Check(ptr.Elem()) != nil {
		return registry.Type{}, false
	}
	return registry.Type{Name: name, ID: registry.ID(name), Go: ptr.Elem(), Codec: Codec}, true
}

// ByType returns the type t if *t is the message that is registered under its full name.
func (r Resolver) ByType(t reflect.Type) (registry.Type, bool) {
	m, err := zero(t)
	if err != nil {
		return registry.Type{}, false
	}
	ty, ok := r.ByName(nameOf(m))
	return ty, ok && ty.Go == t
}
