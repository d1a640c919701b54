package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
)

// The stored schema, for get --schema: protobuf descriptors as the text of their messages, schemas
// that are text as text, others as bytes.

const longestSchema = 4096 // bytes of a hexdump

func (t *tool) schemaText(r reading, indent string) error {
	schema := r.info.Type.Schema
	text := string(schema)
	switch {
	case len(schema) == 0:
		return t.out.printf("%sno schema is stored for %s (codec %s)\n", indent, show.Visible(r.info.Type.Name), show.Visible(r.info.Type.Codec))
	case strings.HasSuffix(r.info.Type.Codec, "protobuf"):
		messages, err := describeMessages(schema)
		if err != nil {
			return t.out.hexdump(schema, longestSchema, indent)
		}
		text = messages
	case !show.IsText(schema):
		return t.out.hexdump(schema, longestSchema, indent)
	}
	for line := range strings.Lines(text) {
		if err := t.out.printf("%s%s\n", indent, show.Visible(strings.TrimRight(line, "\r\n"))); err != nil {
			return err
		}
	}
	return nil
}

// schemaJSON is the schema in JSON: itself if it is JSON, a string if it is text, else base64.
func schemaJSON(schema []byte) any {
	switch {
	case json.Valid(schema):
		return json.RawMessage(schema)
	case show.IsText(schema):
		return string(schema)
	}
	return schema
}

// describeMessages shows the messages of a schema of codec protobuf (the length of the message's name,
// the name, a FileDescriptorSet), with fields, numbers and types.
func describeMessages(schema []byte) (string, error) {
	n, size := binary.Uvarint(schema)
	if size <= 0 || n > uint64(len(schema)-size) {
		return "", errors.New("no schema of codec protobuf")
	}
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(schema[size+int(n):], &set); err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "of %s\n", show.Visible(string(schema[size:size+int(n)])))
	for _, file := range set.File {
		for _, m := range file.MessageType {
			describeMessage(&b, file.GetPackage(), m)
		}
	}
	return b.String(), nil
}

func describeMessage(b *strings.Builder, within string, m *descriptorpb.DescriptorProto) {
	name := strings.TrimPrefix(within+"."+m.GetName(), ".")
	fmt.Fprintf(b, "message %s\n", show.Visible(name))
	for _, f := range m.Field {
		ty := strings.ToLower(strings.TrimPrefix(f.GetType().String(), "TYPE_"))
		if f.GetTypeName() != "" {
			ty = strings.TrimPrefix(f.GetTypeName(), ".")
		}
		if f.GetLabel() == descriptorpb.FieldDescriptorProto_LABEL_REPEATED {
			ty = "repeated " + ty
		}
		fmt.Fprintf(b, "  %d %s %s\n", f.GetNumber(), show.Visible(f.GetName()), show.Visible(ty))
	}
	for _, nested := range m.NestedType {
		describeMessage(b, name, nested)
	}
}
