package mapfile_test

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/gomapfile/mapfile/codec"
	gobcodec "github.com/gomapfile/mapfile/codec/gob"
	jsoncodec "github.com/gomapfile/mapfile/codec/json"
	msgpackcodec "github.com/gomapfile/mapfile/codec/msgpack"
	protobufcodec "github.com/gomapfile/mapfile/codec/protobuf"
	"github.com/gomapfile/mapfile/mapfile"
	mapfilepb "github.com/gomapfile/mapfile/proto"
	"github.com/gomapfile/mapfile/registry"
)

// The pitfall of programs of different age, for the codecs that let types evolve.

type (
	settingsOld   struct{ Limit int }
	settingsYoung struct {
		Limit int
		Hosts []string
	}
)

var evolving = []codec.Codec{jsoncodec.Codec, msgpackcodec.Codec, gobcodec.Codec}

// registerSettings makes T the type of settings, whichever codec they come in.
func registerSettings[T any](reg *registry.Registry) {
	must(registry.RegisterIn[T](reg, "pitfall.Settings", jsoncodec.Codec))
	for _, c := range evolving[1:] {
		must(reg.AddCodec(c))
	}
}

// settingsFor is what a producer of that kind publishes, such as "msgpack old". It is a Raw, because
// one registry has one codec for a type.
func settingsFor(kind string, reg *registry.Registry) any {
	name, age, _ := strings.Cut(kind, " ")
	if name == "protobuf" {
		return histogramFor(age)
	}
	c := evolving[slices.IndexFunc(evolving, func(c codec.Codec) bool { return c.Name() == name })]
	var v any = &settingsOld{Limit: 1}
	if age == "young" {
		v = &settingsYoung{Limit: 2, Hosts: []string{"a", "b"}}
	}
	return &mapfile.Raw{Type: mapfile.TypeInfo{Name: "pitfall.Settings", Codec: name}, Payload: must1(c.Append(nil, v))}
}

// commentField is a number that no field of a histogram has today.
const commentField = 1000

// histogramFor is a histogram of a program whose messages have one field more than ours, or one less.
func histogramFor(age string) *mapfile.Raw {
	schema := must1(protobufcodec.Codec.(codec.Describer).Describe(reflect.TypeFor[mapfilepb.H1D]()))
	name, n := protowire.ConsumeString(schema)
	set := &descriptorpb.FileDescriptorSet{}
	must(proto.Unmarshal(schema[n:], set))
	h := &mapfilepb.H1D{Name: "h", Title: "t"}
	if age == "old" {
		h.Title = ""
	}
	payload := must1(proto.Marshal(h))
	for _, file := range set.File {
		for _, m := range file.MessageType {
			switch {
			case m.GetName() != "H1D":
			case age == "young":
				m.Field = append(m.Field, &descriptorpb.FieldDescriptorProto{
					Name: proto.String("comment"), Number: proto.Int32(commentField),
					Type: descriptorpb.FieldDescriptorProto_TYPE_STRING.Enum(), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
				})
				payload = protowire.AppendTag(payload, commentField, protowire.BytesType)
				payload = protowire.AppendString(payload, "new")
			default:
				m.Field = slices.DeleteFunc(m.Field, func(f *descriptorpb.FieldDescriptorProto) bool { return f.GetName() == "title" })
			}
		}
	}
	schema = append(protowire.AppendString(nil, name), must1(proto.Marshal(set))...)
	return &mapfile.Raw{Type: mapfile.TypeInfo{Name: name, Codec: "protobuf", Schema: schema}, Payload: payload}
}

// ABI again: a type that has got a new field is read by programs that do not know it, and what they
// wrote by those that do.
func TestPitfallNewFieldEvolves(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	for _, name := range []string{"json", "msgpack", "gob", "protobuf"} {
		for _, age := range []string{"old", "young"} {
			c := start(t, "pitfall publish", path, name+" "+age)
			c.Expect("published")
		}
	}
	old, young := &registry.Registry{}, &registry.Registry{}
	registerSettings[settingsOld](old)
	registerSettings[settingsYoung](young)
	byOld, byYoung, ours := openFile(t, path, mapfile.WithRegistry(old)), openFile(t, path, mapfile.WithRegistry(young)), openFile(t, path)
	for _, c := range evolving {
		if got := get[settingsOld](t, byOld, c.Name()+" young"); got.Limit != 2 {
			t.Errorf("%s: an old reader gets %+v", c.Name(), got)
		}
		if got := get[settingsYoung](t, byYoung, c.Name()+" old"); got.Limit != 1 || got.Hosts != nil {
			t.Errorf("%s: a young reader gets %+v", c.Name(), got)
		}
	}
	if h := get[*mapfilepb.H1D](t, ours, "protobuf old"); h.Name != "h" || h.Title != "" {
		t.Errorf("a histogram of an old producer: %v", h)
	}
	h := get[*mapfilepb.H1D](t, ours, "protobuf young")
	if h.Name != "h" || h.Title != "t" {
		t.Errorf("a histogram of a young producer: %v", h)
	}
	// Only protobuf keeps what it does not know, and writes it again.
	if again := must1(proto.Marshal(h)); !strings.Contains(string(again), "new") {
		t.Error("the new field is lost when the message is written again")
	}
}
