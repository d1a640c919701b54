// Package summing adds what several producers have counted, each in a file of its own: histograms and
// profiles of the same binning, and counters. It works on the messages of proto/histogram.proto, whose
// columns are sums over fills, so that adding them is exact but for the rounding of sums of floating-point
// numbers: numbers of entries are exact, and so are sums of unit weights.
package summing

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/gomapfile/mapfile/codec"
	"github.com/gomapfile/mapfile/codec/protobuf"
	zstdcodec "github.com/gomapfile/mapfile/codec/zstd"
	"github.com/gomapfile/mapfile/mapfile"
	mapfilepb "github.com/gomapfile/mapfile/proto"
)

// A Part is what one file brings to a sum: a decoded histogram, profile or counter, or what cannot be
// added. It is not changed by adding.
type Part struct {
	Type  mapfile.TypeInfo // of the payload
	What  string           // it is, in words: "hbook.H1D", "mapfile.v1.Value (gauge)"
	hist  *columns
	value *mapfilepb.Value // a counter
}

// Addable says whether there is a sum of such parts.
func (p *Part) Addable() bool { return p.hist != nil || p.value != nil }

// A message is a type that can be added.
type message struct {
	goType reflect.Type
	schema func() ([]byte, error)
}

func messageOf[T any]() *message {
	t := reflect.TypeFor[T]()
	return &message{t, sync.OnceValues(func() ([]byte, error) { return protobuf.Codec.(codec.Describer).Describe(t) })}
}

var h1d, h2d, p1d = messageOf[mapfilepb.H1D](), messageOf[mapfilepb.H2D](), messageOf[mapfilepb.P1D]()

// messages are the types that can be added, by the names that files have for them.
var messages = map[string]*message{
	"hbook.H1D":        h1d,
	"hbook.H2D":        h2d,
	"hbook.P1D":        p1d,
	"mapfile.v1.H1D":   h1d,
	"mapfile.v1.H2D":   h2d,
	"mapfile.v1.P1D":   p1d,
	"mapfile.v1.Value": messageOf[mapfilepb.Value](),
}

// contents are the codecs whose payloads can be added, with what makes a message of a payload.
var contents = map[string]func(payload []byte) ([]byte, error){
	protobuf.Codec.Name(): func(payload []byte) ([]byte, error) { return payload, nil },
	compressed.Name(): func(payload []byte) (content []byte, err error) {
		err = compressed.Decode(payload, &content)
		return content, err
	},
}

// compressed only takes the compression away.
var compressed = zstdcodec.Wrap(codec.Func(protobuf.Codec.Name(), nil, func(src []byte, v *[]byte) error { *v = src; return nil }))

// Read decodes a payload. What cannot be added is no error, but a Part that says so. An error is a payload
// that contradicts itself, or that was written by another schema than the type's.
func Read(ty mapfile.TypeInfo, payload []byte) (*Part, error) {
	p := &Part{Type: ty, What: ty.Name}
	contentOf, message := contents[ty.Codec], messages[ty.Name]
	switch {
	case message == nil:
		return p, nil
	case contentOf == nil:
		p.What = fmt.Sprintf("%s with codec %q", ty.Name, ty.Codec)
		return p, nil
	}
	mine, err := message.schema()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(mine, ty.Schema) {
		if err := protobuf.Codec.(codec.Describer).Compatible(ty.Schema, mine); err != nil {
			return nil, err
		}
	}
	content, err := contentOf(payload)
	if err != nil {
		return nil, err
	}
	m := reflect.New(message.goType).Interface().(proto.Message)
	if err := addableFields.Unmarshal(content, m); err != nil {
		return nil, err
	}
	if v, ok := m.(*mapfilepb.Value); ok {
		if v.GetKind() != mapfilepb.Value_KIND_COUNTER {
			p.What += " (gauge)"
			return p, nil
		}
		p.value = v
		return p, nil
	}
	p.hist, err = newColumns(m)
	return p, err
}

// addableFields: nobody knows how to add what this program has no field for.
var addableFields = proto.UnmarshalOptions{DiscardUnknown: true}

// A Share is a Part and where it comes from, for messages.
type Share struct {
	From string
	*Part
}

// Unlike is the error for shares that have no sum. It names the two that do not fit.
type Unlike struct{ text string }

func (e *Unlike) Error() string { return e.text }

func unlike(what string, a *Share, textA string, b *Share, textB string) error {
	return &Unlike{fmt.Sprintf("%s differ: %s %s, %s %s", what, a.From, textA, b.From, textB)}
}

// Sum adds at least one share, in their order. The sum has the type of the first, and its codec is
// "protobuf". Name, title, labels and units are those of the first that has them; of other annotations with
// the same key the first one's stays.
func Sum(shares []Share) (mapfile.TypeInfo, []byte, error) {
	fail := func(err error) (mapfile.TypeInfo, []byte, error) { return mapfile.TypeInfo{}, nil, err }
	if len(shares) == 0 {
		return fail(errors.New("nothing to add"))
	}
	first := &shares[0]
	for i := range shares {
		if s := &shares[i]; messages[s.Type.Name] != messages[first.Type.Name] || !s.Addable() || !first.Addable() {
			return fail(unlike("types", first, first.What, s, s.What))
		}
	}
	var sum proto.Message
	var err error
	if first.value != nil {
		sum, err = sumOfCounters(shares)
	} else {
		sum, err = sumOfHistograms(shares)
	}
	if err != nil {
		return fail(err)
	}
	schema, err := messages[first.Type.Name].schema()
	if err != nil {
		return fail(err)
	}
	payload, err := protobuf.Codec.Append(nil, sum)
	if err != nil {
		return fail(err)
	}
	return mapfile.TypeInfo{Name: first.Type.Name, Codec: protobuf.Codec.Name(), Schema: schema}, payload, nil
}
