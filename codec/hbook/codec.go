// Package hbookcodec carries the histograms of go-hep's package hbook (H1D, H2D and P1D) into map
// files and back.
//
// What comes back. [Codec], which a blank import makes the codec of these types, keeps exactly: edges,
// every bin's sum of weights, sum of squared weights and number of entries (in profiles also the sums
// of y and y²), underflow and overflow with all their sums, the statistics of the whole histogram, and
// the annotations. It leaves out what is only in single bins and what plots do not show: their sums of
// x and x² (and of y, y² and xy in an H2D, of xy in a P1D), which come back as zero. [Moments] keeps
// these too, so that nothing is lost, for 1.5 to 6 times the bytes:
//
//	mf.Add("hpx", hpx, mapfile.WithCodec(hbookcodec.Moments))
//
// Payloads are protocol buffers: the messages mapfile.v1.H1D, H2D and P1D of package mapfilepb, byte
// for byte what the generated code would write. So the codec's name is "protobuf", and a program
// without hbook, in any language, reads them by the schema in the file.
//
// Names and units. The annotations "name" and "title", and "XLabel", "XUnit", "YLabel", "YUnit" (and
// "ZLabel", "ZUnit" of an H2D) go into fields of the message that viewers show; on the other
// side they are annotations again. Other annotations may be nil, bool, string, []byte, numbers,
// []any, map[string]any, []string and []float64, nested at most 16 deep; everything else is an error.
//
// Three things hbook holds twice, and they travel once: an H2D's edges are those of its bins (first
// row and first column), XEdges and YEdges are made from them; a profile's bins find x by its range;
// and sums of weights, which hbook keeps in the x and in the y part of each Dist2D, are those of the x
// part. Fill keeps both the same. An annotation map that is nil comes back empty.
package hbookcodec

import (
	"fmt"
	"reflect"

	"github.com/gomapfile/mapfile/codec"
	"github.com/gomapfile/mapfile/codec/protobuf"
	"github.com/gomapfile/mapfile/internal/inplace"
	mapfilepb "github.com/gomapfile/mapfile/proto"
	"github.com/gomapfile/mapfile/registry"
	"go-hep.org/x/hep/hbook"
)

// Codec encodes *hbook.H1D, *hbook.H2D and *hbook.P1D without the moments of single bins; Moments
// encodes these too. Each decodes what the other wrote.
//
// A histogram without bins, or with edges that are infinite, NaN or do not ascend, is an error.
// DecodeReuse refills the bins of the object it is given; after an error the object's contents are
// unspecified. For H1D and H2D it allocates nothing if binning and annotations are as before; for P1D
// hbook makes new bins each time.
var (
	Codec   codec.Codec = histogramCodec{}
	Moments codec.Codec = histogramCodec{moments: true}
)

func init() {
	if err := registry.Default.AddResolver(Resolver{}); err != nil {
		panic(err)
	}
}

type histogramCodec struct{ moments bool }

// known are the types, the names under which files know them, and their messages.
var known = [...]struct {
	name       string
	typ, proto reflect.Type
}{
	{"hbook.H1D", reflect.TypeFor[hbook.H1D](), reflect.TypeFor[mapfilepb.H1D]()},
	{"hbook.H2D", reflect.TypeFor[hbook.H2D](), reflect.TypeFor[mapfilepb.H2D]()},
	{"hbook.P1D", reflect.TypeFor[hbook.P1D](), reflect.TypeFor[mapfilepb.P1D]()},
}

// schemas describes those messages, as for every other message.
var schemas = protobuf.Codec.(interface {
	codec.Describer
	codec.Inspector
})

func (histogramCodec) Name() string { return protobuf.Codec.Name() }

// EncodesInPlace promises that Append runs no code of users and writes to dst only.
func (histogramCodec) EncodesInPlace(inplace.Promise) {}

func (c histogramCodec) Append(dst []byte, v any) ([]byte, error) {
	switch h := v.(type) {
	case *hbook.H1D:
		if h != nil {
			return appendH1D(dst, h, c.moments)
		}
	case *hbook.H2D:
		if h != nil {
			return appendH2D(dst, h, c.moments)
		}
	case *hbook.P1D:
		if h != nil {
			return appendP1D(dst, h, c.moments)
		}
	}
	return nil, badTarget("encode", v)
}

func (c histogramCodec) Decode(src []byte, v any) error { return c.DecodeReuse(src, v) }

func (histogramCodec) DecodeReuse(src []byte, v any) error {
	switch h := v.(type) {
	case *hbook.H1D:
		if h != nil {
			return decodeH1D(src, h)
		}
	case *hbook.H2D:
		if h != nil {
			return decodeH2D(src, h)
		}
	case *hbook.P1D:
		if h != nil {
			return decodeP1D(src, h)
		}
	}
	return badTarget("decode", v)
}

func badTarget(verb string, v any) error {
	if t := reflect.TypeOf(v); t != nil && t.Kind() == reflect.Pointer {
		if _, err := messageOf(t.Elem()); err == nil {
			return fmt.Errorf("hbook: cannot %s a nil %v", verb, t)
		}
	}
	return fmt.Errorf("hbook: cannot %s a %T, only *hbook.H1D, *hbook.H2D and *hbook.P1D", verb, v)
}

func (histogramCodec) Check(t reflect.Type) error {
	_, err := messageOf(t)
	return err
}

func (histogramCodec) Describe(t reflect.Type) ([]byte, error) {
	message, err := messageOf(t)
	if err != nil {
		return nil, err
	}
	return schemas.Describe(message)
}

func (histogramCodec) Compatible(written, mine []byte) error {
	return schemas.Compatible(written, mine)
}

func (histogramCodec) Inspect(schema, payload []byte) (codec.Node, error) {
	return schemas.Inspect(schema, payload)
}

func messageOf(t reflect.Type) (reflect.Type, error) {
	for _, k := range known {
		if t != k.typ {
			continue
		}
		if t == reflect.TypeFor[hbook.P1D]() {
			return k.proto, profileLayout()
		}
		return k.proto, nil
	}
	return nil, fmt.Errorf("hbook: %v is none of hbook.H1D, hbook.H2D and hbook.P1D", t)
}

// Resolver knows "hbook.H1D", "hbook.H2D" and "hbook.P1D". It is in [registry.Default]; add it to other
// registries with AddResolver. It brings the codec with the types: the name "protobuf" stands for
// package protobuf's, and registering Codec under a name of your own would be refused for that.
type Resolver struct{}

func (Resolver) ByName(name string) (registry.Type, bool) {
	for _, k := range known {
		if name == k.name {
			return registry.Type{Name: k.name, Go: k.typ, Codec: Codec}, true
		}
	}
	return registry.Type{}, false
}

func (Resolver) ByType(t reflect.Type) (registry.Type, bool) {
	for _, k := range known {
		if t == k.typ || t == reflect.PointerTo(k.typ) {
			return registry.Type{Name: k.name, Go: k.typ, Codec: Codec}, true
		}
	}
	return registry.Type{}, false
}
