package protobuf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// A schema is
//
//	uvarint  length of the full name
//	bytes    full name of the message
//	bytes    google.protobuf.FileDescriptorSet, to the end: the message's file and all that it
//	         imports, directly or not, each after its own imports
//
// Its limits keep hostile ones small; no known set of files comes near them.
const (
	maxSchema    = 2 << 20 // bytes
	maxFiles     = 1000
	maxNesting   = 100  // of messages in messages
	maxOneof     = 1000 // fields of oneofs in a message: setting one looks at all others
	nameOverhead = 32   // bytes of all full names for each byte of the schema
)

// Describe returns the schema of the message *t.
func (protobufCodec) Describe(t reflect.Type) ([]byte, error) {
	m, err := zero(t)
	if err != nil {
		return nil, err
	}
	md := m.ProtoReflect().Descriptor()
	set := &descriptorpb.FileDescriptorSet{}
	if err := addFile(set, md.ParentFile(), map[string]bool{}); err != nil {
		return nil, fmt.Errorf("protobuf: %s: %w", md.FullName(), err)
	}
	name := string(md.FullName())
	out := binary.AppendUvarint(nil, uint64(len(name)))
	out = append(out, name...)
	out, err = proto.MarshalOptions{Deterministic: true}.MarshalAppend(out, set)
	if err == nil && (len(out) > maxSchema || len(set.File) > maxFiles) {
		err = fmt.Errorf("%d files of %d bytes are too much for a schema", len(set.File), len(out))
	}
	if err != nil {
		return nil, fmt.Errorf("protobuf: %s: %w", name, err)
	}
	return out, nil
}

// addFile adds a file behind its imports.
func addFile(set *descriptorpb.FileDescriptorSet, f protoreflect.FileDescriptor, added map[string]bool) error {
	if f == nil || f.Path() == "" {
		return errors.New("the message has no file descriptor")
	}
	if added[f.Path()] {
		return nil
	}
	added[f.Path()] = true
	for i := range f.Imports().Len() {
		imp := f.Imports().Get(i)
		if imp.IsPlaceholder() {
			return fmt.Errorf("the file %q, which %q imports, is not linked in", imp.Path(), f.Path())
		}
		if err := addFile(set, imp.FileDescriptor, added); err != nil {
			return err
		}
	}
	set.File = append(set.File, protodesc.ToFileDescriptorProto(f))
	return nil
}

// A schema is ready to decode: the message and the extensions in its files.
type schema struct {
	message protoreflect.MessageDescriptor
	types   *dynamicpb.Types
}

// compiled keeps the schemas used lately: parsing one takes a hundred times as long as a payload.
var compiled = schemaCache{byBytes: map[string]*schema{}}

type schemaCache struct {
	mu      sync.Mutex
	byBytes map[string]*schema
	size    int // bytes of all keys
}

// maxCached bounds the bytes of the schemas in the cache; what they compile to is some ten times that.
const maxCached = 4 << 20

// schemaOf compiles a schema, which may be hostile.
func schemaOf(b []byte) (*schema, error) {
	compiled.mu.Lock()
	s := compiled.byBytes[string(b)]
	compiled.mu.Unlock()
	if s != nil {
		return s, nil
	}
	s, err := compile(b)
	if err != nil {
		return nil, fmt.Errorf("protobuf: schema: %w", err)
	}
	compiled.mu.Lock()
	defer compiled.mu.Unlock()
	if compiled.size+len(b) > maxCached { // rare: a process sees few types
		clear(compiled.byBytes)
		compiled.size = 0
	}
	if compiled.byBytes[string(b)] == nil {
		compiled.byBytes[string(b)] = s
		compiled.size += len(b)
	}
	return s, nil
}

func compile(b []byte) (s *schema, err error) {
	defer func() { // the library is written for the descriptors of compilers
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	if len(b) > maxSchema {
		return nil, fmt.Errorf("%d bytes are more than %d", len(b), maxSchema)
	}
	n, used := binary.Uvarint(b)
	if used <= 0 || n > uint64(len(b)-used) {
		return nil, errors.New("no name")
	}
	name := protoreflect.FullName(b[used : used+int(n)])
	set := &descriptorpb.FileDescriptorSet{}
	if err := (proto.UnmarshalOptions{RecursionLimit: maxNesting}).Unmarshal(b[used+int(n):], set); err != nil {
		return nil, err
	}
	if err := checkNames(set, 64<<10+nameOverhead*len(b)); err != nil {
		return nil, err
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		return nil, err
	}
	d, err := files.FindDescriptorByName(name)
	if err != nil {
		return nil, err
	}
	md, ok := d.(protoreflect.MessageDescriptor)
	if !ok {
		return nil, fmt.Errorf("%q is no message", name)
	}
	return &schema{message: md, types: dynamicpb.NewTypes(files)}, nil
}

// checkNames refuses what would make the library work or allocate out of proportion: it gives each
// declaration its full name, of which a long package name is a part every time, searches types
// that are not named in full, and looks through the public imports of imports.
func checkNames(set *descriptorpb.FileDescriptorSet, budget int) error {
	if len(set.File) > maxFiles {
		return fmt.Errorf("%d files are more than %d", len(set.File), maxFiles)
	}
	c := nameCheck{left: budget}
	for _, f := range set.File {
		prefix := len(f.GetPackage())
		c.fields(prefix, f.Extension)
		c.enums(prefix, f.EnumType)
		c.messages(prefix, f.MessageType)
		for _, s := range f.Service {
			c.add(prefix, s.GetName())
			for _, m := range s.Method {
				c.add(prefix+1+len(s.GetName()), m.GetName())
				c.reference(m.GetInputType())
				c.reference(m.GetOutputType())
			}
		}
	}
	return c.err
}

type nameCheck struct {
	left int
	err  error
}

func (c *nameCheck) add(prefix int, name string) {
	if c.left -= prefix + 1 + len(name); c.left < 0 && c.err == nil {
		c.err = errors.New("full names are too long for a schema of this length")
	}
}

func (c *nameCheck) reference(name string) {
	if name != "" && !strings.HasPrefix(name, ".") && c.err == nil {
		c.err = fmt.Errorf("the type %.100q is not named in full", name)
	}
}

func (c *nameCheck) messages(prefix int, ms []*descriptorpb.DescriptorProto) {
	for _, m := range ms {
		c.add(prefix, m.GetName())
		inner := prefix + 1 + len(m.GetName())
		c.fields(inner, m.Field)
		c.fields(inner, m.Extension)
		c.enums(inner, m.EnumType)
		for _, o := range m.OneofDecl {
			c.add(inner, o.GetName())
		}
		c.messages(inner, m.NestedType)
	}
}

func (c *nameCheck) fields(prefix int, fs []*descriptorpb.FieldDescriptorProto) {
	oneof := 0
	for _, f := range fs {
		c.add(prefix, f.GetName())
		c.reference(f.GetTypeName())
		c.reference(f.GetExtendee())
		if f.OneofIndex != nil {
			oneof++
		}
	}
	if oneof > maxOneof && c.err == nil {
		c.err = fmt.Errorf("%d fields in oneofs of one message are more than %d", oneof, maxOneof)
	}
}

func (c *nameCheck) enums(prefix int, es []*descriptorpb.EnumDescriptorProto) {
	for _, e := range es {
		c.add(prefix, e.GetName())
		for _, v := range e.Value {
			c.add(prefix, v.GetName())
		}
	}
}
